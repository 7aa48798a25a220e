"""What is done to a node, and why a maintenance must not begin: functions of the live state."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.filter import maintain_plan, upgrade_plan

NAMES = ("cp1", "cp2", "cp3", "w1", "w2")
PLANES = NAMES[:3]
SETTINGS = {
    "maintain_packages": "all",
    "maintain_reboot": "when-needed",
    "maintain_reboot_interval": 3600,
    "maintain_batch": "1",
}
ALWAYS = {**SETTINGS, "maintain_reboot": "always"}


def make_machine(**more: Any) -> dict[str, Any]:
    state = {"boot": "b0-12", "age_s": 86400.0, "reboot": [], "outdated_units": []}
    return {
        "state": {**state, **more.pop("state", {})},
        "packages": [],
        "unfinished": False,
        "runtime": [],
        "can_boot": True,
        **more,
    }


def make_node(**more: Any) -> dict[str, Any]:
    return {
        "kubelet": "1.36.3",
        "ready": True,
        "control_plane": False,
        "cordoned": False,
        "upgrading_to": "",
        "maintaining": "",
        "was_cordoned": False,
        **more,
    }


def make_cluster(**nodes: dict[str, Any]) -> dict[str, Any]:
    names = dict.fromkeys((*NAMES, *nodes))
    return {
        "nodes": {name: make_node(**nodes.get(name, {})) for name in names},
        "api_servers": dict.fromkeys(PLANES, "1.36.3"),
    }


def refusals(cluster: Any = None, machines: Any = None, **expected: Any) -> list[str]:
    return maintain_plan.refusals(
        make_cluster() if cluster is None else cluster,
        {name: make_machine() for name in NAMES} if machines is None else machines,
        {
            "inspected": {name: {"joined": True} for name in NAMES},
            "errors": {},
            "names": list(NAMES),
            "in_play": list(NAMES),
            "settings": SETTINGS,
            "bundle": [],
            "blockers": {},
            "api": "the API does not answer through the virtual address: timeout",
            **expected,
        },
    )


def steps(machine: dict[str, Any], settings: Any = None, **node: Any) -> dict[str, Any]:
    return maintain_plan.steps(make_node(**node), machine, settings or SETTINGS)


def test_a_node_that_needs_nothing_is_left_alone() -> None:
    todo = steps(make_machine())
    assert todo == {"begun": False, "packages": [], "runtime": [], "reboot": [], "any": False}


@pytest.mark.parametrize(
    ("machine", "part", "expected"),
    [
        ({"packages": ["vim 1 -> 2"]}, "packages", ["vim 1 -> 2"]),
        ({"unfinished": True}, "packages", ["what dpkg began"]),
        ({"runtime": ["runc"]}, "runtime", ["runc"]),
        ({"state": {"outdated_units": ["containerd"]}}, "runtime", ["a restart"]),
        ({"state": {"reboot": ["a kernel"]}}, "reboot", ["a kernel"]),
    ],
)
def test_whatever_is_due_is_enough(machine: Any, part: str, expected: list[str]) -> None:
    todo = steps(make_machine(**machine))
    assert todo[part] == expected
    assert todo["any"]
    assert [name for name, value in todo.items() if value] == [part, "any"]


def test_a_kubelet_that_a_killed_run_stopped_is_finished_by_the_annotation() -> None:
    assert not steps(make_machine(state={"outdated_units": ["kubelet"]}))["any"]
    assert steps(make_machine(), maintaining="b0-12")["any"]


def test_always_boots_once_and_a_killed_run_does_not_boot_again() -> None:
    machine = make_machine()
    assert steps(machine, ALWAYS)["reboot"]
    assert steps(machine, ALWAYS, maintaining="b0-12")["reboot"], "killed before its boot"
    booted = make_machine(state={"boot": "b1-7", "age_s": 60.0})
    assert not steps(booted, ALWAYS, maintaining="b0-12")["reboot"], "killed after its boot"
    assert not steps(booted, ALWAYS)["any"], "done by the killed run"
    (line,) = maintain_plan.plan_lines(make_cluster(), {"w1": booted}, ALWAYS)
    assert line == "w1: not rebooted (booted 60 s ago, maintain_reboot_interval)"
    late = make_machine(state={"age_s": 3600.0})
    assert steps(late, ALWAYS)["reboot"]
    assert steps(booted, {**ALWAYS, "maintain_reboot_interval": 0})["reboot"]


@pytest.mark.parametrize(
    ("more", "settings"),
    [({"can_boot": False}, SETTINGS), ({}, {**SETTINGS, "maintain_reboot": "never"})],
)
def test_a_boot_that_is_not_to_be_leaves_nothing_to_do(more: Any, settings: Any) -> None:
    machine = make_machine(state={"reboot": ["a kernel"]}, **more)
    assert not steps(machine, settings)["any"]
    (line,) = maintain_plan.plan_lines(make_cluster(), {"w1": machine}, settings)
    why = "maintain_reboot is never" if machine["can_boot"] else "a container without power_on"
    assert line == f"w1: not rebooted ({why}) although a kernel"


def test_the_plan_tells_each_node_s_part() -> None:
    machines = {
        "w1": make_machine(),
        "w2": make_machine(packages=[f"p{n} 1 -> 2" for n in range(7)], runtime=["runc"]),
        "cp1": make_machine(state={"reboot": ["a kernel"]}),
        "cp2": make_machine(),
    }
    cluster = make_cluster(cp1={"cordoned": True}, cp2={"maintaining": "b0-1", "cordoned": True})
    packages = ", ".join(f"p{n} 1 -> 2" for n in range(5))
    assert maintain_plan.plan_lines(cluster, machines, SETTINGS) == [
        "w1: nothing to do",
        f"w2: packages {packages} and 2 others; container runtime (runc)",
        "cp1: reboot (a kernel); stays cordoned",
        "cp2: finish what an earlier run began",
    ]


def test_a_healthy_cluster_is_not_refused() -> None:
    assert refusals() == []


def test_a_node_of_a_killed_run_may_be_cordoned_and_not_ready() -> None:
    cluster = make_cluster(w1={"ready": False, "maintaining": "b0-1", "cordoned": True})
    assert refusals(cluster) == []


def test_a_node_that_limit_leaves_out_must_not_be_half_done() -> None:
    cluster = make_cluster(cp1={"maintaining": "b0-1", "ready": False})
    (actual,) = refusals(cluster, in_play=["w1"])
    assert actual.startswith(
        "node cp1 is in the middle of a maintenance, and --limit leaves it out"
    )
    assert refusals(make_cluster(), in_play=["w1"]) == []


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ({"ready": False}, "the cluster is already broken: node w2 is not Ready"),
        ({"upgrading_to": "1.37.2"}, "node w2 is in the middle of an upgrade to 1.37.2: finish"),
        ({"kubelet": "1.35.4"}, "the cluster runs 1.35.4 and 1.36.3: finish that upgrade first"),
    ],
)
def test_a_cluster_that_is_not_well_is_refused(node: dict[str, Any], reason: str) -> None:
    (actual,) = refusals(make_cluster(w2=node))
    assert actual.startswith(reason)


def test_a_blocked_drain_is_refused_only_where_there_is_something_to_drain_for() -> None:
    blockers = {"w1": ["pods on w1 have no controller: default/alone"]}
    assert refusals(blockers=blockers) == []
    machines = {"w1": make_machine(packages=["vim 1 -> 2"])}
    assert refusals(machines=machines, blockers=blockers) == blockers["w1"]


def test_a_container_that_cannot_be_started_is_refused_a_boot() -> None:
    machines = {"w1": make_machine(can_boot=False)}
    (actual,) = refusals(machines=machines, settings=ALWAYS)
    assert actual.startswith("w1 is a container, which cannot start itself")
    assert "power_on" in actual


def test_all_mistakes_come_at_once() -> None:
    actual = refusals(
        make_cluster(w1={"ready": False}, w9={}, cp3={"upgrading_to": "1.37.2"}),
        inspected={
            "cp1": {"joined": True},
            "cp2": {"trouble": "unreachable", "why": "no route"},
            "w1": {"joined": False},
        },
        errors={"cp1": ["packages: apt-get ended with 100"]},
        names=[*NAMES, "w3"],
        settings={
            **SETTINGS,
            "maintain_packages": "some",
            "maintain_reboot": "",
            "maintain_batch": 0,
        },
        bundle=["bundle v1.36.3-amd64 is missing"],
    )
    assert [re.split(r"[:,]", line)[0] for line in actual] == [
        "maintain_packages is 'some'",
        "maintain_reboot is ''",
        "maintain_batch is '0'",
        "cp1",
        "cp2 cannot be reached over SSH (no route)",
        "w1 has not joined the cluster",
        "bundle v1.36.3-amd64 is missing",
        "node w3 of the inventory is not in the cluster",
        "node cp3 is in the middle of an upgrade to 1.37.2",
        "the cluster is already broken",
        "node w9 of the cluster is not in the inventory",
    ]


def test_no_answer_of_the_api_is_a_refusal() -> None:
    (actual,) = refusals({})
    assert actual.startswith("the API does not answer through the virtual address: timeout")


@pytest.mark.parametrize("batch", ["1", 2, "25%", "100%"])
def test_a_batch_is_a_number_or_a_share(batch: Any) -> None:
    assert list(maintain_plan.setting_mistakes({**SETTINGS, "maintain_batch": batch})) == []


@pytest.mark.parametrize("batch", ["0", -1, "all", "0%", "101%", "1.5", "", None, "1,2"])
def test_what_is_neither_is_refused(batch: Any) -> None:
    (actual,) = maintain_plan.setting_mistakes({**SETTINGS, "maintain_batch": batch})
    assert actual.startswith("maintain_batch is ")


def test_why_a_machine_could_not_be_read() -> None:
    variables = {
        "__maintain_machine": {"msg": "the machine's state could not be read: x"},
        "__maintain_packages": {"skipped": True},
    }
    assert maintain_plan.read_errors(variables) == ["the machine's state could not be read: x"]
    assert maintain_plan.read_errors({"__maintain_machine": {"state": {}, "msg": "fine"}}) == []


def test_an_upgrade_waits_for_the_maintenance() -> None:
    cluster = make_cluster(w1={"maintaining": "b0-1"})
    planes = {"control_planes": list(PLANES), "workers": ["w1", "w2"]}
    (actual,) = upgrade_plan.refusals(cluster, "1.36.3", planes)
    assert actual == (
        "node w1 is in the middle of a maintenance: finish it with playbooks/maintain.yml"
    )
