"""Frozen data that every layer shares. Times are nanoseconds of the harness host's CLOCK_MONOTONIC.

A drill makes one :class:`Record`; its :class:`~kubedrill.base.results.DrillVerdict` is a pure
function of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, with_config

if TYPE_CHECKING:
    from collections.abc import Sequence

NS = 1_000_000_000

Seconds = Annotated[float, Field(ge=0)]
MoreThanNoTime = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1)]
Time = Annotated[int, Field(ge=0, lt=2**63)]
"""Nanoseconds of the harness host's CLOCK_MONOTONIC."""
Share = Annotated[float, Field(ge=0, le=1)]


def _writable(facts: dict[str, Any]) -> dict[str, Any]:
    json.dumps(facts, allow_nan=False)  # a ValueError where a number is infinite or none
    return facts


Facts = Annotated[dict[str, Any], AfterValidator(_writable)]
"""What was found out about a host: any values of JSON."""

as_read = with_config(ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))
"""How a line of a record is checked: nothing is converted, and nothing unknown is left out."""


class Leaves(StrEnum):
    """What a drill does to the cluster's version."""

    UNCHANGED = "unchanged"
    UPGRADED = "upgraded"
    ROLLED_BACK = "rolled-back"

    @property
    def text(self) -> str:
        """The same for people."""
        return {
            "unchanged": "the cluster as it was",
            "upgraded": "the cluster at the newer release",
            "rolled-back": "the cluster at the older release, with etcd restored from a snapshot",
        }[self.value]


class Vantage(StrEnum):
    """Where a probe stands."""

    OUTSIDE = "outside"  # the harness host, as a client of the virtual address or a node port
    INSIDE = "inside"  # a pod, as a client of Services, DNS and the API's Service
    CONTROL = "control"  # the harness host, towards a target that is not part of the cluster


class Connection(StrEnum):
    """Whether a probe opens a connection for each request. The two see different outages."""

    NEW = "new"
    REUSED = "reused"


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the inventory.

    ``address`` is what Kubernetes and other nodes reach it at.
    """

    name: str
    address: str
    roles: tuple[str, ...]  # "control_plane" and/or "worker"; "load_balancer" for what is no node
    host_vars: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)

    @property
    def ssh_address(self) -> str:
        """What SSH reaches it at: another one where the inventory has cluster_node_address."""
        return str(self.host_vars.get("ansible_host") or self.address)

    @property
    def is_control_plane(self) -> bool:
        """Whether it runs an API server and an etcd member."""
        return "control_plane" in self.roles


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """What one probe asks, from where, how often (seconds).

    ``host`` is the Host header and the TLS name, where it is not the target's address. ``verify``
    False: the server's certificate is not looked at. ``place`` is the node that one from inside
    stands on; records of older versions do not say it.
    """

    name: str  # e.g. "app-nodeport-new"
    kind: str  # "http", "http-status", "dns", "api-read", "api-write"
    target: str  # URL or DNS name
    vantage: Vantage
    connection: Connection
    interval_s: MoreThanNoTime = 0.1
    timeout_s: MoreThanNoTime = 1.0
    host: str = ""
    verify: bool = True
    place: str = ""


@as_read
@dataclass(frozen=True, slots=True)
class Sample:
    """One request of a probe.

    ``due`` is when the tick should have fired, ``fired`` when it did, ``done`` when the answer (or
    the failure) came. ``outcome`` is "ok" or a short class of failure: "timeout", "refused",
    "reset", "http-503", "dns-servfail", ... ``server`` is who answered where that is known (pod or
    node name).
    """

    probe: str
    seq: Count
    due: Time
    fired: Time
    done: Time
    outcome: str
    server: str = ""

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.outcome == "ok"


@as_read
@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted.

    A fault window, a drill step, an Ansible task on a host, a node's NotReady.

    ``lane`` groups spans in the timeline: "fault", "step", "ansible", "node", "etcd-leader", "vip".
    ``end`` is None while it lasts; a span without end in a finished record lasted to the record's
    end.
    """

    lane: str
    subject: str  # node or object
    name: str
    start: Time
    end: Time | None
    data: dict[str, Any] = field(default_factory=dict, hash=False)


STEADY = "steady"
"""Lane of the event with which the runner tells from when on every probe was answered, before
anything is broken."""


DOWN = "down"
"""Lane of the spans in which a node is down by the drill's own plan, as one that it boots."""


EVIDENCE = "evidence"
"""Lane of the events that say where a fault's effect was seen."""

PROCESS = "process"
"""Lane of the events with which the drill's own processes end: their data has the exit status."""


@as_read
@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one time.

    A Kubernetes event, a leader change, a log line of the harness.
    """

    lane: str
    subject: str
    name: str
    at: Time
    data: dict[str, Any] = field(default_factory=dict, hash=False)


@as_read
@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Offset of another vantage's clock.

    Harness time = remote time + offset, give or take the uncertainty (ns).
    """

    vantage: str
    offset: Annotated[int, Field(gt=-(2**63), lt=2**63)]
    uncertainty: Count


def inside_clock(place: str) -> str:
    """The vantage of a :class:`ClockOffset` of pods on a node; of old records without a node.

    >>> inside_clock("w1"), inside_clock("")
    ('inside w1', 'inside')
    """
    return f"{Vantage.INSIDE} {place}".rstrip()


