"""A load test: steps of load, what each gave, and where the knee is. Pure but for :func:`plot`, which draws.

Every time is counted from when a write was due, not from when it was sent: a service that makes its clients wait cannot
hide behind requests that were never sent (coordinated omission).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.app.ledger import ACKNOWLEDGED
from harness.errors import UsageError
from harness.model import NS, Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.app.ledger import Ledger

KEPT_UP = 0.98
"""Share of the asked rate that a service must acknowledge to have kept up; the rest may be in flight at the end."""
_WIDTH, _HEIGHT, _EDGE = 720, 360, 56


@dataclass(frozen=True, slots=True)
class Objective:
    """``share`` of all writes (0 to 1) are acknowledged within ``within_ms`` at ``rate`` writes a second."""

    share: float
    within_ms: float
    rate: float

    @classmethod
    def parse(cls, text: str) -> Objective:
        """Read "99.9:250:50": 99.9 % within 250 ms at 50 writes a second.

        >>> Objective.parse("99.9:250:50")
        Objective(share=0.999, within_ms=250.0, rate=50.0)

        Raises:
            UsageError: it is not of that form.
        """
        try:
            percent, within, rate = (float(part) for part in text.split(":"))
        except ValueError:
            percent = within = rate = 0.0
        if not (0 < percent <= 100 and within > 0 and rate > 0):
            raise UsageError(f"objective {text!r}: expected PERCENT:MILLISECONDS:RATE, such as 99.9:250:50")
        return cls(round(percent / 100, 9), within, rate)

    def __str__(self) -> str:
        return f"{self.share:.2%} within {self.within_ms:g} ms at {self.rate:g} writes a second"


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of load gave. Times in milliseconds, of acknowledged writes; a failed one took for ever."""

    rate: float
    seconds: float
    sent: int
    acknowledged: int
    skipped: int
    times_ms: tuple[float, ...]
    """Of the acknowledged writes, sorted."""
    pods: int = 0
    """Web pods that were ready at its end."""

    @property
    def throughput(self) -> float:
        """Acknowledged writes a second."""
        return self.acknowledged / self.seconds

    @property
    def errors(self) -> float:
        """Share of the due writes that were not acknowledged, those that were never sent included."""
        due = self.sent + self.skipped
        return 1 - self.acknowledged / due if due else 1.0

    @property
    def kept_up(self) -> bool:
        """Whether it acknowledged what was asked for."""
        return self.errors <= 1 - KEPT_UP

    def percentile(self, share: float) -> float:
        """Return the time within which that share of all due writes was acknowledged; infinite where fewer were.

        >>> Step(1, 4, 4, 3, 0, (1.0, 2.0, 3.0)).percentile(0.5), Step(1, 4, 4, 3, 0, (1.0, 2.0, 3.0)).percentile(0.9)
        (2.0, inf)
        """
        position = -int(-share * (self.sent + self.skipped) // 1) - 1  # the ceiling: nearest rank
        return self.times_ms[max(position, 0)] if position < len(self.times_ms) else float("inf")

    def meets(self, objective: Objective) -> bool:
        """Whether its times are those of an objective, whatever its rate."""
        return self.percentile(objective.share) <= objective.within_ms


def parse_rates(text: str) -> list[float]:
    """Read "25,50,100"; at least one step, each higher than the one before.

    >>> parse_rates("25,50")
    [25.0, 50.0]

    Raises:
        UsageError: it is not of that form.
    """
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError:
        rates = []
    if not rates or rates[0] <= 0 or rates[-1] > 10_000 or sorted(set(rates)) != rates:
        raise UsageError(f"rates {text!r}: expected growing numbers above 0 and up to 10000, such as 25,50,100")
    return rates


def measure(ledger: Ledger, rate: float, seconds: float, pods: int = 0) -> Step:
    """Return what a ledger of one step says."""
    done = [write for write in ledger.writes.values() if write.outcome == ACKNOWLEDGED]
    times = tuple(sorted((write.done - write.due) / NS * 1000 for write in done))
    return Step(rate, seconds, len(ledger.writes), len(done), ledger.skipped, times, pods)


def knee(steps: Sequence[Step], objective: Objective) -> Step | None:
    """Return the highest step up to which every one kept up and met the objective's times; None: not even the first.

    What comes after the first step that fails does not count.
    """
    found = None
    for step in sorted(steps, key=lambda step: step.rate):
        if not (step.kept_up and step.meets(objective)):
            break
        found = step
    return found


def objective_check(steps: Sequence[Step], objective: Objective) -> Check:
    """Judge the objective by the steps at its rate or above; without one nothing is known."""
    reached = [step for step in sorted(steps, key=lambda step: step.rate) if step.rate >= objective.rate]
    if not reached:
        return Check("the objective is met", None, "no step reached its rate", str(objective))
    step = reached[0]
    found = (
        f"at {step.rate:g} a second {step.throughput:.1f} acknowledged, {step.errors:.2%} errors, "
        f"{objective.share:.2%} within {step.percentile(objective.share):.0f} ms"
    )
    return Check("the objective is met", step.kept_up and step.meets(objective), found, str(objective))


def table(steps: Sequence[Step]) -> list[str]:
    """Return lines for people."""
    head = f"{'asked/s':>8} {'acked/s':>8} {'errors':>7} {'p50':>8} {'p99':>8} {'p99.9':>8}  pods"
    lines = [head]
    for step in steps:
        times = " ".join(f"{step.percentile(share):5.0f} ms" for share in (0.5, 0.99, 0.999))
        lines.append(f"{step.rate:8g} {step.throughput:8.1f} {step.errors:7.2%} {times}  {step.pods or '-'}")
    return lines


def plot(steps: Sequence[Step], objective: Objective) -> str:
    """Draw p50 and p99 over the asked rate, with the objective and the knee, as one SVG."""
    ordered = sorted(steps, key=lambda step: step.rate)
    finite = [step.percentile(0.99) for step in ordered if step.percentile(0.99) != float("inf")]
    frame = _Frame(max(step.rate for step in ordered), 1.1 * max([objective.within_ms, *finite]))
    limit, bottom = frame.y(objective.within_ms), _HEIGHT - _EDGE
    parts = [
        f'<line x1="{_EDGE}" x2="{_WIDTH - _EDGE}" y1="{limit}" y2="{limit}" stroke="#c00" stroke-dasharray="6"/>',
        frame.line(ordered, 0.5, "#1f77b4"),
        frame.line(ordered, 0.99, "#ff7f0e"),
        _text(_EDGE, 24, f"p50 (blue), p99 (orange) over writes asked a second; objective: {objective}"),
        _text(_EDGE, _HEIGHT - 16, "0"),
        _text(frame.x(frame.right) - 24, _HEIGHT - 16, f"{frame.right:g}/s"),
        _text(4, limit + 4, f"{objective.within_ms:g} ms"),
    ]
    if found := knee(ordered, objective):
        at = frame.x(found.rate)
        parts.append(f'<line x1="{at}" x2="{at}" y1="{_EDGE}" y2="{bottom}" stroke="#888"/>')
        parts.append(_text(at - 60, _EDGE - 8, f"knee: {found.rate:g}/s"))
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12"'
    white = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{white}{"".join(parts)}</svg>\n'


@dataclass(frozen=True)
class _Frame:
    """Where a rate and a time stand in the picture; what takes for ever stands at its top."""

    right: float
    top: float

    def x(self, rate: float) -> int:
        return round(_EDGE + (_WIDTH - 2 * _EDGE) * rate / self.right)

    def y(self, ms: float) -> int:
        return round(_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * min(ms, self.top) / self.top)

    def line(self, steps: Sequence[Step], share: float, colour: str) -> str:
        points = " ".join(f"{self.x(step.rate)},{self.y(step.percentile(share))}" for step in steps)
        return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'


def _text(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{text}</text>'
