"""Parts of the order service die under 50 writes a second.

No acknowledged order may be lost, and none stored twice.

They run only where the order service is deployed (``kubedrill app deploy``): a drill does not
install a database.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Check
from kubedrill.cluster.objects import pod_is_ready
from kubedrill.core.drill import Drill, Family
from kubedrill.core.predictions import Expected
from kubedrill.faults import PodKill
from kubedrill.orders.ledger import checks, longest_pause_s, settle, summary
from kubedrill.orders.manifests import NAMESPACE, NODE_PORT, STREAM
from kubedrill.orders.service import OrderService
from kubedrill.orders.traffic import Traffic, sustain_traffic
from kubedrill.orders.traffic_process import TrafficPlan

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.orders.ledger import Ledger


STEPS = (
    (
        "Choose what dies: the database's primary, the leader of the queue's stream, all "
        "caches, each worker in turn."
    ),
    "Send orders in an open loop, each in the ledger before it is sent.",
    (
        "Kill the pods without any grace, and wait until the service is complete again; go on "
        "for a while."
    ),
    "Send no more, read every order back, and judge the ledger.",
)


WRITES_PER_S = 50.0
READS_PER_S = 10.0
BEFORE_S = 5.0
AFTER_S = 10.0
MONITOR_PORT = 8222
"""Of a queue server (harness/kubedrill/orders/manifests_base/config.yaml)."""
MIN_ACKNOWLEDGED = 200
"""Four seconds of traffic: with fewer acknowledged orders nothing is proven."""


@dataclass(frozen=True, kw_only=True)
class OrdersDrill(Drill):
    """What every drill of the order service shares: only its users may feel anything."""

    needs: str = "the order service, deployed with kubedrill app deploy"
    family: Family = Family.ORDERS
    evidence: str = PodKill.evidence
    limits_because: str = "the sample app is not touched; the orders have their ledger"

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Why not: the order service is not deployed, or not complete."""
        status = _service(ctx).status()
        if status is None:
            return "the order service is not deployed: kubedrill app deploy"
        return f"the order service is not complete: {status.problem}" if status.problem else None

    def expected(self, ctx: DrillContext) -> Expected:
        """Nothing: what the order service's users feel is judged by their ledger."""
        del ctx
        return Expected()


