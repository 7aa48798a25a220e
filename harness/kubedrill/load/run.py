"""Runs a load test on the order service.

Step after step, then the read-back of every order, then the scale-down.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Check
from kubedrill.base.results import VerdictKind
from kubedrill.load.autoscaling import Autoscaled, LoadPhase, account
from kubedrill.load.steps import Knee, Objective, Step, knee, measure, next_rate, objective_check
from kubedrill.orders.ledger import checks, judge
from kubedrill.orders.ledger_file import read_ledger
from kubedrill.orders.traffic import Traffic, sustain_traffic
from kubedrill.orders.traffic_process import TrafficPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kubedrill.config import Settings
    from kubedrill.load.autoscaler_watch import AutoscalerWatch
    from kubedrill.orders.ledger import Ledger


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a load test is to do. ``rates`` in writes a second, ``seconds`` of each step."""

    url: str
    rates: tuple[float, ...]
    seconds: float
    objective: Objective
    saturate: bool = False
    scale_down: bool = True
    """Whether to wait until the autoscaler took back what it added."""


@dataclass(slots=True)
class LoadTest:
    """One load test and what it found.

    ``ledgers`` belong to ``steps``; ``stopped`` says why it ended early.

    ``started`` are seconds since the epoch at ``started_mono`` (ns of CLOCK_MONOTONIC).
    """

    run: str
    request: LoadRequest
    settings: Settings
    folder: Path
    watch: AutoscalerWatch | None = None
    report: Callable[[Step], None] = lambda _step: None
    steps: list[Step] = field(default_factory=list)
    ledgers: list[Ledger] = field(default_factory=list)
    scalers: list[Autoscaled] = field(default_factory=list)
    stopped: str = ""
    interrupted: bool = False
    started: float = field(default_factory=time.time)
    started_mono: int = field(default_factory=time.monotonic_ns)
    _flows: list[Traffic] = field(default_factory=list)

    def execute(self) -> None:
        """Do it all. A service that stops answering and an interruption end the load early.

        What was measured stays.
        """
        with self.watch or nullcontext():
            try:
                for part in (self._load, self._read_back, self._wait_scaled_down):
                    try:
                        part()
                    except StepFailed as error:  # the other parts are still worth doing
                        self.stopped = self.stopped or str(error)
            except KeyboardInterrupt:
                self.stopped, self.interrupted = "it was asked to stop", True
            if self.watch is not None:
                phases = [LoadPhase(step.rate, step.begun, step.ended) for step in self.steps]
                answers, now = first_answers(self.ledgers), time.monotonic_ns()
                self.scalers = [
                    account(name, observations, phases, answers, now)
                    for name, observations in self.watch.observations().items()
                ]

    @property
    def knee(self) -> Knee | None:
        """Where throughput or times break; None without a step."""
        late_ms = self.settings.load.late_ms
        return knee(self.steps, self.request.objective, late_ms) if self.steps else None

    def checks(self) -> list[Check]:
        """Return what the verdict depends on.

        The objective, every order, and that the test ran to its end.
        """
        results = [
            objective_check(
                self.steps,
                self.request.objective,
                late_ms=self.settings.load.late_ms,
                min_writes=self.settings.probes.min_samples,
            )
        ]
        results += _orders(self.steps, self.ledgers)
        ended = Check(
            "the test ran to its end",
            None if self.stopped else True,
            self.stopped or "it did",
            "to its end",
        )
        return [*results, ended]

    def verdict(self) -> VerdictKind:
        """Return ABORTED for a test that was asked to stop, else what its checks come to."""
        kinds = [judge(self.checks())]
        return VerdictKind.worst([*kinds, VerdictKind.ABORTED] if self.interrupted else kinds)

    def _load(self) -> None:
        request, since = self.request, 0
        while (
            rate := next_rate(
                request.rates, self.steps, request.objective, saturate=request.saturate
            )
        ) is not None:
            plan = TrafficPlan(
                request.url, f"{self.run}-{rate:g}", rate, reads_per_s=0, repeated=0, since=since
            )
            path = self.folder / f"{rate:g}.ledger"
            with Traffic(plan, path, self.settings.timeouts) as flow:
                begun = time.monotonic_ns()
                sustain_traffic(request.seconds, flow.check)
                ended = time.monotonic_ns()
                pods = self.watch.ready_pods() if self.watch else None
                flow.stop()
            ledger = read_ledger(path)
            step = measure(ledger, rate, begun, ended, request.objective.within_ms, pods)
            since = flow.since
            self.steps.append(step)
            self.ledgers.append(ledger)
            self._flows.append(flow)
            self.report(step)

    def _read_back(self) -> None:
        """Only after the last step: reading back is load too, and would lie between the steps."""
        for number, flow in enumerate(self._flows):
            self.ledgers[number] = flow.read_back()

    def _wait_scaled_down(self) -> None:
        if self.watch is not None and self.request.scale_down and self.steps:
            self.watch.wait_scaled_down()  # pods that remain are in its observations


def first_answers(ledgers: Sequence[Ledger]) -> dict[str, int]:
    """Return when each pod first acknowledged a write, by the name that its answers carry."""
    answers: dict[str, int] = {}
    for write in (write for ledger in ledgers for write in ledger.acknowledged):
        if write.server:
            answers[write.server] = min(write.done, answers.get(write.server, write.done))
    return answers


def _orders(steps: Sequence[Step], ledgers: Sequence[Ledger]) -> list[Check]:
    """What kept the ledgers from being right, with the step.

    One passing check where nothing did.

    A step without an acknowledgement proves nothing about orders; the objective reports it.
    """
    results = []
    for step, ledger in zip(steps, ledgers, strict=True):
        # what was never sent is the step's: a load test looks for the rate at which that begins
        results_of_step = checks(ledger, min_acknowledged=0, all_sent=False)
        bad = [check for check in results_of_step if not check.ok]
        results += [
            Check(f"{check.name} ({step.rate:g}/s)", check.ok, check.actual, check.expected)
            for check in bad
        ]
    if results or not ledgers:
        return results
    total = sum(step.acknowledged for step in steps)
    return [Check("every acknowledged order is there once", True, f"{total:,} were", "all of them")]
