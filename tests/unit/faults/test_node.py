from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fault_nodes import Nodes, context, ok, refused

from kubedrill.base.errors import KubedrillError, StepFailed
from kubedrill.cluster.watchdog import Watchdog
from kubedrill.faults import Hang, PowerCut, Reboot, Shutdown, ZoneOutage
from kubedrill.faults.node import boot


class Machines(Nodes):
    """Nodes with a switch, which notes what it does.

    ``boots`` are what each question for the boot is answered.
    """

    def __init__(
        self, boots: list[str] | None = None, stuck: tuple[str, ...] = (), **more: Any
    ) -> None:
        super().__init__(**more)
        self.boots, self.stuck, self.off_now = boots or ["a"], stuck, False

    def answer(self, node: str, line: str) -> Any:
        if "boot_id" in line:
            return ok(self.boots.pop(0) if len(self.boots) > 1 else self.boots[0])
        return super().answer(node, line)

    def available(self, node: Any) -> str | None:
        return f"{node.name} has no switch" if node.name in self.stuck else None

    pause_available = available

    def is_off(self, node: Any) -> bool:  # noqa: ARG002
        return self.off_now

    def _switch(self, node: Any, verb: str) -> None:
        if node.name in self.stuck:
            raise StepFailed(f"{node.name} is stuck")
        self.commands.append((node.name, verb))

    def off(self, node: Any) -> None:
        self._switch(node, f"off, watchdog armed: {self.armed(node)}")

    def on(self, node: Any) -> None:
        self.off_now = False
        self._switch(node, "on")

    def pause(self, node: Any) -> None:
        self._switch(node, f"pause, watchdog armed: {self.armed(node)}")

    def resume(self, node: Any) -> None:
        self._switch(node, "resume")

    inventory: Any = None

    def armed(self, node: Any) -> str:
        file = Watchdog(self.inventory, node.name, 0, 0).file
        return file.read_text(encoding="utf-8") if file.exists() else "no"


@pytest.fixture
def cluster(make_inventory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def arm(watchdog: Watchdog) -> int:
        watchdog.file.write_text(watchdog.verb, encoding="utf-8")
        return 1

    monkeypatch.setattr(Watchdog, "arm", arm)
    return make_inventory()


def test_a_pause_is_watched_before_it_begins_and_is_resumed(cluster: Any) -> None:
    nodes = Machines()
    nodes.inventory = cluster
    ctx, fault = context(nodes, cluster), Hang("w1")
    fault.inject(ctx)
    assert nodes.lines("w1") == ["pause, watchdog armed: resume", "forget"]
    fault.heal(ctx)
    assert nodes.lines("w1")[2:] == ["resume", "forget"]
    assert nodes.armed(cluster.node("w1")) == "no"


def test_an_order_to_shut_down_is_watched_and_followed_until_the_node_is_gone(cluster: Any) -> None:
    nodes = Machines(boots=["a", "a", "", "", "b"])
    nodes.inventory = cluster
    ctx, fault = context(nodes, cluster), Shutdown("w1")
    fault.inject(ctx)
    (order,) = [line for line in nodes.lines("w1") if "systemd-run" in line]
    assert (
        "--on-active=1s --timer-property=AccuracySec=1s" in order
    )  # systemd's own accuracy is a minute
    assert order.endswith("'systemctl poweroff'")
    assert nodes.boots == ["", "b"]
    assert nodes.armed(cluster.node("w1")) == "on"
    fault.heal(ctx)
    assert nodes.lines("w1").count("on") == 2  # the first time it was still shutting down
    assert nodes.armed(cluster.node("w1")) == "no"


def test_a_reboot_is_over_when_another_boot_answers_and_a_container_is_switched_on(
    cluster: Any,
) -> None:
    nodes = Machines(boots=["a", "", "", "a", "b"])
    nodes.inventory = cluster
    ctx, fault = context(nodes, cluster), Reboot("w1")
    fault.inject(ctx)
    nodes.off_now = True
    fault.heal(ctx)
    assert nodes.lines("w1").count("on") == 1
    assert nodes.boots == ["b"]


def test_an_order_that_is_refused_is_not_the_cluster_s_failure(cluster: Any) -> None:
    nodes = Machines(answers={"systemctl poweroff": refused("Access denied")})
    with pytest.raises(
        KubedrillError, match=r"the fault could not be made: .*Access denied"
    ) as error:
        Shutdown("w1").inject(context(nodes, cluster))
    assert not isinstance(error.value, StepFailed)


@pytest.mark.parametrize(
    "fault", [Shutdown("cp1"), Reboot("cp1"), Hang("cp1"), ZoneOutage("a", ("cp1", "w1"))]
)
def test_no_node_is_taken_below_etcd_s_quorum(cluster: Any, fault: Any) -> None:
    assert fault.available(context(Machines(), cluster)) is None
    assert "etcd would be below quorum" in fault.available(
        context(Machines(down=("cp2",)), cluster)
    )


def test_a_zone_with_two_of_three_members_is_refused(cluster: Any) -> None:
    reason = ZoneOutage("a", ("cp1", "cp2", "w1")).available(context(Machines(), cluster))
    assert reason == "etcd would be below quorum: 1 of 3 members left without cp1, cp2, w1, needs 2"
    assert ZoneOutage("a", ()).available(context(Machines(), cluster)) == "zone a has no nodes"
    assert (
        ZoneOutage("a", ("w1", "w2")).available(context(Machines(stuck=("w2",)), cluster))
        == "w2 has no switch"
    )


def test_every_node_of_a_zone_gets_its_power_back_though_one_is_stuck(cluster: Any) -> None:
    nodes = Machines(stuck=("w1",))
    nodes.inventory = cluster
    with pytest.raises(StepFailed, match="w1: w1 is stuck"):
        ZoneOutage("a", ("w1", "w2")).heal(context(nodes, cluster))
    assert "on" in nodes.lines("w2")


def test_a_node_that_has_no_switch_cannot_be_paused(cluster: Any) -> None:
    assert Hang("w1").available(context(Machines(stuck=("w1",)), cluster)) == "w1 has no switch"


def test_two_boots_of_one_kernel_differ(cluster: Any) -> None:
    node = cluster.node("w1")
    assert boot(context(Machines(boots=["id\n100\n"]), cluster), node) != boot(
        context(Machines(boots=["id\n900\n"]), cluster), node
    )


def test_a_power_cut_is_watched_too(cluster: Any) -> None:
    nodes = Machines()
    nodes.inventory = replace(cluster)
    PowerCut("w1").inject(context(nodes, cluster))
    assert nodes.lines("w1")[0] == "off, watchdog armed: on"
