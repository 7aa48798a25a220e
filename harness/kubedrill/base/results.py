"""What a record is judged to be: the verdict of a drill, with all that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedrill.base.model import Check, OutageLimit


FAR_LESS = 0.5
"""Of the least that was predicted: phases of timers, and a share of the requests, account for
more."""


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
    that went on. ``p50_steady_ms`` and the figures of the fault window count from when a tick was
    due.
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
    available_fault: float | None = None
    p50_steady_ms: float | None = None
    p50_fault_ms: float | None = None
    p99_fault_ms: float | None = None
    worst_lateness_ms: float = 0.0
    steps: dict[str, int] = field(default_factory=dict, hash=False)  # failed requests of each step


@dataclass(frozen=True, slots=True)
class LimitResult:
    """How one limit was kept.

    The worst outage of the probes it covers, and their failed requests together.

    A probe is covered by the first limit whose glob matches it. Availability and latencies are
    those of its worst probe in the fault window. ``felt_s`` is the longest time that one of them
    was disrupted: from its first to its last failure, or until its slowest answer.
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
    available_fault: float | None = None
    p50_fault_ms: float | None = None
    p99_fault_ms: float | None = None
    felt_s: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that kept the verdict from being PASS."""

    verdict: VerdictKind
    text: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next about an INCONCLUSIVE verdict, for people."""

    short: str  # the resource that was short
    evidence: str  # what shows that
    action: str  # what to change, so that the next run decides
    outcome: str  # what would have made it a PASS or a FAIL, with its cost


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
    advice: tuple[Advice, ...] = ()  # what to do next; none unless it is INCONCLUSIVE
    notes: tuple[str, ...] = ()  # what is worth knowing, and decides nothing
