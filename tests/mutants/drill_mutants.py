"""Drills that did not do what they were to do, and clusters that did not keep their limits."""

from __future__ import annotations

from dataclasses import replace

from mutantkit import Called, healthy, on_record
from recordkit import Kit, at

from kubedrill.base.model import STEADY, Check, CheckId, Event, OutageLimit, Span

INCONCLUSIVE, PASS, FAIL, ABORTED = Called.INCONCLUSIVE, Called.PASS, Called.FAIL, Called.ABORTED


@on_record(PASS, "within the limit 2 s")
def outage_just_under_its_limit(kit: Kit) -> None:
    """Not broken: the API was out for 1.7 s at least and 1.9 s at most, 2 s are allowed."""
    kit.fail("api-write", 6, 7.8)


@on_record(FAIL, "out for 2.1")
def outage_just_over_its_limit(kit: Kit) -> None:
    """The API was out for 2.1 s at least, 2 s are allowed."""
    kit.fail("api-write", 6, 8.2)


@on_record(INCONCLUSIVE, "the limit lies between the bounds")
def outage_around_its_limit(kit: Kit) -> None:
    """The API was out for between 1.9 and 2.1 s, 2 s are allowed."""
    kit.fail("api-write", 6, 8)


@on_record(FAIL, "6 of 600 requests of * failed, 5 allowed")
def too_many_requests_failed(kit: Kit) -> None:
    """No outage was long, but one request more failed than may."""
    kit.fail("api-write", 6, 9, every=5)
    kit.limits = [OutageLimit("*", 2.0, 0.5, (), 5)]


@on_record(FAIL, "20 of 600 requests of * failed, 5 allowed")
def every_third_request_fails(kit: Kit) -> None:
    """One of three endpoints is dead for six seconds: many outages, all of them short."""
    kit.fail("app-nodeport-new", 6, 12, every=3)
    kit.limits = [OutageLimit("*", 2.0, 0.5, (), 5)]


@on_record(
    FAIL,
    "the app over HTTP: failed again and again for 5.7 s, 20 of 58 requests, never stable for 3 s",
)
def flapping_that_nobody_counts(kit: Kit) -> None:
    """Every third request fails for six seconds, where outages of two are allowed and failed
    requests not counted.
    """
    kit.fail("app-nodeport-new", 6, 12, every=3)


@on_record(INCONCLUSIVE, "it had not ended when the probe stopped")
def outage_at_the_end_of_the_record(kit: Kit) -> Kit:
    """The API went out at the end, and nobody saw it come back."""
    return healthy(limit_s=5).fail("api-write", 18, kit.lasts_s)


@on_record(INCONCLUSIVE, "probe api-write saw 0 answers before the cluster was touched")
def outage_at_the_begin_of_the_record(kit: Kit) -> Kit:
    """The API was out from the first request on, and came back only after the fault had begun."""
    return healthy(limit_s=kit.lasts_s).fail("api-write", 0, 6)


@on_record(FAIL, "after cp1: power cut")
def outage_after_the_fault(kit: Kit) -> None:
    """The fault was survived and its undoing was not: the API went out when the node came back."""
    kit.fail("api-write", 16, 18.5)


@on_record(FAIL, "out for 2.9")
def timeouts_instead_of_refusals(kit: Kit) -> None:
    """Nobody refuses: requests hang for their whole second, for three seconds."""
    kit.fail("app-nodeport-new", 6, 9, "timeout")


@on_record(FAIL, "out for 2.9")
def wrong_answers(kit: Kit) -> None:
    """The application answers at once, but not what was asked for."""
    kit.fail("app-nodeport-new", 6, 9, "wrong-answer")


@on_record(INCONCLUSIVE, "the record has no outage limit to judge by")
def no_limit(kit: Kit) -> None:
    """Nothing says how long an outage may be."""
    kit.limits = []


@on_record(INCONCLUSIVE, "the outage limit for metrics-* matches no probe of this record")
def limit_about_nothing(kit: Kit) -> None:
    """A limit is about a probe that was not there, so nobody kept it."""
    kit.limits.append(OutageLimit("metrics-*", 1.0, 0.5))


@on_record(FAIL, "out for 2.9")
def loose_limit_behind_a_tight_one(kit: Kit) -> None:
    """A second, looser limit for the same probes stands behind the first."""
    kit.limits.append(OutageLimit("*", 60.0, 0.5))
    kit.fail("api-write", 6, 9)


@on_record(INCONCLUSIVE, "the outage limit for api-* is hidden by those before it")
def tight_limit_behind_a_loose_one(kit: Kit) -> None:
    """A limit of 60 s for all probes stands before the one of 2 s for the API, which was out."""
    kit.limits = [OutageLimit("*", 60.0, 0.5), OutageLimit("api-*", 2.0, 0.5)]
    kit.fail("api-write", 6, 9)


