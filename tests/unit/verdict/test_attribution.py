"""All steps that may be why a request failed, and none that cannot be."""

from __future__ import annotations

import gc
import random
from time import process_time

import pytest

from kubedrill.base.model import NS, Sample, Span
from kubedrill.verdict.attribution import AFTER, BEFORE, LANES, Steps, during


def span(lane: str, host: str, name: str, start: float, end: float) -> Span:
    return Span(lane, host, name, round(start * NS), round(end * NS))


def failure(fired: float, took: float = 0.0) -> Sample:
    begin = round(fired * NS)
    return Sample("api", 0, begin, begin, begin + round(took * NS), "timeout")


def of(spans: list[Span], fired: float, took: float = 0.0) -> str:
    return Steps(spans, 100 * NS).of(failure(fired, took))


TWO = [span("ansible", "cp1", "etcd", 1, 5), span("ansible", "w1", "drain", 2, 6)]


@pytest.mark.parametrize(
    ("fired", "took", "expected"),
    [
        (0.5, 0, BEFORE),
        (0.5, 1, "cp1: etcd"),
        (1.5, 0, "cp1: etcd"),
        (1.5, 1, "cp1: etcd or w1: drain"),
        (1.95, 0.08, "cp1: etcd"),  # refused at once
        (3, 0, "w1: drain or cp1: etcd"),
        (5.5, 0, "w1: drain"),
        (7, 1, "after w1: drain"),
    ],
)
def test_tasks_of_several_hosts_that_overlap(fired: float, took: float, expected: str) -> None:
    assert of(TWO, fired, took) == expected


def test_a_step_around_others_is_no_candidate_of_its_own() -> None:
    spans = [span("step", "cluster", "upgrade", 1, 9), span("step", "cp1", "swap", 2, 4)]
    assert of(spans, 3) == "cp1: swap"
    assert of([*spans, span("step", "w1", "drain", 1.5, 3.5)], 3) == "cp1: swap or w1: drain"


def test_a_fault_of_no_length() -> None:
    spans = [span("fault", "cp1", "process killed", 5, 5)]
    assert of(spans, 4.5, 1) == "cp1: process killed"
    assert of(spans, 5) == "cp1: process killed"
    assert of(spans, 4, 0.5) == BEFORE
    assert of(spans, 6) == "after cp1: process killed"


def test_more_candidates_than_are_named() -> None:
    spans = [span("ansible", f"w{n}", f"task {n}", 1, 5 + n) for n in range(1, 6)]
    assert of(spans, 3) == "w1: task 1 or w2: task 2 or w3: task 3 or 2 more"
    assert of([span("ansible", f"w{n}", "kubelet", 1, 5) for n in range(5)], 3) == (
        "5 hosts: kubelet"
    )


def test_an_outage_over_several_steps_has_the_share_of_each() -> None:
    assert during({"a": 1, "b": 5, "c": 2, "d": 1}) == (
        "during b (5 of 9), c (2 of 9), a (1 of 9) and 1 more"
    )


@pytest.mark.parametrize("seed", range(100))
def test_no_candidate_is_invented_and_none_on_another_host_left_out(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - made-up spans
    spans = []
    for number in range(12):
        start = rng.randrange(20)
        length = rng.choice([0, 1, 3, 8])
        host = rng.choice(["cp1", "cp2", "w1"])
        spans.append(span(rng.choice(LANES), host, f"s{number}", start, start + length))
    for _ in range(50):
        fired, took = rng.randrange(25) + 0.5, rng.choice([0.0, 1.0, 4.0])
        label = of(spans, fired, took)
        met = [s for s in spans if s.start <= (fired + took) * NS and (s.end or 0) >= fired * NS]
        if label == BEFORE:
            assert all(s.start > fired * NS for s in spans)
        elif label.startswith(AFTER):
            assert not met
        else:
            named = label.split(" or ")
            assert set(named) <= {f"{s.subject}: {s.name}" for s in met} | {named[-1]}
            assert named[-1].endswith(" more") or len(named) <= 3


@pytest.mark.parametrize("seed", range(100))
def test_each_host_names_the_step_that_began_last_on_it(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - made-up spans
    spans = []
    for number in range(10):
        start = rng.randrange(20)
        host = rng.choice(["cp1", "cp2", "w1"])
        length = rng.choice([1, 3, 8])
        spans.append(span("ansible", host, f"s{number}", start + number / 100, start + length))
    for tenth in range(3, 280, 10):
        active = [s for s in spans if s.start <= tenth * NS / 10 < (s.end or 0)]
        last = {s.subject: s for s in sorted(active, key=lambda s: s.start)}
        if active:
            expected = {f"{s.subject}: {s.name}" for s in last.values()}
            assert set(of(spans, tenth / 10).split(" or ")) == expected


def upgrade_of(nodes: int) -> list[Span]:
    """Twenty tasks, each begun on all nodes within a second."""
    rng = random.Random(1)  # noqa: S311 - made-up spans
    return [
        span("ansible", f"n{node}", f"task {task}", start, start + 8)
        for task in range(20)
        for node in range(nodes)
        for start in [task * 10 + rng.random()]
    ]


def test_the_cost_grows_with_the_nodes_and_not_with_their_square() -> None:
    failures = [failure(n / 10, 1.0) for n in range(2000)]

    def seconds(nodes: int) -> float:
        spans = upgrade_of(nodes)
        gc.disable()  # it looks at all that earlier tests left, the more often the more is made
        try:
            begin = process_time()
            counts = Steps(spans, 300 * NS).count(failures)
            taken = process_time() - begin
        finally:
            gc.enable()
        assert sum(counts.values()) == 2000
        return taken

    assert min(seconds(1000) for _ in range(2)) < 8 * min(seconds(250) for _ in range(2))


def test_a_task_that_spreads_over_many_hosts_is_one_candidate() -> None:
    assert of(upgrade_of(100), 20.0, 1.0) == "100 hosts: task 2"
    assert of(upgrade_of(100), 27.5, 1.0) == "100 hosts: task 2"


def test_a_step_that_moves_from_host_to_host_is_one_candidate() -> None:
    spans = [span("ansible", "cp2", "read", 1, 3), span("ansible", "cp3", "read", 2, 4)]
    assert of(spans, 1.5, 2.0) == "cp2, cp3: read"
    others = [span("ansible", f"w{n}", "read", 3 + n, 3.5 + n) for n in range(3)]
    assert of([*spans, *others], 1.5, 4.0) == "5 hosts: read"
