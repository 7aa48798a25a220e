#!/bin/sh
# sudo's path as the RHEL family has it: without /usr/local.
set -eu
echo 'Defaults secure_path="/sbin:/bin:/usr/sbin:/usr/bin"' >/etc/sudoers.d/path
chmod 0440 /etc/sudoers.d/path
