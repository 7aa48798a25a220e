"""Judges whether the fault had its effect: where, and for long enough.

Without that, nothing was tested: INCONCLUSIVE. On another node than the one that was meant it is
FAIL, the harness's own. Records of older versions state no evidence, and none is asked of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from kubedrill.base.model import EVIDENCE, NS
from kubedrill.base.results import Finding, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import Event, Record, Span

FAIL, INCONCLUSIVE = VerdictKind.FAIL, VerdictKind.INCONCLUSIVE


@dataclass(frozen=True)
class Sight:
    """One look at the effect of a fault: where it should be, and where it was seen."""

    event: Event
    expected: frozenset[str]
    seen: frozenset[str]

    @classmethod
    def of(cls, event: Event) -> Sight:
        """Read an event of the lane."""
        data = event.data
        return cls(event, _names(data.get("expected")), _names(data.get("seen")))

    @property
    def is_whole(self) -> bool:
        """Whether the effect was seen in every place."""
        return bool(self.expected) and self.expected <= self.seen

    @property
    def missing(self) -> str:
        """Where it was not seen."""
        return ", ".join(sorted(self.expected - self.seen)) or self.event.subject


def judge_effect(record: Record) -> Iterator[Finding]:
    """What speaks against that something was tested."""
    if not record.header.evidence:
        return
    sights = [Sight.of(event) for event in record.events if event.lane == EVIDENCE]
    yield from _misplaced(sights)
    if record.ended != "completed":
        return
    if not sights:
        yield _untested(f"the record does not show that {record.header.evidence}")
    for sight in sights:
        if sight.event.data.get("when") != "end" and not sight.is_whole:
            yield _untested(f"{sight.event.name}, not seen of {sight.missing}")
    for span in record.spans:
        if span.lane == "fault" and "evidence" in span.data:
            yield from _of_fault(record, span, sights)


def _misplaced(sights: list[Sight]) -> Iterator[Finding]:
    for sight in sights:
        if not sight.is_whole and (others := sight.seen - sight.expected):
            yield Finding(
                FAIL,
                f"the harness broke {', '.join(sorted(others))} instead of {sight.missing}: "
                f"{sight.event.data.get('fault', sight.event.name)}",
            )


def _of_fault(record: Record, span: Span, sights: list[Sight]) -> Iterator[Finding]:
    """Whether one fault took hold, stayed until it was healed, and long enough."""
    what, end = f"{span.subject}: {span.name}", inf if span.end is None else span.end
    during = [
        sight
        for sight in sights
        if (sight.event.subject, sight.event.data.get("fault")) == (span.subject, span.name)
        and span.start <= sight.event.at <= end
    ]
    first = next((each for each in during if each.event.data.get("when") == "begin"), None)
    if first is None:
        yield _untested(f"{what}: nobody looked whether {span.data['evidence']}")
        return
    heals = [
        each.start
        for each in record.spans
        if each.lane == "step"
        and (each.subject, each.name) == (span.subject, f"{span.name}: heal")
        and first.event.at <= each.start <= end
    ]
    lasted = (min([*heals, end]) - first.event.at) / NS
    least = span.data.get("least_s")
    if isinstance(least, int | float) and lasted < least:
        yield _untested(
            f"{what}: it was given back too early, {lasted:.1f} s after it took hold, expected "
            f"{least:g} s or longer"
        )
    last = next((each for each in during if each.event.data.get("when") == "end"), None)
    if span.data.get("lasts") is True and (last is None or not last.is_whole):
        reason = f" ({last.event.name})" if last else ""
        yield _untested(f"{what}: it was not seen to last until it was healed{reason}")


def _untested(text: str) -> Finding:
    return Finding(INCONCLUSIVE, f"nothing was tested: {text}")


def _names(value: Any) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list | tuple) else frozenset()
