"""The leading scheduler or controller manager hangs, and another one takes its lease over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.leases import election_timers, read_leader
from kubedrill.core.drill import Drill, Family
from kubedrill.core.limits import expected_limits
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import Expected, leader_handover
from kubedrill.faults import ServiceFault

if TYPE_CHECKING:
    from kubedrill.base.model import OutageLimit
    from kubedrill.core.context import DrillContext


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
class LeaderTakeover(Drill):
    """One component's leader hangs."""

    component: str
    needs: str = "2 control planes or more"
    duration_s: int = 70
    family: Family = Family.LEADERS
    game_day: bool = True
    steps: tuple[str, ...] = STEPS

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a leader that can be frozen, and somebody else to take over."""
        leader = read_leader(ctx.cluster.api, self.component)
        if not leader.node:
            return f"nobody holds the lease {self.component} in kube-system"
        return self._fault(leader.node).available(ctx.cluster)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name the leader's node."""
        return (read_leader(ctx.cluster.api, self.component).node,)

    def outage_limits(self, ctx: DrillContext) -> list[OutageLimit]:
        """Nothing may fail: what runs needs neither of them."""
        why = (
            f"what runs already needs no {self.component}; nobody decides anything new until "
            "another one leads"
        )
        return expected_limits(ctx.limits(self), Expected(app_why=why, api_why=why, dns_why=why))

    def run(self, ctx: DrillContext) -> None:
        """Freeze the leader, watch the lease, wake it."""
        prediction = leader_handover(election_timers(ctx.cluster.api, self.component))
        watch = Watch(read_leader(ctx.cluster.api, self.component).identity)
        seconds = ctx.cluster.settings.timeouts.leader_takeover
        restarts = self._restarts(ctx)
        before = time.monotonic()
        with ctx.fault(self._fault(ctx.target)):
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

    def _fault(self, node: str) -> ServiceFault:
        return ServiceFault(node, self.component, "freeze")

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


DRILLS = (
    LeaderTakeover(
        name="failover-scheduler-leader",
        title="The leading scheduler hangs",
        proves=(
            "another scheduler takes the lease over, in the time that the lease says, and the "
            "old one steps back"
        ),
        limits_because="what runs needs no scheduler",
        component="kube-scheduler",
    ),
    LeaderTakeover(
        name="failover-controller-manager-leader",
        title="The leading controller manager hangs",
        proves=(
            "another controller manager takes the lease over, in the time that the lease "
            "says, and the old one steps back"
        ),
        limits_because="what runs needs no controller manager",
        component="kube-controller-manager",
    ),
)
