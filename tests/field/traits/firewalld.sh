#!/bin/sh
# Closed but for what docs/how-to/own-machines.md lists for a worker.
set -eu
systemctl enable --now --quiet firewalld
for port in "$SSH_PORT/tcp" 10250/tcp 10256/tcp 8472/udp 30000-32767/tcp; do
    firewall-cmd --quiet --permanent --add-port="$port"
done
firewall-cmd --quiet --permanent --zone=trusted --add-source="$PODS"
firewall-cmd --quiet --permanent --add-forward || true
firewall-cmd --quiet --reload
