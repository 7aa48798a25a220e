"""The leading scheduler or controller manager hangs, and another one takes its lease over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.leases import election_timers, read_leader
from kubedrill.core.drill import Family
from kubedrill.core.fault_drill import FaultDrill
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import leader_handover, unfelt
from kubedrill.faults import ServiceFault

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


STEPS = (
    "Find the node whose process holds the lease in kube-system.",
    (
        "Arm the undo on the node, then freeze the process: it holds its connections and "
        "renews nothing."
    ),
    (
        "Ask for the lease four times a second until another process holds it: the takeover "
        "time, with bounds."
    ),
    (
        "Let the old leader go on. It finds its lease lost and ends itself; the kubelet "
        "starts it again. It must not lead."
    ),
)


POLL_S = 0.25
"""Seconds between two looks at the lease: the bounds of the takeover time are no finer."""

_ANSWER_S = 2.0


@dataclass
class Watch:
    """The lease of one component while its holder hangs.

    Seconds of the harness host's monotonic clock.
    """

    old: str
    last_old: float = 0.0  # when the last question that still found the old holder was sent
    new: str = ""
    first_new: float = 0.0  # when the first answer that named another holder came

    def see(self, identity: str, asked: float, answered: float) -> bool:
        """Note one answer; returns whether somebody else leads. An empty holder leads nothing."""
        if identity in ("", self.old):
            self.last_old = asked
            return False
        self.new, self.first_new = identity, answered
        return True

    def bounds(self, before: float, after: float) -> tuple[float, float]:
        """Shortest and longest time without a leader.

        The process was frozen between ``before`` and ``after``.
        """
        return max(0.0, self.last_old - after), self.first_new - before


@dataclass(frozen=True, kw_only=True)
class LeaderTakeover(FaultDrill):
    """One component's leader hangs."""

    component: str

    def run(self, ctx: DrillContext) -> None:
        """Freeze the leader, watch the lease, wake it."""
        prediction = leader_handover(election_timers(ctx.cluster.api, self.component))
        watch = Watch(read_leader(ctx.cluster.api, self.component).identity)
        seconds = ctx.cluster.settings.timeouts.leader_takeover
        restarts = self._restarts(ctx)
        before = time.monotonic()
        with ctx.fault(self.fault(ctx.target)):
            after = time.monotonic()
            with ctx.step(
                ctx.target, "until another one holds the lease", predicted_s=prediction.seconds
            ):
                self._watch(ctx, watch, seconds)
            shortest, longest = watch.bounds(before, after)
            ctx.event(
                "leader",
                watch.new.rpartition("_")[0],
                f"leads: {self.component}",
                shortest_s=shortest,
            )
            ctx.check(
                "lease-taken-over",
                "another one took the lease over",
                ok=True,
                actual=f"{watch.new.rpartition('_')[0]} after {shortest:.1f}-{longest:.1f} s; "
                "predicted "
                f"{prediction.seconds:g} s at most: {'; '.join(prediction.because)}",
                expected=f"within {seconds:g} s (timeouts.leader_takeover)",
            )
            ctx.cluster.note(ctx.target, f"lost the lease after {shortest:.1f}-{longest:.1f} s")
        with ctx.step(ctx.target, "the old leader goes on"):
            timeouts = ctx.cluster.settings.timeouts
            ctx.cluster.api.wait(
                f"{self.component} on {ctx.target} to begin anew",
                lambda: None if self._restarts(ctx) > restarts else "it goes on as if it led",
                setting="recovery",
            )
            ctx.wait_answering("*", for_s=CALM_S, seconds=timeouts.api_up, setting="api_up")
        now = read_leader(ctx.cluster.api, self.component).identity
        ctx.check(
            "old-leader-steps-back",
            "the old leader does not lead when it wakes",
            now not in ("", watch.old),
            f"{now or 'nobody'} holds the lease",
            f"anybody but {watch.old}",
        )

    def _restarts(self, ctx: DrillContext) -> int:
        pod = ctx.cluster.api.core.read_namespaced_pod(
            f"{self.component}-{ctx.target}", "kube-system"
        )
        return sum(status.restart_count for status in pod.status.container_statuses or [])

    def _watch(self, ctx: DrillContext, watch: Watch, seconds: float) -> None:
        """Ask until somebody else leads; an API that does not answer says nothing."""

        def taken() -> bool | Waiting:
            asked = time.monotonic()
            try:
                identity = read_leader(ctx.cluster.api, self.component, _ANSWER_S).identity
            except ApiUnavailable as error:
                return Waiting(str(error))
            return (
                True
                if watch.see(identity, asked, time.monotonic())
                else Waiting(f"{identity or 'nobody'} holds it")
            )

        what = f"another {self.component} to lead instead of {watch.old}"
        wait_for(what, taken, seconds=seconds, setting="leader_takeover", poll_s=POLL_S)
        if not watch.new:
            raise StepFailed(f"the lease {self.component} names no holder")


def _entry(name: str, component: str, word: str) -> LeaderTakeover:
    """Make the drill of one component; ``word`` is what people call it."""

    def among(ctx: DrillContext) -> list[str]:
        leader = read_leader(ctx.cluster.api, component).node
        return [leader] if leader else []

    def expect(_ctx: DrillContext, _node: str) -> Expected:
        return unfelt(
            f"what runs already needs no {component}; nobody decides anything new until another "
            "one leads"
        )

    return LeaderTakeover(
        name=name,
        title=f"The leading {word} hangs",
        proves=(
            f"another {word} takes the lease over, in the time that the lease says, and the old "
            "one steps back"
        ),
        needs=f"a {component} that holds its lease, 2 control planes or more",
        duration_s=70,
        family=Family.LEADERS,
        limits_because=f"what runs needs no {word}",
        steps=STEPS,
        component=component,
        among=among,
        fault=lambda node: ServiceFault(node, component, "freeze"),
        expect=expect,
    )


DRILLS = (
    _entry("failover-scheduler-leader", "kube-scheduler", "scheduler"),
    _entry("failover-controller-manager-leader", "kube-controller-manager", "controller manager"),
)
