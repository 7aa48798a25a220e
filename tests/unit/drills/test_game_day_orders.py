"""The users of a game day.

Who orders, what is waited for, and what their ledger says in the end.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context

from kubedrill.base.errors import StepFailed
from kubedrill.config import Settings
from kubedrill.drills.game_day import orders as orders_module
from kubedrill.drills.game_day.orders import OrderUsers
from kubedrill.orders.ledger import ACKNOWLEDGED, NS, Ledger, Write


class Waiting:
    """An API whose waits ask until there is no problem left, and are remembered."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def wait(self, what: str, find_problem: Any, *, setting: str) -> None:
        while (problem := find_problem()) is not None:
            self.problems.append(problem)
        assert (what, setting) == ("the order service to be complete", "recovery")


class Orders:
    """Traffic that is given its ledger."""

    def __init__(self, ledger: Ledger | None) -> None:
        self.ledger, self.plan, self.ended = ledger, SimpleNamespace(), False

    def __call__(self, plan: Any, path: Any, _timeouts: Any) -> Any:
        self.plan, self.path = plan, path
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True

    def stop(self) -> None:
        if self.ledger is None:
            raise StepFailed("the traffic ended by itself with code 1")

    def read_back(self) -> Ledger | None:
        return self.ledger


def book(count: int, lost: int = 0) -> Ledger:
    writes = {str(i): Write(str(i), i * NS, i * NS, ACKNOWLEDGED, i * NS + 1) for i in range(count)}
    return Ledger(
        writes,
        {key: write.done for key, write in writes.items()},
        dict.fromkeys(list(writes)[lost:], 1),
    )


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    def make(
        statuses: list[Any], ledger: Ledger | None = None, rate: float = 10
    ) -> tuple[OrderUsers, Any, Orders]:
        ctx = fake_context(
            path=tmp_path / "game-day.jsonl",
            api=Waiting(),
            inventory=SimpleNamespace(endpoint_address="10.0.0.9"),
            settings=Settings.model_validate({"game_day": {"orders_per_s": rate}}),
        )
        orders = Orders(ledger)
        service = SimpleNamespace(
            status=lambda: statuses.pop(0) if len(statuses) > 1 else statuses[0]
        )
        monkeypatch.setattr(orders_module, "OrderService", lambda *_: service)
        monkeypatch.setattr(orders_module, "Traffic", orders)
        made: Any = ctx
        return OrderUsers(made), ctx, orders

    return make


WELL = SimpleNamespace(version="v1", problem="")


@pytest.mark.parametrize(
    ("status", "rate", "why"), [(None, 10, "kubedrill app deploy"), (WELL, 0, "orders_per_s is 0")]
)
def test_nobody_orders_where_nothing_is_deployed_or_nobody_shall_and_that_is_told(
    users: Any, status: Any, rate: float, why: str
) -> None:
    who, ctx, orders = users([status], rate=rate)
    with who:
        who.wait_complete()
        who.settle()
    assert why in ctx.log[0]
    assert (ctx.checks, orders.ended) == ({}, False)


def test_users_order_from_a_complete_service_and_every_order_is_looked_for(users: Any) -> None:
    ill = SimpleNamespace(version="v1", problem="database: 2 ready, expected 3")
    who, ctx, orders = users([ill, ill, WELL], book(300))
    with who:
        assert ctx.cluster.api.problems == ["database: 2 ready, expected 3"]
        who.settle()
    assert orders.plan.url.startswith("http://10.0.0.9:")
    assert (orders.plan.writes_per_s, orders.path.suffix, orders.ended) == (10, ".ledger", True)
    assert {ok for ok, _ in ctx.checks.values()} == {True}
    assert "no order was acknowledged for" in "".join(ctx.log)


def test_a_lost_order_fails_and_traffic_that_died_proves_nothing(users: Any) -> None:
    who, ctx, _ = users([WELL], book(300, lost=1))
    with who:
        who.settle()
    assert ctx.checks["every acknowledged order is there"][0] is False
    who, ctx, _ = users([WELL], None)
    with who:
        who.settle()
    assert list(ctx.checks) == ["every acknowledged order is there"]
    assert ctx.checks["every acknowledged order is there"][0] is None
