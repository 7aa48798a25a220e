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
from kubedrill.verdict.wording import is_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.model import Event, Record, Span

FAIL, INCONCLUSIVE = VerdictKind.FAIL, VerdictKind.INCONCLUSIVE

# the last look comes right before the heal; an earlier one does not show that the effect lasted
LAST_LOOK_S = 5.0


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
    faults = [span for span in record.spans if span.lane == "fault"]
    for span in faults:
        if "evidence" in span.data:
            yield from _of_fault(record, span, sights)
        elif _steps(record, span, "inject", "heal"):
            yield _untested(f"{span.subject}: {span.name}: the record has lost what would show it")
    yield from _of_no_fault(faults, sights)


def _of_no_fault(faults: list[Span], sights: list[Sight]) -> Iterator[Finding]:
    """Evidence of a fault that is not in the record, or has lost what asked for it."""
    asked = [(span.subject, span.name) for span in faults if "evidence" in span.data]
    for sight in sights:
        fault = sight.event.data.get("fault")
        if fault is not None and (sight.event.subject, fault) not in asked:
            yield _untested(
                f"there is evidence of {sight.event.subject}: {fault}, which the record does not "
                "show as a fault that asks for it"
            )


def _misplaced(sights: list[Sight]) -> Iterator[Finding]:
    for sight in sights:
        if others := sight.seen - sight.expected:
            meant = f"instead of {sight.missing}"
            if sight.is_whole:
                meant = f"as well as {', '.join(sorted(sight.expected))}"
            yield Finding(
                FAIL,
                f"the harness broke {', '.join(sorted(others))} {meant}: "
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
    heals = [each.start for each in _steps(record, span, "heal") if each.start >= first.event.at]
    healed = min([*heals, end])
    lasted = (healed - first.event.at) / NS
    least, lasts = span.data.get("least_s"), span.data.get("lasts")
    if not is_seconds(least) or not isinstance(lasts, bool):
        yield _untested(
            f"{what}: found least_s {least!r} and lasts {lasts!r}, expected seconds, and true or "
            "false"
        )
        return
    if not heals and (least or lasts):
        yield _untested(f"{what}: the record does not show when it was healed")
    if lasted < least:
        yield _untested(
            f"{what}: it was given back too early, {lasted:.1f} s after it took hold, expected "
            f"{least:g} s or longer"
        )
    last = next(
        (
            each
            for each in during
            if each.event.data.get("when") == "end"
            and each.event.at >= max(first.event.at, healed - LAST_LOOK_S * NS)
        ),
        None,
    )
    if lasts and (last is None or not last.is_whole):
        reason = f" ({last.event.name})" if last else ""
        yield _untested(f"{what}: it was not seen to last until it was healed{reason}")


def _steps(record: Record, fault: Span, *names: str) -> list[Span]:
    """What was done about a fault while it lasted: its injection, its heal."""
    titles = {f"{fault.name}: {name}" for name in names}
    end = inf if fault.end is None else fault.end
    return [
        each
        for each in record.spans
        if each.lane == "step"
        and each.subject == fault.subject
        and each.name in titles
        and fault.start <= each.start <= end
    ]


def _untested(text: str) -> Finding:
    return Finding(INCONCLUSIVE, f"nothing was tested: {text}")


def _names(value: Any) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list | tuple) else frozenset()
