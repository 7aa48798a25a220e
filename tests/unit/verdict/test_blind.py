"""A slow host is told from a slow cluster, and neither PASS nor FAIL rests on what nobody could
see.
"""

from dataclasses import replace

import pytest
from recordkit import CONTROL, DNS, WRITE, Kit, at

from kubedrill.base.model import NS
from kubedrill.base.results import VerdictKind
from kubedrill.core import recovery
from kubedrill.record.columns import Columns
from kubedrill.runner import drill_run
from kubedrill.verdict import judge
from kubedrill.verdict.blind import Windows, late_ticks, slow_host
from kubedrill.verdict.evidence import EXPECTED_CHECKS

PASS, FAIL, INCONCLUSIVE, ABORTED = VerdictKind


def slow_seconds(kit: Kit) -> float:
    return (
        sum(
            end - start
            for start, end in Windows(slow_host(Columns.of(kit.ticks["control"]), CONTROL))
        )
        / NS
    )


def verdict_of(kit: Kit) -> tuple[VerdictKind, str]:
    result = judge(kit.record())
    return result.verdict, result.reason


def test_a_quiet_host_is_never_slow() -> None:
    assert all(slow_seconds(Kit(lasts_s=60, seed=seed)) == 0 for seed in range(10))


@pytest.mark.parametrize(("took_s", "slow"), [(0.04, 0.0), (0.07, 1.2), (0.9, 2.0)])
def test_an_answer_slower_than_half_an_interval_is_slow(took_s: float, slow: float) -> None:
    """From the last prompt answer before to the first one after.

    Below that only many of them are.
    """
    kit = Kit().slow("control", 5, 5.9, took_s)  # 9 answers: one less than a tenth of 10 s
    kit.slow("control", 5.9, 6, took_s if took_s > 0.05 else 0.003)
    assert slow_seconds(kit) == pytest.approx(slow, abs=0.12 if took_s < 0.5 else 0.9)


def test_many_answers_that_waited_make_a_crowded_host() -> None:
    kit = Kit()
    for n in range(10):
        kit.slow("control", 5 + n, 5.05 + n, 0.015)
    assert slow_seconds(kit) == pytest.approx(9.0, abs=0.1)


def test_as_many_over_a_longer_time_do_not() -> None:
    kit = Kit(lasts_s=60)
    for n in range(25):
        kit.slow("control", 5 + 2 * n, 5.05 + 2 * n, 0.015)
    assert slow_seconds(kit) == 0


