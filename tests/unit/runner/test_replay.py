"""What a replay refuses, and how it brings about the targets of the run that it repeats."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubedrill.base.errors import ConfigErrors, StepFailed
from kubedrill.base.model import Header, Node, Record, Span
from kubedrill.cluster.inventory import Inventory
from kubedrill.config import Settings
from kubedrill.drills import ALL
from kubedrill.runner import replay as module
from kubedrill.runner.facts import host_facts
from kubedrill.runner.replay import (
    OtherTargets,
    RecordedChoice,
    Replay,
    choose,
    match_game_day,
    move_address,
    plan_replay,
)
from kubedrill.runner.seeds import drill_rng

ENDPOINTS = {"outside": {"node_port": 30880}, "inside": {"service": "web", "port": 80}}
NODES = ("cp1", "cp2", "cp3", "w1", "w2")


def inventory(name: str = "local", nodes: tuple[str, ...] = NODES) -> Inventory:
    return Inventory(
        Path("inv"),
        name,
        tuple(Node(n, "", ("control_plane" if "cp" in n else "worker",)) for n in nodes),
        {},
    )


def record(drill: str, *targets: str, seed: int = 7, spans: tuple[Span, ...] = ()) -> Record:
    header = Header("r1", drill, "", "local", seed, "", 0, "", "1.35.4", NODES, targets, ())
    return Record(header, (), spans, (), (), (), (), "completed", 9)


def test_a_run_is_repeated_with_its_seed_order_targets_and_roles() -> None:
    spans = (
        Span("vip", "cp3", "holds the virtual address", 50, None),
        Span("vip", "cp1", "holds the virtual address", 5, 50),
        Span("etcd-leader", "cp2", "leads etcd", 5, None),
    )
    result = plan_replay(
        "r1", [record("node-drain", "w2"), record("failover-vip", "cp1", spans=spans)], inventory()
    )
    assert (result.seed, [drill.name for drill in result.drills]) == (
        7,
        ["node-drain", "failover-vip"],
    )
    assert result.choices == {
        "node-drain": RecordedChoice(("w2",)),
        "failover-vip": RecordedChoice(("cp1",), "cp1", "cp2"),
    }


def test_a_game_day_is_repeated_as_long_as_it_was() -> None:
    assert match_game_day(Settings(), [record("node-drain", "w2")]) == Settings()
    assert (
        match_game_day(Settings(), [record("game-day", "7.5 min", "pod-killed#3")]).game_day.minutes
        == 7.5
    )
    assert (
        match_game_day(Settings(), [record("game-day")]) == Settings()
    )  # one that was ABORTED before it began


def test_another_cluster_gone_drills_and_gone_targets_are_refused_together() -> None:
    records = [record("node-drain", "w2"), record("was-a-drill", "cp3")]
    with pytest.raises(ConfigErrors) as error:
        plan_replay("r1", records, inventory("other", ("cp1", "w1")))
    text = str(error.value)
    assert "has 4 mistakes" in text
    for words in (
        "cluster 'local'",
        "was-a-drill",
        "target w2 is gone",
        "target cp3 is gone",
        "cp1, w1",
    ):
        assert words in text
    assert error.value.exit_code == 2


def test_a_run_against_another_application_is_not_repeated() -> None:
    app = {
        "namespace": "shop",
        "workload": "deployment/web",
        "deployed": True,
        "endpoints": ENDPOINTS,
    }
    mine = Settings.model_validate({"app": app})
    one = record("node-drain", "w2")
    against = replace(one, header=replace(one.header, host=host_facts(inventory(), mine)))
    plan_replay("r1", [against], inventory(), mine)
    plan_replay("r1", [one], inventory(), Settings())
    for records, settings in (([against], Settings()), ([one], mine)):
        with pytest.raises(ConfigErrors, match=r"deployment/web in namespace shop.* with --config"):
            plan_replay("r1", records, inventory(), settings)


def test_the_record_names_the_application() -> None:
    app = {
        "namespace": "shop",
        "workload": "deployment/web",
        "deployed": True,
        "endpoints": ENDPOINTS,
    }
    facts = host_facts(inventory(), Settings.model_validate({"app": app}))
    assert facts["labels"]["app"] == "web"
    assert facts["app"] == {
        "is": "deployment/web in namespace shop",
        "from": "deployed by its owner",
    }
    assert (
        host_facts(inventory(), Settings.model_validate({"app": app, "history": {"app": "x"}}))[
            "labels"
        ]["app"]
        == "x"
    )
    sample = host_facts(inventory(), Settings())
    assert (sample["labels"]["app"], "app" in sample) == ("hello", False)


def test_the_record_names_the_network() -> None:
    mine = inventory()
    assert host_facts(mine, Settings())["labels"]["network"] == "flannel-vxlan"
    mine.vars.update(network_backend="host-gw", network_policy_engine="kube-network-policies")
    assert (
        host_facts(mine, Settings())["labels"]["network"] == "flannel-host-gw+kube-network-policies"
    )


def test_a_target_that_is_no_node_is_not_taken_for_a_gone_one() -> None:
    plan_replay("r1", [record(next(iter(ALL)), "kubedrill-app/hello-1")], inventory())


def test_the_recorded_target_is_chosen_though_there_are_more_candidates_now() -> None:
    for seed in range(20):
        assert drill_rng(seed, "x", ("w2",)).choice(["w1", "w2", "w3"]) == "w2"


def test_several_recorded_targets_are_chosen_together() -> None:
    for seed in range(20):
        drawn = drill_rng(seed, "x", ("cp1", "cp3")).sample(["cp1", "cp2", "cp3", "cp4", "cp5"], 2)
        assert sorted(drawn) == ["cp1", "cp3"]


def test_all_other_choices_stay_as_the_seed_makes_them() -> None:
    for seed in range(20):
        plain, again = drill_rng(seed, "x"), drill_rng(seed, "x", ("w2",))
        plain.choice(["w1", "w2"])
        again.choice(["w1", "w2"])
        assert plain.choice(range(1000)) == again.choice(range(1000))


class Drill:
    name = "node-drain"

    def __init__(self, *result: str) -> None:
        self.result = result

    def prepare(self, _survey: Any) -> tuple[str, ...]:
        return self.result


def test_targets_that_cannot_be_had_are_named_and_nothing_is_broken() -> None:
    again = Replay(7, (), {"node-drain": RecordedChoice(("w2",))})
    drill: Any = Drill("w1")
    with pytest.raises(OtherTargets, match="were w2; on the cluster as it is now they would be w1"):
        choose(drill, SimpleNamespace(), again)
    assert choose(drill, SimpleNamespace(), None) == ("w1",)
    assert choose(drill, SimpleNamespace(), Replay(7, (), {"node-drain": RecordedChoice(())})) == (
        "w1",
    )


class Address:
    """Three control planes of which the first in line whose keepalived runs holds the address."""

    def __init__(self) -> None:
        self.running, self.output, self.armed = ["cp1", "cp2", "cp3"], [], set[str]()
        self.deaf = ""

    def change(self, node: str, argv: Any, *, check: bool = True, **_options: Any) -> None:
        line = " ".join(argv)
        if not check:
            assert argv.startswith(f"systemctl stop kubedrill-undo-{node}-")
            self.armed.discard(node)
        elif "systemd-run" in line:
            self.armed.add(node)
        elif line == "systemctl stop keepalived":
            assert node in self.armed
            self.running.remove(node)
        elif "start keepalived" in line:
            if node == self.deaf:
                raise StepFailed(f"{node} refused")
            self.running.append(node)

    def survey(self) -> Any:
        def wait(_what: str, missing: Any, *, setting: str) -> None:
            assert (missing(), setting) == (None, "vip_held")

        api = SimpleNamespace(vip_holders=lambda: self.running[:1], wait=wait)
        return SimpleNamespace(
            cluster=SimpleNamespace(
                api=api, hosts=self, inventory=inventory(), note=lambda *_: None
            )
        )


def test_the_address_goes_to_its_former_holder_and_every_keepalived_runs_again() -> None:
    address = Address()
    move_address(address.survey(), "cp3")
    assert address.running == ["cp3", "cp2", "cp1"]
    assert address.armed == set()


def test_all_others_are_started_again_though_one_refuses_whose_undo_stays_armed() -> None:
    address = Address()
    address.deaf = "cp2"
    with pytest.raises(StepFailed, match="cp2 refused"):
        move_address(address.survey(), "cp3")
    assert address.running == ["cp3", "cp1"]
    assert address.armed == {"cp2"}


def test_roles_that_are_where_they_were_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[tuple[str, str]] = []
    monkeypatch.setattr(
        module, "move_leader", lambda _survey, source, to: moved.append((source, to))
    )
    survey = Address().survey()
    survey.cluster.api.etcd_leader = lambda: "cp2"
    drill: Any = Drill("cp1")
    choose(drill, survey, Replay(7, (), {"node-drain": RecordedChoice(("cp1",), "cp1", "cp2")}))
    assert moved == []
    choose(drill, survey, Replay(7, (), {"node-drain": RecordedChoice(("cp1",), "cp1", "cp3")}))
    assert moved == [("cp2", "cp3")]
