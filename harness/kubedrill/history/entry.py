"""What the history keeps of a run.

Frozen data, checked when it is read, the same in the database and in JSON lines.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from kubedrill.base.model import VerdictKind  # noqa: TC001 - pydantic reads the annotations at run time

FORMAT = 1
"""Version of a JSON line."""

UNKNOWN = "unknown"
"""A label that neither the record nor the user gave."""

LABELS = ("topology", "network", "host", "app")


def _without_nul(text: str) -> str:
    """PostgreSQL stores no NUL; both databases must give back the same."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


def _each_once(missed: tuple[NotRun, ...]) -> tuple[NotRun, ...]:
    names = [each.name for each in missed]
    if len(set(names)) < len(names):
        raise ValueError("a drill is listed more than once")
    return tuple(sorted(missed, key=lambda each: each.name))


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_without_nul)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BudgetEntry(_Entry):
    """One budget and how it was kept.

    Seconds; ``failed`` counts requests of all probes that it covers.
    """

    probes: Name
    limit_s: Number
    max_failed: Count | None
    predicted_s: Number
    shortest_s: Number
    longest_s: Number
    open_ended: bool
    failed: Count
    verdict: VerdictKind


class ControlEntry(_Entry):
    """What the control probe saw: the host's doing, not the cluster's.

    Milliseconds; None without samples.
    """

    samples: Count
    failed: Count
    p50_ms: Number | None
    p99_ms: Number | None
    worst_lateness_ms: float = Field(allow_inf_nan=False)


class DrillEntry(_Entry):
    """One drill of a run. ``before`` and ``after`` are Kubernetes versions, the same where nothing was upgraded.

    ``after`` is empty for an upgrade that ended before it said where to. ``tick_s`` is the longest
    interval of its probes: nothing is claimed finer than that. ``worst_lateness_ms`` is of all
    probes, ``host_lateness_ms`` of those that the harness host itself fired: the others run on the
    cluster's nodes. ``host_facts`` is what the record's header says of the harness host.
    """

    name: Name
    verdict: VerdictKind
    reason: Text
    started: Annotated[AwareDatetime, AfterValidator(_utc)]
    lasted_s: Number
    ended: Text
    before: Text
    after: Text
    topology: Name
    network: Name
    host: Name
    app: Name
    nodes: tuple[Text, ...]
    tool_version: Text
    samples: Count
    failed: Count
    worst_lateness_ms: float = Field(allow_inf_nan=False)
    host_lateness_ms: float = Field(allow_inf_nan=False)
    tick_s: Number
    control: ControlEntry | None
    failed_checks: tuple[Text, ...]
    host_facts: dict[str, Any]
    budgets: tuple[BudgetEntry, ...]


class NotRun(_Entry):
    """A drill that could not be run on that cluster."""

    name: Name
    reason: Text


class RunEntry(_Entry):
    """One run, known by its id: the name of its folder."""

    format: int = Field(default=FORMAT, ge=FORMAT, le=FORMAT)
    run: Name
    cluster: Text
    seed: Count | None
    verdict: VerdictKind
    drills: tuple[DrillEntry, ...]
    not_run: Annotated[tuple[NotRun, ...], AfterValidator(_each_once)]

    @property
    def started(self) -> datetime | None:
        """When its first drill began; None where no drill was run."""
        return min((drill.started for drill in self.drills), default=None)

    def relabelled(self, labels: dict[str, str]) -> RunEntry:
        """The same run with some of topology, network, host and app given by the user."""
        return self.model_copy(
            update={"drills": tuple(drill.model_copy(update=labels) for drill in self.drills)}
            if labels
            else {}
        )

    def says_the_same_as(self, other: RunEntry) -> bool:
        """Whether both tell the same verdicts and measurements.

        Labels may differ, for users may set them.
        """
        blank = dict.fromkeys(LABELS, UNKNOWN)
        return self.relabelled(blank) == other.relabelled(blank)
