"""Frozen data that every layer shares. Times are nanoseconds of the harness host's CLOCK_MONOTONIC.

A drill makes one :class:`Record`; :class:`DrillVerdict` is a pure function of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NS = 1_000_000_000


class VerdictKind(StrEnum):
    """The four verdicts. Missing data is never PASS."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ABORTED = "ABORTED"

    @property
    def exit_code(self) -> int:
        """0 PASS, 1 FAIL, 3 INCONCLUSIVE, 4 ABORTED (2 is left for usage errors).

        >>> [kind.exit_code for kind in VerdictKind]
        [0, 1, 3, 4]
        """
        return {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "ABORTED": 4}[self.value]

    @property
    def rank(self) -> int:
        """Which verdict outranks which: from 0 for PASS to 3 for ABORTED."""
        return ["PASS", "INCONCLUSIVE", "FAIL", "ABORTED"].index(self.value)

    @classmethod
    def worst(cls, verdicts: Iterable[VerdictKind]) -> VerdictKind:
        """The one verdict for several: ABORTED before FAIL before INCONCLUSIVE before PASS.

        Nothing at all is INCONCLUSIVE: where no drill ran, nothing was proven.

        >>> VerdictKind.worst([VerdictKind.PASS, VerdictKind.INCONCLUSIVE, VerdictKind.FAIL])
        <VerdictKind.FAIL: 'FAIL'>
        >>> VerdictKind.worst([])
        <VerdictKind.INCONCLUSIVE: 'INCONCLUSIVE'>
        """
        return max(verdicts, key=lambda kind: kind.rank, default=cls.INCONCLUSIVE)


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
    """One machine of the inventory."""

    name: str
    address: str
    roles: tuple[str, ...]  # "control_plane" and/or "worker"; "load_balancer" for what is no node
    host_vars: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)

    @property
    def is_control_plane(self) -> bool:
        """Whether it runs an API server and an etcd member."""
        return "control_plane" in self.roles


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """What one probe asks, from where, how often (seconds).

    ``host`` is the Host header and the TLS name, where it is not the target's address. ``verify``
    False: the server's certificate is not looked at.
    """

    name: str  # e.g. "app-nodeport-new"
    kind: str  # "http", "http-status", "dns", "api-read", "api-write"
    target: str  # URL or DNS name
    vantage: Vantage
    connection: Connection
    interval_s: float = 0.1
    timeout_s: float = 1.0
    host: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of a probe.

    ``due`` is when the tick should have fired, ``fired`` when it did, ``done`` when the answer (or
    the failure) came. ``outcome`` is "ok" or a short class of failure: "timeout", "refused",
    "reset", "http-503", "dns-servfail", ... ``server`` is who answered where that is known (pod or
    node name).
    """

    probe: str
    seq: int
    due: int
    fired: int
    done: int
    outcome: str
    server: str = ""

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.outcome == "ok"


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
    start: int
    end: int | None
    data: dict[str, Any] = field(default_factory=dict, hash=False)


STEADY = "steady"
"""Lane of the event with which the runner tells from when on every probe was answered, before
anything is broken."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one time.

    A Kubernetes event, a leader change, a log line of the harness.
    """

    lane: str
    subject: str
    name: str
    at: int
    data: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Offset of another vantage's clock.

    Harness time = remote time + offset, give or take the uncertainty (ns).
    """

    vantage: str
    offset: int
    uncertainty: int


@dataclass(frozen=True, slots=True)
class OutageLimit:
    """The outage that one group of probes may have.

    What the drill's limit is, and what was predicted and why.

    ``probes`` is a glob over probe names. ``limit_s`` is what the verdict is judged by: the longest
    outage must stay within it. ``max_failed`` bounds the count of failed requests (None: not
    bounded). ``predicted_s`` is computed from the live cluster; ``because`` lists the live values
    and formulas it came from, for people.
    """

    probes: str
    limit_s: float
    predicted_s: float
    because: tuple[str, ...] = ()
    max_failed: int | None = None


