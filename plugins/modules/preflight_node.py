"""Ansible module: what a node is and what runs on it. Reads only."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.boots import boot
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.direct import (
    http_status,
    proxy_variables,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.distributions import (
    read_os_release,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.foreign_files import (
    foreign_cluster,
    foreign_files,
    foreign_runtimes,
    listening_ports,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import STATE

DOCUMENTATION = r"""
module: preflight_node
short_description: Reads what a node is and what runs on it
description: Changes nothing on the node.
options:
  virtual_address:
    description: The cluster's virtual address; empty where it has none.
    type: str
    default: ""
  api_port:
    description: The port of the API behind the virtual address.
    type: int
    default: 8443
  sysctls:
    description: The kernel's settings that the host role makes; files of others that change them
      are named.
    type: dict
    default: {}
  api_wait:
    description: Seconds to wait until the node's own API server is ready, if it has one.
    type: int
    default: 0
author: kubedrill
"""

EXAMPLES = r"""
- name: Inspect the node
  kubedrill.kubeadm.preflight_node:
    virtual_address: 192.0.2.10
    api_wait: 30
  register: preflight
"""

RETURN = r"""
node:
  description: >-
    Size, kernel, addresses and Kubernetes versions of the node, or C(trouble) and C(why) where it
    could not be inspected.
  type: dict
  returned: always
