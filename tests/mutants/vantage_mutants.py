"""Nodes with a prober that are down by the drill's plan."""

from __future__ import annotations

from dataclasses import replace

from mutantkit import Called, on_record
from recordkit import APP, CONTROL, DNS, WRITE, Kit, at

from kubedrill.base.model import DOWN, OutageLimit

INCONCLUSIVE, FAIL, PASS = Called.INCONCLUSIVE, Called.FAIL, Called.PASS
FIRST, SECOND = replace(DNS, place="w2"), replace(DNS, name="dns-pod-2", place="w1")


def two_vantages() -> Kit:
    """A run with probers on w2 and w1, of which w2 is down by plan from 7 to 12 s."""
    kit = Kit(WRITE, APP, FIRST, SECOND, CONTROL)
    return silence(kit, FIRST.name, 7.5, 11.5).span(DOWN, "w2", "boots", 7, 12)


def silence(kit: Kit, probe: str, start: float, end: float) -> Kit:
    """Have a prober say nothing for some time, and count on where it had stopped."""
    kit.drop(probe, start, end)
    kit.ticks[probe] = [replace(s, seq=number) for number, s in enumerate(kit.ticks[probe])]
    return kit


@on_record(PASS, "not one request failed and 3 checks passed")
def vantage_boots_and_the_other_watches(_kit: Kit) -> Kit:
    """Not broken: a prober's node boots by plan, and the prober on another node watches."""
    return two_vantages()


@on_record(PASS, "not one request failed and 3 checks passed")
def vantage_fails_while_its_node_starts(_kit: Kit) -> Kit:
    """Not broken: a prober's own node is not ready yet after its boot, and others are served."""
    return two_vantages().fail(FIRST.name, 11.5, 12)


@on_record(PASS, "not one request failed and 3 checks passed")
def vantage_is_slow_around_its_boot(_kit: Kit) -> Kit:
    """Not broken: answers are slow for a second before a prober's node boots, and after it."""
    kit = two_vantages().slow(FIRST.name, 6, 7, 0.2).slow(FIRST.name, 12, 13, 0.2)
    kit.limits = [replace(kit.limits[0], slow_s=1.0)]
    return kit


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 4.1 s")
def only_vantage_boots(_kit: Kit) -> Kit:
    """The node with the only prober boots by plan."""
    kit = Kit(WRITE, APP, FIRST, CONTROL)
    return silence(kit, FIRST.name, 7.5, 11.5).span(DOWN, "w2", "boots", 7, 12)


@on_record(INCONCLUSIVE, "has 1 gap in its samples, the longest 4.1 s")
def both_vantages_boot_at_once(_kit: Kit) -> Kit:
    """Both nodes with a prober are down by plan, for half a second at the same time."""
    kit = silence(two_vantages(), SECOND.name, 11.5, 15.5)
    return kit.span(DOWN, "w1", "boots", 11.5, 16)


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 4.1 s")
def watched_from_a_node_that_goes_down(_kit: Kit) -> Kit:
    """While a prober's node boots, the node of the other one is down by plan for a second."""
    return two_vantages().fail(SECOND.name, 8, 9).span(DOWN, "w1", "boots", 8, 9)


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 4.1 s")
def second_vantage_is_silent_meanwhile(_kit: Kit) -> Kit:
    """A node with a prober boots by plan, and the other prober stalls for two seconds then."""
    return silence(two_vantages(), SECOND.name, 9, 11)


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 4.1 s")
def second_vantage_never_says_anything(_kit: Kit) -> Kit:
    """A node with a prober boots by plan, and the other prober never sent a request."""
    kit = two_vantages()
    kit.ticks[SECOND.name] = []
    return kit


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 2.0 s")
def vantage_is_silent_for_longer_than_its_boot(_kit: Kit) -> Kit:
    """A prober says nothing for two seconds more than its node was down."""
    return silence(two_vantages(), FIRST.name, 11.5, 14)


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 2.1 s")
def vantage_falls_silent_before_its_boot(_kit: Kit) -> Kit:
    """A prober says nothing for two seconds before its node goes down."""
    return silence(two_vantages(), FIRST.name, 5, 7.5)


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 4.1 s")
def another_node_boots(_kit: Kit) -> Kit:
    """A prober is silent while a node boots that it does not stand on."""
    kit = two_vantages()
    kit.spans[-1] = replace(kit.spans[-1], subject="cp3")
    return kit


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 4.1 s")
def the_other_vantage_asks_something_else(_kit: Kit) -> Kit:
    """While a prober's node boots, the other prober asks another name."""
    kit = two_vantages()
    other = replace(SECOND, target="kubernetes.default.svc.cluster.local")
    kit.header = replace(kit.header, probes=(WRITE, APP, FIRST, other, CONTROL))
    return kit


@on_record(INCONCLUSIVE, "probe dns-pod has 1 gap in its samples, the longest 4.1 s")
def vantage_whose_node_never_returns(_kit: Kit) -> Kit:
    """The record does not say when a prober's node was back."""
    kit = two_vantages()
    kit.spans[-1] = replace(kit.spans[-1], end=None)
    return kit


@on_record(INCONCLUSIVE, "probe dns-pod lost 5 requests")
def vantage_loses_requests_after_its_boot(_kit: Kit) -> Kit:
    """A prober that is back fires five requests that are neither answered nor time out."""
    return two_vantages().drop(FIRST.name, 14, 14.5)


@on_record(INCONCLUSIVE, "the ticks of probe dns-pod jumped by +0.4 s off their schedule")
def clock_of_a_vantage_is_stepped_after_its_boot(_kit: Kit) -> Kit:
    """The clock of a node is set forward by 0.4 s after it has booted."""
    kit = two_vantages()
    by = at(0.4) - at(0)
    kit.ticks[FIRST.name] = [
        replace(s, due=s.due + by, fired=s.fired + by, done=s.done + by) if s.due >= at(14) else s
        for s in kit.ticks[FIRST.name]
        if s.due < at(19)
    ]
    return kit


@on_record(INCONCLUSIVE, "probe dns-pod-2 stands inside the cluster and its clock was never")
def clock_of_the_second_vantage_is_never_compared(_kit: Kit) -> Kit:
    """Nobody knows how the clock of the second prober's node stands to the harness's."""
    kit = two_vantages()
    kit.clocks = [replace(kit.clocks[0], vantage="inside w2")]
    return kit


@on_record(FAIL, "out for 2.4")
def outage_that_only_the_second_vantage_sees(_kit: Kit) -> Kit:
    """DNS is out for 2.4 s while the node with the first prober boots."""
    return two_vantages().fail(SECOND.name, 8.5, 11)


@on_record(FAIL, "out for 2.4")
def outage_of_a_vantage_that_is_back(_kit: Kit) -> Kit:
    """A node is back from its boot, and its pods reach no DNS for 2.4 s."""
    return two_vantages().fail(FIRST.name, 13, 15.5)


@on_record(FAIL, "5 of 350 requests of dns* failed, 0 allowed")
def one_vantage_fails_before_its_boot(_kit: Kit) -> Kit:
    """Requests of a prober fail before its node goes down, where none may."""
    kit = two_vantages().fail(FIRST.name, 6, 6.5)
    kit.limits.insert(0, OutageLimit("dns*", 2.0, 0.5, (), 0))
    return kit
