"""What faults leave behind: how each kind of it is detected, described and put back.

A fault's file declares its traces and registers the fault. ``kubedrill heal``, the check for
leftovers and the guards go through the traces of all registered faults and know none by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kubedrill.base.model import Node
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.cluster.power import Power
    from kubedrill.config import Settings

T = TypeVar("T")


class Stage(IntEnum):
    """When ``kubedrill heal`` puts a kind back.

    Power first, so that SSH works; then the nodes, so that the API works; then what is in the
    cluster, and last what keeps watch on this host.
    """

    POWER = auto()
    FIREWALL = auto()
    PROCESS = auto()  # before the undos: a frozen service cannot run one
    UNDO = auto()
    QUEUE = auto()  # after the undos, which delete what is a fault's
    ASIDE = auto()
    FILE = auto()
    SERVICE = auto()
    MANIFEST = auto()
    API = auto()
    NODE_OBJECT = auto()
    POD = auto()
    NAMESPACE = auto()
    WATCHDOG = auto()
    WATCHER = auto()


@dataclass(frozen=True, order=True, slots=True)
class Leftover:
    """One thing that a fault left.

    ``kind`` names its trace, ``where`` is a node, "cluster" or "the harness host".
    """

    kind: str
    where: str
    what: str
    detail: str = ""

    @property
    def trace(self) -> Trace:
        """How it is described and put back."""
        return TRACES[self.kind]

    def __str__(self) -> str:
        return f"{self.where}: {self.trace.text.format(what=self.what, detail=self.detail)}"


class Reach(Protocol):
    """What a repair may use."""

    inventory: Inventory
    settings: Settings
    hosts: Hosts
    power: Power

    def api(self) -> ClusterApi | None:
        """The API's client; None while no control plane gives its credentials."""


@dataclass(frozen=True)
class Objects:
    """The cluster's objects, read once for all traces.

    ``labels`` are those of namespaces that kubedrill makes; ``namespaces`` names those that belong
    there only while a run is under way.
    """

    nodes: list[Any]
    spaces: list[Any]
    pods: list[Any]  # those with the label of a drill
    labels: frozenset[str] = frozenset()
    namespaces: tuple[str, ...] = ()


def never(_item: Leftover) -> bool:
    """Say of nothing that it is surely a fault's: a cluster's owner may have made it so too."""
    return False


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One kind of thing that a fault can leave.

    ``text`` describes it by ``{what}`` and ``{detail}``. ``ours`` tells whether one is surely a
    fault's; a drill may begin on top of others, and a health check judges them. ``needed_by`` are
    kinds that may still need it: it stays where the repair of one of these failed on its node.
    """

    kind: str
    text: str
    stage: Stage
    ours: Callable[[Leftover], bool] = lambda _item: True
    needed_by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NodeTrace(Trace):
    """Something on a node.

    ``detect`` gives shell that only reads and calls ``out WHAT DETAIL`` for each; paths begin with
    ``$root``, which is empty but in tests. ``parse`` makes (what, detail) of what it printed.
    ``repair`` gives the command for ``what``, safe to repeat.
    """

    detect: Callable[[Node], str]
    repair: Callable[[str], str]
    parse: Callable[[str], Iterable[tuple[str, ...]]] = lambda text: [
        tuple(line.split("\t", 1)) for line in text.splitlines() if "\t" in line
    ]


@dataclass(frozen=True, kw_only=True)
class ClusterTrace(Trace):
    """Something in the cluster's objects. ``detect`` gives (where, what) of each."""

    detect: Callable[[Objects], Iterable[tuple[str, str]]]
    repair: Callable[[ClusterApi, Leftover], None]
    settle: Callable[[ClusterApi, Leftover], None] = lambda _api, _item: None


@dataclass(frozen=True, kw_only=True)
class HiddenTrace(Trace):
    """Something that keeps others from being looked for: an answer that did not come."""

    repair: Callable[[Reach, Leftover], None]
    settle: Callable[[Reach, Leftover], None] = lambda _reach, _item: None


@dataclass(frozen=True, kw_only=True)
class HarnessTrace(Trace):
    """Something on the harness host. ``detect`` gives (where, what, detail) of each."""

    detect: Callable[[Inventory], Iterable[tuple[str, str, str]]]
    repair: Callable[[Reach, Leftover], None]


FAULTS: list[type] = []
"""Every registered fault."""

TRACES: dict[str, Trace] = {}
"""Every kind of trace by its name."""


def add_trace(trace: T) -> T:
    """Register a trace that belongs to no single fault.

    Raises:
        TypeError: there is another one of its kind, or it is not repaired.
    """
    if not isinstance(trace, Trace) or not callable(getattr(trace, "repair", None)):
        raise TypeError(f"{trace!r} is no trace with a repair")
    if TRACES.setdefault(trace.kind, trace) is not trace:
        raise TypeError(f"there are two traces of the kind {trace.kind!r}")
    return trace


def register(fault: type[T]) -> type[T]:
    """Register a fault; a class decorator.

    Raises:
        TypeError: it lacks a verb or its evidence, or does not declare its traces, or one of these
            cannot be detected or repaired.
    """
    parts = ("available", "inject", "heal", "evidence", "unaffected")
    missing = [part for part in parts if not hasattr(fault, part)]
    if missing:
        raise TypeError(f"{fault.__name__} lacks {', '.join(missing)}")
    if not isinstance(getattr(fault, "traces", None), tuple):
        raise TypeError(f"{fault.__name__} lacks traces: what it may leave; () where it is nothing")
    for trace in fault.traces:  # type: ignore[attr-defined]
        for verb in ("detect", "repair"):
            if not callable(getattr(trace, verb, None)):
                raise TypeError(f"{fault.__name__}: {trace!r} lacks {verb}")
        add_trace(trace)
    FAULTS.append(fault)
    return fault
