#!/bin/sh
# A hardened machine: what root makes, only root may read.
set -eu
echo 'Defaults umask_override, umask=0077' >/etc/sudoers.d/umask
chmod 0440 /etc/sudoers.d/umask
