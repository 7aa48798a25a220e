"""The order service's users during a game day.

Orders all the time, in a ledger, each read back at the end.

Where the order service is not deployed there are none, which is told: the application's probes and
the ledger of API writes are all the traffic then.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from kubedrill.base.errors import StepFailed
from kubedrill.drills.order_drills import report_ledger
from kubedrill.orders.ledger import longest_pause_s
from kubedrill.orders.manifests import NODE_PORT
from kubedrill.orders.service import OrderService
from kubedrill.orders.traffic import Traffic
from kubedrill.orders.traffic_process import TrafficPlan

if TYPE_CHECKING:
    from types import TracebackType

    from kubedrill.core.context import DrillContext

_NAME = "orders"
_READS = 0.5
"""Reads for each write: fewer than users make, for what is proven is proven by writes."""


class OrderUsers:
    """Users who order ``game_day.orders_per_s`` times a second; a context manager."""

    def __init__(self, ctx: DrillContext) -> None:
        self._ctx, self._stack = ctx, ExitStack()
        self._service = OrderService(ctx.cluster.api, ctx.cluster.settings)
        self._traffic: Traffic | None = None
        self._version = ""

    def __enter__(self) -> Self:
        """Begin, where there is something to order from and somebody shall.

        Raises:
            DeadlineExceeded: the order service is deployed and does not get complete.
            StepFailed: it does not answer.
        """
        cluster = self._ctx.cluster
        rate = cluster.settings.game_day.orders_per_s
        status = self._service.status() if rate else None
        if status is None:
            why = (
                "the order service is not deployed: kubedrill app deploy"
                if rate
                else "game_day.orders_per_s is 0"
            )
            cluster.note(_NAME, f"nobody orders: {why}")
            return self
        self._version = status.version
        self.wait_complete()
        rng = self._ctx.rng
        url = f"http://{cluster.inventory.endpoint_address}:{NODE_PORT}"
        plan = TrafficPlan(
            url,
            f"game-day-{rng.getrandbits(32):08x}",
            rate,
            rate * _READS,
            seed=rng.getrandbits(32),
        )
        path = self._ctx.writer.path.with_suffix(
            ".ledger"
        )  # not one of the records, which end in .jsonl
        self._traffic = self._stack.enter_context(Traffic(plan, path, cluster.settings.timeouts))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def wait_complete(self) -> None:
        """Wait (timeouts.recovery) until every part of the order service is there.

        No second fault on top of one.

        Containers may crash meanwhile: they are started again while what they need is not there
        yet.

        Raises:
            DeadlineExceeded: it did not get complete; says what is missing.
        """
        if self._version:
            self._ctx.cluster.api.wait(
                "the order service to be complete", self._find_problem, setting="recovery"
            )

    def settle(self) -> None:
        """Send no more, read every order back, and add what the verdict depends on."""
        if self._traffic is None:
            return
        try:
            self._traffic.stop()
            with self._ctx.step(_NAME, "every order is read back"):
                ledger = self._traffic.read_back()
        except StepFailed as error:  # the harness's traffic ended, or no service answers
            self._ctx.check(
                "orders-present",
                "every acknowledged order is there",
                None,
                str(error),
                "a whole read-back",
            )
            return
        pause = f"no order was acknowledged for {longest_pause_s(ledger):.1f} s at most"
        report_ledger(self._ctx, ledger, "", pause)

    def _find_problem(self) -> str | None:
        status = self._service.status()
        return (status.problem or None) if status else "it was removed"