@as_read
@dataclass(frozen=True, slots=True)
class OutageLimit:
    """The outage that one group of probes may have.

    What the drill's limit is, and what was predicted and why.

    ``probes`` is a glob over probe names. ``limit_s`` is what the verdict is judged by: the longest
    outage must stay within it. ``max_failed`` bounds the count of failed requests (None: not
    bounded). ``predicted_s`` is computed from the live cluster; ``because`` lists the live values
    and formulas it came from, for people. ``share`` of the requests are predicted to fail
    meanwhile.

    ``available_fault`` is the share of each probe's requests that must be answered in the fault
    window (None: what the limit leaves over), ``available_run`` that of the whole run besides what
    the limit allows. Half of the answers must come within ``p50_s``, and within ``slow_factor``
    times what half of them took before the fault; 99 of 100 within ``p99_s``. Answers that take
    longer than half of them may, on end, are slow time: it may last ``slow_s`` longer than an
    outage. ``failed_share`` of a probe's requests may fail at once besides outages within the
    limit. ``least_s`` is what users must feel where the fault did what was predicted: far less is
    noted.

    ``limit_s`` is an objective: what users were promised. ``baseline_s`` is what this cluster did
    before, as the run's plan has it (None: the objective holds), and ``limit_because`` how it was
    found, or why it was not. It bounds outages in which nothing is answered, and never widens them.
    """

    probes: Name
    limit_s: Seconds
    predicted_s: Seconds
    because: tuple[str, ...] = ()
    max_failed: Count | None = None
    share: Share = 1.0
    available_fault: Share | None = None
    available_run: Share = 0.95
    p50_s: MoreThanNoTime = 0.5
    p99_s: MoreThanNoTime = 1.0
    slow_factor: Annotated[float, Field(ge=1)] = 10.0
    slow_s: Seconds = 10.0
    failed_share: Share = 0.01
    least_s: Seconds = 0.0
    baseline_s: Seconds | None = None
    limit_because: str = ""

    @property
    def allowed_s(self) -> float:
        """Seconds that an outage may last: the objective, or the baseline that is below it."""
        return self.limit_s if self.baseline_s is None else min(self.limit_s, self.baseline_s)

    @property
    def source(self) -> Literal["objective", "baseline"]:
        """Where :attr:`allowed_s` comes from."""
        return "objective" if self.allowed_s == self.limit_s else "baseline"


@as_read
@dataclass(frozen=True, slots=True)
class Watched:
    """One line of the watch ledger: what a client of the API did, or what it was told.

    ``client`` is the API server's node, or :data:`ENDPOINT`. ``kind``:

    - of writes, each of which is on condition that ``base`` is still the object's revision and has
      a ``value`` that no other has: "write" (acknowledged as ``revision``), "conflict" (409),
      "refused" (not sent, or another 4xx), "unknown" (it may appear or not);
    - "list": a list that has to be up to date. ``revision`` is the list's, ``base`` the object's
      (0: it is not there), ``value`` its content;
    - of the watch: "open" (from ``revision`` on), "event", "bookmark" (``revision``), "gone" (410:
      ``revision`` is too old to go on from), "closed" (``value`` says why, "end" at the end).

    ``done`` is when the answer came, and orders what one client was told.
    """

    client: str
    kind: Literal[
        "write", "conflict", "refused", "unknown", "list", "open", "event", "bookmark", "gone",
        "closed",
    ]  # fmt: skip
    sent: Time
    done: Time
    revision: Count
    base: Count
    value: str


ENDPOINT = "endpoint"
"""The client of the watch ledger that asks through the cluster's own endpoint."""


class CheckId(StrEnum):
    """Checks that programs look for. Their names are for people, and may be reworded."""

    HEALTHY_BEFORE = "healthy-before"
    HEALTHY_AFTER = "healthy-after"
    NO_LEFTOVERS = "no-leftovers"
    UPGRADED = "upgraded"  # what was expected is the version that was upgraded to


@as_read
@dataclass(frozen=True, slots=True)
class Check:
    """A yes/no finding that the verdict depends on besides outages.

    ``ok`` None means that it could not be found out: INCONCLUSIVE. ``id`` is for programs.
    """

    name: str
    ok: bool | None
    actual: str
    expected: str
    id: str = ""


@as_read
@dataclass(frozen=True, slots=True)
class Header:
    """What a record is about; written before the first sample."""

    run: Name
    drill: Name
    title: str
    cluster: str
    seed: int
    started: str  # ISO 8601 UTC, for people; nothing is computed from it
    started_mono: Time
    tool_version: str
    kubernetes: str
    nodes: tuple[str, ...]
    targets: tuple[str, ...]
    probes: tuple[ProbeSpec, ...]
    # a probe with fewer samples than this makes the verdict INCONCLUSIVE
    min_samples: Annotated[int, Field(ge=1)] = 50
    host: Facts = field(default_factory=dict, hash=False)
    leaves: Leaves = Leaves.UNCHANGED
    evidence: str = ""  # what shows that the fault took hold; "" in records of older versions
    watched: tuple[str, ...] = ()  # clients of the watch ledger; none: it was not kept


@dataclass(frozen=True, slots=True)
class Record:
    """All that a drill saw.

    ``ended`` is how it ended: "completed", "aborted", "interrupted", "error", or "" when the file
    stops without saying (the harness was killed): then the verdict is never PASS.
    """

    header: Header
    samples: Sequence[Sample]  # kubedrill.record.samples.Samples when it was read from a file
    spans: tuple[Span, ...]
    events: tuple[Event, ...]
    clocks: tuple[ClockOffset, ...]
    limits: tuple[OutageLimit, ...]
    checks: tuple[Check, ...]
    ended: str
    ended_at: int | None
    reason: str = ""  # why it ended so, in one sentence
    watched: tuple[Watched, ...] = ()  # the watch ledger, by when answers came
