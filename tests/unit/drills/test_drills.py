# ruff: noqa: S311 - the choices of a drill are recorded, not secret
import ast
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kubedrill
from kubedrill.base.errors import StepFailed, UsageError
from kubedrill.core.choices import pick
from kubedrill.core.drill import Leaves
from kubedrill.core.undo import Undos
from kubedrill.core.upgrades import next_version
from kubedrill.drills import ALL, STANDARD, find_drills
from kubedrill.drills.drain_blocked import NAMESPACE, WORKLOAD, planted

SOURCES = Path(kubedrill.__file__).parent
WRITE_CHECKS = [
    *(path for folder in ("core", "drills", "runner") for path in (SOURCES / folder).rglob("*.py")),
    SOURCES / "orders" / "ledger.py",
]


def test_every_check_of_a_drill_has_an_id() -> None:
    """Each is unique within its drill: the fake context refuses one that stands twice."""
    made = [
        (f"{path.relative_to(SOURCES)}:{call.lineno}", call)
        for path in WRITE_CHECKS
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Check"
    ]
    assert len(made) >= 15
    without = [
        place
        for place, call in made
        if len(call.args) < 5 and "id" not in {keyword.arg for keyword in call.keywords}
    ]
    assert not without


def test_unknown_drills_are_named_together_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        find_drills(["node-drain", "falover", "drain"])
    assert "falover, drain" in str(error.value)
    assert "failover-worker" in str(error.value)
    assert error.value.exit_code == 2


def test_all_next_to_an_unknown_name_is_still_a_mistake() -> None:
    with pytest.raises(UsageError, match="nope"):
        find_drills(["all", "nope"])


def test_a_name_given_twice_runs_once_and_order_is_the_users() -> None:
    assert [drill.name for drill in find_drills(["node-drain", "app-rollout", "node-drain"])] == [
        "node-drain",
        "app-rollout",
    ]


def test_the_upgrade_comes_last_because_it_cannot_be_undone() -> None:
    assert list(ALL)[-1] == "cluster-upgrade"
    assert [drill.name for drill in find_drills([])] == list(STANDARD)
    assert set(STANDARD) < set(ALL)


def test_all_leaves_out_what_changes_the_cluster_for_good() -> None:
    assert set(ALL) - {drill.name for drill in find_drills(["all"])} == {
        "upgrade-rolled-back",
        "upgrade-killed",
        "upgrade-node-lost",
        "upgrade-plane-lost",
        "upgrade-drain-blocked",
        "certificates-renewed",
        "cluster-maintained",
        "cluster-reconfigured",
    }


def test_what_a_drill_leaves_is_said_of_every_upgrade() -> None:
    leaves = {name: drill.leaves for name, drill in ALL.items() if drill.upgrades}
    assert leaves.pop("upgrade-rolled-back") is Leaves.ROLLED_BACK
    assert leaves.pop("upgrade-corrupt-bundle") is Leaves.UNCHANGED
    assert leaves.pop("upgrade-disk-full") is Leaves.UNCHANGED
    assert len(leaves) == 5
    assert set(leaves.values()) == {Leaves.UPGRADED}
    assert {d.leaves for d in ALL.values() if not d.upgrades} == {Leaves.UNCHANGED}


@pytest.mark.parametrize("drill", ALL.values(), ids=list(ALL))
def test_every_drill_says_what_it_proves_and_lists_its_steps(drill: Any) -> None:
    assert drill.proves
    assert drill.needs
    assert drill.duration_s > 0
    assert len(drill.steps) >= 2
    assert drill.limits_because


def test_choice_depends_on_the_seed_not_on_the_order_of_the_answer() -> None:
    nodes = ["w1", "w2", "w3", "w4"]
    forwards = [pick(random.Random(seed), nodes, "worker") for seed in range(20)]
    backwards = [pick(random.Random(seed), nodes[::-1], "worker") for seed in range(20)]
    assert forwards == backwards
    assert len(set(forwards)) > 1


def test_nothing_to_choose_from_is_said() -> None:
    with pytest.raises(StepFailed, match="no worker with pods"):
        pick(random.Random(1), [], "worker with pods")


@pytest.mark.parametrize(
    ("live", "result", "expected"),
    [
        ((1, 35, 4), [(1, 35, 4), (1, 36, 3)], (1, 36, 3)),
        ((1, 34, 4), [(1, 34, 4), (1, 36, 3)], None),  # a skip
        ((1, 36, 3), [(1, 35, 4), (1, 36, 3)], None),  # a downgrade
        ((1, 36, 1), [(1, 36, 3), (1, 36, 2)], (1, 36, 3)),
        ((1, 9, 9), [(1, 10, 0)], (1, 10, 0)),  # numbers, not text
        ((1, 35, 4), [], None),
    ],
)
def test_next_version(live: Any, result: Any, expected: Any) -> None:
    assert next_version(live, result) == expected


def test_all_undos_run_though_one_fails_and_each_failure_is_named() -> None:
    done = []
    undos = Undos()

    def broken() -> None:
        raise ValueError("stuck")

    undos.add("first", lambda: done.append("first"))
    undos.add("second", broken)
    undos.add("third", lambda: done.append("third"))
    with pytest.raises(StepFailed, match=r"second: ValueError\('stuck'\)"):
        undos.unwind()
    assert done == ["third", "first"]
    undos.unwind()  # nothing is left to do


def test_planted_budget_selects_the_planted_pod_on_the_node_and_leaves_no_room() -> None:
    namespace, deployment, budget = planted("w1")
    template = deployment["spec"]["template"]
    assert template["metadata"]["labels"] == budget["spec"]["selector"]["matchLabels"]
    assert template["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "w1"}
    assert budget["spec"]["minAvailable"] == deployment["spec"]["replicas"]
    assert (
        {deployment["metadata"]["namespace"], budget["metadata"]["namespace"]}
        == {namespace["metadata"]["name"]}
        == {NAMESPACE}
    )
    assert SimpleNamespace(**budget["metadata"]).name == WORKLOAD
