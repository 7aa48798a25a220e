"""Traffic with a ledger on the real order service, honest and broken, while parts of it die."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from orders_stack import APP, until

from kubedrill.base.errors import StepFailed
from kubedrill.base.results import VerdictKind
from kubedrill.config import Timeouts
from kubedrill.orders.ledger import ACKNOWLEDGED, checks, judge, settle, summary
from kubedrill.orders.traffic import Traffic, sustain_traffic
from kubedrill.orders.traffic_process import TrafficPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from orders_stack import Stack

    from kubedrill.orders.ledger import Ledger

BROKEN = Path(__file__).parent / "broken"
TIMEOUTS = Timeouts(orders_stored=45)

pytestmark = pytest.mark.xdist_group("orders")  # one worker, so that servers are not started twice


def run(
    stack: Stack, folder: Path, name: str, fault: Callable[[], None], timeouts: Timeouts = TIMEOUTS
) -> Ledger:
    plan = TrafficPlan(
        f"http://127.0.0.1:{stack.http_port}", name, writes_per_s=40, reads_per_s=10, repeated=0.2
    )
    with Traffic(plan, folder / f"{name}.jsonl", timeouts) as traffic:
        sustain_traffic(2, traffic.check)
        fault()
        sustain_traffic(2, traffic.check)
        traffic.stop()
        return traffic.read_back()


def web_as(stack: Stack, main: Path) -> None:
    """Replace the web process by a broken one, or by the honest one again."""
    web = stack.web()
    web.stop(signal.SIGKILL)
    web.argv[1] = str(main)
    web.env["PYTHONPATH"] = f"{APP}:{stack.env['PYTHONPATH']}"
    web.start()
    stack.ready()


def crash(stack: Stack, servers: tuple[int, ...] = (0, 1)) -> None:
    """Kill and restart queue servers, then the web process with writes in flight."""
    for number in servers:
        stack.queue(number).stop(signal.SIGKILL)
    sustain_traffic(1, lambda: None)
    stack.web().stop(signal.SIGKILL)
    for number in servers:
        stack.queue(number).start()
    stack.web().start()
    stack.ready()


def test_nothing_is_lost_while_web_worker_and_queue_servers_are_killed(
    stack: Stack, tmp_path: Path
) -> None:
    def fault() -> None:
        crash(stack)
        stack.worker().stop(signal.SIGKILL)
        stack.worker().start()
        stack.queue(2).stop(signal.SIGKILL)
        sustain_traffic(1, lambda: None)
        stack.queue(2).start()
        until("writes to be taken", lambda: stack.place("after").status == 202)

    ledger = run(stack, tmp_path, "honest", fault)
    account = settle(ledger)
    assert account.wrong == (), summary(ledger)
    assert judge(checks(ledger, min_acknowledged=50)) is VerdictKind.PASS, summary(ledger)
    assert account.outcomes[ACKNOWLEDGED] < len(ledger.writes), (
        "the crash was felt: not every write was acknowledged"
    )
    assert ledger.reads["ok"] > 0


def test_an_app_that_acknowledges_before_its_queue_does_is_caught_as_data_loss(
    stack: Stack, tmp_path: Path
) -> None:
    web_as(stack, BROKEN / "early.py")
    # All servers: the one left might be the stream's leader, and keep what it was sent until it has
    # a majority again.
    try:
        ledger = run(
            stack, tmp_path, "early", lambda: crash(stack, (0, 1, 2)), Timeouts(orders_stored=8)
        )
    finally:
        web_as(stack, APP / "main.py")
    assert settle(ledger).count("lost") > 0, summary(ledger)
    result = checks(ledger, min_acknowledged=50)
    assert judge(result) is VerdictKind.FAIL
    assert "lost: early-" in result[0].actual


def test_an_app_that_forgets_keys_is_caught_by_its_duplicates(stack: Stack, tmp_path: Path) -> None:
    web_as(stack, BROKEN / "forgetful.py")
    try:
        ledger = run(stack, tmp_path, "forgetful", lambda: None)
    finally:
        web_as(stack, APP / "main.py")
    assert settle(ledger).count("duplicated") > 0, summary(ledger)
    assert judge(checks(ledger, min_acknowledged=50)) is VerdictKind.FAIL


def test_a_service_that_is_not_there_is_said_before_any_traffic(tmp_path: Path) -> None:
    traffic = Traffic(
        TrafficPlan("http://127.0.0.1:9", "nobody"), tmp_path / "book.jsonl", TIMEOUTS
    )
    with pytest.raises(StepFailed, match="did not answer"):
        traffic.start()
