"""Says what a vantage need not have seen, as its own node was down by the drill's plan.

A drill that boots every node takes each vantage inside the cluster away for a while. What a probe
on such a node saw then is not judged, and is not missing, where the same probe on another node
watched all of that time.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from kubedrill.base.model import DOWN, NS, Vantage
from kubedrill.verdict.blind import Windows
from kubedrill.verdict.wording import seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kubedrill.base.model import ProbeSpec, Record
    from kubedrill.record.columns import Columns
    from kubedrill.verdict.blind import Interval


def find_excused(
    record: Record, samples: Mapping[str, Columns], gap_ns: Callable[[ProbeSpec], int]
) -> dict[str, Windows]:
    """For each probe, when its own node was down by plan while another vantage watched.

    ``samples`` are the ones of each probe that are judged, ``gap_ns`` the longest time between two
    of them that is no gap.
    """
    down: dict[str, list[Interval]] = {}  # by node
    for span in record.spans:
        if span.lane == DOWN and span.end is not None:
            down.setdefault(span.subject, []).append((span.start, span.end))

    def watched(twin: ProbeSpec, window: Interval) -> bool:
        unwatched = _unwatched(samples.get(twin.name), window, gap_ns(twin))
        return not Windows([*down.get(twin.place, ()), *unwatched]).overlaps(*window)

    probes = record.header.probes
    return {
        spec.name: Windows(
            window
            for window in down.get(spec.place, ())
            if any(watched(twin, window) for twin in _twins(spec, probes))
        )
        for spec in probes
    }


def find_gaps(gaps: Iterable[Interval], excused: Windows, longest: int) -> Iterator[Interval]:
    """What is left of gaps without the times that are excused, where it is longer than a gap.

    >>> list(find_gaps([(0, 50), (60, 99)], Windows([(10, 55), (70, 95)]), 9))
    [(0, 10), (60, 70)]
    """
    for start, end in gaps:
        inner = [each for each in excused if start < each[1] and each[0] < end]
        edges = [start, *(edge for window in inner for edge in window), end]
        for a, b in list(pairwise(edges))[::2]:
            if b - a > longest:
                yield a, b


def describe_excused(probes: Iterable[ProbeSpec], excused: Mapping[str, Windows]) -> Iterator[str]:
    """One sentence for each node and time."""
    for place, name in {spec.place: spec.name for spec in probes if spec.place}.items():
        for start, end in excused[name]:
            yield (
                f"{place} was down by the drill's plan for {seconds_of((end - start) / NS)}: what "
                "probes on it saw then is not judged, the same ones on another node watched"
            )


def _twins(spec: ProbeSpec, probes: Iterable[ProbeSpec]) -> list[ProbeSpec]:
    """The probes that ask the same from other nodes."""
    if spec.vantage is not Vantage.INSIDE:
        return []
    asked = (spec.kind, spec.target, spec.connection, spec.vantage)
    return [
        twin
        for twin in probes
        if (twin.kind, twin.target, twin.connection, twin.vantage) == asked
        and twin.place not in {"", spec.place}
    ]


def _unwatched(samples: Columns | None, window: Interval, longest: int) -> Iterator[Interval]:
    """When a probe fired no tick: its gaps, and before its first one and after its last one."""
    if not samples:
        yield window
        return
    yield from samples.spaces(longest)
    if samples.fired[0] > window[0]:
        yield window[0], samples.fired[0]
    if samples.fired[-1] < window[1]:
        yield samples.fired[-1], window[1]
