"""Maintenance of every node: what counts as booted, and what an interruption leaves."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from fake_context import fake_context

from kubedrill.base.model import DOWN, Span
from kubedrill.cluster.playbooks import TaskEvent
from kubedrill.cluster.power_switch import Switch, container_switch
from kubedrill.drills import ALL, cluster_maintained, find_drills

if TYPE_CHECKING:
    from collections.abc import Callable

DRILL = ALL["cluster-maintained"]
ROLE = Path(__file__).resolve().parents[3] / "roles" / "maintain" / "tasks"


class Cluster:
    """Nodes that are in another boot once the playbook has run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, inventory: Any) -> None:
        self.names = [node.name for node in inventory.nodes]
        self.booted = dict.fromkeys(self.names, "new")
        self.cordoned: list[str] = []
        self.runs: list[tuple[str, dict[str, Any]]] = []
        self.events: list[TaskEvent] = []
        self.spans: list[Span] = []
        self.ends: BaseException | None = None
        app = SimpleNamespace(wait_ready=lambda: None)
        hosts = SimpleNamespace(forget=lambda _node: None)
        self.ctx = fake_context(*self.names, inventory=inventory, api=self, app=app, hosts=hosts)
        self.ctx.writer.span = self.spans.append
        monkeypatch.setattr(cluster_maintained, "boot", self._boot)
        monkeypatch.setattr(cluster_maintained, "run_playbook_step", self._run)
        monkeypatch.setattr(cluster_maintained, "wait_whole", lambda _api: None)
        monkeypatch.setattr(
            cluster_maintained, "find_switch", lambda node, _: container_switch(f"c-{node.name}")
        )

    def _boot(self, _cluster: Any, node: Any) -> str:
        return self.booted[node.name] if self.runs else "old"

    def _run(
        self,
        _ctx: Any,
        playbook: str,
        variables: dict[str, Any],
        _title: str,
        on_event: Callable[[TaskEvent], None] | None = None,
    ) -> None:
        self.runs.append((playbook, variables))
        for event in self.events if on_event else ():
            on_event(event)
        if self.ends:
            raise self.ends

    def nodes(self) -> list[Any]:
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=name),
                spec=SimpleNamespace(unschedulable=name in self.cordoned),
            )
            for name in self.names
        ]

    def cordon(self, name: str, *, on: bool) -> None:
        assert not on
        self.cordoned.remove(name)

    def run(self) -> dict[str, tuple[bool | None, str]]:
        DRILL.run(self.ctx)
        return dict(self.ctx.checks)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, make_inventory: Any) -> Cluster:
    return Cluster(monkeypatch, make_inventory())


def test_it_is_run_by_its_name_only() -> None:
    assert not DRILL.standard
    assert DRILL not in find_drills(["all"])
    assert find_drills(["cluster-maintained"]) == [DRILL]
    assert (DRILL.limits.app_max_failed, DRILL.limits.api_outage_s) == (0, 1.0)


def test_a_boot_of_every_node_passes_and_is_seen(cluster: Cluster) -> None:
    checks = cluster.run()
    assert [ok for ok, _ in checks.values()] == [True, True]
    assert cluster.ctx.seen == {"cluster": True}
    ((playbook, variables),) = cluster.runs
    assert playbook == "maintain.yml"
    assert variables["maintain_reboot"] == "always"
    assert variables["maintain_reboot_interval"] == 0
    assert cluster.ctx.log[-1] == "answering *"


@pytest.mark.parametrize(("boot", "actual"), [("old", "w1 has not booted"), ("", "w1 does not an")])
def test_one_node_that_did_not_boot_fails_and_is_no_evidence(
    cluster: Cluster, boot: str, actual: str
) -> None:
    cluster.booted["w1"] = boot
    ok, text = cluster.run()["every node has booted"]
    assert ok is False
    assert text.startswith(actual)
    assert cluster.ctx.seen == {"cluster": False}


def test_a_node_that_stays_cordoned_fails(cluster: Cluster) -> None:
    cluster.cordoned = ["w2"]
    assert cluster.run()["every node takes pods again"] == (False, "w2")


def test_a_maintenance_that_was_interrupted_is_finished_and_uncordoned(cluster: Cluster) -> None:
    cluster.ends = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        cluster.run()
    cluster.ends = None
    cluster.cordoned = ["w1"]
    cluster.ctx.undos.unwind()
    _, variables = cluster.runs[-1]
    assert variables["maintain_reboot"] == "never"
    assert "power_on" in variables, "one that is off is switched on"
    assert cluster.cordoned == []


def test_containers_are_started_by_the_playbook_and_machines_by_themselves(
    monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    from jinja2 import Environment  # noqa: PLC0415 - as Ansible reads it

    variables = cluster_maintained.switches(cluster.ctx.cluster)
    template = Environment(autoescape=False).from_string(variables["power_on"])  # noqa: S701 - no HTML
    command = template.render(inventory_hostname="w2")
    assert command.startswith("/bin/sh -c ")
    assert "start c-w2" in command
    machine = Switch(("off",), ("on",))
    monkeypatch.setattr(cluster_maintained, "find_switch", lambda *_: machine)
    assert cluster_maintained.switches(cluster.ctx.cluster) == {}


def events(*lines: str) -> list[TaskEvent]:
    """Events such as "w1 start Boot the machine", a second apart."""
    parts = (line.split(" ", 2) for line in lines)
    return [
        TaskEvent(kind, host, task, "maintain", second * 10**9)
        for second, (host, kind, task) in enumerate(parts, 1)
    ]


def test_it_watches_from_two_workers_and_says_when_each_node_is_down(cluster: Cluster) -> None:
    assert DRILL.vantages == 2
    cluster.events = events(
        "w1 start Boot the machine",
        "w1 skipped Boot the machine",
        "w1 start Shut the container down",
        "w2 ok Wait until the node is healthy",
        "w1 changed Shut the container down",
        "w1 start Wait until the node is healthy",
        "w1 ok Wait until the node is healthy",
        "w2 start Boot the machine",
        "w2 ok Boot the machine",
        "w2 failed Wait until the node is healthy",
    )
    cluster.run()
    assert cluster.spans == [Span(DOWN, "w1", "boots", 3 * 10**9, 7 * 10**9)]


def test_the_role_has_the_tasks_that_the_times_are_told_by() -> None:
    def names(part: str) -> list[str]:
        tasks = yaml.safe_load((ROLE / f"{part}.yml").read_text(encoding="utf-8"))
        return [each["name"] for task in tasks for each in task.get("block", [task])]

    assert set(cluster_maintained.BOOTS) <= set(names("reboot"))
    back = names("return_to_service")
    assert back.index(cluster_maintained.HEALTHY) < back.index("Uncordon")
