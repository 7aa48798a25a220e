"""Whether every host can be used as kubedrill needs it, asked of all of them at once."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kubedrill.base.errors import ConfigErrors, DeadlineExceeded, KubedrillError, Unreachable
from kubedrill.cluster.hosts import HostUnreachable, SudoRefused
from kubedrill.cluster.ssh_connect import ChangedHostKey, RefusedKeys, UnknownHostKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubedrill.base.model import Node
    from kubedrill.cluster.hosts import Hosts

LONGEST_S = 19.0
"""Seconds until a host counts as silent, whichever step of its connection hangs: DNS has no
deadline, and each step after it has one of its own (timeouts.ssh_connect)."""

REFUSALS = (ChangedHostKey, ConfigErrors, RefusedKeys, SudoRefused, UnknownHostKey)
"""What no node mends by being switched on: the inventory, a file of this host, or the node's own
configuration is wrong."""


class Disconnected(Unreachable):
    """Hosts cannot be used; all are listed, each with what is wrong and what to do."""


@contextmanager
def connected(hosts: Hosts) -> Iterator[Hosts]:
    """Open the hosts and refuse to go on where one cannot be used, before anything is touched.

    Raises:
        ConfigErrors: the inventory alone is wrong: keys and options that cannot be.
        Disconnected: hosts cannot be used; all are listed.
    """
    with hosts:
        require_connections(hosts)
        yield hosts


def find_disconnected(hosts: Hosts, seconds: float = LONGEST_S) -> dict[str, KubedrillError]:
    """Connect to every host of the inventory and become root there; return what went wrong.

    Takes a second, ``seconds`` at most. Connections that were made are used further.
    """
    errors: dict[str, KubedrillError] = {}

    def ask(node: Node) -> None:
        try:
            hosts.read(node, ["true"], hosts.settings.timeouts.ssh_connect)
        except KubedrillError as error:
            errors[node.name] = error
        except Exception as error:  # noqa: BLE001 - raised nowhere: it is shown for its host
            errors[node.name] = Unreachable(f"{node.name}: {type(error).__name__}: {error}")

    # No pool: it would wait for threads that DNS or an agent holds up.
    threads = {
        node.name: threading.Thread(target=ask, args=[node], daemon=True)
        for node in hosts.inventory.machines
    }
    end = time.monotonic() + seconds
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(max(end - time.monotonic(), 0.0))
        if thread.is_alive():
            who = f"{name} ({hosts.inventory.node(name).ssh_address})"
            errors[name] = HostUnreachable(
                f"{who} is unreachable: no session within {seconds:g} s; is it powered on, and its "
                "name known to DNS?"
            )
    return {name: errors[name] for name in threads if name in errors}


def require_connections(hosts: Hosts) -> None:
    """Raise what :func:`connected` raises."""
    errors = find_disconnected(hosts)
    if not errors:
        return
    if all(isinstance(error, ConfigErrors) for error in errors.values()):
        raise ConfigErrors(str(hosts.inventory.path), lines_of(errors))
    raise Disconnected(describe(hosts, errors))


def describe(hosts: Hosts, errors: Mapping[str, KubedrillError]) -> str:
    """All errors as one text, with the inventory's path."""
    machines = hosts.inventory.machines
    head = f"{len(errors)} of {len(machines)} hosts of {hosts.inventory.path} cannot be used:"
    return "\n".join([head, *(f"  - {line}" for line in lines_of(errors))])


def lines_of(errors: Mapping[str, KubedrillError]) -> list[str]:
    """What is wrong, a line each, every line once."""
    lines = [
        line
        for error in errors.values()
        for line in (error.mistakes if isinstance(error, ConfigErrors) else [_text(error)])
    ]
    return list(dict.fromkeys(lines))


def _text(error: KubedrillError) -> str:
    if isinstance(error, DeadlineExceeded):
        return f"{error}; is its host overloaded, or does sudo wait for somebody?"
    return str(error)
