"""A load test's files: load.json (docs/how-to/load-test.md), and the histograms."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kubedrill.base.files import replace_file
from kubedrill.base.model import NS
from kubedrill.load.times import Times, milliseconds, write_log
from kubedrill.orders.ledger import ACKNOWLEDGED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kubedrill.base.model import Check
    from kubedrill.load.autoscaler_watch import Observation
    from kubedrill.load.autoscaling import Autoscaled
    from kubedrill.load.run import LoadTest
    from kubedrill.load.steps import Step

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def result(test: LoadTest, cluster: str) -> dict[str, Any]:
    """Return everything that was found.

    Seconds count from ``started``; null means infinite, or that it did not happen.
    """
    objective, knee = test.request.objective, test.knee
    checks, verdict = test.checks(), test.verdict()
    return {
        "schema": 1,
        "run": test.run,
        "cluster": cluster,
        "url": test.request.url,
        "started": datetime.fromtimestamp(test.started, UTC).isoformat(timespec="seconds"),
        "verdict": verdict.value,
        "exit_code": verdict.exit_code,
        "reason": _reason(test, checks),
        "objective": {**asdict(objective), "text": str(objective)},
        "knee": {**asdict(knee), "text": str(knee)} if knee else None,
        "late_limit_ms": test.settings.load.late_ms,
        "steps": [_step(test, step) for step in test.steps],
        "autoscalers": [_scaler(test, scaler) for scaler in test.scalers],
        "seconds": _seconds(test),
        "checks": [
            {"found" if name == "actual" else name: value for name, value in asdict(check).items()}
            for check in checks
        ],
    }


def write_result(folder: Path, test: LoadTest, document: dict[str, Any]) -> None:
    """Write load.json and load.hlog."""
    text = json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False)
    replace_file(folder / "load.json", f"{text}\n")
    times: dict[int, list[int]] = defaultdict(list)
    for write in (write for ledger in test.ledgers for write in ledger.writes.values()):
        second = times[(write.due - test.started_mono) // NS]
        second += [write.done - write.due] if write.outcome == ACKNOWLEDGED else []
    histograms = [Times(times[number]) for number in range(max(times, default=-1) + 1)]
    comments = [
        (
            "nanoseconds from when a write was due; acknowledged writes only; one histogram "
            "for each second"
        ),
        *(
            f"{_since(test, s.begun):.1f} s: {s.rate:g} writes a second, for {s.seconds:.1f} s"
            for s in test.steps
        ),
    ]
    write_log(folder / "load.hlog", test.started, histograms, comments)


def table(steps: Sequence[Step]) -> list[str]:
    """Return lines for people, a head first."""
    lines = [
        (
            f"{'asked/s':>8} {'acked/s':>8} {'errors':>7} {'p50':>9} {'p99':>9} {'p99.9':>9} "
            f"{'late':>8}  pods"
        )
    ]
    for step in steps:
        times = " ".join(
            f"{milliseconds(step.percentile(share)):>9}" for share in (0.5, 0.99, 0.999)
        )
        late, pods = milliseconds(step.late_ms), "-" if step.pods is None else step.pods
        lines.append(
            f"{step.rate:8g} {step.throughput:8.1f} {step.errors:7.2%} {times} {late:>8}  {pods}"
        )
    return lines


def _reason(test: LoadTest, checks: Sequence[Check]) -> str:
    """One sentence: what was worst, else that the objective is met."""
    if test.interrupted:
        return test.stopped
    bad = [check for check in checks if check.ok is False] or [
        check for check in checks if check.ok is None
    ]
    worst = bad[0] if bad else checks[0]
    return f"{worst.name}: {worst.actual}; expected {worst.expected}"


def _step(test: LoadTest, step: Step) -> dict[str, Any]:
    times = {name: step.percentile(share) for name, share in SHARES.items()}
    return {
        "rate": step.rate,
        "from_s": _since(test, step.begun),
        "to_s": _since(test, step.ended),
        "due": step.due,
        "never_sent": step.skipped,
        "acknowledged": step.acknowledged,
        "within_objective": step.within,
        "throughput": round(step.throughput, 2),
        "errors": round(step.errors, 6),
        "times_ms": {n: round(ms, 3) if math.isfinite(ms) else None for n, ms in times.items()},
        "generator_late_ms": round(step.late_ms, 3),
        "ready_pods": step.pods,
        "failing": step.failing(test.request.objective),
    }


def _scaler(test: LoadTest, scaler: Autoscaled) -> dict[str, Any]:
    return {
        "name": scaler.name,
        "said": list(scaler.lines),
        "scale_ups": [asdict(up) for up in scaler.ups],
        "scale_down": asdict(scaler.down) if scaler.down else None,
        "least": scaler.observations[0].least if scaler.observations else None,
        "most": scaler.observations[0].most if scaler.observations else None,
        "replicas": [
            {
                "at_s": _since(test, observation.answered),
                "wanted": observation.desired,
                "pods": len(observation.pods),
                "ready": len(observation.ready),
            }
            for observation in _changed(scaler.observations)
        ],
    }


def _changed(observations: Sequence[Observation]) -> Iterator[Observation]:
    """Leave out what shows the same numbers as the look before and the look after it."""

    def numbers(observation: Observation) -> tuple[int, int, int]:
        return observation.desired, len(observation.pods), len(observation.ready)

    yield from observations[:1]
    for old, new in pairwise(observations):
        if numbers(old) != numbers(new) or new is observations[-1]:
            yield new


def _seconds(test: LoadTest) -> list[list[int]]:
    """[second, writes due in it, writes acknowledged in it]."""
    start = test.started_mono
    due = Counter((w.due - start) // NS for book in test.ledgers for w in book.writes.values())
    done = Counter((w.done - start) // NS for book in test.ledgers for w in book.acknowledged)
    return [[number, due[number], done[number]] for number in sorted({*due, *done})]


def _since(test: LoadTest, at: int) -> float:
    return round((at - test.started_mono) / NS, 2)
