# ruff: noqa: S311 - the choices of a drill are recorded, not secret
import random
from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context
from kubernetes.client import V1PodCondition

from kubedrill.cluster.etcd import Member
from kubedrill.cluster.hosts import CommandResult
from kubedrill.config import Settings
from kubedrill.core import choices
from kubedrill.core.drill import Family
from kubedrill.core.expectations import frozen_dns
from kubedrill.core.fault_drill import FaultDrill, until_address_moved, until_new_etcd_leader
from kubedrill.core.predictions import Expected
from kubedrill.drills import ALL
from kubedrill.drills.leader_takeover import DRILLS as LEADER_DRILLS
from kubedrill.drills.network_drills import DRILLS as NETWORK_DRILLS
from kubedrill.drills.node_drills import DRILLS as NODE_DRILLS
from kubedrill.drills.pod_drills import DRILLS as POD_DRILLS
from kubedrill.drills.pod_drills import PodDrill, readiness_s
from kubedrill.drills.resource_drills import DRILLS as RESOURCE_DRILLS
from kubedrill.drills.service_drills import DRILLS as SERVICE_DRILLS
from kubedrill.faults.base import Effect

TABLES = [SERVICE_DRILLS, NETWORK_DRILLS, NODE_DRILLS, RESOURCE_DRILLS, POD_DRILLS, LEADER_DRILLS]


def survey(inventory: Any, **api: Any) -> Any:
    everything = SimpleNamespace(**api)
    cluster = SimpleNamespace(
        inventory=inventory, api=everything, hosts=everything, settings=Settings()
    )
    app = SimpleNamespace(namespace="shop", name="web", selector="app=web")
    return SimpleNamespace(
        cluster=cluster,
        app=app,
        rng=random.Random(7),
        timers=None,
        limits=lambda drill: drill.limits,
    )


class Fault(Effect):
    """A fault that can be made on some nodes only, and notes what happens to it."""

    name = "test"
    evidence = "the node is broken"

    def __init__(self, subject: str, busy: tuple[str, ...] = ()) -> None:
        self.subject, self._busy = subject, busy

    def available(self, _ctx: Any) -> str | None:
        return f"{self.subject} has a fault already" if self.subject in self._busy else None


def drill(among: list[str], busy: tuple[str, ...] = (), **more: Any) -> FaultDrill:
    def make(node: str) -> Any:
        return Fault(node, busy)

    return FaultDrill(
        name="kubelet-stopped",
        title="T",
        proves="p",
        needs="2 workers",
        duration_s=1,
        family=Family.SERVICES,
        limits_because="b",
        among=lambda _s: among,
        fault=make,
        expect=lambda *_: Expected(),
        **more,
    )


def test_no_candidate_is_told_by_what_the_drill_needs(make_inventory: Any) -> None:
    assert drill([]).unavailable(survey(make_inventory())) == "needs 2 workers"


def test_a_drill_is_available_where_one_candidate_is_and_takes_that_one(
    make_inventory: Any,
) -> None:
    half = drill(["w1", "w2", "w3"], busy=("w1", "w3"))
    assert half.unavailable(survey(make_inventory())) is None
    assert {half.prepare(survey(make_inventory())) for _ in range(5)} == {("w2",)}
    none = drill(["w1", "w2"], busy=("w1", "w2"))
    assert (
        none.unavailable(survey(make_inventory()))
        == "w1 has a fault already; w2 has a fault already"
    )


def context(inventory: Any, **api: Any) -> Any:
    return fake_context("w1", inventory=inventory, api=SimpleNamespace(**api))


def waits(what: str, missing: Any, *, setting: str) -> None:
    assert missing() is None, what
    assert hasattr(Settings().timeouts, setting)


@pytest.mark.parametrize("answered", [True, False])
def test_the_fault_lasts_until_it_was_seen_and_survived_then_it_is_healed(
    make_inventory: Any, answered: bool
) -> None:
    ctx = context(make_inventory(), ready=lambda _node: True, wait=waits)
    drill(["w1"], until=lambda c: c.log.append("seen"), hold_s=0.001, answered=answered).run(ctx)
    between = ["seen", "w1: test: for 0.001 s"]
    between += ["w1: test: until every probe is answered", "answering *"] if answered else []
    assert ctx.log == ["test of w1", *between, "heal w1", "w1: healed: until Ready"]


