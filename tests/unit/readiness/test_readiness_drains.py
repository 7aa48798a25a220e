"""Everything that stops a drain or hurts somebody by it.

Budgets, lonely pods, volumes, room elsewhere.
"""

from dataclasses import replace
from typing import Any

import pytest
from kubernetes.client import (
    V1Affinity,
    V1Container,
    V1EmptyDirVolumeSource,
    V1LabelSelector,
    V1NodeAffinity,
    V1NodeSelector,
    V1NodeSelectorRequirement,
    V1NodeSelectorTerm,
    V1ObjectMeta,
    V1PersistentVolume,
    V1PersistentVolumeClaim,
    V1PersistentVolumeClaimSpec,
    V1PersistentVolumeClaimVolumeSource,
    V1PersistentVolumeSpec,
    V1PodAffinityTerm,
    V1PodAntiAffinity,
    V1ResourceRequirements,
    V1Taint,
    V1Toleration,
    V1TopologySpreadConstraint,
    V1Volume,
    V1VolumeNodeAffinity,
)
from ready_cluster import budget, deployment, issues_of, node, pod, with_node, with_pods

from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import Answer, Snapshot
from kubedrill.readiness.rules.fit import could_run_on, requests

WEB = V1LabelSelector(match_labels={"app": "web"})


def with_budgets(snapshot: Snapshot, *budgets: Any) -> Snapshot:
    return replace(snapshot, budgets=Answer(budgets))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (budget(min_available=2, desired=2), "can never allow one: minAvailable 2 of 2"),
        (budget(min_available="100%", desired=2), "can never allow one: minAvailable 100%"),
        (budget(max_unavailable=0, desired=2), "can never allow one: maxUnavailable 0"),
        (budget(max_unavailable=1, healthy=1), "allows none now: 1 of 2 pods healthy, 1 must stay"),
    ],
)
def test_a_budget_that_allows_nothing_is_named_with_its_pods_and_nodes(
    ready: Snapshot, made: Any, words: str
) -> None:
    (issue,) = issues_of(with_budgets(ready, made), "budgets")
    assert issue.severity == "blocker"
    assert issue.subject == "budget shop/web"
    assert words in issue.actual
    assert "w1, w2" in issue.actual
    assert "web-a, web-b" in issue.actual


def test_a_budget_without_pods_or_of_a_daemonset_blocks_nobody(ready: Snapshot) -> None:
    blocked = with_budgets(ready, budget(max_unavailable=0, desired=2))
    only_daemons = replace(blocked, pods=Answer((pod("web-a", "w1", owner="DaemonSet"),)))
    assert issues_of(only_daemons, "budgets") == []
    assert issues_of(replace(blocked, pods=Answer(())), "budgets") == []


def test_a_budget_of_another_namespace_or_of_other_pods_blocks_nobody(ready: Snapshot) -> None:
    elsewhere = budget(max_unavailable=0, desired=2)
    elsewhere.metadata.namespace = "other"
    others = budget(max_unavailable=0, desired=2)
    others.spec.selector = V1LabelSelector(match_labels={"app": "else"})
    assert issues_of(with_budgets(ready, elsewhere, others), "budgets") == []


def test_a_budget_that_nobody_computed_is_unknown(ready: Snapshot) -> None:
    made = budget(max_unavailable=1)
    made.metadata.generation = 2
    (issue,) = issues_of(with_budgets(ready, made), "budgets")
    assert issue.severity == "unknown"


def test_two_budgets_over_one_pod_block(ready: Snapshot) -> None:
    (issue,) = issues_of(
        with_budgets(ready, budget("a", max_unavailable=1), budget("b", max_unavailable=1)),
        "budgets-overlap",
    )
    assert issue.subject == "budgets shop/a, shop/b"
    assert "Deployment shop/web" in issue.actual


def test_a_pod_without_a_controller_blocks_the_drain_of_its_node(ready: Snapshot) -> None:
    (issue,) = issues_of(with_pods(ready, pod("lonely", "w2", app="x", owner="")), "unmanaged-pods")
    assert issue.severity == "blocker"
    assert issue.subject == "pod shop/lonely"
    assert "drain of w2 is refused" in issue.actual


def test_static_finished_and_ending_pods_are_in_nobodys_way(ready: Snapshot) -> None:
    done = pod("done", "w1", app="x", owner="")
    done.status.phase = "Succeeded"
    assert issues_of(with_pods(ready, done), "unmanaged-pods") == []


def test_one_replica_is_named_and_two_or_none_are_not(ready: Snapshot) -> None:
    several = (
        deployment("one", 1),
        deployment("unset", None),
        deployment("two", 2),
        deployment("off", 0),
    )
    issues = issues_of(replace(ready, workloads=Answer(several)), "one-replica")
    assert [finding.subject for finding in issues] == [
        "Deployment shop/one",
        "Deployment shop/unset",
    ]