@on_record(INCONCLUSIVE, "the record has no check of the cluster's health")
def no_check(kit: Kit) -> None:
    """Nobody looked whether the cluster was healthy."""
    kit.checks = []


@on_record(INCONCLUSIVE, "the record has no check 'healthy-after'")
def health_after_not_checked(kit: Kit) -> None:
    """The drill was completed without a look at the cluster afterwards."""
    kit.checks = [check for check in kit.checks if check.name != "healthy after"]


@on_record(INCONCLUSIVE, "the record has no check 'no-leftovers'")
def leftovers_not_looked_for(kit: Kit) -> None:
    """The drill was completed without a look for what the fault had left."""
    kit.checks = [check for check in kit.checks if check.name != "no leftovers"]


@on_record(FAIL, "no leftovers: found w1 is cordoned, expected nothing")
def leftovers_found(kit: Kit) -> None:
    """The drill left a node cordoned."""
    kit.checks[-1] = Check("no leftovers", False, "w1 is cordoned", "nothing", CheckId.NO_LEFTOVERS)


@on_record(FAIL, "everything was healed: found")
def stuck_undo(kit: Kit) -> None:
    """An undo failed, though all else looked well."""
    kit.checks.append(
        Check("everything was healed", False, "power on of w1: no answer", "all undos succeed")
    )


@on_record(INCONCLUSIVE, "healthy after could not be found out")
def check_unknown(kit: Kit) -> None:
    """Whether the cluster was healthy afterwards could not be found out."""
    kit.checks.append(
        Check("healthy after", None, "the API did not answer", "no problems", CheckId.HEALTHY_AFTER)
    )


@on_record(FAIL, "healthy after: found etcd has 2 members")
def check_overwritten(kit: Kit) -> None:
    """A check failed, and was then written again as passed."""
    kit.checks.insert(
        0, Check("healthy after", False, "etcd has 2 members", "3", CheckId.HEALTHY_AFTER)
    )


@on_record(INCONCLUSIVE, "the drill ended with an error: KeyError")
def drill_raises(kit: Kit) -> None:
    """A mistake of the harness ended the drill."""
    kit.ended, kit.reason = "error", "KeyError: 'w1'"


@on_record(FAIL, "every step succeeded: found w1 did not come back")
def step_fails(kit: Kit) -> None:
    """A node did not come back within its deadline, which ended the drill."""
    kit.ended, kit.reason = "error", "w1 did not come back"
    kit.checks.append(
        Check("every step succeeded", False, "w1 did not come back", "every step succeeds")
    )


@on_record(ABORTED, "the drill was interrupted: Ctrl-C")
def interrupted(kit: Kit) -> None:
    """The user stopped the drill after an outage that was too long."""
    kit.fail("api-write", 6, 11)
    kit.ended, kit.reason = "interrupted", "Ctrl-C"


@on_record(ABORTED, "the cluster was not healthy, so it was not touched")
def unhealthy_before(kit: Kit) -> Kit:
    """The cluster was broken before the drill, which therefore did nothing."""
    kit = Kit(*kit.specs)
    kit.header = replace(kit.header, probes=())
    kit.ticks, kit.spans, kit.limits, kit.clocks = {}, [], [], []
    kit.checks = [
        Check("healthy before", False, "w1 is NotReady", "no problems", CheckId.HEALTHY_BEFORE)
    ]
    kit.ended, kit.reason = (
        "aborted",
        "the cluster was not healthy, so it was not touched: w1 is NotReady",
    )
    return kit


@on_record(INCONCLUSIVE, "nothing was done to the cluster")
def no_fault_and_no_step(kit: Kit) -> None:
    """The drill did nothing at all, and nothing failed."""
    kit.spans = []


@on_record(INCONCLUSIVE, "cp1: power cut was begun and never ended")
def fault_never_healed(kit: Kit) -> None:
    """The record says completed, but the fault window was never closed."""
    kit.spans = [Span("fault", "cp1", "power cut", at(5), None)]


@on_record(INCONCLUSIVE, "saw 1 answer before the cluster was touched, expected 5 or more")
def broken_before_it_was_watched(kit: Kit) -> None:
    """The fault was there before the first probe was."""
    kit.spans = [Span("fault", "cp1", "power cut", at(0.1), at(15))]


@on_record(INCONCLUSIVE, "s before the drill was done with the cluster")
def fault_outlasts_the_watch(kit: Kit) -> None:
    """The fault was still there when the probes were stopped."""
    kit.spans = [Span("fault", "cp1", "power cut", at(5), at(29))]
    kit.ended_s = 30.0


