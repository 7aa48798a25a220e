"""What tells a probe that looks from one that does not, at its edges."""

from dataclasses import replace

import pytest
from recordkit import APP, CONTROL, DNS, WRITE, Kit, at

from kubedrill.base.model import ClockOffset, Sample
from kubedrill.base.results import VerdictKind
from kubedrill.verdict import judge

PASS, FAIL, INCONCLUSIVE, ABORTED = VerdictKind


def verdict_of(kit: Kit) -> VerdictKind:
    return judge(kit.record()).verdict


def taking(kit: Kit, took: list[int]) -> Kit:
    """Let the API's answers take so many ns, in turn."""
    ticks = kit.ticks["api-write"]
    kit.ticks["api-write"] = [
        replace(s, done=s.fired + took[n % len(took)]) for n, s in enumerate(ticks)
    ]
    return kit


@pytest.mark.parametrize(
    ("took", "verdict"),
    [
        ([3_000_000], INCONCLUSIVE),
        ([3_000_000, 3_000_001], PASS),
        ([3_000_000, 3_000_000, 3_000_000, 4_100_000, 4_200_000], INCONCLUSIVE),
        (list(range(3_000_000, 3_000_150)), PASS),
        ([9_000, 9_100, 9_200], INCONCLUSIVE),
        ([11_000, 12_000, 13_000], PASS),
    ],
)
def test_the_time_that_answers_take(took: list[int], verdict: VerdictKind) -> None:
    assert verdict_of(taking(Kit(), took)) is verdict


@pytest.mark.parametrize(("last_s", "verdict"), [(1.9, PASS), (2.1, INCONCLUSIVE)])
def test_an_answer_after_the_probe_gave_up(last_s: float, verdict: VerdictKind) -> None:
    assert verdict_of(Kit().slow("api-write", 9, 9.1, last_s)) is verdict


@pytest.mark.parametrize(("late", "verdict"), [(10.0, PASS), (10.1, INCONCLUSIVE)])
def test_how_many_ticks_may_be_late(late: float, verdict: VerdictKind) -> None:
    assert verdict_of(Kit().late("api-write", 0, late, 0.06)) is verdict


@pytest.mark.parametrize(("by_ns", "verdict"), [(49_000_000, PASS), (51_000_000, INCONCLUSIVE)])
def test_how_far_ticks_may_jump(by_ns: int, verdict: VerdictKind) -> None:
    kit = Kit()

    def moved(s: Sample) -> Sample:
        return (
            replace(s, due=s.due + by_ns, fired=s.fired + by_ns, done=s.done + by_ns)
            if s.seq > 100
            else s
        )

    kit.ticks["api-write"] = [moved(s) for s in kit.ticks["api-write"]]
    assert verdict_of(kit) is verdict


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [(7.0, INCONCLUSIVE), (9.0, INCONCLUSIVE), (9.2, PASS), (10.8, PASS), (12.0, INCONCLUSIVE)],
)
def test_how_often_a_probe_must_ask(rate: float, verdict: VerdictKind) -> None:
    kit = Kit()
    first = kit.ticks["api-write"][0].due

    def moved(s: Sample) -> Sample:
        by = round(s.seq * 1e9 / rate) - (s.due - first)
        return replace(s, due=s.due + by, fired=s.fired + by, done=s.done + by)

    kit.ticks["api-write"] = [moved(s) for s in kit.ticks["api-write"]]
    kit.ended_s = max(20, 200 / rate)
    assert verdict_of(kit) is verdict


@pytest.mark.parametrize(
    ("interval_s", "limit_s", "verdict"),
    [
        (0.1, 0.0, PASS),
        (0.5, 0.5, PASS),
        (1.0, 1.0, PASS),
        (1.1, 1.0, INCONCLUSIVE),
        (2.0, 1.0, INCONCLUSIVE),
        (2.0, 2.0, PASS),
    ],
)
def test_an_outage_over_the_limit_must_not_fit_between_two_ticks(
    interval_s: float, limit_s: float, verdict: VerdictKind
) -> None:
    kit = Kit(replace(WRITE, interval_s=interval_s), CONTROL, lasts_s=60, limit_s=limit_s)
    kit.header = replace(kit.header, min_samples=10)
    kit.spans = [replace(kit.spans[0], start=at(25), end=at(35))]
    assert verdict_of(kit) is verdict


@pytest.mark.parametrize(("uncertain_s", "verdict"), [(4.9, PASS), (5.1, INCONCLUSIVE)])
def test_how_uncertain_a_clock_may_be_where_nothing_failed(
    uncertain_s: float, verdict: VerdictKind
) -> None:
    kit = Kit(WRITE, DNS, CONTROL)
    kit.clocks = [ClockOffset("inside", 0, round(uncertain_s * 1e9))]
    assert verdict_of(kit) is verdict


def test_a_clock_may_be_off_by_what_it_is_uncertain() -> None:
    """Offsets of a pod's clock are measured again and again.

    Within their uncertainty that is no step.
    """
    kit = Kit(DNS, APP, WRITE, CONTROL)
    kit.ticks["dns-pod"] = [
        replace(s, due=s.due + 60_000_000, fired=s.fired + 60_000_000, done=s.done + 60_000_000)
        if s.seq > 100
        else s
        for s in kit.ticks["dns-pod"]
    ]
    assert verdict_of(kit) is INCONCLUSIVE
    kit.clocks = [
        ClockOffset("inside", 0, 5_000_000),
        ClockOffset("inside", 60_000_000, 30_000_000),
    ]
    assert verdict_of(kit) is PASS
