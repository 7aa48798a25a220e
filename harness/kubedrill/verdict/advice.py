"""Says what to do next about an INCONCLUSIVE verdict.

Which resource was short, by what evidence, what to change, and what would have made it a PASS or a
FAIL, with its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, Vantage
from kubedrill.base.results import Advice, Finding, LimitResult, VerdictKind
from kubedrill.verdict import wording
from kubedrill.verdict.blind import late_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kubedrill.verdict.limits import Judged
    from kubedrill.verdict.view import View

INCONCLUSIVE = VerdictKind.INCONCLUSIVE
SETTINGS = {"app-*": "app", "api-*": "api", "dns*": "dns"}
"""Groups of probes, and what their limits in ``drills.<name>`` of kubedrill.yml begin with."""
FEW_FINDINGS = 3
"""Of a record that lacks much, so many are named: the rest have the same cause."""
NOTABLE_SHARE = 0.01
"""Of its ticks that a probe fired late: fewer happen on every machine."""


def advise(
    view: View,
    judged: Mapping[str, Sequence[Judged]],
    results: Sequence[LimitResult],
    findings: Sequence[Finding],
) -> tuple[Advice, ...]:
    """What to do next, the most telling first; nothing where no finding is INCONCLUSIVE."""
    undecided = [
        _Undecided(view, result, [each for name in result.probes for each in judged[name]])
        for result in results
        if result.verdict is INCONCLUSIVE
    ]
    explained = {each.result.text for each in undecided}
    names = wording.probe_names(view.cluster_probes)
    # each of a limit's probes that was slow or failed too often has the same cause
    of_probes = tuple(f"{names[name]}: " for each in undecided for name in each.result.probes)
    others = [
        finding.text
        for finding in findings
        if finding.verdict is INCONCLUSIVE
        and finding.text not in explained
        and not finding.text.startswith(of_probes)
    ]
    if not undecided and not others:
        return ()
    return (
        *(each.advice() for each in undecided if not each.is_blind),
        *_of_record(view, others),
        *_of_host(view, [each for each in undecided if each.is_blind]),
    )


class _Undecided:
    """A limit that was neither kept nor broken for sure, and the outage that it hangs on."""

    def __init__(self, view: View, result: LimitResult, judged: Sequence[Judged]) -> None:
        self.view, self.result, self.limit = view, result, result.limit
        self.worst = max(
            (each for each in judged if each.against(self.limit.allowed_s) is INCONCLUSIVE),
            key=lambda each: each.outage.longest_s,
            default=None,
        )

    def setting(self, name: str) -> str:
        """The name of one of its settings in kubedrill.yml."""
        group = SETTINGS.get(self.limit.probes)
        if name == "outage_s" and self.limit.source == "baseline":
            return "limits_from_history.factor"
        if group is None:
            return f"the {name} of {self.limit.probes}"
        return f"drills.{self.view.record.header.drill}.{group}_{name}"

    @property
    def is_blind(self) -> bool:
        """Whether somebody was too busy to look, so that a narrower measure decides nothing."""
        worst, limit_s = self.worst, self.limit.allowed_s
        if worst is None or worst.outage.doubt or worst.is_open:
            return False
        between = worst.outage.shortest_s <= limit_s < worst.outage.longest_s
        return worst.blind_s > limit_s or not between

    def decision(self) -> str:
        """What its figures are worth once nothing speaks against them."""
        if self.worst is None:
            return ""
        outage, limit_s = self.worst.outage, self.limit.allowed_s
        if max(outage.longest_s, self.worst.blind_s) <= limit_s:
            kind = "a PASS"
        elif outage.shortest_s > limit_s:
            kind = "a FAIL"
        else:
            kind = f"a PASS if the service was back within {limit_s:g} s, else a FAIL"
        return f"{self._bounds(self.worst)} of {outage.probe} is {kind}"

    @property
    def passes_at_s(self) -> float:
        """The limit that it keeps for sure."""
        if self.worst is None:
            return 0.0
        return max(self.worst.outage.longest_s + self.worst.late_s, self.worst.blind_s)

    def wider(self) -> str:
        """What a wider limit gives and costs."""
        return (
            f"a limit of {ceil(10 * self.passes_at_s) / 10:g} s or more makes it a PASS, at the "
            "cost that users may be without service for so long"
        )

    def advice(self) -> Advice:
        """What would decide it."""
        if not self.result.probes:
            return Advice(
                "probes",
                self.result.text,
                f"add a probe that {self.limit.probes} matches, or take the limit away",
                "without a probe nothing can make it a PASS or a FAIL",
            )
        worst = self.worst
        if worst is None:
            return self._of_count()
        if worst.outage.doubt:
            return Advice(
                "a sound view of the cluster",
                f"{worst.outage.probe}: {worst.outage.doubt}",
                "repair the network of the harness host, or spare its processors, and drill again",
                f"with the control probe answered all the time, {self.decision()}",
            )
        if worst.is_open:
            end, setting = "ended with the last request", "cooldown_s"
            if worst.outage.open_start:
                end, setting = "begun after the first answer", "warmup_s"
            return Advice(
                "time",
                f"{worst.outage.probe} was out for {self._bounds(worst)}, and had not {end}",
                f"raise probes.{setting}, which makes every drill so much longer",
                f"an end within {self.limit.allowed_s:g} s of its begin makes it a PASS, a later "
                "one a FAIL",
            )
        return self._of_bounds(worst)

    def _of_bounds(self, worst: Judged) -> Advice:
        """The limit lies between the shortest and the longest that the outage can have been."""
        spec = self.view.specs[worst.outage.probe]
        what, setting, value = "asks once in", "interval_s", spec.interval_s
        cost = "costs as much more processor time"
        if worst.outage.outcomes.get("timeout", 0) * 2 > worst.outage.failed:
            what, setting, value = "gives up after", "timeout_s", spec.timeout_s
            cost = "takes slow answers for failures sooner"
        return Advice(
            "the rate of the probes" if setting == "interval_s" else "the patience of the probes",
            f"{spec.name} {what} {value:g} s, so the outage is known as {self._bounds(worst)}, and "
            f"the limit of {self.limit.allowed_s:g} s lies between",
            f"lower probes.{setting} below {value:g}, which {cost}, or change "
            f"{self.setting('outage_s')}",
            f"{self.wider()}; one below {floor(10 * worst.outage.sound_s) / 10:g} s makes it a "
            "FAIL",
        )

    def _of_count(self) -> Advice:
        limit, failed = self.limit, self.result.failed
        action = "drill again on a host with more processors, or with less beside it"
        if limit.max_failed is None or failed <= limit.max_failed:
            return Advice(
                "sound evidence",
                self.result.text,
                action,
                f"the same on a host that keeps time is a FAIL; a lower "
                f"{self.setting('available_run')} or a higher slow_s makes it a PASS, at the cost "
                "that users may wait or fail as often",
            )
        return Advice(
            "sound evidence",
            f"{failed:,} of {self.result.requests:,} requests of {limit.probes} failed, "
            f"{limit.max_failed:,} are allowed",
            action,
            f"{failed:,} or more allowed makes it a PASS, at the cost that users may lose as many; "
            "fewer make it a FAIL",
        )

    @staticmethod
    def _bounds(worst: Judged) -> str:
        outage = worst.outage
        return wording.bounds(outage.shortest_s, outage.longest_s, open_ended=worst.is_open)


def _of_host(view: View, blind: Sequence[_Undecided]) -> Iterator[Advice]:
    """Where the harness host, or a node that a probe runs on, was too busy to look."""
    decisions = ", ".join(each.decision() for each in blind) or "the same figures decide"
    widest = max(blind, key=lambda each: each.passes_at_s, default=None)
    outcome = f"on a host that keeps time, {decisions}{f'; {widest.wider()}' if widest else ''}"
    span = max(1, view.last_time - view.first_time)
    slow = view.host_slow.covered(view.first_time, view.last_time)
    late = _LateTicks.of(view, Vantage.OUTSIDE, Vantage.CONTROL)
    inside = [each for each in blind if _is_inside(view, each)]
    if len(blind) > len(inside) or slow > NOTABLE_SHARE * span or late.are_notable:
        cpus = view.record.header.host.get("cpus")
        answers = (
            f"the control probe, which asks nothing of the cluster, was answered late or not at "
            f"all for {slow / NS:.1f} s of {span / NS:.0f} s; "
        )
        yield Advice(
            "processor time of the harness host",
            f"{answers if slow else ''}{late}",
            f"give the host more processors{f' than its {cpus}' if cpus else ''}, or stop what "
            "else runs there, and drill again",
            outcome,
        )
    late = _LateTicks.of(view, Vantage.INSIDE)
    if inside or late.are_notable:
        yield Advice(
            "processor time of the node that runs the probes inside the cluster",
            str(late),
            "give the nodes more processors, or less work, and drill again",
            outcome,
        )


@dataclass(frozen=True, slots=True)
class _LateTicks:
    """Of the probes of some vantages: late ticks, all ticks, how late the latest was."""

    late: int
    ticks: int
    latest: int  # ns

    @classmethod
    def of(cls, view: View, *vantages: Vantage) -> _LateTicks:
        specs = [spec for spec in view.specs.values() if spec.vantage in vantages]
        return cls(
            sum(view.of(spec).late(late_ns(spec)).count(1) for spec in specs),
            sum(len(view.of(spec)) for spec in specs),
            max((view.of(spec).worst_lateness for spec in specs), default=0),
        )

    @property
    def are_notable(self) -> bool:
        return self.late > NOTABLE_SHARE * self.ticks

    def __str__(self) -> str:
        if not self.late:
            return "every tick was on time"
        return (
            f"{self.late:,} of {self.ticks:,} ticks were late, the latest by "
            f"{self.latest / 1e6:.0f} ms"
        )


def _is_inside(view: View, undecided: _Undecided) -> bool:
    worst = undecided.worst
    return worst is not None and view.specs[worst.outage.probe].vantage is Vantage.INSIDE


def _of_record(view: View, texts: Sequence[str]) -> Iterator[Advice]:
    """What else the record lacks."""
    if texts:
        more = len(texts) - FEW_FINDINGS
        yield Advice(
            "evidence",
            "; ".join(texts[:FEW_FINDINGS]) + (f"; and {more} more" if more > 0 else ""),
            f"repair what is named and run kubedrill drill {view.record.header.drill} again",
            "a whole record is a PASS or a FAIL by its limits and checks; a wider limit does not "
            "make up for what nobody saw",
        )
