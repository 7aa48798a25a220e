"""Service that nobody can use, though no single outage is long."""

from __future__ import annotations

from dataclasses import replace

from mutantkit import Called, on_record
from recordkit import APP, CONTROL, DNS, WRITE, Kit, at

from kubedrill.base.model import OutageLimit, Span

INCONCLUSIVE, FAIL, PASS = Called.INCONCLUSIVE, Called.FAIL, Called.PASS


def long_fault(limit_s: float, **limit: float) -> Kit:
    """A healthy run of 100 s, with one fault from 20 to 80 s."""
    kit = Kit(replace(WRITE, timeout_s=5.0), APP, DNS, CONTROL, lasts_s=100)
    kit.spans = [Span("fault", "w1", "power off", at(20), at(80))]
    kit.limits = [OutageLimit("*", limit_s, limit.pop("predicted_s", 1.5), **limit)]  # type: ignore[arg-type]
    return kit


def flap(kit: Kit, start: float, end: float, out_s: float, back_s: float) -> Kit:
    """Let the app fail and succeed in turn."""
    while start < end:
        kit.fail(APP.name, start, min(start + out_s, end))
        start += out_s + back_s
    return kit


@on_record(FAIL, "32.5 % of 600 requests were answered in the fault window of 60.0 s, expected 90")
def a_third_available(_kit: Kit) -> Kit:
    """While the fault lasts the app is out for 2.7 s, back for 1.3 s, again and again, under a
    limit of 3 s.
    """
    return flap(long_fault(3.0), 20, 80, 2.7, 1.3)


@on_record(FAIL, "were answered besides outages within the limit 2 s, expected 95.0 % or more")
def one_in_eleven_fails_all_the_time(kit: Kit) -> None:
    """9 % of all requests fail, each alone, from the begin to the end."""
    kit.fail(APP.name, 0.5, 20, every=11)


@on_record(FAIL, "(1.9 %) were refused or answered with an error at once, besides outages")
def one_in_fifty_is_refused(_kit: Kit) -> Kit:
    """2 % of all requests are refused, each alone, under a limit as long as the run."""
    return long_fault(100.0).fail(APP.name, 0.5, 100, every=50)


@on_record(FAIL, "(2.5 %) were refused or answered with an error at once, besides outages")
def errors_after_the_outage(_kit: Kit) -> Kit:
    """After an outage within the limit one request in forty gets a 503, a few at a time."""
    kit = long_fault(3.0).fail(APP.name, 20, 22)
    for start in (30, 40, 50, 60, 70, 80):
        kit.fail(APP.name, start, start + 0.5, "http-503")
    return kit


@on_record(FAIL, "requests (3.5 %) failed, besides outages within the limit 3 s, expected 2.0 %")
def one_in_twenty_five_waits_too_long(_kit: Kit) -> Kit:
    """4 % of all requests time out, each alone, while the host is prompt."""
    return long_fault(3.0).fail(APP.name, 0.5, 100, "timeout", every=25)


@on_record(FAIL, "requests (4.4 %) failed, besides outages within the limit 2 s, expected 2.0 %")
def out_again_as_soon_as_it_is_stable(_kit: Kit) -> Kit:
    """The app is out for 0.2 s, back for 3.8 s, again and again; requests time out."""
    kit = long_fault(2.0)
    for tick in range(20, 980, 40):
        kit.fail(APP.name, tick / 10, tick / 10 + 0.2, "timeout")
    return kit


@on_record(FAIL, "51.0 % of 600 requests were answered in the fault window of 60.0 s, expected 78")
def faults_made_together(_kit: Kit) -> Kit:
    """Three nodes are lost at once, and the app is out three times, each for almost the limit."""
    kit = long_fault(10.0)
    kit.spans = [Span("fault", node, "power off", at(20), at(80)) for node in ("w1", "w2", "cp1")]
    for start in (21, 35, 50):
        kit.fail(APP.name, start, start + 9.8)
    return kit


@on_record(PASS, "every outage stayed within its limit")
def one_in_fifty_waits_too_long(_kit: Kit) -> Kit:
    """Not broken: 2 % of the requests time out, each alone, as on a crowded host."""
    return long_fault(3.0).fail(APP.name, 0.5, 100, "timeout", every=50)


@on_record(PASS, "every outage stayed within its limit")
def a_few_refusals_in_a_minute(_kit: Kit) -> Kit:
    """Not broken: five requests of a thousand are refused, far apart from each other."""
    return long_fault(3.0).fail(APP.name, 0.5, 100, every=190)


