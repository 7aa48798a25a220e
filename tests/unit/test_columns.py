"""Columns say the same as the samples that they were made from, in whatever order these come."""

import random

import pytest

from kubedrill.base.model import Sample
from kubedrill.record.columns import Columns
from kubedrill.record.samples import Samples


def sample(
    seq: int, took: int = 5, outcome: str = "ok", probe: str = "p", server: str = ""
) -> Sample:
    return Sample(
        probe, seq, seq * 100, seq * 100 + seq % 3, seq * 100 + seq % 3 + took, outcome, server
    )


def mixed(count: int = 300) -> list[Sample]:
    rng = random.Random(5)  # noqa: S311 - a test
    outcomes = ["ok"] * 8 + ["timeout", "http-503"]
    return [
        sample(n, rng.randrange(1, 1500), rng.choice(outcomes), server=rng.choice("ab"))
        for n in range(count)
    ]


@pytest.mark.parametrize("order", ["sent", "answered", "shuffled", "reversed"])
def test_samples_come_back_in_the_order_in_which_they_were_sent(order: str) -> None:
    samples = mixed()
    given = {
        "sent": samples,
        "answered": sorted(samples, key=lambda s: s.done),
        "shuffled": random.Random(1).sample(samples, len(samples)),  # noqa: S311 - a test
        "reversed": samples[::-1],
    }[order]
    columns = Columns.of(given, "p")
    assert list(columns) == samples
    assert [columns[0], columns[-1]] == [samples[0], samples[-1]]
    assert columns[3:9] == samples[3:9]


def test_a_few_that_were_overtaken_are_put_in_their_places() -> None:
    samples = mixed(2000)
    given = samples.copy()
    for late in range(100, 1900, 130):
        given.insert(late + 9, given.pop(late))
        given.insert(late + 9, given.pop(late + 1))
    assert list(Columns.of(given, "p")) == samples


def test_what_the_verdict_asks() -> None:
    samples = mixed()
    columns = Columns.of(samples, "p")
    oks = [s for s in samples if s.ok]
    assert columns.failed == len(samples) - len(oks)
    assert columns.ok_took.tolist() == [s.done - s.fired for s in oks]
    places = {place for first, last in columns.failing() for place in range(first, last + 1)}
    assert places == {place for place, s in enumerate(samples) if not s.ok}
    assert columns.worst_lateness == 2
    assert columns.late(1) == bytes(s.fired - s.due > 1 for s in samples)
    assert list(columns.since(150)) == samples[2:]
    assert list(columns.between(100, 300)) == [1, 2, 3]
    assert columns.names_server
    assert columns.numbered_twice() is None
    assert columns.step(100) == 0


def test_jumps_gaps_and_doubles() -> None:
    columns = Columns.of([sample(0), sample(1), sample(9), sample(10)])
    assert list(columns.spaces(200)) == [(101, 900)]
    assert columns.step(100) == 0, "numbers are missing, but the ticks stand where they belong"
    moved = Columns.of(
        [
            sample(0),
            sample(1),
            Sample("p", 2, 950, 950, 951, "ok"),
            Sample("p", 3, 1050, 1050, 1051, "ok"),
        ]
    )
    assert moved.step(100) == 750
    assert Columns.of([sample(4), Sample("p", 4, 900, 900, 901, "ok")]).numbered_twice() == 4


def test_percentiles_are_of_successes() -> None:
    columns = Columns.of(
        [sample(n, took=n * 1000) for n in range(1, 101)]
        + [sample(200, took=10**9, outcome="timeout")]
    )
    assert [columns.ok_percentile(share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert Columns.of([]).ok_percentile(0.5) is None


@pytest.mark.parametrize(
    "column",
    [
        {0: ["1"]}, {1: [1.5]}, {2: [2**63]}, {3: [1]}, {1: [7]}, {4: [5]}, {5: [None]},
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_taken(column: dict[int, list[object]]) -> None:
    columns: list[list[object]] = [[0], [5], [6], [7], ["ok"], [""]]
    for place, values in column.items():
        columns[place] = values
    taken = Columns("p")
    with pytest.raises((TypeError, ValueError, OverflowError)):
        taken.extend(columns)
    assert len(taken) == 0


def test_outcomes_are_a_few_words() -> None:
    samples = [sample(n, outcome=f"made-up-{n}") for n in range(300)]
    with pytest.raises(ValueError, match="more than 256 kinds of outcome"):
        Columns.of(samples)


def test_samples_of_several_probes() -> None:
    samples = sorted(
        [*mixed(), *(sample(n, probe="q") for n in range(50))], key=lambda s: (s.fired, s.probe)
    )
    both = Samples.of(samples)
    assert both == tuple(samples)
    assert both != tuple(samples[1:])
    assert (len(both), both[0], both[-1]) == (350, samples[0], samples[-1])
    assert set(both.by_probe) == {"p", "q"}
    assert Samples.of(both) is both


@pytest.mark.parametrize(
    "windows",
    [[], [(0, 400)], [(1000, 1099), (5000, 6001)], [(29_000, 99_000)], [(0, 99_000)], [(7, 8)]],
)
def test_what_was_sent_outside_of_some_times(windows: list[tuple[int, int]]) -> None:
    samples = mixed()
    columns = Columns.of(samples, "p")
    rest = [s for s in samples if not any(a <= s.fired <= b for a, b in windows)]
    assert list(columns.outside(windows)) == rest
    assert list(columns) == samples
