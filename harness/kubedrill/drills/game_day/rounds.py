"""What a game day is made of.

A plan that depends on the seed alone, and rounds that are judged as drills.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kubedrill.base.model import NS, Check, CheckId, OutageLimit, Record
from kubedrill.base.results import DrillVerdict, VerdictKind
from kubedrill.core.recovery import health_check, leftovers_check
from kubedrill.record import read_record
from kubedrill.verdict import judge
from kubedrill.verdict.wording import bounds

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from kubedrill.base.model import Sample

SPARE = 2.0
"""How much longer than the time that is given the plan is, for faults that this host cannot
make."""

SEEDS = 10_000

_BEFORE_NS = 2 * NS
"""How much before a round its samples are taken along: what was sent then is not judged; it shows
that none is lost."""

_ANSWERS = {VerdictKind.PASS: True, VerdictKind.FAIL: False}


@dataclass(frozen=True, slots=True)
class Entry:
    """One planned round: a drill by its name, and the seed of its own choices.

    >>> Entry.read(str(Entry("pod-killed", 4711)))
    Entry(name='pod-killed', seed=4711)
    """

    name: str
    seed: int

    def __str__(self) -> str:
        return f"{self.name}#{self.seed}"

    @classmethod
    def read(cls, text: str) -> Entry:
        """Read what ``str`` gave."""
        name, _, seed = text.partition("#")
        return cls(name, int(seed))


@dataclass(frozen=True, slots=True)
class Round:
    """One round that was made: when (ns, monotonic), on what, and what it may cost."""

    number: int
    name: str
    targets: tuple[str, ...]
    start: int
    end: int
    outage_limits: tuple[OutageLimit, ...]
    left: tuple[str, ...] = ()  # what it left behind

    @property
    def title(self) -> str:
        """As "round 3: kubelet-stopped on w1"."""
        return f"round {self.number}: {self.name} on {', '.join(self.targets)}"

    @property
    def limits(self) -> str:
        """As "app-* 3 s (predicted 0 s), api-* 3 s (predicted 1.5 s)"."""
        return ", ".join(
            f"{b.probes} {b.limit_s:g} s (predicted {b.predicted_s:g} s)"
            for b in self.outage_limits
        )


def plan(rng: random.Random, takes: Mapping[str, float], seconds: float) -> list[Entry]:
    """Draw the rounds of a game day.

    Each kind of fault once in a random order, then all of them again in another.

    ``takes`` is how long each one lasts with its rest. The plan is longer than ``seconds`` by
    :data:`SPARE`.

    >>> import random
    >>> [str(entry) for entry in plan(random.Random(1), {"a": 60, "b": 60}, 60)]
    ['a#4179', 'b#1931']
    """
    entries: list[Entry] = []
    lasts = 0.0
    while lasts < seconds * SPARE:
        for name in rng.sample(sorted(takes), len(takes)):
            entries.append(Entry(name, rng.randrange(SEEDS)))
            lasts += takes[name]
            if lasts >= seconds * SPARE:
                break
    return entries


def judge_rounds(path: Path, rounds: Sequence[Round]) -> Iterator[tuple[Round, DrillVerdict]]:
    """Judge each round by its own limits, with the rules that every drill is judged by.

    Raises UsageError when there is no record at ``path``.
    """
    record = read_record(path)
    samples = list(record.samples)
    fired = [sample.fired for sample in samples]
    for one in rounds:
        part = samples[bisect_left(fired, one.start - _BEFORE_NS) : bisect_left(fired, one.end)]
        yield one, judge(_part(record, one, part))


def as_check(one: Round, verdict: DrillVerdict) -> Check:
    """The check that the game day's verdict depends on.

    INCONCLUSIVE is "could not be found out".
    """
    expected = f"PASS within its own limits: {one.limits}"
    actual = f"{verdict.verdict.value}: {verdict.reason}; measured: {measured(verdict)}"
    return Check(one.title, _ANSWERS.get(verdict.verdict), actual, expected, f"round-{one.number}")


def measured(verdict: DrillVerdict) -> str:
    """What each group of probes went through: outages in seconds, and failed requests."""
    hurt = [result for result in verdict.results if result.failed]
    each = [
        (
            f"{result.limit.probes} "
            f"{bounds(result.shortest_s, result.longest_s, open_ended=result.open_ended)}"
        )
        for result in hurt
    ]
    return (
        f"{', '.join(each) or 'no outage'}, {verdict.failed:,} of {verdict.samples:,} requests "
        "failed"
    )


def _part(record: Record, one: Round, samples: Sequence[Sample]) -> Record:
    """The record of one round.

    It began healthy and ended healthy, or the game day would have ended there.
    """
    inside = [
        s for s in record.spans if s.lane in ("fault", "step") and one.start <= s.start < one.end
    ]
    return replace(
        record,
        header=replace(record.header, drill=one.name, targets=one.targets, started_mono=one.start),
        samples=samples,
        spans=tuple(s for s in inside if s.end is not None and s.end <= one.end),
        events=tuple(e for e in record.events if one.start <= e.at < one.end),
        limits=one.outage_limits,
        checks=(
            health_check(CheckId.HEALTHY_BEFORE),
            health_check(CheckId.HEALTHY_AFTER),
            leftovers_check(one.left),
        ),
        ended="completed",
        ended_at=max([one.end, *(sample.done for sample in samples)]),
        reason="",
    )
