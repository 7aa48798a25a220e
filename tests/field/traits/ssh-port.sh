#!/bin/sh
set -eu
echo 'Port 2222' >/etc/ssh/sshd_config.d/20-port.conf
systemctl restart ssh
