"""Load tests as a cluster might have given them.

Ledgers and looks are made up, everything else is the product's.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from kubedrill.base.model import NS
from kubedrill.config import Settings
from kubedrill.load.autoscaler_watch import Observation
from kubedrill.load.autoscaling import LoadPhase, account
from kubedrill.load.run import LoadRequest, LoadTest, first_answers
from kubedrill.load.steps import Objective, measure
from kubedrill.orders.ledger import ACKNOWLEDGED, REFUSED, Ledger, Write

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 40
CAPACITY = 180.0
"""Writes a second that the made-up service can take."""
RATES = (25.0, 50.0, 100.0, 150.0, 225.0)


def saturated(folder: Path, *, within_ms: float = 250, scaler: bool = True) -> LoadTest:
    """A test whose last step is beyond the service, and whose autoscaler adds a pod and takes
    it back.
    """
    expected = LoadRequest(
        "http://172.31.77.10:30081", RATES, SECONDS, Objective(0.999, within_ms, 50)
    )
    test = LoadTest(
        "l0123abcd", expected, Settings(), folder, started=1_770_000_000.0, started_mono=5 * NS
    )
    chance = random.Random(7)  # noqa: S311 - made-up data
    for number, rate in enumerate(RATES):
        add_step(test, chance, rate, (10 + number * (SECONDS + 2)) * NS)
    if scaler:
        test.scalers = [_scaler(test)]
    return test


def add_step(test: LoadTest, chance: random.Random, rate: float, begun: int) -> None:
    """Queue writes as a server of a fixed capacity would; what waits longer than 8 s is refused."""
    ledger, free = Ledger(), float(begun)
    for number in range(int(rate * SECONDS)):
        due = begun + int(number * NS / rate)
        took = chance.lognormvariate(-4.0, 0.4) * NS
        free = max(free, due) + NS / CAPACITY
        done = int(max(free, due + took))
        refused = done - due > 8 * NS
        pod = chance.choice("abcd" if rate > 100 else "abc")
        write = Write(f"k{rate:g}-{number}", due, due + int(chance.expovariate(1) * 2e6))
        write.answer(
            REFUSED if refused else ACKNOWLEDGED,
            due + 8 * NS if refused else done,
            "",
            f"web-{pod}",
        )
        ledger.writes[write.key] = write
    ledger.read_back = {
        key: 1 for key, write in ledger.writes.items() if write.outcome == ACKNOWLEDGED
    }
    test.ledgers.append(ledger)
    test.steps.append(
        measure(
            ledger,
            rate,
            begun,
            begun + SECONDS * NS,
            test.request.objective.within_ms,
            4 if rate > 150 else 3,
        )
    )


def _scaler(test: LoadTest) -> Any:
    """One look a second: 3 pods, a fourth wanted in the step of 100, ready 8 s later, back 90 s
    after the load.
    """
    old = frozenset({"web-a", "web-b", "web-c"})
    decided, end = test.steps[2].begun + 33 * NS, test.steps[-1].ended
    observations = []
    for at in range(6 * NS, end + 120 * NS, NS):
        grown = decided <= at < end + 80 * NS
        pods = old | {"web-d"} if decided + NS <= at < end + 90 * NS else old
        ready = old | {"web-d"} if decided + 8 * NS <= at < end + 80 * NS else old
        metrics = f"cpu {290 if grown else 120}m of 250m a pod"
        observations.append(
            Observation(
                at,
                at + NS // 20,
                4 if grown else 3,
                3,
                6,
                pods,
                ready,
                metrics,
                1.16 if grown else 0.48,
            )
        )
    loads = [LoadPhase(step.rate, step.begun, step.ended) for step in test.steps]
    return account("web", observations, loads, first_answers(test.ledgers), end + 120 * NS)
