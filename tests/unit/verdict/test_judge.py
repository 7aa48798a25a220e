"""Missing data is never a pass; a FAIL needs evidence that is sound."""

from dataclasses import replace
from pathlib import Path

import pytest
from recordkit import APP, CONTROL, WRITE, Kit, at

from kubedrill.base.model import STEADY, Check, CheckId, Event, OutageLimit, Sample
from kubedrill.base.results import VerdictKind
from kubedrill.record import read_record
from kubedrill.verdict import judge

RECORDS = Path(__file__).parents[2] / "records"
PASS, FAIL, INCONCLUSIVE, ABORTED = VerdictKind


@pytest.mark.parametrize(
    ("name", "verdict", "reason"),
    [
        ("good", PASS, "every outage stayed within its limit"),
        (
            "bad",
            FAIL,
            (
                "the app over HTTP out for 4.9\N{EN DASH}5.1 s, 50 failed during cp1: power cut, "
                "limit "
                "2 s"
            ),
        ),
        (
            "inconclusive",
            INCONCLUSIVE,
            "the control probe outside the cluster failed at the same time",
        ),
        ("cut-short", INCONCLUSIVE, "the record stops without an end"),
    ],
)
def test_saved_records(name: str, verdict: VerdictKind, reason: str) -> None:
    result = judge(read_record(RECORDS / f"{name}.jsonl"))
    assert result.verdict is verdict
    assert reason in result.reason


def verdict_of(kit: Kit) -> tuple[VerdictKind, str]:
    result = judge(kit.record())
    return result.verdict, result.reason


def test_nothing_failed_passes() -> None:
    assert verdict_of(Kit()) == (PASS, "not one request failed and 3 checks passed")


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [(0.3, FAIL), (0.38, FAIL), (0.45, INCONCLUSIVE), (0.58, INCONCLUSIVE), (0.65, PASS)],
)
def test_limit_against_bounds(limit: float, verdict: VerdictKind) -> None:
    """Five failures at 10 Hz are [0.4, 0.6] s.

    Below is FAIL, above PASS, between is not decided.
    """
    assert verdict_of(Kit(limit_s=limit).fail("api-write", 6.0, 6.5))[0] is verdict


@pytest.mark.parametrize(("allowed", "verdict"), [(4, FAIL), (5, PASS), (None, PASS)])
def test_number_of_failed_requests(allowed: int | None, verdict: VerdictKind) -> None:
    kit = Kit().fail("api-write", 6.0, 6.5)
    kit.limits = [OutageLimit("*", 2.0, 0.5, (), allowed)]
    assert verdict_of(kit)[0] is verdict


def test_one_failed_request_breaks_a_limit_of_none() -> None:
    kit = Kit().fail("api-write", 6.0, 6.1)
    kit.limits = [OutageLimit("*", 0.5, 0.0, (), 0)]
    verdict, reason = verdict_of(kit)
    assert verdict is FAIL
    assert "1 of 400 requests of * failed, 0 allowed" in reason


@pytest.mark.parametrize(
    ("every", "lasted", "allowed", "outcome", "verdict"),
    [
        (3, 6, None, "refused", FAIL),
        (3, 1.5, None, "refused", PASS),
        (3, 6, 20, "refused", PASS),
        (3, 6, 19, "refused", FAIL),
        (12, 12, None, "timeout", PASS),
        (12, 12, None, "refused", FAIL),
        (12, 12, 10, "refused", PASS),
        (60, 12, None, "refused", PASS),
    ],
)
def test_failing_again_and_again(
    every: int, lasted: float, *, allowed: int | None, outcome: str, verdict: VerdictKind
) -> None:
    """Many short outages within a timeout of each other may last as long as one, unless their
    count is bounded. Refusals too far apart to be one may be one in a hundred.
    """
    kit = Kit().fail("api-write", 6.0, 6.0 + lasted, outcome, every=every)
    kit.limits = [OutageLimit("*", 2.0, 0.5, (), allowed)]
    assert verdict_of(kit)[0] is verdict


def test_first_limit_that_matches_a_probe_counts() -> None:
    kit = Kit().fail("api-write", 6.0, 6.5)
    kit.limits = [OutageLimit("api-*", 2.0, 0.5), OutageLimit("*", 0.1, 0.0)]
    assert verdict_of(kit)[0] is PASS
    kit.limits.reverse()
    assert verdict_of(kit)[0] is FAIL


