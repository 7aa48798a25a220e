"""Run documents that somebody edited, forged or put together."""

from __future__ import annotations

from typing import Any

from mutantkit import Called, on_document

REFUSED, INCONCLUSIVE = Called.REFUSED, Called.INCONCLUSIVE


@on_document(REFUSED, "verdict: found PASS, expected FAIL: no drill came to more")
def run_better_than_a_drill(run: Any) -> None:
    """The run's verdict was set to PASS, and its drill's FAIL forgotten."""
    run["drills"][0]["verdict"] = "FAIL"


@on_document(REFUSED, "verdict: found FAIL, expected PASS: no drill is FAIL")
def run_worse_than_its_drills(run: Any) -> None:
    """The run stayed FAIL, and its drills were all set to PASS."""
    run.update(verdict="FAIL", exit_code=1)


@on_document(REFUSED, "verdict: found PASS, expected ABORTED: the run was interrupted")
def interrupted_run_called_pass(run: Any) -> None:
    """A run that was interrupted was set to PASS."""
    run["interrupted"] = True


@on_document(REFUSED, "exit_code: found 3, expected 0, that of PASS")
def exit_code_of_another_verdict(run: Any) -> None:
    """The verdict was changed, the exit code was not."""
    run["exit_code"] = 3


@on_document(REFUSED, "drills: found failover-vip 2 times, expected each drill once")
def drill_twice(run: Any) -> None:
    """A good drill was copied, so that the run looks larger."""
    run["drills"].append(run["drills"][0])


@on_document(REFUSED, "not_run: found failover-vip, expected no drill that has a verdict")
def drill_both_run_and_not_run(run: Any) -> None:
    """A drill of another run was pasted in for one that was not run."""
    run["not_run"] = [{"name": "failover-vip", "reason": "no power control"}]


@on_document(INCONCLUSIVE, "the kernel has no netem")
def pass_without_a_drill_of_the_run(run: Any) -> None:
    """A run of before 0.2 was PASS, though one of its drills was not run."""
    run["not_run"] = [{"name": "network-loss", "reason": "the kernel has no netem"}]


@on_document(REFUSED, "seed: found 8, expected 7, with which the run's id ends")
def run_under_the_id_of_another(run: Any) -> None:
    """A good run was given the id of a bad one."""
    run["seed"] = 8


@on_document(REFUSED, "verdict: found PASS, expected FAIL: the check ")
def pass_with_a_failed_check(run: Any) -> None:
    """A drill was set to PASS, and a check of it failed."""
    run["drills"][0]["checks"][1]["ok"] = False


@on_document(REFUSED, "verdict: found PASS, expected INCONCLUSIVE: the check ")
def pass_with_an_open_check(run: Any) -> None:
    """A drill was set to PASS, and a check of it could not be found out."""
    run["drills"][0]["checks"][1]["ok"] = None


@on_document(REFUSED, "verdict: found PASS, expected INCONCLUSIVE: a finding: nobody looked")
def pass_with_a_finding(run: Any) -> None:
    """A drill was set to PASS, and what kept it from that was left in."""
    run["drills"][0]["findings"] = [{"verdict": "INCONCLUSIVE", "text": "nobody looked"}]


@on_document(REFUSED, "verdict: found INCONCLUSIVE, expected ABORTED: its end is aborted")
def aborted_drill_called_inconclusive(run: Any) -> None:
    """A drill that was stopped as unsafe was set to INCONCLUSIVE."""
    run["drills"][0].update(verdict="INCONCLUSIVE", ended="aborted")
    run.update(verdict="INCONCLUSIVE", exit_code=3)


@on_document(REFUSED, "verdict: found PASS, expected an outage within 2 s: 30 s")
def outage_longer_than_its_limit(run: Any) -> None:
    """The limit of an outage was broken, and called kept."""
    run["drills"][0]["predicted"][0]["measured"]["longest_s"] = 30.0


@on_document(REFUSED, "verdict: found PASS, expected an outage within 0.5 s: 1.1")
def limit_lowered_afterwards(run: Any) -> None:
    """A limit was made to look stricter than what was measured."""
    run["drills"][0]["predicted"][0]["limit_s"] = 0.5


@on_document(REFUSED, "verdict: found PASS, expected 3 or fewer failed: 10")
def more_failed_than_the_limit_allows(run: Any) -> None:
    """More requests failed than the limit allows, and it was called kept."""
    run["drills"][0]["predicted"][0]["max_failed"] = 3


@on_document(REFUSED, "measured.failed: found 1, expected 10: that of its probes")
def failures_taken_out_of_a_limit(run: Any) -> None:
    """Of the requests of a limit fewer failed than of its probes."""
    run["drills"][0]["predicted"][0]["measured"]["failed"] = 1


@on_document(REFUSED, "failed: found 0, expected 10: the sum of its probes")
def failures_taken_out_of_a_drill(run: Any) -> None:
    """The drill's failed requests were set to 0, those of its probes were not."""
    run["drills"][0]["failed"] = 0


@on_document(REFUSED, "samples: found 6000, expected 600 to 800: the sum of its probes")
def requests_made_up(run: Any) -> None:
    """The drill has ten times the requests of its probes."""
    run["drills"][0]["samples"] *= 10


@on_document(REFUSED, "control.failed: found 500, expected 200 or fewer, as many as were sent")
def more_failed_than_was_sent(run: Any) -> None:
    """Of a probe more requests failed than were sent."""
    run["drills"][0]["control"]["failed"] = 500


