"""What is told of a vantage whose node was down by plan; the mutants of vantages show the rest."""

from dataclasses import replace

from recordkit import APP, CONTROL, DNS, WRITE, Kit, at

from kubedrill.base.model import DOWN, STEADY, Event
from kubedrill.base.results import VerdictKind
from kubedrill.report.words import name_probes
from kubedrill.verdict import judge

FIRST, SECOND = replace(DNS, place="w2"), replace(DNS, name="dns-pod-2", place="w1")


def booted() -> Kit:
    """A prober's requests fail from 7 to 12 s, while its node boots by plan."""
    kit = Kit(WRITE, APP, FIRST, SECOND, CONTROL)
    kit.events = [Event(STEADY, "probes", "judged from here on", at(1))]
    return kit.fail(FIRST.name, 7, 12).span(DOWN, "w2", "boots", 7, 12)


def test_what_it_saw_is_not_judged_and_the_verdict_says_so() -> None:
    verdict = judge(booted().record())
    assert verdict.verdict is VerdictKind.PASS
    (note,) = verdict.notes
    assert note == (
        "w2 was down by the drill's plan for 5.0 s: what probes on it saw then is not judged, the "
        "same ones on another node watched"
    )
    first, second = (each for each in verdict.probes if each.probe.startswith("dns"))
    assert (first.samples, first.failed, second.samples) == (140, 0, 190)
    assert verdict.attributed == (), "what was left out is none that came before the steady state"


def test_a_record_that_does_not_say_where_its_probes_stood_excuses_nothing() -> None:
    kit = booted()
    older = tuple(replace(spec, place="") for spec in kit.specs)
    kit.header = replace(kit.header, probes=older)
    verdict = judge(kit.record())
    assert (verdict.verdict, verdict.notes) == (VerdictKind.FAIL, ())


def test_a_reader_is_told_where_each_of_them_stands() -> None:
    names = name_probes([APP, FIRST, SECOND])
    assert (names["dns-pod"], names["dns-pod-2"]) == ("DNS on w2", "DNS on w1")
    assert name_probes([APP, FIRST])["dns-pod"] == "DNS"
