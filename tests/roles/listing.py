"""What a node is like, as sorted lines, so that before and after can be compared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.hosts import Hosts

SCRIPT = r"""
set -eu
# 127.0.0.11 is Docker's resolver, which gets other ports whenever a node's power comes back.
# Text of what is configured; only names of what programs keep. Logs, caches and clocks change by
# themselves.
find /etc /usr/local /root -xdev -type f ! -path '/etc/resolv.conf' ! -path '/root/.ansible/*' \
    ! -name '.updated' \
    -printf '%p %m ' -exec sh -c 'sha256sum < "$1" | cut -c1-16' _ {} \; | sed 's/^/file /'
find /etc /usr/local /usr/libexec /opt -xdev -type l -printf 'link %p -> %l\n'
find /etc /usr/local /usr/libexec /opt /var/lib /var/log /run -mindepth 1 -maxdepth 2 -type d \
    ! -path '/run/systemd/*' ! -path '/run/user/*' ! -path '/run/log/*' \
    ! -path '/var/lib/systemd/*' \
    ! -path '/var/log/journal/*' \
    ! -path '/var/lib/private/*' ! -path '/run/credentials/*' ! -path '/run/udev/*' \
    ! -path '/run/mount*' \
    ! -path '/opt/kubedrill/bundles/*' -printf 'directory %p\n'
systemctl list-unit-files --no-legend --type=service,timer,socket | awk '{print "unit", $1, $2}'
systemctl list-units --no-legend --plain --type=service --state=running,failed \
    | awk '$1 !~ /^(user|session|systemd-|apt-|dpkg-|logrotate|e2scrub)/ {print "runs", $1, $3}'
ls /sys/class/net | sed 's/^/interface /'
ip -o -4 address | awk '{print "address", $2, $4}'
ip route | sed 's/^/route /; s/ *$//'
nft --stateless list ruleset | grep -v 127.0.0.11 | sed 's/^/nft /'
awk '$3 != "autofs" {print "mount", $2, $3}' /proc/mounts \
    | grep -v -e ' /run/user/' -e ' /run/credentials/' || true
for setting in net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables \
    net.ipv4.conf.all.forwarding; do
    echo "setting $setting $(cat /proc/sys/$(echo $setting | tr . /) 2>/dev/null)"
done
"""


def list_node(hosts: Hosts, node: Node) -> list[str]:
    result = hosts.read(node, SCRIPT, timeout_s=60, check=False)
    assert result.ok, result.stderr
    return sorted(result.stdout.splitlines())


def list_nodes(hosts: Hosts, nodes: tuple[Node, ...]) -> dict[str, list[str]]:
    with ThreadPoolExecutor(len(nodes)) as pool:
        return dict(
            zip(
                (node.name for node in nodes),
                pool.map(lambda node: list_node(hosts, node), nodes),
                strict=True,
            )
        )