@dataclass(frozen=True, kw_only=True)
class OrderDrill(OrdersDrill):
    """``part`` dies: "primary", "leader", "cache" or "worker".

    ``pause_s`` and ``stored_s`` are limits in seconds: how long no write may be acknowledged, and
    how long after its acknowledgement an order may be stored and seen. ``predicted`` says what is
    expected, and from which timers.
    """

    part: str
    pause_s: float
    stored_s: float
    predicted: str
    duration_s: int = 90
    steps: tuple[str, ...] = STEPS

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Find what holds the part now; there is no choice to make."""
        if self.part == "leader":
            return (stream_leader(ctx),)
        if self.part == "primary":
            status = _service(ctx).status()
            return (status.primary if status else "",)
        selector = f"app.kubernetes.io/name={self.part}"
        pods = [pod for pod in ctx.cluster.api.pods(NAMESPACE, selector) if pod_is_ready(pod)]
        return tuple(sorted(pod.metadata.name for pod in pods))

    def run(self, ctx: DrillContext) -> None:
        """Send, kill, wait, read back, judge."""
        settings = ctx.cluster.settings
        url = f"http://{ctx.cluster.inventory.endpoint_address}:{NODE_PORT}"
        run = f"{self.name}-{ctx.rng.getrandbits(32):08x}"
        plan = TrafficPlan(url, run, WRITES_PER_S, READS_PER_S, seed=ctx.rng.getrandbits(32))
        path = ctx.writer.path.with_suffix(".ledger")  # not one of the records, which end in .jsonl
        with Traffic(plan, path, settings.timeouts) as traffic:
            with ctx.step("orders", f"{WRITES_PER_S:g} writes a second"):
                sustain_traffic(BEFORE_S, traffic.check)
                self._kill(ctx)
                sustain_traffic(AFTER_S, traffic.check)
                traffic.stop()
            with ctx.step("orders", "every order is read back"):
                ledger = traffic.read_back()
        report_ledger(ctx, ledger)
        for check in self._felt(ledger):
            ctx.check(check.id, check.name, check.ok, check.actual, check.expected)

    def _kill(self, ctx: DrillContext) -> None:
        """Kill all caches at once; of the others each only when the last one is back."""
        service = _service(ctx)
        status = service.status()
        if status is None:
            raise StepFailed("the order service was removed meanwhile: kubedrill app deploy")
        together = PodKill(NAMESPACE, selector="app.kubernetes.io/name=cache")
        kills = (
            [together]
            if self.part == "cache"
            else [PodKill(NAMESPACE, pod=name) for name in ctx.targets]
        )
        for kill in kills:
            with (
                ctx.fault(kill),
                ctx.step(kill.subject, "until the order service is complete again"),
            ):
                service.wait_ready(status.version)

    def _felt(self, ledger: Ledger) -> tuple[Check, ...]:
        """Compare what users felt with the limits; the prediction stands beside them."""
        if ledger.read_back is None:
            return ()
        pause, delay = longest_pause_s(ledger), settle(ledger).worst_delay_s
        return (
            Check(
                "writes go on",
                pause <= self.pause_s,
                f"no write was acknowledged for {pause:.1f} s at most",
                f"{self.pause_s:g} s at most; predicted: {self.predicted}",
                "writes-go-on",
            ),
            Check(
                "orders are stored soon",
                delay <= self.stored_s,
                f"stored and seen {delay:.1f} s after the acknowledgement at most",
                f"{self.stored_s:g} s at most; predicted: {self.predicted}",
                "orders-stored-soon",
            ),
        )


def report_ledger(ctx: DrillContext, ledger: Ledger, way: str = "", *lines: str) -> None:
    """Put a ledger's summary on the timeline, and add what the verdict depends on.

    ``way`` is by which the orders were sent, where there are several.
    """
    for line in (*summary(ledger), *lines):
        ctx.event("orders", "ledger", line, **({"way": way} if way else {}))
    id_, name = (f"{way.replace(' ', '-')}-", f"{way}: ") if way else ("", "")
    for check in checks(ledger, min_acknowledged=MIN_ACKNOWLEDGED):
        ctx.check(f"{id_}{check.id}", f"{name}{check.name}", check.ok, check.actual, check.expected)


def stream_leader(ctx: DrillContext) -> str:
    """Return the pod whose queue server leads the stream, as the servers tell it.

    Raises:
        StepFailed: none of them knows a leader.
    """
    api = ctx.cluster.api
    pods = [pod for pod in api.pods(NAMESPACE, "app.kubernetes.io/name=queue") if pod_is_ready(pod)]
    for pod in pods:
        status = json.loads(
            api.pod_get(NAMESPACE, pod.metadata.name, "/jsz?streams=1", MONITOR_PORT)
        )
        for account in status.get("account_details") or []:
            for stream in account.get("stream_detail") or []:
                if stream["name"] == STREAM and (leader := stream.get("cluster", {}).get("leader")):
                    return str(leader)
    raise StepFailed(f"none of {len(pods)} queue servers knows a leader of stream {STREAM}")


def _service(ctx: DrillContext) -> OrderService:
    return OrderService(ctx.cluster.api, ctx.cluster.settings)


DRILLS = (
    OrderDrill(
        name="orders-primary-killed",
        title="The database's primary is killed under writes",
        proves="a failover of the database costs no acknowledged order, and no write",
        part="primary",
        pause_s=3,
        stored_s=60,
        predicted=(
            "orders wait in the queue; a standby, or the pod itself, is primary after ttl (20 "
            "s) and a start"
        ),
    ),
    OrderDrill(
        name="orders-queue-leader-killed",
        title="The leader of the queue's stream is killed under writes",
        proves="an acknowledged order is on two other servers",
        part="leader",
        pause_s=10,
        stored_s=30,
        predicted="a new leader in 1-5 s; web asks again for 8 s with the same key",
    ),
    OrderDrill(
        name="orders-caches-killed",
        title="Every cache pod is killed under writes",
        proves="a cache that is gone loses nothing",
        part="cache",
        pause_s=3,
        stored_s=10,
        predicted="a dead cache costs 50 ms a second and process",
    ),
    OrderDrill(
        name="orders-workers-killed",
        title="Each worker is killed in turn under writes",
        proves="orders in a dead worker's hands are stored by another one, once",
        duration_s=120,
        part="worker",
        pause_s=3,
        stored_s=30,
        predicted="the queue hands a dead worker's orders on after 15 s",
    ),
)
