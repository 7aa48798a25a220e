"""Ansible module: what the roles must know of a node. Reads only."""

from __future__ import annotations

import ipaddress
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.distributions import (
    package_of,
    read_os_release,
)

DOCUMENTATION = r"""
module: node_facts
short_description: Reads what the roles must know of a node
description: Changes nothing. Detects what kind of machine the node is instead of assuming it.
options:
  network:
    description: >-
      The nodes' network in CIDR notation. The node's address is its one address in it; of several
      that which its kubelet already has, else I(prefer), else one of a network card.
    required: true
    type: str
  virtual_address:
    description: The cluster's virtual address, which is never a node's own; empty where there is
      none.
    type: str
    default: ""
  prefer:
    description: What Ansible reaches the node at, which counts where it is such an address.
    type: str
    default: ""
  programs:
    description: Programs of the distribution that must be there, with the packages that have them,
      by families (debian, redhat, suse) where those name them differently.
    type: dict
    default: {}
author: kubedrill
"""

EXAMPLES = r"""
- name: Gather the node's facts
  kubedrill.kubeadm.node_facts:
    network: 192.0.2.0/24
    programs: {socat: socat, conntrack: {debian: conntrack, redhat: conntrack-tools}}
"""

RETURN = r"""
ansible_facts:
  description: All facts, below C(kubedrill_node).
  returned: always
  type: dict
  contains:
    kubedrill_node:
      description: >-
        address, interface, mtu, arch, container, cgroup_version, can_raise_resources,
        can_load_modules,
        bridge_netfilter, swap, missing_packages, family, selinux.
      type: dict
      returned: always
"""

CAP_SYS_RESOURCE = 24  # linux/capability.h
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


KUBELET_FLAGS = Path("/var/lib/kubelet/kubeadm-flags.env")
VIRTUAL = re.compile(r"(docker|br-|virbr|cni|flannel|lxc|podman|veth)")
"""Interfaces that no other node reaches, mostly."""


def node_address(network: str, virtual_address: str, prefer: str) -> dict[str, Any]:
    """Address, interface and MTU of this node in the nodes' network; {} when it has none."""
    places = node_addresses(network, virtual_address)
    flags = KUBELET_FLAGS.read_text(encoding="utf-8") if KUBELET_FLAGS.exists() else ""
    joined = re.search(r"--node-ip=([\w.:]+)", flags)
    for address in (joined.group(1) if joined else "", prefer):
        for place in places:
            if place["address"] == address:
                return place
    places.sort(key=lambda place: bool(VIRTUAL.match(place["interface"])))
    return places[0] if places else {}


def node_addresses(network: str, virtual_address: str) -> list[dict[str, Any]]:
    """Addresses of this node in the nodes' network, in the system's order."""
    done = subprocess.run(["ip", "-j", "address"], capture_output=True, text=True, check=True)
    inside = ipaddress.ip_network(network)
    places = []
    for link in json.loads(done.stdout):
        for entry in link.get("addr_info", []):
            local = entry.get("local", "")
            if (
                entry.get("family") == "inet"
                and local != virtual_address
                and ipaddress.ip_address(local) in inside
            ):
                places.append({"address": local, "interface": link["ifname"], "mtu": link["mtu"]})
    return places


def selinux_enforces(root: Path = Path("/")) -> bool:
    """Whether SELinux refuses what its policy does not allow."""
    try:
        return (root / "sys/fs/selinux/enforce").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def has_capability(number: int) -> bool:
    """Whether the first process, and so every service, may have a capability."""
    for line in Path("/proc/1/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def in_container() -> bool:
    """Whether this node shares its kernel with others (systemd's own test)."""
    probe = ["systemd-detect-virt", "--container", "--quiet"]
    return subprocess.run(probe, check=False).returncode == 0


def kernel() -> dict[str, Any]:
    """What the kernel lets this node do."""
    return {
        "cgroup_version": 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1,
        "can_raise_resources": has_capability(CAP_SYS_RESOURCE),
        "can_load_modules": Path("/lib/modules", os.uname().release, "modules.dep").exists(),
        "bridge_netfilter": Path("/proc/sys/net/bridge").is_dir(),
        "swap": len(Path("/proc/swaps").read_text(encoding="utf-8").splitlines()) > 1,
    }


def missing_packages(programs: dict[str, Any], family: str) -> list[str]:
    """Packages of programs that are not there."""
    missing = [program for program in programs if not shutil.which(program, path=SEARCH)]
    return sorted({package_of(programs[program], family) for program in missing})


def main() -> None:
    """Collect everything and exit."""
    module = AnsibleModule(
        argument_spec={
            "network": {"type": "str", "required": True},
            "virtual_address": {"type": "str", "default": ""},
            "prefer": {"type": "str", "default": ""},
            "programs": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    network = module.params["network"]
    place = node_address(network, module.params["virtual_address"], module.params["prefer"])
    if not place:
        module.fail_json(
            msg=(
                f"this node has no address in {network}: give it one, or set cluster_node_network "
                f"to the nodes' network"
            )
        )
    machine, family = platform.machine(), read_os_release()["family"]
    facts = {
        **place,
        **kernel(),
        "arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        "container": in_container(),
        "missing_packages": missing_packages(module.params["programs"], family),
        "family": family,
        "selinux": selinux_enforces(),
    }
    module.exit_json(changed=False, ansible_facts={"kubedrill_node": facts})


if __name__ == "__main__":
    main()
