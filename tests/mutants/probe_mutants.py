"""Probes that are broken: a verdict that rests on them is worth nothing."""

from __future__ import annotations

from dataclasses import replace

from mutantkit import Called, on_record
from recordkit import APP, CONTROL, DNS, WRITE, Kit, at

from kubedrill.base.model import NS, ClockOffset, Connection, Sample

INCONCLUSIVE, FAIL, PASS = Called.INCONCLUSIVE, Called.FAIL, Called.PASS


@on_record(INCONCLUSIVE, "probe api-write has no samples")
def probe_never_fires(kit: Kit) -> None:
    """The header lists a probe that never sent a request."""
    kit.ticks["api-write"] = []


@on_record(INCONCLUSIVE, "no probe of the cluster")
def no_probe_of_the_cluster(_kit: Kit) -> Kit:
    """Only the control probe was started."""
    return Kit(CONTROL)


@on_record(INCONCLUSIVE, "fired 200 of 200 ticks more than half an interval late")
def probe_fires_late(kit: Kit) -> None:
    """Every tick of a probe is fired 80 ms after its time, and nothing fails."""
    kit.late("api-write", 0, 20, 0.08)


@on_record(INCONCLUSIVE, "4.0 s of blind time")
def late_ticks_around_an_outage(kit: Kit) -> None:
    """A short outage, within its limit as far as it was seen, lies in 4 s of late ticks."""
    kit.late("api-write", 6, 10, 0.08).fail("api-write", 7, 7.5)


@on_record(INCONCLUSIVE, "3.1 s of blind time")
def late_ticks_in_a_long_outage(kit: Kit) -> None:
    """All requests of an outage longer than its limit were fired late, by a host that had no
    time.
    """
    kit.late("api-write", 6, 9, 0.08).fail("api-write", 6, 9)


@on_record(INCONCLUSIVE, "not all of them can be laid to the cluster")
def prober_starved_while_it_waited(kit: Kit) -> Kit:
    """Three requests were fired on time.

    Then their prober stood still for a second and took no answer.
    """
    none = kit.fail("api-write", 7, 7.3, "timeout").late("api-write", 7.3, 8.3, 0.09)
    none.limits = [replace(limit, max_failed=0) for limit in none.limits]
    return none


@on_record(INCONCLUSIVE, "probe api-write has 1 gap in its samples, the longest 1.0 s")
def stall_hides_an_outage(kit: Kit) -> Kit:
    """The sampler stalled for 0.9 s and then fired what was due, where an outage of 0.5 s is
    one too many.
    """
    tight = Kit(*kit.specs, limit_s=0.5)
    for n in range(9):
        tight.late("api-write", 6 + n / 10, 6.1 + n / 10, 0.9 - n / 10)
    return tight


@on_record(INCONCLUSIVE, "which no network can: it does not look")
def answers_before_it_asked(kit: Kit) -> None:
    """A probe reports success in the moment in which it fires."""
    kit.ticks["api-write"] = [replace(s, done=s.fired + 200) for s in kit.ticks["api-write"]]


@on_record(INCONCLUSIVE, "200 of 200 times in exactly 3.000000 ms: it does not look")
def answers_like_a_clock(kit: Kit) -> None:
    """A probe reports success after exactly 3 ms each time, without asking anybody."""
    kit.slow("api-write", 0, 20, 0.003)


@on_record(
    INCONCLUSIVE, "never says who answered, as probe app-nodeport-new does: it does not look"
)
def answers_from_nobody(_kit: Kit) -> Kit:
    """One of two probes of the application reports success, but never a server that answered."""
    reused = replace(APP, name="app-nodeport-reused", connection=Connection.REUSED)
    return Kit(WRITE, APP, reused, CONTROL).change("app-nodeport-reused", 0, 20, server="")


@on_record(INCONCLUSIVE, "took an answer after 10.0 s for a success, though it gives up after 1 s")
def never_gives_up(kit: Kit) -> None:
    """A probe waits through an outage of ten seconds and calls that a success."""
    kit.change("api-write", 5, 15, done=at(15.02))


@on_record(INCONCLUSIVE, "probe api-write never succeeded, so it may be the probe that is broken")
def asks_the_wrong_address(kit: Kit) -> None:
    """A probe was set up wrongly and failed from the first request to the last."""
    kit.fail("api-write", 0, 20)


