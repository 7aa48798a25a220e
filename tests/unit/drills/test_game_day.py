"""A game day: its plan, its rounds, and what becomes of one that is not as it should be."""

# ruff: noqa: S311 - the choices of a drill are recorded, not secret
import random
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from fake_context import fake_context

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.base.model import NS, OutageLimit
from kubedrill.cluster.api import ApiUnavailable, ClusterApi
from kubedrill.config import Settings
from kubedrill.core import recovery
from kubedrill.drills import ALL, game_day
from kubedrill.drills.game_day import lasting, offered, unknown_drills
from kubedrill.drills.game_day.rounds import Entry, Round, as_check, judge_rounds, plan
from kubedrill.runner.seeds import drill_rng

sys.path.insert(0, str(Path(__file__).parents[2] / "records"))

from recordkit import APP, CONTROL, DNS, WRITE, Kit, at, write

TAKES = {"a": 60.0, "b": 90.0, "c": 30.0}


def test_the_plan_depends_on_the_seed_alone_and_has_every_fault_before_one_comes_twice() -> None:
    plans = [plan(random.Random(seed), TAKES, 300) for seed in range(20)]
    assert plans == [
        plan(random.Random(seed), dict(reversed(TAKES.items())), 300) for seed in range(20)
    ]
    assert len({str(entries) for entries in plans}) > 10
    for entries in plans:
        assert {entry.name for entry in entries[:3]} == set(TAKES)
        assert 600 <= sum(TAKES[entry.name] for entry in entries) < 700


def test_the_targets_are_the_plan_and_a_replay_draws_the_same() -> None:
    settings = lasting(Settings(), 5)
    survey: Any = SimpleNamespace(
        cluster=SimpleNamespace(settings=settings), rng=drill_rng(4711, "game-day")
    )
    targets = ALL["game-day"].prepare(survey)
    assert targets[0] == "5 min"
    assert all(Entry.read(target).name in offered() for target in targets[1:])
    again: Any = SimpleNamespace(
        cluster=SimpleNamespace(settings=settings), rng=drill_rng(4711, "game-day", targets)
    )
    assert ALL["game-day"].prepare(again) == targets


def test_no_outage_that_a_drawn_drill_may_have_fails_the_whole_day() -> None:
    drawn = ("30 min", "certificate-expired-apiserver#1", "pod-killed#2")
    survey: Any = SimpleNamespace(targets=drawn, limits=lambda drill: drill.limits)
    limits = {budget.probes: budget.limit_s for budget in ALL["game-day"].outage_limits(survey)}
    assert (
        limits["api-*"]
        == ALL["certificate-expired-apiserver"].limits.api_outage_s
        > ALL["game-day"].limits.api_outage_s
    )
    assert limits["app-*"] == ALL["game-day"].limits.app_outage_s


def test_drills_that_cannot_be_rounds_are_named_before_anything_is_touched() -> None:
    wrong = Settings.model_validate(
        {"game_day": {"drills": ["pod-killd", "cluster-upgrade", "pod-killed"]}}
    )
    first, second = unknown_drills(wrong)
    assert "did you mean pod-killed?" in first
    assert "'cluster-upgrade' is no drill of one fault" in second
    assert unknown_drills(Settings()) == []


def test_rounds_hand_nothing_over_before_and_never_go_below_quorum() -> None:
    assert not {"failover-vip", "failover-etcd-leader", "cluster-upgrade", "game-day"} & set(
        offered()
    )
    assert not [name for name in offered() if "quorum" in name]
    assert [name for name, drill in ALL.items() if drill.takes_quorum] == [
        "etcd-quorum-lost",
        "etcd-quorum-restored",
    ]