def test_an_outage_outside_any_fault_counts_too() -> None:
    kit = Kit().fail("api-write", 16.0, 18.5)
    result = judge(kit.record())
    assert result.verdict is FAIL
    assert result.outages[0].step == "after cp1: power cut"
    assert "2.4\N{EN DASH}2.6 s, 25 failed after cp1: power cut" in result.reason
    assert judge(Kit().fail("api-write", 2.0, 2.5).record()).outages[0].step == "before any step"


class TestSteadyState:
    """Nothing was broken before it, so nothing that failed before it is the drill's."""

    def steady(self, since_s: float) -> Kit:
        kit = Kit().fail("api-write", 0.5, 3.1)
        kit.events.append(Event(STEADY, "probes", "every probe is answered", at(since_s)))
        return kit

    def test_failures_before_it_are_told_and_not_judged(self) -> None:
        result = judge(self.steady(3.5).record())
        assert result.verdict is PASS, result.reason
        assert result.outages == ()
        assert result.attributed == ("before the steady state, not judged: API writes: 26 failed",)

    def test_failures_after_it_are_judged(self) -> None:
        assert judge(self.steady(0.4).record()).verdict is FAIL

    def test_without_it_everything_is_judged(self) -> None:
        assert judge(Kit().fail("api-write", 0.5, 3.1).record()).verdict is FAIL

    def test_it_cannot_be_told_once_something_was_broken(self) -> None:
        kit = Kit().fail("api-write", 6.0, 8.5)
        kit.events.append(Event(STEADY, "probes", "every probe is answered", at(9.0)))
        assert judge(kit.record()).verdict is FAIL

    def test_answers_before_it_prove_nothing(self) -> None:
        verdict, reason = verdict_of(self.steady(4.75))
        assert verdict is INCONCLUSIVE
        assert "answers before the cluster was touched" in reason


class TestMissingDataIsNeverAPass:
    def test_probe_without_samples(self) -> None:
        kit = Kit()
        kit.ticks["api-write"] = []
        assert verdict_of(kit) == (INCONCLUSIVE, "probe api-write has no samples")

    def test_objective_without_data_is_not_dropped_from_the_score(self) -> None:
        """Krkn drops it; here a limit about a probe that is not there is not kept."""
        kit = Kit()
        kit.limits.append(OutageLimit("dns-*", 1.0, 0.5))
        assert "dns-* matches no probe" in verdict_of(kit)[1]
        assert verdict_of(kit)[0] is INCONCLUSIVE

    def test_probe_with_too_few_samples(self) -> None:
        kit = Kit()
        kit.header = replace(kit.header, min_samples=201)
        assert verdict_of(kit)[0] is INCONCLUSIVE

    def test_gap(self) -> None:
        verdict, reason = verdict_of(Kit().drop("api-write", 8.0, 9.2))
        assert verdict is INCONCLUSIVE
        assert "probe api-write has 1 gap in its samples, the longest 1.3 s" in reason

    def test_lost_requests(self) -> None:
        verdict, reason = verdict_of(Kit().drop("api-write", 8.0, 8.3))
        assert verdict is INCONCLUSIVE
        assert "lost 3 requests" in reason

    def test_last_requests_may_be_under_way_as_the_probe_stops(self) -> None:
        assert verdict_of(Kit().drop("api-write", 19.4, 19.9))[0] is PASS

    def test_probe_that_died(self) -> None:
        verdict, reason = verdict_of(Kit().drop("api-write", 11.0, 20.0))
        assert verdict is INCONCLUSIVE
        assert "probe api-write stopped 4.1 s before" in reason

    def test_no_steady_state_before_the_fault(self) -> None:
        verdict, reason = verdict_of(Kit().drop("api-write", 0.0, 5.0))
        assert verdict is INCONCLUSIVE
        assert "saw 0 answers before the cluster was touched" in reason

    def test_probe_that_never_succeeded_proves_nothing(self) -> None:
        verdict, reason = verdict_of(Kit().fail("api-write", 0.0, 20.0))
        assert verdict is not PASS
        assert "never succeeded" in " ".join(
            f.text for f in judge(Kit().fail("api-write", 0, 20).record()).findings
        )
        assert reason

    def test_late_ticks_around_an_outage_widen_it(self) -> None:
        kit = Kit(limit_s=0.7).fail("api-write", 6.0, 6.5)
        assert verdict_of(kit)[0] is PASS
        assert verdict_of(kit.late("api-write", 6.2, 6.3, 0.15))[0] is INCONCLUSIVE

    def test_late_failures_prove_no_fail(self) -> None:
        kit = Kit(limit_s=1.0).fail("api-write", 6.0, 9.0)
        assert verdict_of(kit)[0] is FAIL
        assert verdict_of(kit.late("api-write", 6.0, 9.0, 0.08))[0] is INCONCLUSIVE

    def test_outage_that_had_not_ended(self) -> None:
        verdict, reason = verdict_of(Kit(limit_s=5).fail("api-write", 18.0, 20.0))
        assert verdict is INCONCLUSIVE
        assert "had not ended" in reason

    def test_outage_from_before_the_first_tick(self) -> None:
        """Over before the drill began: what was seen is judged.

        Not over by then: nobody knows how long it was.
        """
        assert verdict_of(Kit().fail("api-write", 0.0, 1.0))[0] is PASS
        assert verdict_of(Kit().fail("api-write", 0.0, 3.0))[0] is FAIL
        assert verdict_of(Kit(limit_s=9).fail("api-write", 0.0, 6.0))[0] is INCONCLUSIVE

    def test_probe_without_a_limit_that_failed(self) -> None:
        kit = Kit().fail("app-nodeport-new", 6.0, 6.1)
        kit.limits = [OutageLimit("api-*", 1.0, 0.5)]
        assert "no outage limit covers probe app-nodeport-new" in verdict_of(kit)[1]

    @pytest.mark.parametrize("what", ["limits", "checks", "spans"])
    def test_empty_lists(self, what: str) -> None:
        kit = Kit()
        setattr(kit, what, [])
        assert verdict_of(kit)[0] is INCONCLUSIVE

    def test_no_end_line(self) -> None:
        kit = Kit()
        kit.ended = ""
        assert verdict_of(kit) == (
            INCONCLUSIVE,
            "the record stops without an end: the harness was killed",
        )

    def test_samples_of_an_unknown_probe(self) -> None:
        kit = Kit()
        kit.ticks["other"] = [Sample("other", 0, at(1), at(1), at(1.1), "timeout")]
        assert "probe other, which the header does not list" in verdict_of(kit)[1]