@on_record(
    INCONCLUSIVE, "there was no control probe, so the harness's own network cannot be ruled out"
)
def no_control_probe(_kit: Kit) -> Kit:
    """Nothing outside the cluster was watched, and nothing failed."""
    return Kit(WRITE, APP)


@on_record(INCONCLUSIVE, "there was no control probe")
def no_control_probe_in_an_outage(_kit: Kit) -> Kit:
    """Nothing outside the cluster was watched, and the API was out for 5 s."""
    return Kit(WRITE, APP).fail("api-write", 6, 11)


@on_record(INCONCLUSIVE, "probe control has no samples")
def control_probe_never_fires(kit: Kit) -> None:
    """The control probe stands in the header and was never started; the API was out for 5 s."""
    kit.ticks["control"] = []
    kit.fail("api-write", 6, 11)


@on_record(INCONCLUSIVE, "probe control never succeeded")
def control_probe_is_down(kit: Kit) -> None:
    """The control probe's target never ran."""
    kit.fail("control", 0, 20)


@on_record(INCONCLUSIVE, "the control probe outside the cluster failed at the same time")
def control_probe_fails_with_the_app(kit: Kit) -> None:
    """The harness's own network was out, so everything was."""
    for spec in kit.specs:
        kit.fail(spec.name, 6, 11, "timeout")


@on_record(INCONCLUSIVE, "probe control stopped 9.6 s before the drill was done")
def control_probe_dies(kit: Kit) -> None:
    """The control probe died before the API was out for 5 s."""
    kit.drop("control", 5.5, 20).fail("api-write", 6, 11)


@on_record(INCONCLUSIVE, "only 0.7 s on end of it can be laid to the cluster")
def slow_host_in_an_outage(kit: Kit) -> None:
    """The harness host was slow in most of an outage.

    The 0.7 s that remain prove nothing against a limit of 2 s.
    """
    kit.slow("control", 7.8, 13, 0.3).fail("api-write", 6, 11, "timeout")


@on_record(FAIL, "API writes out for 4.9")
def slow_host_while_the_api_refuses(kit: Kit) -> None:
    """The API refused all requests for 5 s while the host was slow."""
    kit.slow("control", 5, 12, 0.3).fail("api-write", 6, 11)


@on_record(FAIL, "API writes out for 4.9")
def slow_host_while_the_api_errs(kit: Kit) -> None:
    """The API answered with 503 at once while the host was slow."""
    kit.slow("control", 5, 12, 0.3).fail("api-write", 6, 11, "http-503")


@on_record(FAIL, "API writes out for 4.9")
def timeouts_after_a_millisecond(kit: Kit) -> None:
    """On a slow host, requests timed out after 1 ms."""
    kit.slow("control", 5, 12, 0.3).fail("api-write", 6, 11, "timeout")
    kit.slow("api-write", 6, 11, 0.001)


@on_record(FAIL, "DNS out for 4.9")
def control_probe_fails_while_a_pod_is_refused(kit: Kit) -> None:
    """The harness's own network was out, which is not on the way of a pod that was refused."""
    kit.fail("control", 6, 11).fail("dns-pod", 6, 11)


@on_record(INCONCLUSIVE, "of blind time: the harness host was slow")
def slow_host(kit: Kit) -> None:
    """All answers took long, also the one on the harness host itself, and the API's ran into
    their timeout.
    """
    kit.slow("control", 5, 12, 0.3).fail("api-write", 6, 11, "timeout")


@on_record(INCONCLUSIVE, "the harness host was slow")
def crowded_host(kit: Kit) -> None:
    """One in four answers on the harness host itself took 30 ms instead of 3, and the API's ran
    into their timeout.
    """
    for n in range(100):
        kit.slow("control", n / 5, n / 5 + 0.05, 0.03 if n % 2 else 0.003)
    kit.fail("api-write", 6, 11, "timeout")


@on_record(
    INCONCLUSIVE,
    "6 of 600 requests of * failed, 5 allowed, but not all of them can be laid to the cluster",
)
def too_many_requests_failed_on_a_slow_host(kit: Kit) -> None:
    """One request more failed than may, one of them while the harness host was slow."""
    kit.fail("api-write", 6, 9, "timeout", every=5).slow("control", 6.8, 7.2, 0.3)
    kit.limits = [replace(kit.limits[0], max_failed=5)]


@on_record(FAIL, "out for 4.9")
def slow_host_at_another_time(kit: Kit) -> None:
    """The host was slow for two seconds, but the API was out for 5 s after that."""
    kit.slow("control", 1, 3, 0.3).fail("api-write", 6, 11)


