"""What a connection that failed is called, and what to do: for bare hosts and for Vagrant's."""

from __future__ import annotations

import re
import shlex
import socket
from typing import TYPE_CHECKING

from kubedrill.cluster.ssh_keys import known_keys, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import paramiko

    from kubedrill.base.model import Node
    from kubedrill.cluster.ssh_options import SshOptions

_SLOW = ("No existing session", "Error reading SSH protocol banner", "Authentication timeout.")
"""What paramiko says when its own deadline passed: in the key exchange, before the server's first
line, and in authentication."""
_UP = "run `kubedrill up`, which starts it and records how to reach it"


def no_answer(node: Node, options: SshOptions, error: OSError, seconds: float) -> str:
    """The network, or nothing that listens."""
    who = f"{node.name} ({options.who})"
    if isinstance(error, socket.gaierror):
        return (
            f"{who}: the name {options.host} does not resolve: {words(error)}; correct "
            "ansible_host, or DNS"
        )
    if isinstance(error, ConnectionRefusedError):
        remedy = _UP if options.by_vagrant else "is sshd running, and ansible_port right?"
        return f"{who} is unreachable: nothing listens on port {options.port}; {remedy}"
    remedy = _UP if options.by_vagrant else "is it powered on and its address right?"
    if isinstance(error, TimeoutError):
        return f"{who} is unreachable: no answer within {seconds:g} s; {remedy}"
    return f"{who} is unreachable: {words(error)}; {remedy}"


def no_handshake(
    node: Node, options: SshOptions, error: Exception, output: str, seconds: float
) -> str:
    """What listens speaks no SSH, hung up, or is too slow; ``output`` is its ProxyCommand's."""
    who = f"{node.name} ({options.who})"
    if output:
        return f"{who} is unreachable: {output}; try: {by_hand(node, options)}"
    if str(error) in _SLOW:
        return (
            f"{who} did not finish the SSH handshake in {seconds:g} s (timeouts.ssh_connect); "
            "is it an SSH port?"
        )
    reason = re.sub(r".*\[Errno \d+\] ", "", words(error))
    return f"{who} hung up in the SSH handshake: {reason}; is it an SSH port?"


def unknown_host_key(node: Node, options: SshOptions, shown: paramiko.PKey) -> str:
    """The node's key is in no file."""
    start = (
        f"{node.name} ({options.who}): its host key is not in {options.known_hosts_text} "
        f"(it shows {_described(shown)})"
    )
    if options.by_vagrant:
        return f"{start}; {_UP}"
    return f"{start}; {_compare(shown)}, then run: {_record(node, options)}"


def changed_host_key(
    node: Node, options: SshOptions, shown: paramiko.PKey, known: Sequence[paramiko.PKey]
) -> str:
    """The node's key is another one than before."""
    file = next((file for file, _ in known_keys(options)), options.known_hosts_text)
    expected = ", ".join(dict.fromkeys(_described(key) for key in known))
    start = (
        f"{node.name} ({options.who}) shows another host key, {_described(shown)}, than {file} "
        f"has: {expected}"
    )
    if options.by_vagrant:
        return f"{start}; was the node made outside of kubedrill? `kubedrill up` records its key"
    remove = shlex.join(["ssh-keygen", "-R", options.key_name, "-f", file])
    return (
        f"{start}; was it installed anew, or is it another machine? {_compare(shown)}; only if "
        f"they are the same, run: {remove} && {_record(node, options)}"
    )


def refused_keys(node: Node, options: SshOptions, sources: Sequence[str]) -> str:
    """The node knows none of the keys."""
    tried = ", ".join(sources) or "no key, as there is none"
    start = f"{node.name} ({options.who}) refused {tried}"
    if options.password is not None:
        start += " and the password"
    if options.by_vagrant:
        return f"{start}; was the node made by another checkout? Run `kubedrill up` there"
    key = options.key_file or next((path for path in options.identities if path.is_file()), None)
    public = f"-i {shlex.quote(str(key))} " if key else ""
    where = f"-p {options.port} {shlex.quote(f'{options.user}@{options.host}')}"
    return (
        f"{start}; put the public half of a key into {options.user}'s authorized_keys there: "
        f"ssh-copy-id {public}{where}"
    )


def by_hand(node: Node, options: SshOptions) -> str:
    """The command by which a person logs in the same way."""
    return shlex.join(["ssh", *options.arguments, node.ssh_address])


def _described(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


def _compare(shown: paramiko.PKey) -> str:
    kind = shown.get_name().removeprefix("ssh-").split("-")[0]
    return (
        "compare this with what its console says to: "
        f"ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub"
    )


def _record(node: Node, options: SshOptions) -> str:
    """The command that records a node's key; ssh-keyscan does not get through a jump host."""
    if options.proxy_command or options.host_key_alias:
        return f"{by_hand(node, options)} true"
    scan = ["ssh-keyscan", *(["-p", str(options.port)] if options.port != 22 else []), options.host]
    return f"{shlex.join(scan)} >> {shlex.quote(options.known_hosts_text)}"
