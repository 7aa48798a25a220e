"""Ansible module: drains or enables servers in haproxy through its runtime socket."""

from __future__ import annotations

import socket
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: haproxy_server
short_description: Drains servers in haproxy or puts them back
description: A drained server gets no new connections, those that it has go on until the server
  closes them.
options:
  socket: {description: The runtime socket., type: path, required: true}
  servers:
    description: "The servers' names, looked for in all backends."
    type: list
    elements: str
    required: true
  state: {description: What it should be., type: str, choices: [drained, ready], required: true}
  timeout:
    description: "Seconds until all must pass their checks again, 0 for none."
    type: int
    default: 30
author: kubedrill
"""

EXAMPLES = r"""
- name: Drain the API server in the load balancer
  kubedrill.kubeadm.haproxy_server:
    socket: /run/haproxy/admin.sock
    servers: [cp1]
    state: drained
"""

RETURN = r"""
{}
"""

ADMIN_DRAIN = 0x08 | 0x10  # haproxy's srv_admin_state: forced drain, inherited drain
ADMIN_MAINTENANCE = 0x01
RUNNING = 2  # haproxy's srv_op_state


def ask(path: str, command: str) -> str:
    """Send one command to the runtime socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode()


def servers(state: str, names: list[str]) -> list[dict[str, int | str]]:
    r"""Rows of ``show servers state`` about some servers.

    >>> header = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state"
    >>> text = f"1\n{header}\n3 api 1 cp1 10.0.0.1 2 0\n"
    >>> servers(text, ["cp1"])
    [{'backend': 'api', 'server': 'cp1', 'operation': 2, 'admin': 0}]
    """
    return [
        {
            "backend": row["be_name"],
            "server": row["srv_name"],
            "operation": int(row["srv_op_state"]),
            "admin": int(row["srv_admin_state"]),
        }
        for row in _rows(state)
        if row["srv_name"] in names
    ]


def _rows(state: str) -> list[dict[str, str]]:
    lines = state.splitlines()
    header = next((line[1:].split() for line in lines if line.startswith("# be_id")), [])
    return [dict(zip(header, line.split())) for line in lines if line[:1].isdigit() and " " in line]


def others(state: str, backend: str, names: list[str]) -> list[str]:
    """Servers of a backend besides ``names`` that get connections now."""
    return [
        row["srv_name"]
        for row in _rows(state)
        if row["be_name"] == backend
        and row["srv_name"] not in names
        and int(row["srv_op_state"]) == RUNNING
        and not int(row["srv_admin_state"]) & (ADMIN_DRAIN | ADMIN_MAINTENANCE)
    ]


def command(path: str, server: str, state: str) -> None:
    """Drain a server or put it back.

    A drained server is not checked any more: a failed check would cut the connections that are
    left, while the server itself closes them between two requests.
    """
    drain = (f"set server {server} state drain", f"disable health {server}")
    ready = (f"enable health {server}", f"set server {server} state ready")
    for line in drain if state == "drained" else ready:
        answer = ask(path, line).strip()
        if answer:
            raise OSError(f"it answered {answer!r} to {line!r}")


def main() -> None:
    """Compare, change, wait."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "required": True},
            "servers": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "ready"], "required": True},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    path, names, target = module.params["socket"], module.params["servers"], module.params["state"]
    try:
        state = ask(path, "show servers state")
        rows = servers(state, names)
        unknown = sorted(set(names) - {str(row["server"]) for row in rows})
        if unknown:
            module.fail_json(msg=f"haproxy at {path} has no server {', '.join(unknown)}")
        blocked = ADMIN_DRAIN | ADMIN_MAINTENANCE
        behind = [row for row in rows if bool(int(row["admin"]) & blocked) != (target == "drained")]
        alone = {
            row["backend"]
            for row in behind
            if target == "drained" and not others(state, row["backend"], names)
        }
        if alone:
            left = f"{', '.join(sorted(alone))} would be left without a usable server"
            module.fail_json(msg=f"{left}: {', '.join(names)} stay in the balancer")
        if not module.check_mode:
            for row in rows if target == "ready" else behind:
                command(path, f"{row['backend']}/{row['server']}", target)
        waits = target == "ready" and module.params["timeout"] > 0 and not module.check_mode
        if waits and not _checks_pass(path, names, module.params["timeout"]):
            checks = f"haproxy's checks of {', '.join(names)}"
            module.fail_json(msg=f"waited {module.params['timeout']} s for {checks} to pass")
    except OSError as error:
        module.fail_json(msg=f"haproxy's runtime socket {path} cannot be used: {error}")
    module.exit_json(changed=bool(behind))


def _checks_pass(path: str, names: list[str], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if all(
            row["operation"] == RUNNING for row in servers(ask(path, "show servers state"), names)
        ):
            return True
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    main()
