#!/bin/sh
# Docker's bridge, whose address is the same on every machine and in the nodes' network, present at each boot.
set -eu
cat >/etc/systemd/system/foreign-bridge.service <<'END'
[Unit]
Description=A bridge named docker0
DefaultDependencies=no
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/ip link add docker0 type bridge
ExecStart=/sbin/ip address add 172.31.100.1/24 dev docker0
ExecStart=/sbin/ip link set docker0 up

[Install]
WantedBy=sysinit.target
END
systemctl daemon-reload
systemctl enable --now --quiet foreign-bridge.service
