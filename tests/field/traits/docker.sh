#!/bin/sh
# Docker with a container that somebody needs. Its firewall drops forwarded packets, but for the pods'.
set -eu
systemctl start docker
ldd /bin/sleep | grep -o '/[^ ]*' | xargs tar -chf - /bin/sleep | docker import - foreign:1
docker run --detach --name foreign --network none --restart unless-stopped foreign:1 /bin/sleep infinity
iptables -I DOCKER-USER -s "$PODS" -j ACCEPT
iptables -I DOCKER-USER -d "$PODS" -j ACCEPT