@on_record(FAIL, "failed again and again for 14.0 s, 64 of 141 requests, never stable for 3 s")
def flapping_that_never_settles(_kit: Kit) -> Kit:
    """After the fault the app is out for 0.8 s, back for 1.1 s, for so long as one looks, where a
    tenth of an hour's requests may fail.
    """
    kit = Kit(WRITE, APP, DNS, CONTROL, lasts_s=400)
    kit.spans = [Span("fault", "w1", "power off", at(5), at(300))]
    return flap(kit, 320, 335, 0.8, 1.1)


@on_record(FAIL, "requests were answered in the fault window of 60.0 s, expected 61.7 % or more")
def more_fails_than_the_share_predicted(_kit: Kit) -> Kit:
    """One of three pods is lost, and two of three requests fail until the node is given up."""
    kit = long_fault(60.0, predicted_s=56.0, share=1 / 3)
    return kit.fail(APP.name, 20, 76).fail(APP.name, 20, 76, outcome="ok", every=3)


@on_record(PASS, "every outage stayed within its limit")
def a_share_fails_as_predicted(_kit: Kit) -> Kit:
    """Not broken: one of three pods is lost, and a third of the requests fails for 56 s."""
    kit = long_fault(60.0, predicted_s=56.0, share=1 / 3)
    return kit.fail(APP.name, 20, 76, every=3)


@on_record(INCONCLUSIVE, "of the failures can be laid to the cluster")
def flapping_on_a_slow_host(_kit: Kit) -> Kit:
    """Requests time out again and again while the harness host is slow."""
    kit = long_fault(3.0)
    kit.delay(CONTROL.name, 19, 82, 0.3)
    for start in range(20, 80, 4):
        kit.fail(APP.name, start, start + 2.0, "timeout")
    return kit


@on_record(FAIL, "half of 100 answers in the fault window of 10.0 s took 994 ms or more, 4.31 ms")
def three_hundred_times_slower(kit: Kit) -> None:
    """From the fault on every answer takes 0.99 s longer, and none fails."""
    kit.delay(WRITE.name, 5, 20, 0.99)


@on_record(FAIL, "slow for 17.9")
def slow_after_most_of_the_fault(_kit: Kit) -> Kit:
    """For 18 s each answer takes 0.2 s longer; in most of the fault window none does."""
    kit = Kit(WRITE, APP, DNS, CONTROL, lasts_s=40)
    return kit.delay(WRITE.name, 12, 30, 0.2)


@on_record(FAIL, "1 in 100 of 600 answers in the fault window of 60.0 s took 3.0 s or more")
def one_in_fifty_takes_three_seconds(_kit: Kit) -> Kit:
    """For a minute one request in fifty takes 3 s, to a probe that waits for 5 s."""
    kit = long_fault(3.0)
    for start in range(20, 80, 5):
        kit.slow(WRITE.name, start, start + 0.1, 3.0)
    return kit


def slow_again(probe: str, every: int, seconds: float) -> Kit:
    """A long fault in which one answer of so many takes so long."""
    kit = long_fault(3.0)
    for tick in range(200, 1000, every):
        kit.delay(probe, tick / 10, tick / 10 + 0.05, seconds)
    return kit


@on_record(FAIL, "took longer than 500 ms, never prompt for 3 s, expected fewer than 30%")
def every_other_answer_is_slow(_kit: Kit) -> Kit:
    """From the fault on every other answer takes 0.9 s, and half of them stay as they were."""
    return slow_again(WRITE.name, 2, 0.9)


@on_record(FAIL, "took longer than 500 ms, never prompt for 3 s, expected fewer than 30%")
def one_of_three_servers_is_slow(_kit: Kit) -> Kit:
    """From the fault on one answer in three takes 0.9 s."""
    return slow_again(APP.name, 3, 0.9)


@on_record(PASS, "not one request failed")
def some_slow_answers_all_the_time(_kit: Kit) -> Kit:
    """Not broken: one answer in six takes 0.6 s, as on a small machine."""
    return slow_again(WRITE.name, 6, 0.6)


@on_record(INCONCLUSIVE, "but the host was slow, or ticks were late")
def slow_with_the_host(kit: Kit) -> None:
    """From the fault on every answer takes 0.9 s, also the one on the harness host."""
    kit.delay(WRITE.name, 5, 20, 0.9).delay(CONTROL.name, 4.5, 20, 0.3)


@on_record(PASS, "not one request failed")
def slow_for_a_moment(kit: Kit) -> None:
    """Not broken: answers take 0.4 s for three seconds while the fault begins."""
    kit.slow(WRITE.name, 5, 8, 0.4)