@pytest.mark.parametrize(
    ("holders", "moved"),
    [(["w1", "cp2"], True), (["w1"], False), (["cp2", "cp3"], False), (["cp2"], True)],
)
def test_an_address_that_two_nodes_hold_has_moved_when_one_other_has_it(
    make_inventory: Any, holders: list[str], moved: bool
) -> None:
    seen: list[bool] = []
    ctx = context(
        make_inventory(),
        vip_holders=lambda: holders,
        wait=lambda _what, missing, setting: seen.append(missing() is None),  # noqa: ARG005
    )
    until_address_moved(ctx)
    assert seen == [moved]


def test_a_frozen_leader_s_own_word_does_not_count(make_inventory: Any) -> None:
    seen: list[bool] = []
    members = [Member("w1", 1, 1), Member("cp2", 2, 1), Member("cp3", 3, error="down")]
    ctx = context(
        make_inventory(),
        etcd_members=lambda: members,
        wait=lambda _what, missing, setting: seen.append(missing() is None),  # noqa: ARG005
    )
    until_new_etcd_leader(ctx)
    members[1] = Member("cp2", 2, 2)
    until_new_etcd_leader(ctx)
    assert seen == [False, True]


def test_every_drill_has_limits_that_can_be_set() -> None:
    given = {name: {"app_outage_s": 1234} for name in ALL}
    settings = Settings.model_validate({"drills": given}, context={"drills": ALL})
    limits = [settings.limits(name, drill.limits) for name, drill in ALL.items()]
    assert {each.app_outage_s for each in limits} == {1234}


def test_no_two_drills_share_a_name() -> None:
    names = [drill.name for table in TABLES for drill in table]
    assert len(names) == len(set(names))
    assert set(names) <= set(ALL)


def test_choices_are_refused_where_nothing_would_be_left(make_inventory: Any) -> None:
    pods = [SimpleNamespace(spec=SimpleNamespace(node_name=name)) for name in ("w1", "w2", "w1")]
    few = survey(make_inventory(cp=1, workers=1), pods=lambda *_: pods, vip_holder=lambda: "cp1")
    assert choices.app_workers(few) == []
    assert choices.address_holder(few) == []
    many = survey(
        make_inventory(), pods=lambda *_: pods, vip_holder=lambda: "cp1", etcd_leader=lambda: "cp3"
    )
    assert choices.app_workers(many) == ["w1", "w2"]
    assert choices.dns_nodes(many) == ["w1", "w2"]
    assert choices.etcd_followers(many) == ["cp2"]
    assert choices.etcd_leader(many) == ["cp3"]
    alone = survey(make_inventory(), pods=lambda *_: pods[:1])
    assert choices.dns_nodes(alone) == []


def labelled(**zones: str) -> Any:
    labels = [(name, {choices.ZONE: zone} if zone else None) for name, zone in zones.items()]
    return lambda: [
        SimpleNamespace(metadata=SimpleNamespace(name=name, labels=result))
        for name, result in labels
    ]


def power(inventory: Any, **zones: str) -> Any:
    result = survey(
        inventory,
        nodes=labelled(**zones),
        read=lambda *_, **_options: SimpleNamespace(stdout="", ok=True),
        etcd_members=lambda: [Member(f"cp{i}", i, 1) for i in (1, 2, 3)],
    )
    result.cluster.power = SimpleNamespace(available=lambda _node: None)
    return result


def test_a_zone_is_lost_only_where_etcd_and_a_worker_are_left(make_inventory: Any) -> None:
    zone = ALL["zone-outage"]
    inventory = make_inventory()
    assert "no node has the label" in str(zone.unavailable(power(inventory, cp1="", w1="")))
    good = power(inventory, cp1="a", w1="a", cp2="b", cp3="b", w2="b")
    assert zone.unavailable(good) is None
    assert zone.prepare(good) == ("cp1", "w1")
    two = zone.unavailable(power(inventory, cp1="a", cp2="a", w1="b", w2="b"))
    assert two == (
        "etcd would be below quorum: 1 of 3 members left without cp1, cp2, needs 2; zone b "
        "has every worker"
    )