def test_a_grace_period_longer_than_the_drain_is_named(ready: Snapshot) -> None:
    (issue,) = issues_of(
        with_pods(ready, pod("slow", "w1", app="x", termination_grace_period_seconds=600)),
        "grace-periods",
    )
    assert issue.action.endswith("upgrade_drain_timeout=660")


def local_volume(name: str, host: str) -> V1PersistentVolume:
    need = V1NodeSelectorRequirement(key="kubernetes.io/hostname", operator="In", values=[host])
    where = V1VolumeNodeAffinity(
        required=V1NodeSelector(node_selector_terms=[V1NodeSelectorTerm(match_expressions=[need])])
    )
    return V1PersistentVolume(
        metadata=V1ObjectMeta(name=name), spec=V1PersistentVolumeSpec(node_affinity=where)
    )


def test_a_pod_with_a_local_volume_is_told_as_out_and_not_as_unplaceable(ready: Snapshot) -> None:
    claim = V1PersistentVolumeClaim(
        metadata=V1ObjectMeta(name="data", namespace="shop"),
        spec=V1PersistentVolumeClaimSpec(volume_name="pv1"),
    )
    source = V1PersistentVolumeClaimVolumeSource(claim_name="data")
    holder = pod(
        "db-0",
        "w1",
        app="db",
        owner="StatefulSet",
        volumes=[V1Volume(name="v", persistent_volume_claim=source)],
    )
    snapshot = replace(
        with_pods(ready, holder),
        volumes=Answer((local_volume("pv1", "w1"),)),
        claims=Answer((claim,)),
    )
    (issue,) = issues_of(snapshot, "local-volumes")
    assert issue.subject == "pod shop/db-0"
    assert "on w1 only" in issue.actual
    assert issues_of(snapshot, "fits-elsewhere") == []


def test_what_is_in_an_emptydir_goes_with_the_drain(ready: Snapshot) -> None:
    scratch = pod(
        "s", "w1", app="scratch", volumes=[V1Volume(name="tmp", empty_dir=V1EmptyDirVolumeSource())]
    )
    (issue,) = [f for f in judge(with_pods(ready, scratch)).findings if f.rule == "emptydir"]
    assert issue.severity == "info"
    assert "Deployment shop/scratch" in issue.actual


def host_selector(name: str) -> dict[str, str]:
    return {"kubernetes.io/hostname": name}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"node_selector": host_selector("w1")}, "cp1, cp2, cp3, w2: its labels do not match"),
        (
            {"cpu": "1950m"},
            (
                "cp1, cp2, cp3: taint node-role.kubernetes.io/control-plane; w2: too little cpu: "
                "asks for 1.95, 1.9 free"
            ),
        ),
        ({"cpu": "100m"}, ""),
    ],
)
def test_a_pod_that_fits_nowhere_else_is_named_with_each_nodes_reason(
    ready: Snapshot, spec: dict[str, Any], words: str
) -> None:
    issues = issues_of(with_pods(ready, pod("big", "w1", app="big", **spec)), "fits-elsewhere")
    of_w1 = [finding for finding in issues if finding.subject == "node w1"]
    assert len(of_w1) == (1 if words else 0)
    for finding in of_w1:
        assert words in finding.actual
        assert finding.severity == "warning"


def test_pods_that_fit_alone_but_not_together(ready: Snapshot) -> None:
    several = [pod(f"p{i}", "w1", app=f"p{i}", cpu="1") for i in range(2)]
    issue = issues_of(with_pods(ready, *several), "fits-elsewhere")[0]
    assert "1 of its pods" in issue.actual
    assert "not together with the node's other pods" in issue.actual


def test_room_on_a_node_that_is_cordoned_or_not_ready_does_not_count(ready: Snapshot) -> None:
    cordoned = node("w2")
    cordoned.spec.unschedulable = True
    for other in (cordoned, node("w2", Ready="Unknown")):
        issues = issues_of(with_node(ready, other), "fits-elsewhere")
        assert "w2: takes no pods now" in issues[0].actual


def test_required_anti_affinity_over_two_workers(ready: Snapshot) -> None:
    term = V1PodAffinityTerm(label_selector=WEB, topology_key="kubernetes.io/hostname")
    apart = V1Affinity(
        pod_anti_affinity=V1PodAntiAffinity(
            required_during_scheduling_ignored_during_execution=[term]
        )
    )
    pods = [pod(f"web-{on}", on, affinity=apart) for on in ("w1", "w2")]
    issues = issues_of(replace(ready, pods=Answer(tuple(pods))), "fits-elsewhere")
    assert [finding.subject for finding in issues] == ["node w1", "node w2"]
    assert "w2: required anti-affinity" in issues[0].actual


