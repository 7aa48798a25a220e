#!/bin/sh
# Closed but for what docs/how-to/own-machines.md lists for a worker.
set -eu
ufw default deny incoming
ufw default deny routed
ufw allow "$SSH_PORT/tcp"
for port in 10250/tcp 10256/tcp 8472/udp; do
    ufw allow from "$NODES" to any port "${port%/*}" proto "${port#*/}"
done
ufw allow 30000:32767/tcp
ufw allow from "$PODS"
ufw route allow from "$PODS"
ufw route allow to "$PODS"
ufw --force enable