class TestControlProbe:
    def test_fails_with_the_app(self) -> None:
        """One probe host's own failure is not blamed on the cluster (OpenShift's trap)."""
        kit = Kit().fail("app-nodeport-new", 6.0, 11.0).fail("control", 5.9, 11.1)
        verdict, reason = verdict_of(kit)
        assert verdict is INCONCLUSIVE
        assert "control probe" in reason

    def test_also_when_the_outage_was_within_its_limit(self) -> None:
        assert (
            verdict_of(Kit().fail("api-write", 6.0, 6.5).fail("control", 6.2, 6.3))[0]
            is INCONCLUSIVE
        )

    def test_at_another_time_does_not_matter(self) -> None:
        assert verdict_of(Kit().fail("api-write", 6.0, 6.5).fail("control", 9.0, 9.5))[0] is PASS

    def test_a_short_blip_does_not_hide_a_long_outage(self) -> None:
        assert verdict_of(Kit().fail("api-write", 6.0, 11.0).fail("control", 6.0, 6.2))[0] is FAIL

    def test_blind_control_probe_proves_no_fail(self) -> None:
        assert (
            verdict_of(Kit().fail("api-write", 6.0, 11.0).drop("control", 5.5, 11.5))[0]
            is INCONCLUSIVE
        )

    def test_without_one_nothing_is_proven(self) -> None:
        assert verdict_of(Kit(WRITE, APP).fail("api-write", 6.0, 11.0))[0] is INCONCLUSIVE
        assert verdict_of(Kit(WRITE, APP))[0] is INCONCLUSIVE

    def test_failed_requests_beside_its_own_do_not_break_a_count(self) -> None:
        kit = (
            Kit().fail("api-write", 6.0, 6.5).fail("api-write", 9.0, 9.2).fail("control", 5.9, 6.6)
        )
        kit.limits = [OutageLimit("*", 2.0, 0.5, (), 4)]
        assert verdict_of(kit)[0] is INCONCLUSIVE
        assert "not all of them can be laid to the cluster" in verdict_of(kit)[1]
        kit.limits = [OutageLimit("*", 2.0, 0.5, (), 1)]
        assert verdict_of(kit)[0] is FAIL

    def test_its_own_failures_are_not_the_clusters(self) -> None:
        result = judge(Kit(WRITE, CONTROL).fail("control", 6.0, 6.5).record())
        assert (result.failed, result.outages) == (0, ())


