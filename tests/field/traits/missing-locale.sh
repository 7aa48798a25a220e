#!/bin/sh
# A language that the machine has no translations of, as SSH's SendEnv brings along.
set -eu
echo 'LANG=de_DE.UTF-8' >/etc/default/locale
