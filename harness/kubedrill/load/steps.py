"""A load test: steps of load, what each gave, the knee, the objective. All pure.

Every time is counted from when a write was due, not from when it was sent: a service that makes its
clients wait cannot hide behind requests that were never sent (coordinated omission). The generator
never waits for an answer, so nothing has to be corrected afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import UsageError
from kubedrill.base.model import NS, Check
from kubedrill.load.times import Times, milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.orders.ledger import Ledger

KEPT_UP = 0.98
"""Share of the due writes that a service must acknowledge, sooner or later, to have kept up."""
FOLLOWED = 0.95
"""Share of the asked rate that must be acknowledged while the step lasts; the rest may be in flight
at its end."""
SATURATED_STEPS = 2
"""So many saturated steps in a row end the test: the first shows the knee, the second that it stays
so."""
SPARE = 1.05
"""A step is planned for so many times the writes that an objective takes: the generator begins a
moment late."""
MAX_RATE = 10_000.0
GROWTH = 1.5
"""From one step to the next where the test looks for saturation by itself."""


@dataclass(frozen=True, slots=True)
class Objective:
    """``share`` (0 to 1) of writes are acknowledged within ``within_ms`` at ``rate`` a second."""

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
        if not (0 < percent <= 100 and 0 < within < math.inf and 0 < rate <= MAX_RATE):
            raise UsageError(
                f"objective {text[:60]!r}: expected PERCENT:MILLISECONDS:RATE, such as "
                f"99.9:250:50, at most {MAX_RATE:g}/s"
            )
        return cls(round(percent / 100, 9), within, rate)

    def __str__(self) -> str:
        return (
            f"{100 * self.share:g} % within {self.within_ms:g} ms at {self.rate:g} writes a second"
        )

    @property
    def least_writes(self) -> int:
        """How many writes there must be for that share to be told from all: 1,000 for 99.9 %.

        >>> Objective(0.999, 250, 50).least_writes, Objective(1.0, 250, 50).least_writes
        (1000, 1)
        """
        return 1 if self.share == 1 else math.ceil(round(1 / (1 - self.share), 6))

    def needed(self, due: int) -> int:
        """How many of so many due writes must be acknowledged in time."""
        return math.ceil(round(self.share * due, 6))


@dataclass(frozen=True, slots=True)
class Step:
    """What one step of load gave. ``begun`` and ``ended`` are nanoseconds of CLOCK_MONOTONIC.

    ``due`` counts writes that were due, ``skipped`` those of them that were never sent. ``within``
    were acknowledged in the objective's time, ``during`` before the step's end. ``late_ms`` is how
    late the generator sent 99 % of them at most. ``pods`` were ready at its end (None: not
    observed).
    """

    rate: float
    begun: int
    ended: int
    due: int
    skipped: int
    acknowledged: int
    within: int
    during: int
    late_ms: float
    times: Times
    """Of the acknowledged writes; a write that failed counts as infinite."""
    pods: int | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.ended - self.begun) / NS

    @property
    def throughput(self) -> float:
        """Writes acknowledged a second while it lasted."""
        return self.during / self.seconds

    @property
    def errors(self) -> float:
        """Share of the due writes that were not acknowledged, or never sent."""
        return 1 - self.acknowledged / self.due if self.due else 1.0

    @property
    def lag(self) -> str:
        """Why it did not keep up with what was asked; "" where it did."""
        if self.errors > 1 - KEPT_UP:
            return f"{self.errors:.1%} of the writes were not acknowledged"
        if self.throughput < FOLLOWED * self.rate:
            return f"throughput stopped following: {self.throughput:.1f} of {self.rate:g} a second"
        return ""

    def percentile(self, share: float) -> float:
        """Return the milliseconds within which that share of all due writes was acknowledged.

        Infinite: fewer were.
        """
        return self.times.at_rank(math.ceil(round(share * self.due, 6)))

    def meets(self, objective: Objective) -> bool:
        """Whether its times are those of an objective, whatever its rate."""
        return self.due > 0 and self.within >= objective.needed(self.due)

    def failing(self, objective: Objective) -> str:
        """Why it did not hold: it lagged or was too slow; "" where it held."""
        if self.lag or self.meets(objective):
            return self.lag
        return f"{100 * objective.share:g} % took {milliseconds(self.percentile(objective.share))}"


@dataclass(frozen=True, slots=True)
class Knee:
    """Between which steps a service stops keeping up, or its times break.

    ``rate`` is the highest step up to which every one held; None: not even the first. ``below`` is
    the first that did not, None where all held: then the knee lies higher. ``why`` says what ended
    it. ``doubt``: at ``below`` the generator was late, so it may be this host's knee and not the
    service's.
    """

    rate: float | None
    below: float | None
    why: str
    doubt: bool = False

    def __str__(self) -> str:
        if self.below is None:
            return f"not reached: every step held, up to {self.rate:g} writes a second"
        where = "below the first step" if self.rate is None else f"{self.rate:g} writes a second"
        doubt = "; the generator was late there, so it may be the harness host's knee"
        return f"{where} (at {self.below:g} a second: {self.why}{doubt if self.doubt else ''})"


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
    if not rates or not all(0 < rate <= MAX_RATE for rate in rates) or sorted(set(rates)) != rates:
        raise UsageError(
            f"rates {text[:60]!r}: expected growing numbers above 0 and up to {MAX_RATE:g}, such "
            "as 25,50,100"
        )
    return rates


def require_enough(objective: Objective, seconds: float, min_writes: int) -> None:
    """Refuse steps that are too short to tell the objective, before any load is made.

    Raises:
        UsageError: a step at its rate has fewer writes than it takes, and a little more.
    """
    least = max(objective.least_writes, min_writes)
    needed = math.ceil(SPARE * least / objective.rate)
    if seconds < needed:
        raise UsageError(
            f"steps of {seconds:g} s are too short for {objective}: that takes {least:,} writes; "
            f"give --seconds {needed} or more"
        )


def next_rate(
    asked: Sequence[float], steps: Sequence[Step], objective: Objective, *, saturate: bool
) -> float | None:
    """Return the next step's rate, None at the end.

    The objective's own rate is always one of the steps. Saturated steps beyond it end the test;
    with ``saturate`` it goes on beyond the rates that were asked for, by a half more each time,
    until a step does not hold.
    """
    done = steps[-1].rate if steps else 0.0
    if (
        done >= objective.rate
        and len(steps) >= SATURATED_STEPS
        and all(step.lag for step in steps[-SATURATED_STEPS:])
    ):
        return None
    left = sorted(rate for rate in {*asked, objective.rate} if rate > done)
    if left:
        return left[0]
    further = float(round(done * GROWTH))
    goes_on = saturate and not steps[-1].failing(objective) and done < further <= MAX_RATE
    return further if goes_on else None


def measure(  # noqa: PLR0913, PLR0917 - what was asked for, beside the ledger
    ledger: Ledger, rate: float, begun: int, ended: int, within_ms: float, pods: int | None = None
) -> Step:
    """Return what a ledger of one step says."""
    done = ledger.acknowledged
    late = sorted(write.sent - write.due for write in ledger.writes.values())
    return Step(
        rate=rate,
        # its process needs a moment
        begun=min((write.due for write in ledger.writes.values()), default=begun),
        ended=ended,
        due=len(ledger.writes) + ledger.skipped,
        skipped=ledger.skipped,
        acknowledged=len(done),
        within=sum(write.done - write.due <= within_ms * 1e6 for write in done),
        during=sum(write.done <= ended for write in done),
        late_ms=late[math.ceil(0.99 * len(late)) - 1] / 1e6 if late else 0.0,
        times=Times(write.done - write.due for write in done),
        pods=pods,
    )


def knee(steps: Sequence[Step], objective: Objective, late_ms: float) -> Knee:
    """Find the last step before the first that did not hold.

    What comes after that one does not count.
    """
    highest = None
    for step in sorted(steps, key=lambda step: step.rate):
        if why := step.failing(objective):
            return Knee(highest, step.rate, why, doubt=step.late_ms > late_ms)
        highest = step.rate
    return Knee(highest, None, "")


def objective_check(
    steps: Sequence[Step], objective: Objective, *, late_ms: float, min_writes: int
) -> Check:
    """Judge the objective by the first step at its rate or above.

    Not known (None): no such step; a generator that sent later than ``late_ms``; too few writes to
    tell that share, and not so many slow ones that more writes could not have helped.
    """
    name, expected = "the objective is met", str(objective)
    reached = [
        step for step in sorted(steps, key=lambda step: step.rate) if step.rate >= objective.rate
    ]
    if not reached:
        return Check(name, None, "no step reached its rate", expected)
    step = reached[0]
    actual = (
        f"at {step.rate:g} a second {step.throughput:.1f} acknowledged, {step.errors:.2%} errors, "
        f"{step.within:,} of {step.due:,} in time, {100 * objective.share:g} % within "
        f"{milliseconds(step.percentile(objective.share))}"
    )
    if step.late_ms > late_ms:
        late = f"the traffic generator was late (1 % of the writes by {step.late_ms:.0f} ms or more"
        expected += f"; a generator at most {late_ms:g} ms late"
        return Check(name, None, f"{late}): {actual}", expected)
    least = max(objective.least_writes, min_writes)
    if step.due < least and step.due - step.within <= least - objective.needed(least):
        return Check(
            name, None, f"too few writes to tell: {actual}", f"{expected}; {least:,} writes or more"
        )
    return Check(name, not step.failing(objective), actual, expected)
