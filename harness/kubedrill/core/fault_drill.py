"""A drill that makes one fault on one node and watches. What differs stands in tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.waits import pause
from kubedrill.core.choices import pick
from kubedrill.core.drill import Drill
from kubedrill.core.node_loss import CALM_S, wait_not_ready, wait_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected
    from kubedrill.faults import Fault


@dataclass(frozen=True, kw_only=True)
class FaultDrill(Drill):
    """One row of a table of drills.

    ``among`` lists the candidates, ``fault`` makes the fault for one of them, ``expect`` predicts.
    ``choose`` chooses the target where the seed alone does not. ``before`` looks at something
    before the fault, ``until`` waits for what it leads to, and ``hold_s`` is how long it lasts
    after that; ``after`` looks at something when all is healed. ``answered``: whether every probe
    must be answered again while it lasts.
    """

    among: Callable[[DrillContext], list[str]]
    fault: Callable[[str], Fault]
    expect: Callable[[DrillContext, str], Expected]
    choose: Callable[[DrillContext], str] | None = None
    before: Callable[[DrillContext], None] = lambda _ctx: None
    until: Callable[[DrillContext], None] = lambda _ctx: None
    after: Callable[[DrillContext], None] = lambda _ctx: None
    hold_s: float = 0.0
    answered: bool = True
    game_day: bool = True
    steps: tuple[str, ...] = (
        "Choose a target by the seed among those on which the fault can be made now.",
        "Predict from the live timers what users should feel.",
        "Arm the fault's undo on the node, then make the fault.",
        (
            "Wait for what the fault should lead to (NotReady, another holder, a new leader), "
            "or let it last for a given time."
        ),
        (
            "Wait until every probe is answered while the fault is in place, where the cluster is "
            "expected to get round it."
        ),
        "Heal. The node has to be Ready again.",
    )

    def __post_init__(self) -> None:
        """Take the evidence from the fault."""
        evidence = self.evidence or self.fault("NODE").evidence
        object.__setattr__(self, "evidence", evidence)
        super().__post_init__()

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Why there is no node on which the fault can be made; None where there is one."""
        candidates = self.among(ctx)
        if not candidates:
            return f"needs {self.needs}"
        reasons = [self.fault(name).available(ctx.cluster) for name in candidates]
        return (
            None if None in reasons else "; ".join(dict.fromkeys(str(reason) for reason in reasons))
        )

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose the target."""
        if self.choose is not None:
            return (self.choose(ctx),)
        free = [name for name in self.among(ctx) if self.fault(name).available(ctx.cluster) is None]
        return (pick(ctx.rng, free, f"node for {self.name}"),)

    def expected(self, ctx: DrillContext) -> Expected:
        """What users should feel, by the fault and by what stands on the target."""
        return self.expect(ctx, ctx.target)

    def run(self, ctx: DrillContext) -> None:
        """Break, watch, heal."""
        fault, timeouts = self.fault(ctx.target), ctx.cluster.settings.timeouts
        self.before(ctx)
        with ctx.fault(fault, least_s=max(self.hold_s, fault.least_s)):
            self.until(ctx)
            if self.hold_s:
                with ctx.step(ctx.target, f"{fault.name}: for {self.hold_s:g} s"):
                    pause(self.hold_s)
            if self.answered:
                with ctx.step(ctx.target, f"{fault.name}: until every probe is answered"):
                    ctx.wait_answering(
                        "*", for_s=CALM_S, seconds=timeouts.node_not_ready, setting="node_not_ready"
                    )
        wait_ready(ctx, ctx.target, "healed: until Ready")
        self.after(ctx)


def until_not_ready(ctx: DrillContext) -> None:
    """Wait until Kubernetes marks the target NotReady."""
    wait_not_ready(ctx, ctx.target, "until Kubernetes marks it NotReady")


def until_address_moved(ctx: DrillContext) -> None:
    """Wait until another control plane holds the virtual address.

    The target may believe that it still does.
    """
    api, node = ctx.cluster.api, ctx.target

    def find_obstacle() -> str | None:
        others = [name for name in api.vip_holders() if name != node]
        return None if len(others) == 1 else f"held by {', '.join(others) or 'no other'}"

    with ctx.step(node, "until another control plane holds the virtual address"):
        api.wait(
            "another control plane to hold the virtual address", find_obstacle, setting="vip_held"
        )


def until_new_etcd_leader(ctx: DrillContext) -> None:
    """Wait until another member leads etcd, as the members on the other nodes tell it."""
    api, node = ctx.cluster.api, ctx.target

    def find_obstacle() -> str | None:
        leaders = [
            member.node for member in api.etcd_members() if member.leads and member.node != node
        ]
        return None if len(leaders) == 1 else "no other member leads"

    with ctx.step(node, "until another member leads etcd"):
        api.wait("another member to lead etcd", find_obstacle, setting="etcd_healthy")