class TestChecks:
    def test_false_fails(self) -> None:
        kit = Kit()
        kit.checks.append(
            Check("no leftovers", False, "w1 is cordoned", "no node cordoned", CheckId.NO_LEFTOVERS)
        )
        assert verdict_of(kit) == (
            FAIL,
            "no leftovers: found w1 is cordoned, expected no node cordoned",
        )

    def test_unknown_is_inconclusive(self) -> None:
        kit = Kit()
        kit.checks.append(
            Check(
                "healthy after",
                None,
                "the API did not answer",
                "nothing wrong",
                CheckId.HEALTHY_AFTER,
            )
        )
        assert verdict_of(kit)[0] is INCONCLUSIVE

    def test_a_later_result_of_the_same_name_does_not_hide_the_first(self) -> None:
        """Krkn's trap: a result overwritten by a later scenario, exit 0."""
        kit = Kit()
        kit.checks = [
            Check("healthy after", False, "etcd has 2 members", "3", CheckId.HEALTHY_AFTER),
            Check("healthy after", True, "3", "3", CheckId.HEALTHY_AFTER),
        ]
        assert verdict_of(kit)[0] is FAIL


class TestEnding:
    @pytest.mark.parametrize("ended", ["aborted", "interrupted"])
    def test_stopped_is_aborted_even_if_a_limit_was_broken(self, ended: str) -> None:
        kit = Kit().fail("api-write", 6.0, 11.0)
        kit.ended, kit.reason = ended, "Ctrl-C"
        assert verdict_of(kit) == (ABORTED, f"the drill was {ended}: Ctrl-C")

    def test_drill_that_never_began_is_aborted_and_its_reason_is_one_line(self) -> None:
        kit = Kit()
        kit.header = replace(kit.header, probes=())
        kit.ticks, kit.spans, kit.limits, kit.checks = {}, [], [], []
        kit.ended, kit.reason = (
            "aborted",
            "the cluster is not healthy:\n  - w1 is NotReady\n  - no DNS",
        )
        result = judge(kit.record())
        assert result.verdict is ABORTED
        assert (
            result.reason
            == "the drill was aborted: the cluster is not healthy: w1 is NotReady; no DNS"
        )
        assert len(result.findings) == 1

    def test_error_is_inconclusive_unless_the_data_prove_more(self) -> None:
        kit = Kit()
        kit.ended, kit.reason = "error", "w1 did not come back"
        assert verdict_of(kit) == (
            INCONCLUSIVE,
            "the drill ended with an error: w1 did not come back",
        )
        assert verdict_of(kit.fail("api-write", 6.0, 11.0))[0] is FAIL


class TestAttribution:
    def test_innermost_step_first_then_the_fault_window(self) -> None:
        kit = (
            Kit()
            .span("ansible", "cp2", "kubeadm upgrade node", 5.0, 12.0)
            .span("step", "cp2", "etcd swap", 6.0, 7.0)
        )
        kit.fail("api-write", 6.2, 6.8).fail("api-write", 8.0, 8.1).fail("api-write", 13.0, 13.1)
        steps = [o.step for o in judge(kit.record()).outages]
        assert steps == ["cp2: etcd swap", "cp2: kubeadm upgrade node", "cp1: power cut"]

    def test_sentence(self) -> None:
        kit = Kit().span("step", "cp2", "etcd manifest swap", 6.0, 8.0).fail("api-write", 6.2, 7.1)
        assert judge(kit.record()).attributed == (
            "cp2: etcd manifest swap, API writes out for 0.8\N{EN DASH}1.0 s, 9 failed",
        )

    def test_each_request_counts_for_its_own_step(self) -> None:
        kit = (
            Kit().span("step", "cp2", "etcd", 6.0, 6.5).span("step", "cp2", "API server", 6.5, 8.0)
        )
        [outage] = judge(kit.fail("api-write", 6.1, 6.8).record()).outages
        assert outage.steps == {"cp2: etcd": 4, "cp2: API server": 3}

    def test_same_task_on_several_hosts(self) -> None:
        kit = Kit()
        for host in ("w2", "w1"):
            kit.span("ansible", host, "kubelet", 6.0, 8.0)
        [outage] = judge(kit.fail("api-write", 6.2, 6.8).record()).outages
        assert outage.step == "w1, w2: kubelet"


def test_combined_verdict_is_the_worst_and_nothing_proves_nothing() -> None:
    good, bad = judge(Kit().record()), judge(Kit().fail("api-write", 6, 11).record())
    kinds = [bad.verdict, good.verdict]
    assert VerdictKind.worst(kinds) is FAIL, "a later good drill does not overwrite a bad one"
    assert VerdictKind.worst([good.verdict, good.verdict]) is PASS
    assert VerdictKind.worst([]) is INCONCLUSIVE
    assert [VerdictKind.worst(k).exit_code for k in ([INCONCLUSIVE, FAIL], [FAIL, ABORTED])] == [
        1,
        4,
    ]