@on_record(INCONCLUSIVE, "probe api-write stopped 4.1 s before the drill was done")
def probe_dies_during_the_fault(kit: Kit) -> None:
    """A probe died six seconds into the fault, before it could see a failure."""
    kit.drop("api-write", 11, 20)


@on_record(INCONCLUSIVE, "saw 0 answers after the last fault, expected 5 or more")
def probes_die_with_the_fault(kit: Kit) -> None:
    """All probes stopped when the fault window closed."""
    for spec in kit.specs:
        kit.drop(spec.name, 15, 20)


@on_record(INCONCLUSIVE, "stopped 2.9 s before the drill was done with the cluster")
def recovery_is_not_watched(kit: Kit) -> None:
    """The probes stopped during the last step."""
    kit.span("step", "cluster", "recover", 15, 20)
    for spec in kit.specs:
        kit.drop(spec.name, 17.2, 20)


@on_record(INCONCLUSIVE, "did not watch the last 40.1 s of the record")
def end_is_not_watched(kit: Kit) -> None:
    """All probes stopped 40 s before the record's end."""
    kit.ended_s = 60.0


@on_record(INCONCLUSIVE, "was calm for 4.9 s at the end, probes.cooldown_s asks for 30 s")
def calm_cut_short(kit: Kit) -> None:
    """The run asked for 30 s without a failure after the drill, and watched for 5."""
    _steady(kit, warmup_s=2.0, cooldown_s=30.0)


@on_record(INCONCLUSIVE, "before the cluster was touched, probes.warmup_s asks for 30 s")
def steady_state_cut_short(kit: Kit) -> None:
    """The run asked for a steady state of 30 s, and the fault came after 5."""
    _steady(kit, warmup_s=30.0, cooldown_s=2.0)


@on_record(PASS, "not one request failed")
def calm_as_long_as_asked_for(kit: Kit) -> None:
    """Harmless: the steady state and the calm were as long as the run asked for."""
    _steady(kit, warmup_s=3.0, cooldown_s=5.0)


@on_record(INCONCLUSIVE, "probe api-write stopped long before the others")
def probe_dies_after_the_fault(_kit: Kit) -> Kit:
    """A probe died when the fault was healed, and did not see whether the calm lasted."""
    return Kit(*healthy().specs, lasts_s=40).drop("api-write", 20, 40)


@on_record(PASS, "not one request failed")
def prober_starts_later(_kit: Kit) -> Kit:
    """Not broken: the prober's pod needed eleven seconds to start, and still saw the cluster
    long before the fault.
    """
    kit = Kit(*healthy().specs, lasts_s=40)
    kit.spans = [Span("fault", "cp1", "power cut", at(20), at(30))]
    ticks = [s for s in kit.ticks["dns-pod"] if s.seq >= 110]
    kit.ticks["dns-pod"] = [replace(s, seq=s.seq - 110) for s in ticks]
    return kit


def upgraded(kit: Kit, **moments: float) -> Kit:
    """An upgrade of cp1, cp2, w1 at these moments (seconds).

    One without a moment is not upgraded.
    """
    for node in ("cp1", "cp2", "w1"):
        role, moment = "worker" if node == "w1" else "control plane", moments.get(node)
        kit.span("release", node, f"{role} v1.35.4", 0, moment)
        if moment is not None:
            kit.span("release", node, f"{role} v1.36.3", moment, None)
    return kit


@on_record(PASS, "not one request failed")
def upgrade_in_order(kit: Kit) -> Kit:
    """Not broken: both control planes were upgraded one after the other, then the worker."""
    return upgraded(kit, cp1=6, cp2=8, w1=10)


@on_record(FAIL, "worker w1 ran v1.36.3 while control plane cp2 still ran v1.35.4")
def upgrade_of_a_worker_first(kit: Kit) -> Kit:
    """The worker was upgraded before the second control plane, and nothing failed."""
    return upgraded(kit, cp1=6, w1=8, cp2=10)


@on_record(FAIL, "worker w1 ran v1.36.3 while control plane cp2 still ran v1.35.4")
def upgrade_that_skips_a_control_plane(kit: Kit) -> Kit:
    """One control plane was left at the old release, and nothing failed."""
    return upgraded(kit, cp1=6, w1=8)


@on_record(FAIL, "the upgrade left w1 at v1.35.4; the other nodes run a newer release")
def upgrade_that_skips_a_worker(kit: Kit) -> Kit:
    """The worker was left at the old release, and nothing failed."""
    return upgraded(kit, cp1=6, cp2=8)


def _steady(kit: Kit, **asked: float) -> None:
    kit.events.append(Event(STEADY, "probes", "every probe is answered", at(0.5), asked))
