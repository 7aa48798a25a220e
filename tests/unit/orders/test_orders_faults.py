"""Parts of the order service that die, freeze and come back.

Nothing that was accepted is lost, nothing lands twice.
"""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from orders_stack import until
from psycopg import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orders_stack import Stack

pytestmark = pytest.mark.xdist_group("orders")  # one worker, so that servers are not started twice


@pytest.fixture(autouse=True)
def whole(stack: Stack) -> Iterator[None]:
    """Begin and end each test with everything up."""
    yield
    for program in stack.programs.values():
        if program.process is not None and program.process.poll() is None:
            program.signal(signal.SIGCONT)
    for name in ("queue-0", "queue-1", "queue-2", "cache", "worker", "web"):
        program = stack.programs[name]
        if program.process is not None and program.process.poll() is not None:
            program.start()
    stack.ready()
    stack.stored(
        until("writes to be taken", lambda: (a := stack.place("after")).status == 202 and a).json[
            "id"
        ]
    )


def test_a_dead_or_frozen_cache_costs_nothing_but_speed(stack: Stack) -> None:
    order = stack.stored(stack.place("cached").json["id"])
    for number in (signal.SIGSTOP, signal.SIGKILL):
        stack.programs["cache"].signal(number)
        begun = stack.now()
        for _ in range(20):
            assert stack.ask("GET", f"/orders/{order['id']}").json == order
        assert stack.place("without a cache").status == 202
        assert stack.now() - begun < 10, (
            "20 reads waited for the cache, each 50 ms at most and not each of them"
        )
    assert stack.metric('orders_cache_total{kind="failure"}') > 0


def test_accepted_writes_survive_every_server_of_the_queue_being_killed_in_turn(
    stack: Stack,
) -> None:
    accepted: list[str] = []
    for number in range(3):
        stack.queue(number).stop(signal.SIGKILL)
        for step in range(10):
            key = f"turn-{number}-{step}"
            answer = until(
                "a write to be taken",
                lambda key=key: (a := stack.place(key, key=key)).status == 202 and a,
            )
            accepted.append(answer.json["id"])
        stack.queue(number).start()
        until("writes to be taken", lambda: stack.place("between").status == 202)
    for order_id in accepted:
        stack.stored(order_id)
    keys = [order["key"] for order in stack.every()]
    assert len(keys) == len(set(keys))


def test_a_queue_without_a_majority_takes_nothing_and_says_which_writes_are_in_doubt(
    stack: Stack,
) -> None:
    stack.queue(0).stop(signal.SIGKILL)
    stack.queue(1).stop(signal.SIGKILL)
    outcomes = {stack.place("nobody", key=f"minority-{n}").json.get("outcome") for n in range(3)}
    assert outcomes <= {"refused", "unknown"}
    stack.queue(0).start()
    stack.queue(1).start()
    until("writes to be taken again", lambda: stack.place("again").status == 202)
    for number in range(3):  # what a client in doubt does: once more, with the same key
        answer = until(
            "the retry",
            lambda n=number: (a := stack.place("nobody", key=f"minority-{n}")).status == 202 and a,
        )
        stack.stored(answer.json["id"])
    keys = [order["key"] for order in stack.every()]
    assert len(keys) == len(set(keys))


def test_a_worker_killed_while_it_stores_leaves_each_order_once(stack: Stack) -> None:
    database = stack.env["DATABASE"]
    with connect(database) as holder, connect(database, autocommit=True) as watcher:
        holder.execute(
            "LOCK TABLE orders IN SHARE MODE"
        )  # the worker's insert waits, its orders are in its hands
        placed = [stack.place(f"held-{n}", key=f"held-{n}").json["id"] for n in range(5)]
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        # Not by the holder: within one transaction PostgreSQL shows the sessions as they were at
        # the first look.
        until("the worker to hold orders", lambda: watcher.execute(waiting).fetchone() != (0,))
        stack.worker().stop(signal.SIGKILL)
    stack.worker().start()
    for order_id in placed:
        stack.stored(
            order_id
        )  # the queue hands them out again 15 s after the dead worker took them
    keys = [order["key"] for order in stack.every()]
    assert [keys.count(f"held-{n}") for n in range(5)] == [1] * 5


def test_writes_go_on_without_the_database_and_reads_say_so(stack: Stack) -> None:
    database = stack.env["DATABASE"]
    name = dict(part.split("=") for part in database.split())["dbname"]
    with connect(database.replace(name, "postgres"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        answer = stack.place("meanwhile")
        assert answer.status == 202
        read = stack.ask("GET", f"/orders/{answer.json['id']}")
        assert read.status == 503
        assert "database does not answer" in read.json["error"]
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    stack.stored(answer.json["id"])


def test_what_is_no_order_is_kept_for_people_and_blocks_nothing(stack: Stack) -> None:
    sender = stack.app("sender")
    urls = stack.env["NATS_URLS"].split(",")
    sender.argv[1:] = [
        "-c",
        (
            "import asyncio, nats\n"
            "async def send():\n"
            f"    n = await nats.connect({urls!r})\n"
            "    await n.jetstream().publish('orders.new', b'nonsense')\n"
            "asyncio.run(send())"
        ),
    ]
    sender.start()
    assert sender.stop(0) == 0, sender.output()
    stack.stored(stack.place("after nonsense").json["id"])
    with connect(stack.env["DATABASE"]) as connection:
        until(
            "the nonsense to be kept",
            lambda: connection.execute("SELECT payload FROM unreadable").fetchone(),
        )
        assert connection.execute("SELECT payload FROM unreadable").fetchone() == (b"nonsense",)


def test_a_rolled_web_process_finishes_what_is_in_flight(stack: Stack) -> None:
    """With the stream's majority frozen a write waits for its word.

    SIGTERM lets it wait, and it gets it.
    """
    answers: list[int] = []
    for number in range(3):
        stack.programs[f"queue-{number}"].signal(signal.SIGSTOP)
    write = threading.Thread(
        target=lambda: answers.append(stack.place("in flight", key="in-flight").status)
    )
    write.start()
    until("the write to be in flight", lambda: stack.ask("GET", "/healthz").status == 200)
    stack.web().signal(signal.SIGTERM)
    until("it to drain", lambda: stack.ask("GET", "/readyz").status == 503)
    for number in range(3):
        stack.programs[f"queue-{number}"].signal(signal.SIGCONT)
    write.join(30)
    assert answers == [202]
    web = stack.web().process
    assert web is not None
    assert web.wait(30) == 0
    assert stack.web().output().splitlines()[-1] == "orders: gone"


def test_settings_of_the_stream_are_the_three_copies_that_were_asked_for(stack: Stack) -> None:
    program = stack.app("look")
    urls = stack.env["NATS_URLS"].split(",")
    program.argv[1:] = [
        "-c",
        (
            "import asyncio, json, nats\n"
            "async def read():\n"
            f"    n = await nats.connect({urls!r})\n"
            "    i = await n.jetstream().stream_info('ORDERS')\n"
            "    c = i.config\n"
            "    print(json.dumps([c.num_replicas, c.storage, c.discard]))\n"
            "asyncio.run(read())"
        ),
    ]
    program.start()
    assert program.stop(0) == 0, program.output()
    assert json.loads(program.output().splitlines()[-1]) == [3, "file", "new"]
