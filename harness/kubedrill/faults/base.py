"""The fault protocol, and the errors of a fault that could not be made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded, KubedrillError, StepFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kubedrill.cluster.context import Cluster
    from kubedrill.cluster.inventory import Inventory


class Fault(Protocol):
    """Something that can be broken and put back.

    Its class is registered (:func:`kubedrill.faults.traces.register`) with the ``traces`` that it
    may leave. ``nodes`` names what it breaks where that is more than its subject. With
    ``stops_etcd`` the guard makes sure that etcd keeps its quorum, which ``available`` then need
    not.

    ``evidence`` says in words what shows that it took hold, and ``unaffected`` looks for that,
    cheaply and without disturbing what is measured. With ``lasts`` it is to be seen until the fault
    is healed, and that must be ``least_s`` seconds or more after it was first seen.
    """

    @property
    def lasts(self) -> bool:
        """Whether the effect stays until the fault is healed."""

    @property
    def least_s(self) -> float:
        """Seconds that it must be in place."""

    @property
    def evidence(self) -> str:
        """What shows that it took hold, as "no SSH server greets on the node"."""

    @property
    def name(self) -> str:
        """What the timeline calls the fault's window."""

    @property
    def subject(self) -> str:
        """The node or object that it breaks."""

    def available(self, cluster: Cluster) -> str | None:
        """Why it cannot be done on this cluster, or None when it can. Touches nothing."""

    def inject(self, cluster: Cluster) -> None:
        """Arm the undo, then break."""

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Why the effect is not to be seen on a node, or on its subject; None when it is."""

    def heal(self, cluster: Cluster) -> None:
        """Put it back and disarm the undo.

        Safe to call twice, and after an inject that stopped half-way.
        """


class Effect:
    """An effect that stays until it is healed."""

    @property
    def lasts(self) -> bool:
        """Whether the effect stays until the fault is healed."""
        return True

    @property
    def least_s(self) -> float:
        """Seconds that it must be in place: ten requests of each probe; less shows nothing."""
        return 1.0


class ShortEffect(Effect):
    """An effect that is over at once, or goes by itself."""

    lasts, least_s = False, 0.0


@contextmanager
def injecting(failure: str = "the fault could not be made") -> Iterator[None]:
    """Call what goes wrong inside the harness's failure, not the cluster's.

    Raises:
        KubedrillError: it went wrong; begins with ``failure``.
    """
    try:
        yield
    except (StepFailed, DeadlineExceeded, ApiException) as error:
        raise KubedrillError(f"{failure}: {error}") from error


def nodes_of(fault: Fault, inventory: Inventory) -> tuple[str, ...]:
    """Nodes that a fault breaks: those that it names, else its subject where that is a node."""
    named: tuple[str, ...] = getattr(fault, "nodes", ())
    known = [node.name for node in inventory.nodes]
    return tuple(name for name in named or (fault.subject,) if name in known)


def require_known(value: str, known: Iterable[str], what: str) -> None:
    """Refuse a kind of fault that there is none of. Raises UsageError, which lists the others."""
    if value not in known:
        raise UsageError(f"no {what} {value!r}; expected one of: {', '.join(known)}")


def for_each(nodes: Iterable[str], work: Callable[[str], object]) -> None:
    """Do something on one node after the other, though it fails on some.

    Raises:
        StepFailed: names each node that it failed on.
    """
    failed = []
    for node in nodes:
        try:
            work(node)
        except KubedrillError as error:
            failed.append(f"{node}: {error}")
    if failed:
        raise StepFailed("; ".join(failed))