@dataclass
class Drill:
    """A round's drill that notes what happens."""

    output: list[str]
    name: str = "pod-killed"
    reason: str | None = None
    nodes: list[str] = field(default_factory=lambda: ["w1", "w2"])
    game_day: bool = True

    def unavailable(self, _survey: Any) -> str | None:
        return self.reason

    def prepare(self, survey: Any) -> tuple[str, ...]:
        return (survey.rng.choice(self.nodes),)

    def outage_limits(self, _ctx: Any) -> list[OutageLimit]:
        return [OutageLimit("*", 2.0, 1.0)]

    def run(self, ctx: Any) -> None:
        self.output.append(f"broke {', '.join(ctx.targets)}")


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A game day of entries on a cluster in memory, whose prober stands on w2."""

    def make(drill: Drill, *entries: str, problems: list[str] | None = None) -> Any:
        output = drill.output
        away = [ApiUnavailable("GET pods: the connection was closed")]

        def pods(*_: Any) -> list[Any]:
            if away:
                raise away.pop()
            return [SimpleNamespace(spec=SimpleNamespace(node_name="w2"))]

        api: Any = ClusterApi.__new__(ClusterApi)  # its way of waiting, without a cluster
        api.pods, api.settings = pods, Settings.model_validate({"timeouts": {"api_up": 5}})
        settings = Settings.model_validate({"timeouts": {"recovery": 0.01}})
        app = SimpleNamespace(deploy=lambda: output.append("app deployed"))
        monkeypatch.setitem(ALL, drill.name, drill)
        monkeypatch.setattr(game_day, "pause", lambda _s: None)
        monkeypatch.setattr(recovery, "find_problems", lambda *_: problems or [])
        monkeypatch.setattr(recovery, "find_leftovers", lambda *_: [])
        monkeypatch.setattr(game_day, "Baseline", SimpleNamespace(read=lambda _ctx: None))
        monkeypatch.setattr(game_day, "judge_rounds", lambda _path, _rounds: [])
        users = MagicMock()
        users.__enter__.return_value = users
        users.wait_complete = lambda: output.append("orders complete")
        users.settle = lambda: output.append("orders settled")
        ledger = SimpleNamespace(
            open=lambda: None,
            close=None,
            write=lambda: True,
            lost=list,
            acknowledged={1: 0.0},
            unknown=(),
            refused=(),
        )
        monkeypatch.setattr(game_day, "Ledger", lambda _api: ledger)
        monkeypatch.setattr(game_day, "OrderUsers", lambda _ctx: users)
        return fake_context(
            "30 min",
            *entries,
            app=app,
            log=output,
            api=api,
            settings=settings,
        )

    return make


class Checked(Drill):
    """Adds the same check whenever it is run."""

    def run(self, ctx: Any) -> None:
        ctx.check("node-empty", "the node is empty", ok=True, actual="yes", expected="yes")


def test_a_drill_that_is_run_twice_in_a_day_gives_its_checks_two_ids(day: Any) -> None:
    ctx = day(Checked([]), "pod-killed#1", "pod-killed#2")
    ALL["game-day"].run(ctx)
    ids = ["round-1-node-empty", "round-2-node-empty", "rounds-made", "api-writes-present"]
    assert ctx.ids == ids


def test_each_round_rests_breaks_and_recovers_and_spares_the_prober(day: Any) -> None:
    output: list[str] = []
    ctx = day(Drill(output), "pod-killed#1", "pod-killed#2", "pod-killed#3")
    ALL["game-day"].run(ctx)
    assert output.count("broke w1") == 3
    assert "broke w2" not in output
    first = output.index("broke w1")
    assert output[1:first] == [
        "game day: rest of 15 s before round 1", "app deployed", "orders complete", "answering *",
        "w1: round 1: pod-killed", "round 1: pod-killed",
    ]  # fmt: skip
    assert output[first + 1] == "game day: recover from round 1"
    assert "rounds were made: True, 3 rounds" in output
    assert output.index("orders settled") < output.index("rounds were made: True, 3 rounds")
    assert (
        output[-1] == "no acknowledged API write is lost: True, 0 of 1 lost, 0 unknown, 0 refused"
    )


def test_what_cannot_be_made_is_left_out_and_told_and_no_round_at_all_proves_nothing(
    day: Any,
) -> None:
    output: list[str] = []
    ALL["game-day"].run(day(Drill(output, reason="no netem"), "pod-killed#1"))
    assert "rounds were made: None, 0 rounds; not made: pod-killed: no netem" in output
    output.clear()
    ALL["game-day"].run(day(Drill(output, nodes=["w2"]), "pod-killed#1"))
    assert any("the in-cluster prober stands on every node" in line for line in output)


def test_nothing_is_broken_on_top_of_a_cluster_that_did_not_recover(day: Any) -> None:
    output: list[str] = []
    with pytest.raises(DeadlineExceeded, match="etcd is ill"):
        ALL["game-day"].run(
            day(Drill(output), "pod-killed#1", "pod-killed#2", problems=["etcd is ill"])
        )
    assert output.count("broke w1") == 1
    assert "rounds were made: None, 0 rounds" in output


def two_rounds(*, app_out_s: float = 0.0) -> tuple[Kit, list[Round]]:
    """40 s with a fault from 5 to 15 s and another from 25 to 30 s."""
    kit = Kit(WRITE, APP, DNS, CONTROL, lasts_s=40.0)
    kit.span("fault", "w1", "kubelet stopped", 25, 30)
    kit.ended_s = 40.0
    if app_out_s:
        kit.fail(APP.name, 26, 26 + app_out_s)
    strict, loose = (OutageLimit("*", limit, 0.0) for limit in (1.0, 10.0))
    rounds = [
        Round(1, "pod-killed", ("hello-1",), at(1), at(19), (loose,)),
        Round(2, "kubelet-stopped", ("w1",), at(20), at(39), (strict,)),
    ]
    return kit, rounds


@pytest.mark.parametrize(("out_s", "called"), [(0.0, "PASS"), (5.0, "FAIL")])
def test_each_round_is_judged_by_its_own_limits_and_its_own_samples(
    tmp_path: Path, out_s: float, called: str
) -> None:
    kit, rounds = two_rounds(app_out_s=out_s)
    verdicts = [
        verdict
        for _, verdict in judge_rounds(write(kit.record(), tmp_path / "game-day.jsonl"), rounds)
    ]
    assert [verdict.verdict.value for verdict in verdicts] == ["PASS", called], [
        v.reason for v in verdicts
    ]
    assert verdicts[1].failed == round(out_s * 10)
    check = as_check(rounds[1], verdicts[1])
    assert (check.name, check.ok) == ("round 2: kubelet-stopped on w1", called == "PASS")
    assert check.expected == "PASS within its own limits: * 1 s (predicted 0 s)"
    outage = (
        f"; measured: * {out_s - 0.1:.1f}\N{EN DASH}" if out_s else "; measured: no outage, 0 of "
    )
    assert outage in check.actual


def test_a_round_that_left_something_behind_or_was_not_watched_is_no_pass(tmp_path: Path) -> None:
    kit, rounds = two_rounds()
    rounds[0] = replace(rounds[0], left=("w1: cordoned",))
    kit.drop(DNS.name, 22, 39)
    (_, first), (_, second) = judge_rounds(write(kit.record(), tmp_path / "game-day.jsonl"), rounds)
    assert (first.verdict.value, "w1: cordoned" in first.reason) == ("FAIL", True)
    assert second.verdict.value == "INCONCLUSIVE"
    assert as_check(rounds[1], second).ok is None
    assert rounds[0].end - rounds[0].start == 18 * NS
