"""Faults that had no effect, had it elsewhere, or had it for too short a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mutantkit import Called, on_record
from recordkit import Kit, at

from kubedrill.base.model import EVIDENCE, Event, Span

INCONCLUSIVE, PASS, FAIL = Called.INCONCLUSIVE, Called.PASS, Called.FAIL
SHOWS = "no SSH server greets on the node"


def shown(
    kit: Kit,
    *,
    seen: tuple[str, ...] = ("cp1",),
    later: tuple[str, ...] | None = ("cp1",),
    seen_s: float = 6.0,
    heal_s: float = 14.0,
    least_s: float = 5.0,
    **data: Any,
) -> Kit:
    """Give the power cut of cp1 from 5 to 15 s its evidence, as a drill records it."""
    kit.header = replace(kit.header, evidence=SHOWS)
    asked = {"evidence": SHOWS, "least_s": least_s, "lasts": True, **data}
    kit.spans = [
        Span("fault", "cp1", "power cut", at(5), at(15), asked),
        Span("step", "cp1", "power cut: heal", at(heal_s), at(15)),
    ]
    for moment, nodes, when in ((seen_s, seen, "begin"), (heal_s - 0.1, later, "end")):
        if nodes is not None:
            sight = {"fault": "power cut", "expected": ["cp1"], "seen": list(nodes), "when": when}
            kit.events.append(Event(EVIDENCE, "cp1", SHOWS, at(moment), sight))
    return kit


def witness_alone(kit: Kit, **data: Any) -> None:
    """Give a drill without a fault, such as an upgrade, its evidence."""
    kit.header = replace(kit.header, evidence="every node runs another release")
    kit.events.append(Event(EVIDENCE, "cluster", "still v1.35.4: w1", at(14), data))


@on_record(PASS, "not one request failed")
def fault_with_its_effect(kit: Kit) -> Kit:
    """Not broken: the power was off from begin to end, long enough, on the node that was meant."""
    return shown(kit)


@on_record(INCONCLUSIVE, "nothing was tested: no SSH server greets on the node, not seen of cp1")
def fault_that_did_nothing(kit: Kit) -> Kit:
    """The power switch said yes and switched nothing, so no request could fail."""
    return shown(kit, seen=())


@on_record(FAIL, "the harness broke w2 instead of cp1: power cut")
def fault_on_the_wrong_node(kit: Kit) -> Kit:
    """The power switch of cp1 is wired to w2, and no request failed."""
    return shown(kit, seen=("w2",))


@on_record(FAIL, "the harness broke w2 instead of cp1: power cut")
def fault_on_the_wrong_node_that_ended_the_drill(kit: Kit) -> Kit:
    """The same, where the drill ended itself for want of evidence, as it does."""
    kit = shown(kit, seen=("w2",), later=None)
    kit.ended, kit.reason = "error", "nothing was tested"
    return kit


@on_record(FAIL, "the harness broke cp1 instead of cp2: quorum lost")
def half_a_fault_on_the_wrong_node(kit: Kit) -> Kit:
    """Two members should hang; one does, and another one that nobody meant."""
    kit = shown(kit)
    sight = {"fault": "quorum lost", "expected": ["cp2", "cp3"], "seen": ["cp1", "cp3"]}
    kit.events.append(Event(EVIDENCE, "etcd", SHOWS, at(6), {**sight, "when": "begin"}))
    return kit


@on_record(INCONCLUSIVE, "given back too early, 1.0 s after it took hold, expected 5 s or longer")
def fault_given_back_too_early(kit: Kit) -> Kit:
    """The drill healed after a second what should last for five."""
    return shown(kit, heal_s=7.0)


@on_record(INCONCLUSIVE, "given back too early, 0.0 s after it took hold, expected 5 s or longer")
def fault_seen_only_as_it_was_healed(kit: Kit) -> Kit:
    """The effect came when the time was over."""
    return shown(kit, seen_s=14.0)


@on_record(INCONCLUSIVE, "cp1: power cut: it was not seen to last until it was healed")
def fault_undone_behind_the_harness(kit: Kit) -> Kit:
    """A watchdog gave the power back half-way: the node greeted again before it was healed."""
    return shown(kit, later=())


@on_record(INCONCLUSIVE, "cp1: power cut: it was not seen to last until it was healed")
def second_look_not_recorded(kit: Kit) -> Kit:
    """Nobody looked a second time."""
    return shown(kit, later=None)


@on_record(PASS, "not one request failed")
def fault_that_ends_by_itself(kit: Kit) -> Kit:
    """Not broken: a kubelet that was killed is back at once, and need not be seen again."""
    return shown(kit, later=None, least_s=0.0, lasts=False)


@on_record(INCONCLUSIVE, "cp1: power cut: nobody looked whether no SSH server greets")
def evidence_of_another_fault(kit: Kit) -> Kit:
    """The evidence is that of another fault, on another node."""
    kit = shown(kit)
    kit.events = [
        replace(event, subject="w1", data={**event.data, "expected": ["w1"], "seen": ["w1"]})
        for event in kit.events
    ]
    return kit


@on_record(INCONCLUSIVE, "cp1: power cut: nobody looked whether no SSH server greets")
def evidence_from_before_the_fault(kit: Kit) -> Kit:
    """The node was silent before its power was cut; nobody looked since."""
    return shown(kit, seen_s=4.0)


@on_record(INCONCLUSIVE, "cp1: power cut: the record has lost what would show it")
def fault_that_asks_for_no_evidence(kit: Kit) -> Kit:
    """What asked for evidence was taken out of the fault, whose heal is still there."""
    kit = shown(kit)
    kit.spans[0] = Span("fault", "cp1", "power cut", at(5), at(15))
    return kit


@on_record(INCONCLUSIVE, "there is evidence of w1: power cut, which the record does not show")
def evidence_without_its_fault(kit: Kit) -> Kit:
    """The evidence is that of another node, and nothing in the record asks for one."""
    kit = shown(kit)
    kit.spans = [Span("fault", "cp1", "power cut", at(5), at(15))]
    kit.events = [
        replace(event, subject="w1", data={**event.data, "expected": ["w1"], "seen": ["w1"]})
        for event in kit.events
    ]
    return kit


@on_record(FAIL, "the harness broke w2 as well as cp1: power cut")
def fault_on_one_more_node(kit: Kit) -> Kit:
    """The power of two nodes was cut where one was meant, and no request failed."""
    return shown(kit, seen=("cp1", "w2"))


@on_record(INCONCLUSIVE, "found least_s '5' and lasts True, expected seconds, and true or false")
def shortest_time_in_words(kit: Kit) -> Kit:
    """The shortest time that the effect must last is a text, so that no time is too short."""
    return shown(kit, heal_s=6.5, least_s="5")  # type: ignore[arg-type]


@on_record(INCONCLUSIVE, "found least_s None and lasts True, expected seconds, and true or false")
def shortest_time_taken_out(kit: Kit) -> Kit:
    """The shortest time that the effect must last is gone."""
    return shown(kit, heal_s=6.5, least_s=None)  # type: ignore[arg-type]


@on_record(INCONCLUSIVE, "cp1: power cut: the record does not show when it was healed")
def heal_not_recorded(kit: Kit) -> Kit:
    """The step that healed after two seconds is missing, so the whole window seems broken."""
    kit = shown(kit, heal_s=8.0)
    kit.spans = [span for span in kit.spans if span.lane == "fault"]
    return kit


@on_record(INCONCLUSIVE, "cp1: power cut: it was not seen to last until it was healed")
def second_look_long_before_the_heal(kit: Kit) -> Kit:
    """The second look came right after the first, eight seconds before the heal."""
    kit = shown(kit)
    kit.events[1] = replace(kit.events[1], at=at(6.1))
    return kit


@on_record(INCONCLUSIVE, "nothing was tested: the record does not show that no SSH server greets")
def evidence_lost(kit: Kit) -> Kit:
    """All evidence is missing from the record, and all that asked for it with the fault."""
    kit = shown(kit)
    kit.events = []
    kit.spans = [Span("fault", "cp1", "power cut", at(5), at(15))]
    return kit


@on_record(INCONCLUSIVE, "nothing was tested: no SSH server greets on the node, not seen of cp1")
def evidence_of_nothing(kit: Kit) -> Kit:
    """A look that expected nothing anywhere saw all of it."""
    kit = shown(kit)
    kit.events = [
        replace(event, data={**event.data, "expected": [], "seen": []}) for event in kit.events
    ]
    return kit


@on_record(INCONCLUSIVE, "nothing was tested: still v1.35.4: w1, not seen of cluster")
def upgrade_that_changed_nothing(kit: Kit) -> None:
    """The playbook ended well, and a node runs what it ran."""
    witness_alone(kit, expected=["cluster"], seen=[], when="begin")


@on_record(PASS, "not one request failed")
def upgrade_with_its_effect(kit: Kit) -> None:
    """Not broken: every node runs another release."""
    witness_alone(kit, expected=["cluster"], seen=["cluster"], when="begin")


@on_record(PASS, "not one request failed")
def record_of_an_older_version(kit: Kit) -> None:
    """Not broken: a record from before evidence was asked for has none, and is judged without."""
    kit.header = replace(kit.header, evidence="")
