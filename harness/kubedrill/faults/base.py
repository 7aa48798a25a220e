"""The fault protocol, and the errors of a fault that could not be made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded, KubedrillError, StepFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kubedrill.cluster.context import Cluster


class Fault(Protocol):
    """Something that can be broken and put back.

    Its class is registered (:func:`kubedrill.faults.traces.register`) with the ``traces`` that it
    may leave. ``nodes`` names what it breaks where that is more than its subject. With
    ``stops_etcd`` the guard makes sure that etcd keeps its quorum, which ``available`` then need
    not.
    """

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

    def heal(self, cluster: Cluster) -> None:
        """Put it back and disarm the undo.

        Safe to call twice, and after an inject that stopped half-way.
        """


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
