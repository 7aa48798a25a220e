"""What tells a probe that looks from one that does not, at its edges."""

from dataclasses import replace

import pytest
from recordkit import WRITE, Kit

from kubedrill.base.model import Sample, VerdictKind
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


def test_a_clock_may_be_off_by_what_it_is_uncertain() -> None:
    """Offsets of a pod's clock are measured again and again.

    Within their uncertainty that is no step.
    """
    from recordkit import APP, CONTROL, DNS  # noqa: PLC0415

    from kubedrill.base.model import ClockOffset  # noqa: PLC0415

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