"""

KUBELET_FLAGS = Path("/var/lib/kubelet/kubeadm-flags.env")
MANIFESTS = Path("/etc/kubernetes/manifests")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/kubedrill/bin"
OWN_ROUTE = re.compile(r"^[a-z]|\sdev (cni|flannel|kube|veth)")
"""The default route, and those of a pod network."""
TIME_FILES = (
    "chrony.conf", "chrony/chrony.conf", "chrony/conf.d/*.conf", "chrony/sources.d/*.sources",
    "chrony.d/*.conf", "ntp.conf", "ntpsec/ntp.conf", "openntpd/ntpd.conf",
    "systemd/timesyncd.conf", "systemd/timesyncd.conf.d/*.conf",
)  # fmt: skip
TIME_LINE = re.compile(
    r"^[ \t]*(?:(?:server|pool|peer|servers)[ \t]|(?:Fallback)?NTP=)(.*)$", re.MULTILINE
)
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]*:[0-9a-fA-F:]+")
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")


def read(path: str | Path) -> str:
    """Text of a file, or "" when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def output(*argv: str) -> str:
    """Standard output of a command, or "" when it failed or does not exist."""
    program = shutil.which(argv[0], path=PATH)
    if not program:
        return ""
    done = subprocess.run(
        [program, *argv[1:]], capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def machine() -> dict[str, Any]:
    """Size and kernel."""
    meminfo = dict(re.findall(r"^(\w+):\s+(\d+) kB", read("/proc/meminfo"), re.MULTILINE))
    system = os.uname()
    space = os.statvfs("/var")
    return {
        "boot": boot()[0],
        "arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine),
        "kernel": system.release,
        "distribution": read_os_release(),
        "hostname": system.nodename,
        "python": list(sys.version_info[:2]),
        "memory_mib": int(meminfo.get("MemTotal", 0)) // 1024,
        "disk_free_mib": space.f_bavail * space.f_frsize // 2**20,
        "systemd": Path("/run/systemd/system").is_dir(),
        "missing_features": missing_features(),
    }


def missing_features() -> list[str]:
    """Kernel features that Kubernetes needs and that are neither built in nor loadable."""
    missing = [name for name in CONTROLLERS if name not in cgroup_controllers()]
    missing = ["cgroup controller " + name for name in missing]
    if "overlay" not in read("/proc/filesystems") and not output("modprobe", "-n", "-v", "overlay"):
        missing.append("the overlay filesystem")
    if not Path("/proc/sys/net/ipv4/ip_forward").exists():
        missing.append("IPv4 forwarding")
    if not has_nftables():
        missing.append("nftables")
    return missing


def has_nftables() -> bool:
    """Whether nft, where it is installed, can talk to the kernel.

    An nft before 1.1 that crashes can: it does so at tables that the newer one of kube-proxy made.
    """
    program = shutil.which("nft", path=PATH)
    if not program:
        return True
    done = subprocess.run([program, "list", "tables"], capture_output=True, timeout=20, check=False)
    return done.returncode <= 0


def cgroup_controllers() -> list[str]:
    """Names of usable controllers, of version 2 where it is mounted, else of version 1."""
    unified = read("/sys/fs/cgroup/cgroup.controllers").split()
    if unified:
        return unified
    rows = [line.split() for line in read("/proc/cgroups").splitlines() if not line.startswith("#")]
    return [row[0] for row in rows if len(row) == 4 and row[3] == "1"]


def interfaces() -> dict[str, Any]:
    """MAC and IP addresses of this node."""
    links = output("ip", "-o", "link")
    addresses = re.findall(r"\sinet6? ([0-9a-f.:]+)/", output("ip", "-o", "address"))
    physical = [line for line in links.splitlines() if re.match(r"\d+: (e|bond|br-?ex)", line)]
    macs = re.findall(r"link/ether ([0-9a-f:]{17})", "\n".join(physical))
    return {"macs": macs, "addresses": addresses}


def surroundings() -> dict[str, Any]:
    """Addresses outside the cluster that this node needs, and its routes by network."""
    routes = [line.split() for line in output("ip", "-o", "route").splitlines()]
    resolvers = read("/etc/resolv.conf") + "\n" + read("/run/systemd/resolve/resolv.conf")
    return {
        "ssh_client": ssh_client(),
        "gateways": [words[2] for words in routes if words[:2] == ["default", "via"]],
        "resolvers": sorted(set(re.findall(r"^nameserver\s+(\S+)", resolvers, re.MULTILINE))),
        "routes": [words[0] for words in routes if words and not OWN_ROUTE.search(" ".join(words))],
        "proxy": proxy_variables(),
        "listens": listens(),
        "time_servers": time_servers(),
    }


def time_servers(root: Path = Path("/etc")) -> list[str]:
    """Addresses of the servers that the clock is set by, of any of the usual programs."""
    texts = [read(path) for pattern in TIME_FILES for path in sorted(root.glob(pattern))]
    lines = re.findall(TIME_LINE, "\n".join(texts))
    return sorted({word for line in lines for word in line.split() if re.fullmatch(ADDRESS, word)})


def listens(proc: Path = Path("/proc/net")) -> list[str]:
    """Who takes datagrams of the cluster's own network on this node already."""
    tables = {"vxlan": ("udp", ":2118"), "vrrp": ("raw", ":0070")}  # 8472 and protocol 112
    return [
        name
        for name, (table, port) in tables.items()
        if any(line.split()[1].endswith(port) for line in read(proc / table).splitlines()[1:])
    ]


def ssh_client() -> str:
    """Address that this module's SSH connection comes from, or "".

    The variable is that of an ancestor's environment: sudo takes it out of the module's.
    """
    pid = os.getpid()
    while pid > 1:
        client = re.search(r"(?:^|\0)SSH_CONNECTION=(\S+) ", read(f"/proc/{pid}/environ"))
        if client:
            return client.group(1)
        parent = re.search(r"^PPid:\s+(\d+)$", read(f"/proc/{pid}/status"), re.MULTILINE)
        pid = int(parent.group(1)) if parent else 0
    return ""


def who_has(address: str, port: int, addresses: list[str]) -> dict[str, Any]:
    """Who answers at the virtual address on this node's own network: nobody's MAC is "".

    A TCP connection that is accepted or refused means that somebody is there; so does a fresh ARP
    answer.
    """
    if not address or address in addresses:
        return {"vip_held": bool(address), "vip_mac": ""}
    try:
        socket.create_connection((address, port), timeout=1.5).close()
        answered = True
    except ConnectionRefusedError:
        answered = True
    except OSError:
        answered = False
    neighbour = output("ip", "neigh", "show", address)
    mac = re.search(r"lladdr ([0-9a-f:]{17})", neighbour)
    there = bool(mac) and (answered or "REACHABLE" in neighbour)
    return {"vip_held": False, "vip_mac": mac.group(1) if mac and there else ""}


def kubernetes() -> dict[str, Any]:
    """The part of a cluster that this node already is."""
    versions = {}
    for component in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        image = re.search(r"image: \S+:v(\d\S+)", read(MANIFESTS / f"{component}.yaml"))
        if image:
            versions[component] = image.group(1)
    authority = read("/etc/kubernetes/pki/ca.crt")
    return {
        "versions": versions,
        "security_profile": security_profile(read(MANIFESTS / "kube-apiserver.yaml")),
        "kubelet_version": output("kubelet", "--version").replace("Kubernetes v", "").strip(),
        "joined": Path("/etc/kubernetes/kubelet.conf").exists(),
        "node_ip": node_ip(read(KUBELET_FLAGS)),
        "ca": hashlib.sha256(authority.encode()).hexdigest()[:16] if authority else "",
        "api_ready": bool(versions)
        and http_status("https://127.0.0.1:6443/readyz", timeout=3) == 200,
        "etcd_member": Path("/var/lib/etcd/member").is_dir(),
        "etcd_healthy": http_status("http://127.0.0.1:2381/health", timeout=3) == 200,
    }


def security_profile(manifest: str) -> str:
    r"""Profile that a control plane was installed with, "" where there is no API server.

    >>> security_profile("    - kube-apiserver\n    - --encryption-provider-config=/etc/x\n")
    'hardened'
    >>> security_profile("    - kube-apiserver\n"), security_profile("")
    ('baseline', '')
    """
    if not manifest:
        return ""
    return "hardened" if "--encryption-provider-config=" in manifest else "baseline"


def node_ip(flags: str) -> str:
    """Address that the kubelet was given when its node joined, "" where it was given none.

    >>> node_ip('KUBELET_KUBEADM_ARGS="--node-ip=192.0.2.11 --v=2"')
    '192.0.2.11'
    """
    match = re.search(r"--node-ip=([\w.:]+)", flags)
    return match[1] if match else ""


def main() -> None:
    """Collect everything and exit."""
    module = AnsibleModule(
        argument_spec={
            "virtual_address": {"type": "str", "default": ""},
            "api_port": {"type": "int", "default": 8443},
            "sysctls": {"type": "dict", "default": {}},
            "api_wait": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    node = machine()
    node.update(interfaces())
    node.update(
        who_has(module.params["virtual_address"], module.params["api_port"], node["addresses"])
    )
    node.update(kubernetes())
    node.update(surroundings())
    node["foreign_files"] = foreign_files(module.params["sysctls"])
    touched = STATE.is_dir()  # what is there is this project's then
    node["foreign_runtimes"] = [] if touched else foreign_runtimes()
    node["foreign_cluster"] = [] if touched else foreign_cluster()
    node["foreign_ports"] = [] if touched or node["joined"] else listening_ports()
    deadline = time.monotonic() + module.params["api_wait"]
    while node["versions"] and not node["api_ready"] and time.monotonic() < deadline:
        time.sleep(1)
        node.update(kubernetes())
    node["root"] = os.geteuid() == 0
    node["time"] = time.time()
    module.exit_json(changed=False, node=node)


if __name__ == "__main__":
    main()
