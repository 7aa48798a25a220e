"""INCONCLUSIVE says what to do next, and what it says is true."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from recordkit import APP, CONTROL, DNS, WRITE, Kit

from kubedrill.base.model import Check, OutageLimit, Vantage
from kubedrill.base.results import Advice, VerdictKind
from kubedrill.record import read_record
from kubedrill.verdict import judge

RECORDS = Path(__file__).parents[2] / "records"
PASS, FAIL, INCONCLUSIVE, ABORTED = VerdictKind


def advice_of(kit: Kit) -> Advice:
    result = judge(kit.record())
    assert result.verdict is INCONCLUSIVE
    (advice,) = result.advice
    return advice


def on_two_cpus(kit: Kit) -> Kit:
    kit.header = replace(kit.header, host={"cpus": 2})
    return kit


def rare(interval_s: float = 1.0) -> Kit:
    """An outage of 3 to 5 s, of a probe that asks rarely, against a limit of 4 s."""
    kit = Kit(replace(WRITE, interval_s=interval_s), *Kit().specs[1:], lasts_s=120, limit_s=4.0)
    return kit.fail("api-write", 6.0, 10.0)


def slow_host() -> Kit:
    kit = on_two_cpus(Kit(lasts_s=30)).fail("api-write", 6, 11, "timeout")
    return kit.slow("control", 5, 12, 0.5)


def late_ticks() -> Kit:
    kit = Kit(limit_s=1.0).fail("api-write", 6, 6.9)
    return kit.late("api-write", 5.8, 7.2, 0.2)


def again_and_again() -> Kit:
    """One in three requests of the application times out, while the host is slow."""
    kit = Kit().fail("app-nodeport-new", 6.0, 12, "timeout", every=3)
    return kit.delay("control", 5.5, 13.5, 0.3)


def stalled() -> Kit:
    """Nothing is answered for 2.4 s, which a probe that gives up after 1 s knows as 1.4 to 2.5."""
    kit = Kit().fail("api-write", 6.0, 7.5, "timeout")
    return kit.slow("api-write", 7.5, 8.4, 0.9)


def of_app(kit: Kit) -> Kit:
    kit.limits = [replace(kit.limits[0], probes="app-*"), replace(kit.limits[0], probes="api-*")]
    return kit


@pytest.mark.parametrize(
    ("kit", "short", "evidence", "action"),
    [
        (rare(), "the rate of the probes", "known as 3.0\N{EN DASH}5.0 s", "probes.interval_s"),
        (
            stalled(),
            "the patience of the probes",
            "gives up after 1 s, so the outage is known as 1.4\N{EN DASH}2.5 s",
            "lower probes.timeout_s below 1",
        ),
        (
            slow_host(),
            "processor time of the harness host",
            "was answered late or not at all for 7.5 s of 30 s; every tick was on time",
            "more processors than its 2",
        ),
        (
            late_ticks(),
            "processor time of the harness host",
            "14 of 600 ticks were late, the latest by 201 ms",
            "stop what else runs there",
        ),
        (
            of_app(again_and_again()),
            "sound evidence",
            "failed again and again for 5.7 s, 20 of 58 requests",
            "more processors",
        ),
        (
            of_app(Kit().fail("app-nodeport-new", 18.5, 20)),
            "time",
            "out for 1.4 s or longer, and had not ended",
            "raise probes.cooldown_s",
        ),
    ],
    ids=["rare", "stalled", "slow host", "late ticks", "again and again", "no end"],
)
def test_the_short_resource_is_named_with_its_evidence(
    kit: Kit, short: str, evidence: str, action: str
) -> None:
    advice = judge(kit.record()).advice[0]
    assert advice.short == short
    assert evidence in advice.evidence
    assert action in advice.action
    assert "PASS" in advice.outcome
    assert "FAIL" in advice.outcome or short.startswith("processor")


def test_several_probes_of_one_limit_lack_the_same() -> None:
    other = replace(APP, name="app-service-new", vantage=Vantage.INSIDE)
    kit = Kit(WRITE, APP, other, CONTROL)
    for name in ("app-nodeport-new", "app-service-new"):
        kit.fail(name, 6.0, 12, "timeout", every=3)
    result = judge(of_app(kit.delay("control", 5.5, 13.5, 0.3)).record())
    assert len(result.findings) == 2
    assert [each.short for each in result.advice] == [
        "sound evidence",
        "processor time of the harness host",
    ]


@pytest.mark.parametrize(
    "kit",
    [rare(), stalled(), slow_host(), late_ticks()],
    ids=["rare", "stalled", "slow", "late"],
)
def test_the_wider_limit_makes_it_a_pass(kit: Kit) -> None:
    match = re.search(r"a limit of ([0-9.]+) s or more makes it a PASS", advice_of(kit).outcome)
    assert match
    limit_s = float(match[1])
    kit.limits = [OutageLimit("*", limit_s, 0.0)]
    assert judge(kit.record()).verdict is PASS
    kit.limits = [OutageLimit("*", limit_s - 0.2, 0.0)]
    assert judge(kit.record()).verdict is not PASS


def test_a_limit_below_the_shortest_makes_it_a_fail() -> None:
    kit = rare()
    match = re.search(r"one below ([0-9.]+) s makes it a FAIL", advice_of(kit).outcome)
    assert match
    kit.limits = [OutageLimit("*", float(match[1]) - 0.1, 0.0)]
    assert FAIL in [each.verdict for each in judge(kit.record()).results]


def test_the_number_that_may_fail_decides() -> None:
    kit = again_and_again()
    kit.limits = [OutageLimit("*", 2.0, 0.5, (), 5)]
    match = re.search(
        r"^([0-9]+) or more allowed makes it a PASS", judge(kit.record()).advice[0].outcome
    )
    assert match
    kit = Kit().fail("app-nodeport-new", 6.0, 12, every=3)
    for allowed, verdict in ((int(match[1]), PASS), (int(match[1]) - 1, FAIL)):
        kit.limits = [OutageLimit("*", 2.0, 0.5, (), allowed)]
        assert judge(kit.record()).verdict is verdict


def test_probes_inside_the_cluster_lack_the_time_of_their_node() -> None:
    kit = Kit(*Kit().specs, DNS, limit_s=1.0).fail("dns-pod", 6, 6.9)
    advice = advice_of(kit.late("dns-pod", 5.8, 7.2, 0.2))
    assert advice.short == "processor time of the node that runs the probes inside the cluster"
    assert "more processors" in advice.action


def test_a_host_whose_network_failed_is_told_first() -> None:
    first, *_ = judge(read_record(RECORDS / "inconclusive.jsonl")).advice
    assert first.short == "a sound view of the cluster"
    assert "the control probe outside the cluster failed" in first.evidence
    assert first.outcome.endswith("4.9\N{EN DASH}5.1 s of app-nodeport-new is a FAIL")


def test_a_record_that_lacks_much_names_a_few() -> None:
    advice = advice_of(Kit(lasts_s=4))
    assert advice.short == "evidence"
    assert "only 40 samples" in advice.evidence
    assert re.search(r"and [0-9]+ more$", advice.evidence)
    assert "kubedrill drill failover-vip again" in advice.action


@pytest.mark.parametrize("verdict", [PASS, FAIL, ABORTED])
def test_other_verdicts_need_none(verdict: VerdictKind) -> None:
    kit = Kit()
    if verdict is FAIL:
        kit.checks.append(Check("nodes", False, "w1 is gone", "5 nodes"))
    if verdict is ABORTED:
        kit.ended = "aborted"
    result = judge(kit.record())
    assert (result.verdict, result.advice) == (verdict, ())
