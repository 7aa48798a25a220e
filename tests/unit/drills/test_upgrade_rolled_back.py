"""An upgrade that is rolled back.

When it is ended, what is told of the writes, what becomes of a failed rollback.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from fake_context import fake_context

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import NS
from kubedrill.cluster.playbooks import KillPlaybook, TaskEvent
from kubedrill.config import Settings
from kubedrill.drills import ALL, upgrade_rolled_back
from kubedrill.drills.rollback_report import SAVE, START, STOP, Moments, report_recovery
from kubedrill.drills.upgrade_interrupted import MARK
from kubedrill.drills.upgrade_rolled_back import _upgrade_half_way

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = Path(__file__).resolve().parents[3] / "roles"


def event(kind: str, host: str, task: str, at_s: float = 0.0) -> TaskEvent:
    return TaskEvent(kind, host, task, "role", int(at_s * NS))


HAPPENED = [
    event("start", "cp1", SAVE, 10),
    event("changed", "cp1", SAVE, 12),
    event("start", "cp1", STOP, 100),
    event("start", "cp2", STOP, 101),
    event("start", "cp1", START, 110),
]


def moments(happened: list[TaskEvent] = HAPPENED) -> Moments:
    result = Moments()
    for one in happened:
        result.take(one)
    return result


def test_the_tasks_that_are_waited_for_are_the_roles() -> None:
    names = {
        step.get("name")
        for role in ("etcd_snapshot", "rollback")
        for path in (ROLES / role / "tasks").glob("*.yml")
        for task in yaml.safe_load(path.read_text())
        for step in [task, *task.get("block", [])]
    }
    assert {SAVE, STOP, START} <= names


def test_the_first_of_each_moment_counts() -> None:
    result = moments([*HAPPENED, event("start", "cp1", SAVE, 200)])
    assert (result.saving, result.saved, result.stopping, result.starting) == (10, 12, 100, 110)
    assert moments([event("start", "cp1", "rollback : " + STOP, 3)]).stopping == 3


def report(
    lost: set[int], acked: dict[int, float], result: Moments | None = None
) -> dict[str, tuple[bool | None, str]]:
    ctx = fake_context("cp2")
    ledger: Any = SimpleNamespace(acknowledged=acked, lost=lambda: sorted(lost))
    report_recovery(ctx, ledger, result or moments(), 90.0, 75.0)
    return dict(ctx.checks)


ACKED = {1: 5.0, 2: 9.9, 3: 11.0, 4: 13.0, 5: 99.0, 6: 100.5, 7: 150.0, 8: 151.0}


def test_recovery_point_and_recovery_time() -> None:
    checks = report({4, 5, 6}, ACKED)
    assert checks["what was written before the snapshot is there"] == (True, "2 of 2 are there")
    assert checks["what was written after the rollback is there"] == (True, "2 of 2 are there")
    point = "88 s: 3 of 8 acknowledged writes are lost, all of them after the snapshot"
    assert checks["recovery point"] == (True, point)
    time_s = (
        "60 s until a write was acknowledged, 75 s until the cluster was healthy at the "
        "older "
        "release"
    )
    assert checks["recovery time"] == (True, time_s)


def test_a_write_while_the_snapshot_was_saved_may_be_in_it_or_not() -> None:
    assert report({3, 4, 5, 6}, ACKED) | {"recovery point": None} == report({4, 5, 6}, ACKED) | {
        "recovery point": None
    }


@pytest.mark.parametrize(
    ("lost", "check", "expected"),
    [
        ({2, 4, 5, 6}, "what was written before the snapshot is there", "1 of 2 are there"),
        ({4, 5, 6, 7}, "what was written after the rollback is there", "1 of 2 are there"),
        (
            {5, 6},
            "recovery point",
            "1 after the snapshot are not",
        ),  # it is not the snapshot that was restored
    ],
)
def test_other_losses_fail(lost: set[int], check: str, expected: str) -> None:
    ok, output = report(lost, ACKED)[check]
    assert ok is False
    assert expected in output


def test_what_could_not_be_seen_is_never_passed() -> None:
    assert report(set(), ACKED, moments(HAPPENED[:2]))["recovery point"][0] is None
    early_only = report(set(), {1: 5.0})
    assert early_only["recovery point"][0] is None
    assert early_only["recovery time"] == (
        None, "no write since, 75 s until the cluster was healthy at the older release",
    )  # fmt: skip
    assert early_only["what was written after the rollback is there"][0] is None


def versions(**result: str) -> Any:
    def node(name: str, version: str) -> Any:
        return SimpleNamespace(
            metadata=SimpleNamespace(name=name),
            status=SimpleNamespace(node_info=SimpleNamespace(kubelet_version=version)),
        )

    return SimpleNamespace(nodes=lambda: [node(name, version) for name, version in result.items()])


@pytest.mark.parametrize(
    ("happening", "kubelets", "ok"),
    [
        (
            [("start", "cp1", MARK), ("start", "cp2", MARK)],
            {"cp1": "v1.36.3", "cp2": "v1.35.4"},
            True,
        ),
        (
            [("start", "cp1", MARK)],
            {"cp1": "v1.36.3", "cp2": "v1.36.3"},
            False,
        ),  # it ran to its end
        (
            [("start", "cp2", MARK)],
            {"cp1": "v1.35.4", "cp2": "v1.35.4"},
            False,
        ),  # nothing was upgraded yet
    ],
)
def test_the_upgrade_is_killed_as_the_targets_turn_begins(
    monkeypatch: pytest.MonkeyPatch,
    happening: list[tuple[str, str, str]],
    kubelets: dict[str, str],
    ok: bool,
) -> None:
    def play(_ctx: Any, _expected: str, _title: str, watch: Any) -> None:
        for one in happening:
            watch(event(*one))

    monkeypatch.setattr(upgrade_rolled_back, "run_upgrade", play)
    ctx = fake_context("cp2", api=versions(**kubelets))
    _upgrade_half_way(ctx, "v1.36.3", Moments())
    assert ctx.checks["the upgrade ended half-way"][0] is ok
    assert any("kill -9" in line for line in ctx.log) == (happening[-1][1] == "cp2")


def test_it_is_not_run_where_it_proves_nothing(
    make_inventory: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    def survey(live: list[Any], **inventory: Any) -> Any:
        monkeypatch.setattr(upgrade_rolled_back, "live_versions", lambda _: live)
        monkeypatch.setattr(upgrade_rolled_back, "explain_missing_bundle", lambda _: None)
        return SimpleNamespace(cluster=SimpleNamespace(inventory=make_inventory(**inventory)))

    drill = ALL["upgrade-rolled-back"]
    assert "3 control planes or more" in str(drill.unavailable(survey([(1, 35, 4)], cp=1)))
    mixed = drill.unavailable(survey([(1, 35, 4), (1, 36, 3)]))
    assert (
        mixed == "the cluster runs v1.35.4 and v1.36.3: finish that upgrade, or roll it back, first"
    )
    source = {"cluster_bundles_source": str(tmp_path)}
    assert "kubedrill bundle build --kubernetes 1.35.4" in str(
        drill.unavailable(survey([(1, 35, 4)], **source))
    )
    (tmp_path / "v1.35.4-amd64").mkdir()
    (tmp_path / "v1.35.4-amd64" / "bundle.json").write_text("{}")
    assert drill.unavailable(survey([(1, 35, 4)], **source)) is None


def test_it_is_registered_with_limits_and_left_out_of_all() -> None:
    drill = ALL["upgrade-rolled-back"]
    assert not drill.in_all
    limits = Settings().limits(drill.name, drill.limits)
    assert (limits.app_outage_s, limits.api_outage_s) == (3.0, 300.0)


def running(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any, failures: int
) -> tuple[Any, list[str]]:
    """A context in which everything but the rollback's first tries works."""
    output: list[str] = []

    def roll_back(_ctx: Any, _playbook: str, variables: Any, title: str, on_event: Any) -> None:
        output.append(title)
        assert variables == {"rollback_to": "1.35.4", "rollback_confirm": True}
        for one in HAPPENED[2:] if on_event else ():
            on_event(one)
        if len([one for one in output if one.startswith("roll back")]) <= failures:
            raise StepFailed("cp3 unreachable")

    def half_way(_ctx: Any, _expected: str, result: Moments) -> None:
        for one in HAPPENED[:2]:
            result.take(one)

    @contextmanager
    def writing(_ledger: Any) -> Iterator[None]:
        yield

    ledger = SimpleNamespace(
        open=lambda: None, close=lambda: output.append("ledger closed"), acknowledged=ACKED
    )
    ledger.lost = lambda: [4, 5, 6]
    hosts = SimpleNamespace(
        read=lambda _name, _line: SimpleNamespace(stdout="Kubernetes v1.35.4\n")
    )
    ctx = fake_context("cp2", inventory=make_inventory(), hosts=hosts)
    for name, value in {
        "choose_release": lambda _: "v1.36.3", "live_versions": lambda _: [(1, 35, 4)],
        "Writing": writing,
        "_upgrade_half_way": half_way,
        "run_playbook_step": roll_back, "check_upgraded": lambda *_: None,
        "uncordon_all": lambda _: output.append("uncordoned"),
        "Ledger": lambda _: ledger,
    }.items():  # fmt: skip
        monkeypatch.setattr(upgrade_rolled_back, name, value)
    return ctx, output


def test_after_the_rollback_nothing_is_rolled_back_again(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    ctx, output = running(monkeypatch, make_inventory, failures=0)
    ALL["upgrade-rolled-back"].run(ctx)
    ctx.undos.unwind()
    assert output == ["roll back to v1.35.4, to the snapshot", "ledger closed", "uncordoned"]
    assert all(ok for name, (ok, _) in ctx.checks.items() if name != "recovery time")
    assert ctx.checks["the kubelets' processes are the older release's"] == (True, "all v1.35.4")


def test_a_rollback_that_failed_is_run_again_before_anything_else_is_undone(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    ctx, output = running(monkeypatch, make_inventory, failures=1)
    with pytest.raises(StepFailed, match="cp3 unreachable"):
        ALL["upgrade-rolled-back"].run(ctx)
    ctx.undos.unwind()
    assert output[1:] == ["roll back to v1.35.4, again", "ledger closed", "uncordoned"]


def test_killing_is_no_failure_of_the_playbook() -> None:
    assert not issubclass(KillPlaybook, StepFailed)