def test_slow_is_told_from_the_probes_own_fastest_answer() -> None:
    far = [replace(s, done=s.done + NS // 5) for s in Kit().ticks["control"]]
    assert list(slow_host(Columns.of(far), CONTROL)) == []
    assert list(slow_host(Columns.of([]), CONTROL)) == []


def test_long_intervals_do_not_excuse_slow_answers() -> None:
    """Half of ten seconds would be more than any request may take.

    A tenth of the timeout counts then.
    """
    spec = replace(CONTROL, interval_s=10.0)
    kit = Kit(spec, lasts_s=600).slow("control", 100, 110, 0.3)
    assert len(list(slow_host(Columns.of(kit.ticks["control"]), spec))) == 1


class TestOutage:
    def test_slow_host_proves_no_fail(self) -> None:
        assert verdict_of(Kit().fail("api-write", 6, 11))[0] is FAIL
        kit = Kit().fail("api-write", 6, 11, "timeout").slow("control", 5.5, 12.5, 0.2)
        verdict, reason = verdict_of(kit)
        assert verdict is INCONCLUSIVE
        assert "the harness host was slow" in reason

    @pytest.mark.parametrize("outcome", ["refused", "reset", "http-503", "wrong-answer"])
    def test_but_it_excuses_nothing_that_failed_at_once(self, outcome: str) -> None:
        kit = Kit().fail("api-write", 6, 11, outcome).slow("control", 5.5, 11.5, 0.2)
        assert verdict_of(kit)[0] is FAIL

    @pytest.mark.parametrize(("took_s", "called"), [(0.001, FAIL), (0.3, INCONCLUSIVE)])
    def test_nor_a_timeout_that_did_not_wait(self, took_s: float, called: VerdictKind) -> None:
        kit = Kit().fail("api-write", 6, 11, "timeout").slow("api-write", 6, 11, took_s)
        assert verdict_of(kit.slow("control", 5.5, 11.5, 0.2))[0] is called

    def test_one_slow_answer_of_a_rare_control_probe_blinds_for_its_own_time(self) -> None:
        rare = replace(CONTROL, interval_s=5.0)
        columns = Columns.of(Kit(rare, lasts_s=60).slow("control", 20, 21, 2.0).ticks["control"])
        blind = sum(end - start for start, end in Windows(slow_host(columns, rare))) / NS
        assert blind == pytest.approx(2 + 2 * rare.timeout_s, abs=0.1)

    def test_a_control_probe_that_failed_says_nothing_of_refusals_in_a_pod(self) -> None:
        """The harness's own network is on the way of probes outside only."""
        kit = Kit(WRITE, DNS, CONTROL).fail("control", 6, 11)
        assert verdict_of(kit.fail("dns-pod", 6, 11))[0] is FAIL
        kit = Kit(WRITE, DNS, CONTROL).fail("control", 6, 11)
        assert verdict_of(kit.fail("api-write", 6, 11))[0] is INCONCLUSIVE
        kit = Kit(WRITE, DNS, CONTROL).fail("control", 6, 11)
        assert verdict_of(kit.fail("dns-pod", 6, 11, "timeout"))[0] is INCONCLUSIVE

    def test_a_slow_host_takes_no_pass_away_whose_ticks_were_on_time(self) -> None:
        kit = Kit().fail("api-write", 6, 6.5)
        assert verdict_of(kit)[0] is PASS
        assert verdict_of(kit.slow("control", 5.5, 9, 0.2))[0] is PASS

    def test_but_a_pass_when_it_is_shorter(self) -> None:
        assert verdict_of(Kit().fail("api-write", 6, 6.5).slow("control", 6, 6.5, 0.2))[0] is PASS

    def test_one_slow_answer_does_not_hide_a_long_outage(self) -> None:
        assert verdict_of(Kit().fail("api-write", 6, 11).slow("control", 7, 7.1, 0.2))[0] is FAIL

    def test_failed_requests_of_blind_time_break_no_count(self) -> None:
        kit = Kit().fail("api-write", 6, 6.5, "timeout").slow("control", 5.5, 7, 0.2)
        kit.limits = [replace(kit.limits[0], max_failed=0)]
        verdict, reason = verdict_of(kit)
        assert verdict is INCONCLUSIVE
        assert "not all of them can be laid to the cluster" in reason

    def test_a_host_that_was_slow_most_of_the_time_proves_nothing(self) -> None:
        kit = Kit().slow("control", 0, 12, 0.2).fail("api-write", 14, 18, "timeout")
        assert verdict_of(kit)[0] is INCONCLUSIVE
        kit = Kit()
        kit.ticks["control"] = [
            replace(s, done=s.done + (s.seq % 20 > 7) * NS // 5) for s in kit.ticks["control"]
        ]
        assert verdict_of(kit)[0] is PASS, "nothing failed, though all probes looked"

    def test_late_ticks_are_blind_as_well(self) -> None:
        verdict, reason = verdict_of(Kit().fail("api-write", 7, 7.5).late("api-write", 6, 10, 0.06))
        assert verdict is INCONCLUSIVE
        assert "4.0 s of blind time" in reason
        assert verdict_of(Kit().fail("api-write", 7, 7.5).late("api-write", 6, 10, 0.04))[0] is PASS

    @pytest.mark.parametrize(("outcome", "called"), [("timeout", INCONCLUSIVE), ("refused", FAIL)])
    def test_a_prober_that_stood_still_cannot_say_that_none_came(
        self, outcome: str, called: VerdictKind
    ) -> None:
        """A tick that is fired on time waits in vain while its prober stands still.

        A refusal is an answer.
        """
        kit = Kit().fail("api-write", 7, 7.1, outcome).late("api-write", 7.1, 7.3, 0.06)
        kit.limits = [replace(kit.limits[0], max_failed=0)]
        assert verdict_of(kit)[0] is called

    def test_but_one_that_was_late_for_a_moment_can(self) -> None:
        kit = Kit().fail("api-write", 7, 7.1, "timeout").late("api-write", 7.1, 7.2, 0.06)
        kit.limits = [replace(kit.limits[0], max_failed=0)]
        assert verdict_of(kit)[0] is FAIL

    def test_a_late_tick_does_not_hide_a_long_outage_of_requests_that_wait(self) -> None:
        assert (
            verdict_of(Kit().fail("api-write", 6, 12, "timeout").late("api-write", 7, 7.2, 0.06))[0]
            is FAIL
        )


def test_late_ticks_are_blind_from_when_the_first_was_due() -> None:
    kit = Kit().late("api-write", 6, 7, 0.06)
    [(start, end)] = late_ticks(Columns.of(kit.ticks["api-write"]), WRITE)
    assert (start, end) == (at(6), pytest.approx(at(6.96), abs=NS // 100))
    [(start, end)] = late_ticks(
        Columns.of(Kit().late("api-write", 19, 20, 0.06).ticks["api-write"]), WRITE
    )
    assert (start, end) == (at(19), pytest.approx(at(19.96), abs=NS // 100))


def test_windows() -> None:
    windows = Windows([(8, 9), (1, 3), (2, 5)])
    assert list(windows) == [(1, 5), (8, 9)]
    assert [windows.overlaps(*at_) for at_ in ((0, 0), (0, 1), (5, 7), (6, 7), (6, 20), (10,
    11))] == [
        False, True, True, False, True, False,
    ]  # fmt: skip
    assert windows.widened(6, 7) == (6, 7)
    assert windows.widened(4, 8) == (1, 9)
    assert windows.share(0, 10) == 0.5
    assert Windows([]).share(5, 5) == 0.0


def test_the_runner_writes_the_checks_that_the_verdict_expects() -> None:
    """The verdict cannot import the runner: this keeps the two the same."""
    import inspect  # noqa: PLC0415

    source = inspect.getsource(drill_run) + inspect.getsource(recovery)
    assert all(f"CheckId.{each.name}" in source for each in EXPECTED_CHECKS)
