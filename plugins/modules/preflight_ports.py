"""Ansible module: tries the ports of other nodes, which a firewall may block. Reads only."""

from __future__ import annotations

import errno
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTATION = r"""
module: preflight_ports
short_description: Tries the ports of other nodes
description:
  - Nothing needs to listen there. A host that a packet reaches refuses it, by TCP or by ICMP; a
    firewall prohibits it or is silent.
  - A firewall that answers as a host without a listener would, by ICMP's "port unreachable", is not
    told from one.
options:
  peers:
    description: The other nodes.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: The node., type: str, required: true}
      address: {description: Its address., type: str, required: true}
      tcp: {description: TCP ports to try., type: list, elements: str, default: []}
      udp: {description: UDP ports to try., type: list, elements: str, default: []}
      vrrp: {description: Whether to try VRRP., type: bool, default: false}
author: kubedrill
"""

EXAMPLES = r"""
- name: Try the ports of the other nodes
  kubedrill.kubeadm.preflight_ports:
    peers:
      - {name: cp2, address: 192.0.2.12, tcp: [2379, 2380, 6443], udp: [8472], vrrp: true}
"""

RETURN = r"""
blocked:
  description: C(name) of each node, C(what) was tried, such as TCP 6443, and C(why) it is blocked.
  type: list
  elements: dict
  returned: always
silent:
  description: C(name) and C(what) of what was not answered, where an answer may be left out.
  type: list
  elements: dict
  returned: always
"""

CONNECT_S = 5.0
"""Two repetitions of a packet that was lost, after one and after three seconds."""
SILENCE_S = 3.0
"""A host answers by ICMP once a second at least (net.ipv4.icmp_ratelimit)."""
AGAIN_S = 0.5
VRRP = 112
RECEIVE_ERRORS = 11  # linux/in.h: IP_RECVERR
REACHED = {errno.ECONNREFUSED, errno.ENOPROTOOPT}
SILENT = "no answer"


def try_tcp(address: str, port: int) -> str:
    """Why a port cannot be reached; "" where it can."""
    try:
        socket.create_connection((address, port), timeout=CONNECT_S).close()
    except OSError as error:
        return "" if error.errno in REACHED else _words(error)
    return ""


def try_datagrams(channel: socket.socket, address: str, port: int) -> str:
    """Why datagrams do not arrive, :data:`SILENT` where nobody says; "" where they do."""
    channel.settimeout(AGAIN_S)
    channel.setsockopt(socket.IPPROTO_IP, RECEIVE_ERRORS, 1)
    deadline = time.monotonic() + SILENCE_S
    with channel:
        while time.monotonic() < deadline:
            try:
                channel.connect((address, port))
                channel.send(b"\0" * 8)
                channel.recv(1)
            except socket.timeout:
                continue
            except OSError as error:
                return "" if error.errno in REACHED else _words(error)
            return ""
    return SILENT


def _words(error: OSError) -> str:
    return SILENT if isinstance(error, socket.timeout) else os.strerror(error.errno or 0)


def trials(peer: dict[str, Any]) -> dict[str, Callable[[], str]]:
    """What is tried, as a firewall names it, and how."""
    address = peer["address"]
    attempts: dict[str, Callable[[], str]] = {}
    for port in peer["tcp"]:
        attempts[f"TCP {port}"] = lambda port=port: try_tcp(address, int(port))
    for port in peer["udp"]:
        attempts[f"UDP {port}"] = lambda port=port: try_datagrams(
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM), address, int(port)
        )
    if peer["vrrp"] and os.geteuid() == 0:
        attempts["VRRP (IP protocol 112)"] = lambda: try_datagrams(
            socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP), address, 0
        )
    return attempts


def try_all(peers: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Try all ports of all peers side by side."""
    tasks = [(peer["name"], what, trial) for peer in peers for what, trial in trials(peer).items()]
    result: dict[str, list[dict[str, str]]] = {"blocked": [], "silent": []}
    if not tasks:
        return result
    with ThreadPoolExecutor(len(tasks)) as pool:
        reasons = pool.map(lambda task: task[2](), tasks)
        for (name, what, _), why in zip(tasks, reasons):
            if why == SILENT and not what.startswith("TCP"):
                result["silent"].append({"name": name, "what": what})
            elif why:
                result["blocked"].append({"name": name, "what": what, "why": why})
    return result


def main() -> None:
    """Try them and exit."""
    module = AnsibleModule(
        argument_spec={
            "peers": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                    "tcp": {"type": "list", "elements": "str", "default": []},
                    "udp": {"type": "list", "elements": "str", "default": []},
                    "vrrp": {"type": "bool", "default": False},
                },
            }
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **try_all(module.params["peers"]))


if __name__ == "__main__":
    main()
