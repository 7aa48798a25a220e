#!/bin/sh
set -eu
echo "Port $SSH_PORT" >/etc/ssh/sshd_config.d/20-port.conf
systemctl restart ssh
