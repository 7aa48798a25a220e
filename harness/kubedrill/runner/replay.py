"""Repeats a run's drills.

The same seed, the same targets, and the same nodes in the roles that they had.

A drill about "the holder of the virtual address" chose its target by a role that has moved since,
not by the seed. So the address and etcd's leadership are first given back to the nodes that had
them when the recorded drill began.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from kubedrill.base.errors import ConfigErrors, KubedrillError
from kubedrill.cluster.undo_timer import NodeUndo
from kubedrill.core.etcd_leadership import move_leader
from kubedrill.core.undo import Undos
from kubedrill.drills import ALL
from kubedrill.drills.game_day import GAME_DAY, lasting
from kubedrill.runner.seeds import drill_rng

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from kubedrill.base.model import Header, Record
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings
    from kubedrill.core.context import DrillContext
    from kubedrill.core.drill import Drill

_SAMPLE = "the sample application"

KEEPALIVED_BACK_S = 60.0
"""Seconds until keepalived is started again by the node itself, should the harness die while the
address moves: twice timeouts.vip_held's default."""


class OtherTargets(KubedrillError):
    """The recorded targets cannot be had on this cluster now; nothing was broken."""


@dataclass(frozen=True)
class RecordedChoice:
    """One recorded drill: its targets, and who held the address and led etcd as it began.

    "": not known.
    """

    targets: tuple[str, ...]
    vip_holder: str = ""
    etcd_leader: str = ""


@dataclass(frozen=True)
class Replay:
    """What is repeated."""

    seed: int
    drills: tuple[Drill, ...]
    choices: dict[str, RecordedChoice] = field(default_factory=dict)  # by drill

    def rng(self, drill: str) -> random.Random:
        """The source of a drill's choices, which prefers the recorded targets."""
        return drill_rng(self.seed, drill, self.choices[drill].targets)


def plan_replay(
    where: str, records: Sequence[Record], inventory: Inventory, settings: Settings | None = None
) -> Replay:
    """Say what has to be repeated.

    Without ``settings`` it is not asked which application they name.

    Raises:
        ConfigErrors: the run is of another cluster or application, or drills or targets are gone;
            all mistakes at once.
    """
    headers = [record.header for record in records]
    here = {node.name for node in inventory.nodes}
    mistakes = [
        (
            f"it is a run on the cluster {name!r}, {inventory.path} is {inventory.name!r}; give "
            "that cluster's inventory"
        )
        for name in sorted({header.cluster for header in headers} - {inventory.name})
    ]
    unknown = sorted({header.drill for header in headers} - set(ALL))
    mistakes += [
        f"drill {name}: this kubedrill has no such drill; use the version that made the run"
        for name in unknown
    ]
    mistakes += [
        (
            f"drill {header.drill}: its target {target} is gone; the inventory has "
            f"{', '.join(sorted(here))}"
        )
        for header in headers
        for target in header.targets
        if target in header.nodes and target not in here
    ]
    seeds = {header.seed for header in headers}
    if len(seeds) > 1:
        mistakes.append(
            f"its records have {len(seeds)} seeds, expected one; give a folder that one run made"
        )
    mistakes += _other_apps(headers, settings) if settings else []
    if mistakes:
        raise ConfigErrors(where, mistakes)
    drills = tuple(ALL[header.drill] for header in headers)
    return Replay(
        headers[0].seed, drills, {record.header.drill: _scene(record) for record in records}
    )


def _other_apps(headers: Sequence[Header], settings: Settings) -> list[str]:
    """What the run drilled, where that is not the application of the configuration."""
    here = settings.app.where if settings.app else _SAMPLE
    there = {header.host.get("app", {}).get("is", _SAMPLE) for header in headers} - {here}
    return [
        (
            f"it is a run against {app}, the configuration's application is {here}; give that "
            "run's with --config"
        )
        for app in sorted(there)
    ]


def match_game_day(settings: Settings, records: Sequence[Record]) -> Settings:
    """Return the settings with a game day as long as the recorded one, as its first target says."""
    planned = [record.header.targets for record in records if record.header.drill == GAME_DAY]
    lengths = [targets[0] for targets in planned if targets]
    return lasting(settings, float(lengths[0].split()[0])) if lengths else settings


def _scene(record: Record) -> RecordedChoice:
    def first(lane: str) -> str:
        spans = [span for span in record.spans if span.lane == lane]
        return min(spans, key=lambda span: span.start).subject if spans else ""

    return RecordedChoice(record.header.targets, first("vip"), first("etcd-leader"))


def choose(drill: Drill, ctx: DrillContext, replay: Replay | None) -> tuple[str, ...]:
    """Return a drill's targets: those of its seed, or of the run that is repeated.

    Raises:
        OtherTargets: the run's targets cannot be had now; says which would be chosen instead.
    """
    scene = replay.choices.get(drill.name) if replay else None
    if scene is None or not scene.targets:
        return drill.prepare(ctx)
    move_address(ctx, scene.vip_holder)
    _move_leadership(ctx, scene.etcd_leader)
    targets = drill.prepare(ctx)
    if targets != scene.targets:
        raise OtherTargets(
            f"its targets in that run were {', '.join(scene.targets)}; on the cluster as it is "
            "now they would be "
            f"{', '.join(targets)}. Run it anew: kubedrill drill {drill.name}"
        )
    return targets


def _move_leadership(ctx: DrillContext, to: str) -> None:
    leader = ctx.cluster.api.etcd_leader() if to else None
    if leader is not None and leader != to:
        move_leader(ctx, leader, to)


def move_address(ctx: DrillContext, to: str) -> None:
    """Give the virtual address to one control plane.

    Keepalived of all others pauses until that one holds it.

    Raises:
        StepFailed: a node did not do it.
        DeadlineExceeded: it did not come to the node within timeouts.vip_held.
    """
    if not to or ctx.cluster.api.vip_holders() == [to]:
        return
    cluster = ctx.cluster
    others = [node.name for node in cluster.inventory.control_planes if node.name != to]
    backs = [
        NodeUndo(cluster.hosts, name, "address-moves", "systemctl start keepalived")
        for name in others
    ]
    cluster.note(to, "gets the virtual address, as in the run that is repeated")
    undos = Undos()
    try:
        for back in backs:
            back.arm(KEEPALIVED_BACK_S)
            undos.add(f"keepalived stopped on {back.node}", partial(_start_again, back))
            cluster.hosts.change(back.node, ["systemctl", "stop", "keepalived"])
        cluster.api.wait(
            f"{to} to hold the virtual address", lambda: _elsewhere(ctx, to), setting="vip_held"
        )
    finally:
        undos.unwind()


def _start_again(back: NodeUndo) -> None:
    back.run()
    back.disarm()


def _elsewhere(ctx: DrillContext, to: str) -> str | None:
    holders = ctx.cluster.api.vip_holders()
    return None if holders == [to] else f"held by {', '.join(holders) or 'nobody'}"
