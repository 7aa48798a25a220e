#!/bin/sh
set -eu
printf 'PermitRootLogin no\nPasswordAuthentication no\n' >/etc/ssh/sshd_config.d/10-no-root.conf
passwd --quiet --lock root
systemctl restart ssh