@on_record(PASS, "not one request failed")
def far_control_target(kit: Kit) -> None:
    """Not broken: the user's own control target is 80 ms away, which is no slow host."""
    kit.ticks["control"] = [replace(s, done=s.done + 80_000_000) for s in kit.ticks["control"]]


@on_record(
    INCONCLUSIVE,
    "the ticks of probe dns-pod jumped by -3.0 s off their schedule: the clock was stepped",
)
def clock_stepped(kit: Kit) -> None:
    """The clock of the node with the in-cluster prober was set back by 3 s during the run."""
    by = 3 * NS
    kit.ticks["dns-pod"] = [
        replace(s, due=s.due - by, fired=s.fired - by, done=s.done - by) if s.due >= at(10) else s
        for s in kit.ticks["dns-pod"]
    ]


@on_record(INCONCLUSIVE, "its clock was never compared")
def clock_never_compared(kit: Kit) -> None:
    """Nobody knows how the clock in the pod stands to the harness's."""
    kit.clocks = []


@on_record(INCONCLUSIVE, "the limit lies between the bounds")
def clock_is_uncertain(kit: Kit) -> None:
    """An outage in the pod fits its limit, but its clock is uncertain by 3 s."""
    kit.clocks = [ClockOffset("inside", 0, 3 * NS)]
    kit.fail("dns-pod", 6, 7)


@on_record(INCONCLUSIVE, "jumped by +0.8 s off their schedule")
def asks_less_often_than_it_says(kit: Kit) -> None:
    """A probe asks once in 0.9 s, where its header says ten times a second."""
    ticks = [s for s in kit.ticks["api-write"] if s.seq % 9 == 0]
    kit.header = replace(kit.header, min_samples=20)
    kit.ticks["api-write"] = [replace(s, seq=number) for number, s in enumerate(ticks)]


@on_record(INCONCLUSIVE, "probe api-write fired 7.0 times a second, though it states 10.0")
def sampler_slower_than_it_says(kit: Kit) -> None:
    """A probe asks seven times a second on a schedule of its own, where its header says ten."""
    start = kit.ticks["api-write"][0].due

    def slower(s: Sample) -> Sample:
        by = s.seq * (NS // 7) - (s.due - start)
        return replace(s, due=s.due + by, fired=s.fired + by, done=s.done + by)

    moved = [slower(s) for s in kit.ticks["api-write"]]
    kit.ticks["api-write"] = [s for s in moved if s.due < at(20)]


@on_record(INCONCLUSIVE, "an outage longer than the limit 1 s fits between two of its ticks")
def asks_too_rarely_for_its_limit(_kit: Kit) -> Kit:
    """A probe asks once in 3 s, and says so, under a limit of 1 s."""
    rare = Kit(replace(WRITE, interval_s=3.0), APP, DNS, CONTROL, lasts_s=60, limit_s=1.0)
    rare.header = replace(rare.header, min_samples=10)
    rare.spans = [replace(rare.spans[0], start=at(25), end=at(35))]
    return rare


@on_record(INCONCLUSIVE, "the clock of probe dns-pod is uncertain by 1000.0 s, more than the 5.0 s")
def clock_is_as_good_as_unknown(kit: Kit) -> None:
    """The clock in the pod is uncertain by 1,000 s, and not one request failed."""
    kit.clocks = [ClockOffset("inside", 0, 1000 * NS)]


@on_record(INCONCLUSIVE, "probe other, which the header does not list")
def samples_of_a_stranger(kit: Kit) -> None:
    """The record holds samples of a probe that its header does not know."""
    kit.ticks["other"] = [
        Sample("other", n, at(n), at(n), at(n + 0.1), "timeout") for n in range(5)
    ]


@on_record(INCONCLUSIVE, "no outage limit covers probe dns-pod, of which 5 requests failed")
def failing_probe_without_a_limit(kit: Kit) -> None:
    """A probe failed that no limit is about."""
    kit.fail(DNS.name, 6, 6.5)
    kit.limits = [replace(kit.limits[0], probes="a*")]


@on_record(INCONCLUSIVE, "no outage limit covers probe app-nodeport-new, of which 0 requests")
def slow_probe_without_a_limit(kit: Kit) -> None:
    """The app's answers take a second longer from the fault on, and no limit is about it."""
    kit.delay(APP.name, 5, 20, 0.9)
    kit.limits = [replace(kit.limits[0], probes="[!a]*"), replace(kit.limits[0], probes="api-*")]
