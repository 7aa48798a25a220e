"""Bounds of an outage: never finer than the tick, never more than the samples say."""

import pytest
from recordkit import APP, WRITE, Kit, at

from kubedrill.base.model import NS, Sample
from kubedrill.record.columns import Columns
from kubedrill.verdict import judge, outages
from kubedrill.verdict.outages import Run


def find_runs(samples: list[Sample]) -> list[Run]:
    return outages.find_runs(Columns.of(samples))


def tick(seq: int, outcome: str = "ok", *, took: float = 0.01) -> Sample:
    fired = round(seq * 0.1 * NS)
    return Sample("p", seq, fired, fired, fired + round(took * NS), outcome)


def test_bounds_reach_from_the_last_success_to_the_next_one() -> None:
    [run] = find_runs([tick(0), tick(1), tick(2, "refused"), tick(3, "refused"), tick(4), tick(5)])
    assert run.shortest == pytest.approx(0.1 * NS)
    assert run.lower == tick(1).fired
    assert run.upper == tick(4).done
    assert not run.open_start
    assert not run.open_end


def test_a_single_failure_was_an_outage_of_at_most_two_ticks() -> None:
    [run] = find_runs([tick(0), tick(1, "timeout"), tick(2)])
    assert run.shortest == 0
    assert run.upper - run.lower == pytest.approx(0.21 * NS)


def test_no_failure_is_no_outage() -> None:
    assert find_runs([tick(i) for i in range(5)]) == []
    assert find_runs([]) == []


def test_outage_at_the_edges_is_open() -> None:
    [start] = find_runs([tick(0, "refused"), tick(1, "refused"), tick(2)])
    assert (start.open_start, start.open_end) == (True, False)
    [end] = find_runs([tick(0), tick(1, "timeout", took=1.0), tick(2, "refused")])
    assert (end.open_start, end.open_end) == (False, True)
    assert end.upper == tick(1, took=1.0).done, (
        "a request that still hung after the last one was sent"
    )


def test_an_ok_in_flight_as_the_failure_was_sent_does_not_bound_the_start() -> None:
    """Sent before, answered after: it may have been served when the outage was over."""
    [run] = find_runs(
        [tick(0), tick(1, took=0.35), tick(2, "refused"), tick(3, "refused"), tick(4)]
    )
    assert run.lower == tick(0).fired


def test_the_earliest_answer_bounds_the_end() -> None:
    [run] = find_runs([tick(0), tick(1, "refused"), tick(2, took=0.9), tick(3), tick(4)])
    assert run.upper == tick(3).done


def test_a_hanging_ok_parts_what_is_proven_but_not_what_is_possible() -> None:
    samples = [
        tick(0),
        *[tick(i, "refused") for i in (1, 2, 3)],
        tick(4, took=0.5),
        *[tick(i, "reset") for i in (5, 6)],
    ]
    [run] = find_runs([*samples, tick(7)])
    assert run.shortest == pytest.approx(0.2 * NS)
    assert run.upper - run.lower == pytest.approx(0.71 * NS)
    assert len(run.failures) == 5


def test_an_ok_that_was_answered_in_between_parts_two_outages() -> None:
    runs = find_runs([tick(0), tick(1, "refused"), tick(2), tick(3, "refused"), tick(4)])
    assert len(runs) == 2


def test_order_of_sending_counts_not_the_order_of_answers() -> None:
    kit = Kit().fail("api-write", 6.0, 6.5, "timeout")
    record = kit.record()
    shuffled = sorted(record.samples, key=lambda s: s.done)
    again = type(record)(
        **{f: getattr(record, f) for f in record.__slots__} | {"samples": tuple(shuffled)}
    )
    assert judge(again) == judge(record)


def test_overlapping_timeouts_do_not_lengthen_the_outage_by_the_timeout() -> None:
    """Five requests of 1 s each hang at once.

    The service was out for half a second, not for one and a half.
    """
    [outage] = judge(Kit().fail("api-write", 6.0, 6.5, "timeout").record()).outages
    assert outage.failed == 5
    assert outage.shortest_s == pytest.approx(0.4, abs=0.01)
    assert outage.longest_s == pytest.approx(0.6, abs=0.02)
    assert outage.outcomes == {"timeout": 5}


def test_the_clock_of_another_vantage_widens_the_longest_bound() -> None:
    from recordkit import CONTROL, DNS  # noqa: PLC0415

    kit = Kit(DNS, APP, CONTROL).fail("dns-pod", 6.0, 6.5).fail("app-nodeport-new", 6.0, 6.5)
    inside, outside = sorted(judge(kit.record()).outages, key=lambda o: o.probe, reverse=True)
    assert inside.longest_s == pytest.approx(outside.longest_s + 0.002, abs=0.005)
    kit.clocks = []
    assert "clock was never compared" in judge(kit.record()).reason


def test_partial_failure_is_told_as_short_outages_and_one_degraded_span() -> None:
    """One of three endpoints is dead: every third request fails."""
    verdict = judge(Kit(lasts_s=30).fail("app-nodeport-new", 6.0, 12.0, every=3).record())
    assert len(verdict.outages) == 20
    assert all(o.longest_s < 0.25 for o in verdict.outages)
    [summary] = [p for p in verdict.probes if p.probe == "app-nodeport-new"]
    assert summary.failed == 20
    assert summary.availability == pytest.approx(1 - 20 / 300)
    assert summary.degraded_from == pytest.approx(at(6.0), abs=0.01 * NS)
    assert summary.degraded_to == pytest.approx(at(11.7), abs=0.01 * NS)


def test_probes_are_told_apart_only_where_several_are_of_a_kind() -> None:
    from kubedrill.verdict.wording import bounds, probe_names  # noqa: PLC0415

    assert probe_names([WRITE, APP]) == {
        "api-write": "API writes",
        "app-nodeport-new": "the app over HTTP",
    }
    assert bounds(0.8, 1.04) == "0.8\N{EN DASH}1.0 s"
