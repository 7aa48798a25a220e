"""One drill in the run document: its limits, outages, probes, checks and advice.

Times are seconds from the begin of the drill's record, where a name does not say otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from kubedrill.base.json_document import JsonPart
from kubedrill.base.model import Facts, Leaves  # noqa: TC001 - pydantic reads it
from kubedrill.base.results import VerdictKind  # noqa: TC001 - pydantic reads it

UNKNOWN = "unknown"
"""A label that neither the record nor the user gave."""

LABELS = ("topology", "network", "host", "app")


def _in_utc(text: str) -> str:
    if not text:
        return text
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("expected a time with its zone, such as 2026-11-21T04:30:00+00:00")
    try:
        return time.astimezone(UTC).isoformat()
    except OverflowError:
        raise ValueError("expected a time that is in the years 1 to 9999 in UTC") from None


# strict: neither a text nor true is a number
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Count = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Counts = dict[str, Annotated[int, Field(ge=1)]]
Name = Annotated[str, Field(min_length=1)]
Time = Annotated[str, AfterValidator(_in_utc)]
Lateness = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class Part(JsonPart):
    """A part of the run document: it is never changed, and knows no other keys."""

    model_config = ConfigDict(from_attributes=False, populate_by_name=True, serialize_by_alias=True)


class Measured(Part):
    """What the probes of one outage limit went through: the worst outage, and all requests."""

    shortest_s: Seconds
    longest_s: Seconds
    open_ended: bool
    requests: Count | None = Field(default=None, description="null: recorded before 0.2")
    failed: Count
    available_fault: Share | None = Field(
        default=None, description="of the worst probe in the fault window; null: not recorded"
    )
    p50_fault_ms: Milliseconds | None = Field(
        default=None, description="of the slowest probe in the fault window; null: not recorded"
    )
    p99_fault_ms: Milliseconds | None = Field(default=None, description="the same of 99 of 100")
    felt_s: Seconds | None = Field(
        default=None,
        description="longest time that a probe was disrupted in the fault window: from its first "
        "to its last failure, or until its slowest answer; null: not recorded",
    )


class LimitEntry(Part):
    """An outage limit with its prediction, and what was measured beside it."""

    probes: Name = Field(
        description="glob over probe names; the first limit that matches a probe covers it"
    )
    covers: tuple[str, ...]
    predicted_s: Seconds
    because: tuple[str, ...]
    limit_s: Seconds = Field(description="the objective: what users were promised")
    baseline_s: Seconds | None = Field(
        default=None,
        description="what the longest outage must stay within too, from nights before; "
        "null: the objective holds",
    )
    source: Literal["objective", "baseline"] = Field(
        default="objective", description="which of both the longest outage was judged by"
    )
    limit_because: str = Field(
        default="",
        description="how the baseline was found, or why there is none; empty: none was asked for",
    )
    max_failed: Count | None = Field(description="failed requests that are allowed; null: any")
    share: Share = Field(default=1, description="of the requests, predicted to fail meanwhile")
    available_fault: Share | None = Field(
        default=None,
        description="of each probe's requests in the fault window that must be answered; "
        "null: what the limit leaves over",
    )
    available_run: Share = Field(
        default=0,
        description="of each probe's requests in the run that must be answered, besides outages "
        "within the limit; 0: judged before that was asked for",
    )
    p50_s: Seconds | None = Field(
        default=None, description="half of a probe's answers must come within; null: not judged"
    )
    p99_s: Seconds | None = Field(
        default=None, description="99 of 100 answers must come within; null: not judged"
    )
    slow_factor: Seconds | None = Field(
        default=None, description="times what half of the answers took before the fault"
    )
    slow_s: Seconds | None = Field(
        default=None, description="slow time that is allowed on top of the limit"
    )
    failed_share: Share | None = Field(
        default=None,
        description="of each probe's requests that may fail at once besides outages within the "
        "limit; null: judged before that was asked for",
    )
    least_s: Seconds = Field(
        default=0,
        description="disruption that was predicted at the least, no longer than the fault lasted; "
        "0: it need not be felt",
    )
    measured: Measured
    verdict: VerdictKind
    text: str

    @property
    def allowed_s(self) -> float:
        """What the longest outage was judged by."""
        return self.limit_s if self.baseline_s is None else min(self.limit_s, self.baseline_s)


class OutageEntry(Part):
    """A run of failed requests of one probe."""

    probe: str
    from_s: Seconds = Field(description="when the first failed request was sent")
    to_s: Seconds = Field(description="when the last failed request was sent")
    shortest_s: Seconds
    longest_s: Seconds
    open_start: bool = Field(description="the record does not show when it began")
    open_end: bool = Field(description="the record does not show when it ended")
    failed: Annotated[int, Field(ge=1)]
    outcomes: Counts
    step: str
    steps: Counts = Field(description="failed requests for each step that ran as they were sent")
    doubt: str = Field(description="why it may not have been the cluster's, or empty")


class ProbeEntry(Part):
    """What one probe saw over the whole drill."""

    probe: str
    samples: Count
    failed: Count
    availability: Share | None
    available_fault: Share | None = Field(default=None, description="within the fault window")
    outages: Count
    degraded_from_s: Seconds | None
    degraded_to_s: Seconds | None
    p50_ms: Milliseconds | None
    p99_ms: Milliseconds | None
    p50_steady_ms: Milliseconds | None = Field(
        default=None, description="before the fault, from when the tick was due, as in the fault"
    )
    p50_fault_ms: Milliseconds | None = Field(default=None, description="within the fault window")
    p99_fault_ms: Milliseconds | None = Field(default=None, description="within the fault window")
    worst_lateness_ms: Lateness
    steps: Counts


class ControlEntry(Part):
    """What the control probe saw: the host's doing, not the cluster's."""

    samples: Count
    failed: Count
    p50_ms: Milliseconds | None
    p99_ms: Milliseconds | None
    worst_lateness_ms: Lateness


class CheckEntry(Part):
    """A yes/no finding that the verdict depends on besides outages."""

    name: str
    ok: bool | None = Field(description="null: it could not be found out")
    actual: str = Field(alias="found")
    expected: str
    id: str = Field(
        default="", description="for programs: stays when the name for people is reworded"
    )


class FindingEntry(Part):
    """One thing that kept the verdict from being PASS."""

    verdict: VerdictKind
    text: str


class AdviceEntry(Part):
    """What to do next about an INCONCLUSIVE verdict."""

    short: str = Field(description="the resource that was short")
    evidence: str = Field(description="what shows that")
    action: str = Field(description="what to change, so that the next run decides")
    outcome: str = Field(description="what would have made it a PASS or a FAIL, with its cost")


class DrillEntry(Part):
    """One drill."""

    name: Name
    title: str
    verdict: VerdictKind
    reason: Annotated[str, Field(min_length=1)]
    started: Time = Field(description="ISO 8601, UTC; empty: not recorded")
    lasted_s: Seconds
    kubernetes: str = Field(description="the version that the drill found")
    kubernetes_after: str = Field(
        description="the version that it left; empty: an upgrade ended before it said where to",
    )
    leaves: Leaves = Field(description="what the drill does to the cluster's version")
    tool_version: str
    app: str = Field(
        description="the application that was drilled, by its label; empty: not recorded",
    )
    topology: Name = Field(description="control planes + workers, such as 3+2")
    network: Name = Field(description="the pod network")
    host: Name = Field(description="the harness host, by its label")
    nodes: tuple[str, ...]
    host_facts: Facts = Field(description="of the harness host")
    seed: int
    targets: tuple[str, ...]
    ended: Literal["completed", "aborted", "interrupted", "error", ""] = Field(
        description="empty: the record was cut short"
    )
    predicted: tuple[LimitEntry, ...]
    outages: tuple[OutageEntry, ...]
    probes: tuple[ProbeEntry, ...]
    control: ControlEntry | None = Field(
        description="the probe of a target outside the cluster; null: there was none"
    )
    checks: tuple[CheckEntry, ...]
    findings: tuple[FindingEntry, ...] = Field(
        description="all that kept the verdict from being PASS, worst first"
    )
    attributed: tuple[str, ...] = Field(description="what each step cost, for people")
    advice: tuple[AdviceEntry, ...] = Field(
        default=(), description="what to do next, for people; none unless it is INCONCLUSIVE"
    )
    notes: tuple[str, ...] = Field(
        default=(), description="what is worth knowing and decides nothing, for people"
    )
    samples: Count = Field(description="requests of all probes but the control probe")
    failed: Count
    tick_s: Seconds = Field(
        description="longest interval of a probe: nothing is claimed finer than that"
    )
    worst_lateness_ms: Lateness = Field(description="of all probes")
    host_lateness_ms: Lateness = Field(
        description="of those that the harness host fired; others run on the nodes"
    )
    record_sha256: str = Field(
        default="", description="seal of the record that was judged; empty: not sealed"
    )

    @property
    def began(self) -> datetime:
        """When it began, in UTC; the year 1 where that was not recorded."""
        return datetime.fromisoformat(self.started or "0001-01-01T00:00:00+00:00")

    @property
    def failed_checks(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        return tuple(check.name for check in self.checks if check.ok is False)

    def condensed(self) -> DrillEntry:
        """What is compared over nights: without single outages, texts and what passed."""
        numbers = {"covers": (), "because": (), "limit_because": "", "text": ""}
        failed = [check for check in self.checks if check.ok is False]
        return self.model_copy(
            update={
                **dict.fromkeys(_ONLY_OF_RUN, ()),
                "title": "",
                "record_sha256": "",
                "seed": 0,
                "app": self.app or UNKNOWN,
                "predicted": tuple(each.model_copy(update=numbers) for each in self.predicted),
                "checks": tuple(
                    check.model_copy(update={"actual": "", "expected": ""}) for check in failed
                ),
            }
        )


_ONLY_OF_RUN = ("targets", "outages", "probes", "findings", "attributed", "advice", "notes")
"""What is not kept over nights."""