@on_document(REFUSED, "failed: expected 0 or more, found -1")
def less_than_nothing_failed(run: Any) -> None:
    """A count is negative."""
    run["drills"][0]["failed"] = -1


@on_document(REFUSED, "samples: expected a whole number, found 0.5")
def half_a_request(run: Any) -> None:
    """A count is a fraction."""
    run["drills"][0]["samples"] = 0.5


@on_document(REFUSED, "availability: found 1.0, expected 0.95: of its requests")
def availability_made_better(run: Any) -> None:
    """A probe of which requests failed was given an availability of 100 %."""
    run["drills"][0]["probes"][0]["availability"] = 1.0


@on_document(REFUSED, "outages: found 1, expected 0: its outages")
def outage_taken_out(run: Any) -> None:
    """The outages of a drill were removed, the counts of its probes were not."""
    run["drills"][0]["outages"] = []


@on_document(REFUSED, "covers: found api-write, expected probes of the drill")
def probe_taken_out(run: Any) -> None:
    """The probe that saw an outage was removed."""
    del run["drills"][0]["probes"][0]


@on_document(REFUSED, "outcomes: found 1 in all, expected 10: failed")
def outcomes_of_another_outage(run: Any) -> None:
    """An outage has the outcomes of a shorter one."""
    run["drills"][0]["outages"][0]["outcomes"] = {"timeout": 1}


@on_document(REFUSED, "outages.0.to_s: found 1, expected 6, its begin, to 20, the drill's end")
def outage_that_ends_before_it_begins(run: Any) -> None:
    """An outage ended before it began."""
    run["drills"][0]["outages"][0]["to_s"] = 1.0


@on_document(REFUSED, "found 6.9, expected 6, its begin, to 5, the drill's end")
def outage_after_the_end_of_the_drill(run: Any) -> None:
    """A drill was made shorter than the time in which its requests failed."""
    run["drills"][0]["lasted_s"] = 5.0


@on_document(REFUSED, "outages.0.shortest_s: found 9, expected ")
def outage_longer_than_it_can_have_been(run: Any) -> None:
    """An outage lasted longer at the least than at the most."""
    run["drills"][0]["outages"][0]["shortest_s"] = 9.0


@on_document(REFUSED, "p50_ms: found 5000, expected ")
def half_slower_than_the_slowest(run: Any) -> None:
    """Half of the answers took longer than 99 of 100."""
    run["drills"][0]["probes"][0]["p50_ms"] = 5000.0


@on_document(INCONCLUSIVE, "an upgrade that left no newer version proves nothing")
def upgrade_that_upgraded_nothing(run: Any) -> None:
    """An upgrade passed, and left the version that it found."""
    run["drills"][1]["kubernetes_after"] = "1.35.4"


@on_document(INCONCLUSIVE, "an upgrade that left no newer version proves nothing")
def upgrade_that_did_not_say_where_to(run: Any) -> None:
    """An upgrade passed, and did not say which version it left."""
    run["drills"][1]["kubernetes_after"] = ""


@on_document(REFUSED, "kubernetes_after: found 1.36.3, expected 1.35.4: the drill leaves it unc")
def drill_that_upgrades_nothing_called_an_upgrade(run: Any) -> None:
    """A drill that changes no version left another one."""
    run["drills"][0]["kubernetes_after"] = "1.36.3"


@on_document(REFUSED, "targets: found cp9, expected nodes: cp1, cp2, cp3, w1, w2")
def upgrade_of_a_node_that_is_not_there(run: Any) -> None:
    """An upgrade was of a node that the cluster does not have."""
    run["drills"][1]["targets"] = ["cp1", "cp9"]


@on_document(INCONCLUSIVE, "an upgrade that left no newer version proves nothing")
def upgrade_to_an_older_version(run: Any) -> None:
    """An upgrade passed, and left an older version than it found."""
    run["drills"][1]["kubernetes_after"] = "1.34.4"


@on_document(REFUSED, "measured.requests: found 4000, expected 600: that of its probes")
def requests_of_a_limit_made_up(run: Any) -> None:
    """A limit has more requests than its probes, so that a smaller share of them failed."""
    run["drills"][0]["predicted"][0]["measured"]["requests"] = 4000


@on_document(REFUSED, "verdict: found PASS, expected INCONCLUSIVE: it has no outage limit")
def limits_taken_out(run: Any) -> None:
    """All limits of a drill were removed, so that none could be broken."""
    run["drills"][0]["predicted"] = []


@on_document(REFUSED, "expected an outage that is in no doubt: the control probe failed")
def outage_in_doubt_called_kept(run: Any) -> None:
    """Nobody could tell whose an outage was, and its limit was called kept."""
    run["drills"][0]["outages"][0]["doubt"] = "the control probe failed"


@on_document(REFUSED, "expected an outage that is in no doubt: its end was not seen")
def outage_without_an_end_called_kept(run: Any) -> None:
    """An outage went on beyond the record, and its limit was called kept."""
    run["drills"][0]["outages"][0]["open_end"] = True


@on_document(REFUSED, "run: found '../../etc', expected the name of a run's folder")
def id_that_leads_elsewhere(run: Any) -> None:
    """The run's id is a path, which a link of the site would follow."""
    run["run"] = "../../etc"
