#!/bin/sh
# Administrators come in through the bastion only.
set -eu
echo "AllowUsers $ADMIN@$BASTION" >/etc/ssh/sshd_config.d/30-bastion.conf
systemctl restart ssh