def test_anti_affinity_counts_in_its_own_namespace_unless_it_names_others(ready: Snapshot) -> None:
    for spaces, expected in ((None, []), (["other"], ["node w1"])):
        term = V1PodAffinityTerm(
            label_selector=WEB, topology_key="kubernetes.io/hostname", namespaces=spaces
        )
        wish = V1PodAntiAffinity(required_during_scheduling_ignored_during_execution=[term])
        shy = pod("shy", "w1", app="shy", affinity=V1Affinity(pod_anti_affinity=wish))
        pods = (shy, pod("web-b", "w2", namespace="other"))
        assert [f.subject for f in issues_of(replace(ready, pods=Answer(pods)), "fits-elsewhere")][
            :1
        ] == expected


def test_a_topology_that_a_node_has_no_label_for_is_no_place_for_required_spread(
    ready: Snapshot,
) -> None:
    spread = V1TopologySpreadConstraint(
        label_selector=WEB, max_skew=1, topology_key="zone", when_unsatisfiable="DoNotSchedule"
    )
    pods = (pod("web-a", "w1", topology_spread_constraints=[spread]),)
    (issue,) = issues_of(replace(ready, pods=Answer(pods)), "fits-elsewhere")
    assert "w2: required topology spread" in issue.actual


KEY = "node-role.kubernetes.io/control-plane"


@pytest.mark.parametrize(
    ("toleration", "tolerates"),
    [
        ({"operator": "Exists"}, True),
        ({"key": KEY, "operator": "Exists"}, True),
        ({"key": KEY, "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": KEY}, True),  # operator Equal, no value on either side
        ({"key": KEY, "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": KEY, "value": "x"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_taints_and_tolerations(toleration: dict[str, str], tolerates: bool) -> None:
    assert (
        could_run_on(pod("x", "w1", tolerations=[V1Toleration(**toleration)]), node("cp1"))
        is tolerates
    )


def test_a_preferred_taint_and_a_passing_one_keep_nobody_away() -> None:
    soft = node("w1")
    soft.spec.taints = [
        V1Taint(key="x", effect="PreferNoSchedule"),
        V1Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule"),
    ]
    assert could_run_on(pod("x", "w2"), soft)


def test_a_budget_makes_a_pod_that_fits_nowhere_a_blocker(ready: Snapshot) -> None:
    pods = [pod(f"web-{i}", "w1", node_selector=host_selector("w1")) for i in range(2)]
    (issue,) = issues_of(replace(ready, pods=Answer(tuple(pods))), "fits-elsewhere")
    assert issue.severity == "blocker"
    assert "shop/web" in issue.action


@pytest.mark.parametrize(("when", "expected"), [("DoNotSchedule", 2), ("ScheduleAnyway", 0)])
def test_required_topology_spread_counts_the_drained_node_as_a_domain(
    ready: Snapshot, when: str, expected: int
) -> None:
    spread = V1TopologySpreadConstraint(
        label_selector=WEB,
        max_skew=1,
        topology_key="kubernetes.io/hostname",
        when_unsatisfiable=when,
    )
    workers = V1NodeSelectorRequirement(
        key="kubernetes.io/hostname", operator="In", values=["w1", "w2"]
    )
    pods = [pod(f"web-{on}", on, topology_spread_constraints=[spread]) for on in ("w1", "w2")]
    for one in pods:
        one.spec.affinity = node_affinity(workers)
    issues = issues_of(replace(ready, pods=Answer(tuple(pods))), "fits-elsewhere")
    assert len(issues) == expected
    assert all("required topology spread" in finding.actual for finding in issues)


def node_affinity(requirement: V1NodeSelectorRequirement) -> V1Affinity:
    selector = V1NodeSelector(
        node_selector_terms=[V1NodeSelectorTerm(match_expressions=[requirement])]
    )
    return V1Affinity(
        node_affinity=V1NodeAffinity(required_during_scheduling_ignored_during_execution=selector)
    )


def test_requests_are_the_sum_or_the_largest_init_container() -> None:
    both = pod("x", "w1", cpu="250m")
    both.spec.init_containers = [
        V1Container(
            name="init", resources=V1ResourceRequirements(requests={"cpu": "1", "memory": "64Mi"})
        )
    ]
    both.spec.containers.append(
        V1Container(name="b", resources=V1ResourceRequirements(requests={"cpu": "250m"}))
    )
    assert requests(both) == {"pods": 1.0, "cpu": 1.0, "memory": 64 * 2**20}