class CheckId(StrEnum):
    """Checks that programs look for. Their names are for people, and may be reworded."""

    HEALTHY_BEFORE = "healthy-before"
    HEALTHY_AFTER = "healthy-after"
    NO_LEFTOVERS = "no-leftovers"
    UPGRADED = "upgraded"  # what was expected is the version that was upgraded to


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


@dataclass(frozen=True, slots=True)
class Header:
    """What a record is about; written before the first sample."""

    run: str
    drill: str
    title: str
    cluster: str
    seed: int
    started: str  # ISO 8601 UTC, for people; nothing is computed from it
    started_mono: int
    tool_version: str
    kubernetes: str
    nodes: tuple[str, ...]
    targets: tuple[str, ...]
    probes: tuple[ProbeSpec, ...]
    min_samples: int = 50  # a probe with fewer samples than this makes the verdict INCONCLUSIVE
    host: dict[str, Any] = field(default_factory=dict, hash=False)
    leaves: Leaves = Leaves.UNCHANGED


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


@dataclass(frozen=True, slots=True)
class Outage:
    """A run of failed requests of one probe, in sending order, as an interval with bounds.

    It began after the last ok that was answered before ``first_failed`` was sent, and not later
    than ``first_failed``. It ended after ``last_failed`` was sent, and not later than the earliest
    answer to a request sent after that one::

        shortest_s = last_failed.fired - first_failed.fired
        longest_s  = next_ok.done - last_ok.fired

    ``longest_s`` gets the clock's uncertainty on top for another vantage.

    An ok that was still in flight when the next failure was sent does not say whether the service
    was up between the failures: it parts ``shortest_s`` (the longer part counts) but not
    ``longest_s``.

    ``open_start`` and ``open_end``: no such ok is in the record, so the outage may have lasted
    longer than ``longest_s``, which then reaches to the edge of the record. ``sound_s`` is the part
    of ``shortest_s`` during which the control probe answered, ticks were on time and none was
    missing: only that part can prove a FAIL. ``doubt`` says what takes away from it. ``step`` names
    what ran while most of the requests failed, ``steps`` counts failed requests for each.
    """

    probe: str
    first_failed: int
    last_failed: int
    shortest_s: float
    longest_s: float
    failed: int
    outcomes: dict[str, int] = field(default_factory=dict, hash=False)
    step: str = ""
    steps: dict[str, int] = field(default_factory=dict, hash=False)
    open_start: bool = False
    open_end: bool = False
    sound_s: float = 0.0
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class ProbeSummary:
    """What one probe saw over the whole drill.

    ``availability`` is None without samples; times in milliseconds.

    ``degraded_from`` and ``degraded_to`` are when the first and the last failed request were sent:
    a service of which every third request fails has many short outages, and this span says how long
    that went on.
    """

    probe: str
    samples: int
    failed: int
    availability: float | None
    outages: int
    degraded_from: int | None = None
    degraded_to: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    worst_lateness_ms: float = 0.0
    steps: dict[str, int] = field(default_factory=dict, hash=False)  # failed requests of each step


@dataclass(frozen=True, slots=True)
class LimitResult:
    """How one limit was kept.

    The worst outage of the probes it covers, and their failed requests together.

    A probe is covered by the first limit whose glob matches it.
    """

    limit: OutageLimit
    probes: tuple[str, ...]
    verdict: VerdictKind  # PASS, FAIL or INCONCLUSIVE
    shortest_s: float
    longest_s: float
    open_ended: bool
    requests: int  # of all probes that it covers
    failed: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that kept the verdict from being PASS."""

    verdict: VerdictKind
    text: str


@dataclass(frozen=True, slots=True)
class DrillVerdict:
    """The verdict of one drill, with the reason in one sentence."""

    drill: str
    verdict: VerdictKind
    reason: str
    outages: tuple[Outage, ...]
    limits: tuple[OutageLimit, ...]
    checks: tuple[Check, ...]
    samples: int
    failed: int
    worst_lateness_ms: float
    results: tuple[LimitResult, ...] = ()
    probes: tuple[ProbeSummary, ...] = ()
    findings: tuple[Finding, ...] = ()
    attributed: tuple[str, ...] = ()  # one sentence for each step that cost requests
