"""Why a removal of nodes must not begin, and what is left to do: functions of the live state."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.filter import node_removal

PLANES, WORKERS = ("cp1", "cp2", "cp3"), ("w1", "w2")
NAMES = (*PLANES, *WORKERS)
ADDRESSES = {name: f"10.0.0.{number}" for number, name in enumerate(NAMES, 1)}


def make_node(name: str, **more: Any) -> dict[str, Any]:
    plane = name in PLANES
    return {
        "ready": True,
        "address": ADDRESSES.get(name, "10.0.0.99"),
        "control_plane": plane,
        "cordoned": False,
        "takes_pods": not plane,
        **more,
    }


def make_member(name: str, **more: Any) -> dict[str, Any]:
    urls = [f"https://{ADDRESSES[name]}:2380"]
    return {
        "id": name,
        "name": name,
        "peer_urls": urls,
        "learner": False,
        "healthy": True,
        **more,
    }


def make_cluster(**more: Any) -> dict[str, Any]:
    return {
        "nodes": {name: make_node(name) for name in NAMES},
        "members": [make_member(name) for name in PLANES],
        "volumes": [],
        "traces": {name: [f"Node {name}"] for name in NAMES},
        "unavailable": [],
        **more,
    }


def make_machine(name: str, **more: Any) -> dict[str, Any]:
    plane = name in PLANES
    return {
        "joined": True,
        "ca": "c1",
        "versions": {"kube-apiserver": "1.35.4"} if plane else {},
        "api_ready": plane,
        "addresses": [ADDRESSES[name]],
        **more,
    }


def make_machines(**changed: dict[str, Any]) -> dict[str, Any]:
    return {name: make_machine(name, **changed.get(name, {})) for name in NAMES}


DEAD = {"trouble": "unreachable", "why": "No route to host"}


def refuse(
    names: str, cluster: dict[str, Any] | None = None, machines: Any = None, **more: Any
) -> list[str]:
    expected = {
        "names": node_removal.node_names(names),
        "replace": False,
        "inventory": list(NAMES),
        "control_planes": list(PLANES),
        "external": False,
        "dead": False,
        "data": False,
        "blockers": {},
        **more,
    }
    cluster = make_cluster() if cluster is None else cluster
    return node_removal.refusals(cluster, machines or make_machines(), expected)


@pytest.mark.parametrize("names", ["w2", "cp1", "cp3", "w1,cp2", "cp2,cp3"])
def test_nodes_of_a_healthy_cluster_may_leave(names: str) -> None:
    assert refuse(names) == []


def test_a_name_is_needed() -> None:
    (output,) = refuse(" , ")
    assert "node_remove is not set" in output


def test_all_mistakes_come_at_once() -> None:
    volume = {"name": "pv1", "claim": "shop/data-0", "nodes": ["w1"]}
    cluster = make_cluster(volumes=[volume])
    blockers = {"w1": ["a drain of w1 would delete for good what has no controller: pod a/b"]}
    output = refuse("w9, w1, w2", cluster, blockers=blockers)
    assert [words for words in ("w9 is neither", "no node is left", "pv1", "no controller")
            if not any(words in line for line in output)] == []  # fmt: skip
    assert len(output) == 4


def test_a_node_that_has_left_already_is_no_mistake() -> None:
    cluster = make_cluster()
    del cluster["nodes"]["w2"]
    cluster["traces"]["w2"] = []
    machines = make_machines(w2={"joined": False, "ca": ""})
    assert refuse("w2", cluster, machines) == []
    todo = node_removal.steps("w2", cluster, machines)
    assert [name for name, needed in todo.items() if needed] == ["reset"]
    assert node_removal.plan_lines(cluster, machines, ["w2"]) == [
        "w2: it is no node, nothing to do"
    ]


def test_a_node_that_only_the_cluster_knows_leaves_it_too() -> None:
    cluster = make_cluster()
    cluster["nodes"]["w9"] = make_node("w9", ready=False)
    (output,) = refuse("w9", cluster)
    assert output.startswith("w9 is not in the inventory, and its node is not Ready")
    assert refuse("w9", cluster, dead=True) == []
    cluster["nodes"]["w9"]["ready"] = True
    (output,) = refuse("w9", cluster, dead=True)
    assert "its node is Ready" in output


def test_the_last_control_plane_stays() -> None:
    (output,) = refuse("cp1,cp2,cp3")
    assert "without cp1, cp2, cp3 there is no control plane" in output
    assert "playbooks/reset.yml" in output


def test_a_majority_is_not_put_at_risk_and_the_arithmetic_is_given() -> None:
    cluster = make_cluster()
    cluster["members"][2]["healthy"] = False
    (output,) = refuse("cp1", cluster)
    assert output == (
        "etcd would lose its majority: 3 members (cp1, cp2, cp3), 2 healthy; without cp1 2 members "
        "(cp2, cp3), 1 healthy, and 2 are needed: repair cp3 first, or remove it instead"
    )
    assert refuse("cp3", cluster) == []


def test_without_a_majority_nothing_can_be_removed() -> None:
    cluster = make_cluster()
    cluster["members"][1]["healthy"] = cluster["members"][2]["healthy"] = False
    (output,) = refuse("cp3", cluster)
    assert output.startswith("etcd has no majority: 3 members (cp1, cp2, cp3), 1 healthy, 2 are")


def test_the_dead_member_leaves_first() -> None:
    cluster = make_cluster()
    cluster["members"][2]["healthy"] = False
    assert refuse("cp1,cp3", cluster) == []
    assert node_removal.order(["w1", "cp1", "cp3"], cluster) == ["cp3", "w1", "cp1"]


def test_a_learner_does_not_vote() -> None:
    cluster = make_cluster()
    cluster["members"][2].update(learner=True, healthy=False)
    assert refuse("cp3", cluster) == []
    assert refuse("cp1", cluster) == [], "2 voters, 2 healthy: one stays"


def test_the_last_node_that_takes_pods_stays_unless_it_is_dead() -> None:
    (output,) = refuse("w1,w2")
    assert "without w1, w2 no node is left that takes pods" in output
    cluster = make_cluster()
    cluster["nodes"]["w1"].update(ready=False)
    cluster["nodes"]["w2"].update(ready=False)
    assert refuse("w1,w2", cluster, make_machines(w1=DEAD, w2=DEAD), dead=True) == []
    cluster = make_cluster()
    cluster["nodes"]["cp1"]["takes_pods"] = True
    assert refuse("w1,w2", cluster) == []


def test_a_machine_that_cannot_be_reached_must_be_off_for_good() -> None:
    cluster, machines = make_cluster(), make_machines(w2=DEAD)
    (output,) = refuse("w2", cluster, machines, dead=True)
    assert "w2 cannot be reached (No route to host), and its node is Ready" in output
    cluster["nodes"]["w2"]["ready"] = False
    (output,) = refuse("w2", cluster, machines)
    assert "-e node_remove_dead=true" in output
    assert "twice" in output
    assert refuse("w2", cluster, machines, dead=True) == []
    (output,) = refuse("w2", cluster, machines, dead=True, replace=True)
    assert "start the machine that replaces it" in output
    del cluster["nodes"]["w2"]
    assert refuse("w2", cluster, machines) == [], "it has left already"


def test_a_new_machine_does_not_hide_an_old_one_that_runs() -> None:
    new = make_machines(w2={"joined": False, "ca": "", "addresses": ["10.0.0.77"]})
    (output,) = refuse("w2", None, new)
    assert "w2 is Ready at 10.0.0.5, and the machine that Ansible reaches is no node" in output
    cluster = make_cluster()
    cluster["nodes"]["w2"]["ready"] = False
    assert refuse("w2", cluster, new) == []
    same = make_machines(w2={"joined": False, "ca": ""})
    assert refuse("w2", None, same) == [], "a run was cut just after its reset had begun"


def test_a_node_of_another_cluster_is_not_reset() -> None:
    (output,) = refuse("w2", None, make_machines(w2={"ca": "c2"}))
    assert "w2 is a node of another cluster" in output


def test_control_planes_that_stay_must_be_reachable_and_serve() -> None:
    (output,) = refuse("w2", None, make_machines(cp2=DEAD))
    assert output.startswith("cp2 stays and cannot be reached (No route to host)")
    assert refuse("w2", None, make_machines(w1=DEAD)) == []
    (output,) = refuse("w2", None, make_machines(w1=DEAD), external=True)
    assert output.startswith("w1 stays and cannot be reached")
    idle = {name: {"api_ready": False} for name in PLANES[1:]}
    (output,) = refuse("cp1", None, make_machines(**idle))
    assert "no API server is ready on the control planes that stay (cp2, cp3)" in output


def test_without_an_api_nothing_can_be_known() -> None:
    machines = make_machines(
        cp1=DEAD, cp2={"api_ready": False}, cp3={"trouble": "no_root", "why": "sudo"}
    )
    (output,) = refuse("w2", {}, machines)
    assert "cp1 cannot be reached, cp2 has none that is ready, cp3 gives no root" in output


def test_a_limit_would_leave_balancers_as_they_are() -> None:
    machines = make_machines()
    del machines["cp2"]
    (output,) = refuse("w2", None, machines)
    assert output.startswith("--limit leaves out cp2")


def test_data_that_only_a_leaving_node_has_is_named() -> None:
    volumes = [
        {"name": "pv1", "claim": "shop/data-0", "nodes": ["w2"]},
        {"name": "pv2", "claim": "", "nodes": ["w1", "w2"]},
        {"name": "pv3", "claim": "shop/data-1", "nodes": ["w1"]},
    ]
    cluster = make_cluster(volumes=volumes)
    (output,) = refuse("w2", cluster)
    assert "pv1 (claim shop/data-0): save it, then add -e node_remove_data=true" in output
    assert "pv2" not in output
    assert refuse("w2", cluster, data=True) == []


@pytest.mark.parametrize(
    ("name", "node", "machine", "expected"),
    [
        ("w2", {}, {}, ["drain", "reset", "api"]),
        ("cp2", {}, {}, ["drain", "stop", "etcd", "reset", "api"]),
        ("cp2", {"ready": False}, DEAD, ["etcd", "api"]),
        ("w2", {"ready": False}, {}, ["reset", "api"]),
        ("w2", {}, {"joined": False}, ["reset", "api"]),
        ("cp2", {"ready": False}, {"joined": False, "versions": {}}, ["etcd", "reset", "api"]),
    ],
)
def test_what_is_left_to_do(
    name: str, node: dict[str, Any], machine: dict[str, Any], expected: list[str]
) -> None:
    cluster = make_cluster()
    cluster["nodes"][name].update(node)
    todo = node_removal.steps(name, cluster, make_machines(**{name: machine}))
    assert [step for step, needed in todo.items() if needed] == expected


def test_the_report_says_what_the_administrator_has_to_do() -> None:
    cluster = make_cluster(volumes=[{"name": "pv1", "claim": "a/b", "nodes": ["cp1"]}])
    del cluster["nodes"]["cp1"], cluster["members"][0]
    expected = {"names": ["cp1"], "inventory": list(NAMES), "replace": False}
    output = "\n".join(node_removal.report_lines(cluster, expected))
    assert (
        "cp1 left the cluster: 2 control planes, 2 workers, 2 of 2 members of etcd healthy"
        in output
    )
    assert "site.yml would join cp1 again: delete it from the inventory" in output
    assert "pv1 (claim a/b)" in output
    assert "add a third one" in output
    again = "\n".join(node_removal.report_lines(cluster, {**expected, "replace": True}))
    assert "site.yml" not in again