def probe(**fields: Any) -> Any:
    unset = dict.fromkeys(
        (
            "initial_delay_seconds",
            "period_seconds",
            "success_threshold",
            "failure_threshold",
            "timeout_seconds",
        )
    )
    return SimpleNamespace(**{**unset, **fields})


def pod_spec(readiness: Any) -> Any:
    return SimpleNamespace(containers=[SimpleNamespace(readiness_probe=readiness)])


def test_readiness_is_read_from_the_pod_and_else_kubernetes_default() -> None:
    assert readiness_s(pod_spec(None)) == 0
    assert readiness_s(pod_spec(probe())) == 10
    assert (
        readiness_s(pod_spec(probe(initial_delay_seconds=5, period_seconds=2, success_threshold=3)))
        == 11
    )


def test_a_hanging_dns_pod_is_out_after_its_own_probe_has_failed(make_inventory: Any) -> None:
    pods = [SimpleNamespace(spec=pod_spec(probe(period_seconds=5)))]
    result = survey(make_inventory(), pods=lambda *_: pods)
    result.timers = SimpleNamespace(
        proxy_min_sync=SimpleNamespace(value=1.0), describe=lambda *_: ()
    )
    (part,) = frozen_dns(result, "w1").dns
    assert part.seconds == 5 * 3 + 1 + 1


def ready_pod(name: str) -> Any:
    return SimpleNamespace(
        metadata=SimpleNamespace(
            name=name, deletion_timestamp=None, owner_references=[SimpleNamespace(controller=True)]
        ),
        status=SimpleNamespace(
            phase="Running", conditions=[V1PodCondition(type="Ready", status="True")]
        ),
        spec=SimpleNamespace(node_name="w1", containers=[SimpleNamespace(name="web")]),
    )


def test_the_last_pod_is_not_killed_but_all_may_be(make_inventory: Any) -> None:
    result = survey(
        make_inventory(),
        pods=lambda *_: [ready_pod("web-1")],
        read=lambda *_, **_options: CommandResult(0, "", ""),
    )
    by_what = {drill.what: drill for drill in POD_DRILLS}
    assert "needs 2 or more" in str(by_what["pod"].unavailable(result))
    assert by_what["all"].unavailable(result) is None
    two = survey(
        make_inventory(),
        pods=lambda *_: [ready_pod("web-1"), ready_pod("web-2")],
        read=lambda *_, **_options: CommandResult(0, "", ""),
    )
    one: PodDrill = by_what["container"]
    assert one.unavailable(two) is None
    assert one.prepare(two)[0] in ("web-1", "web-2")


def behind_balancer(make_inventory: Any) -> Any:
    """A cluster of which no node holds an address: who asks for its holder fails."""

    def nobody() -> str:
        raise AssertionError("there is no virtual address to hold")

    members = [Member(f"cp{i}", i, 2) for i in (1, 2, 3)]
    inventory = make_inventory(
        cluster_endpoint_kind="external", cluster_external_address="192.0.2.9"
    )
    result = survey(
        inventory, vip_holder=nobody, etcd_leader=lambda: "cp2", etcd_members=lambda: members
    )
    result.dry_run = True
    return result


ADDRESS_DRILLS = [
    *("failover-vip", "keepalived-stopped", "keepalived-killed", "keepalived-frozen"),
    *("haproxy-stopped", "haproxy-frozen"),
]


@pytest.mark.parametrize("name", ADDRESS_DRILLS)
def test_drills_of_the_virtual_address_are_not_run_behind_a_balancer(
    make_inventory: Any, name: str
) -> None:
    reason = ALL[name].unavailable(behind_balancer(make_inventory))
    assert reason is not None
    assert "virtual address" in reason


def test_a_leader_is_lost_behind_a_balancer_without_anybody_having_to_be_spared(
    make_inventory: Any,
) -> None:
    result = behind_balancer(make_inventory)
    assert ALL["failover-etcd-leader"].prepare(result) == ("cp2",)
    assert choices.etcd_followers(result) == ["cp1", "cp3"]
