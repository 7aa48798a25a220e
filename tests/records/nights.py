"""Synthetic nights, seeded.

Entries of the history with the noise of this project's first real drills.

Three drills with 14 series: outages of app-*, api-* and dns*, the duration, failed requests of
app-* in planned work. Medians and spreads are those of the first real runs on two cores. On a slow
host all is slower, the control probe too.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kubedrill.base.document import RunDocument
from kubedrill.base.drill_entry import ControlEntry, DrillEntry, LimitEntry
from kubedrill.base.results import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = datetime(2024, 1, 1, 2, 0, tzinfo=UTC)
"""In the past of every clock: nights from the future are set aside."""

LIMITS = {"app-*": 3.0, "api-*": 6.0, "dns*": 60.0}
TICK_S = 0.1


@dataclass(frozen=True)
class Planted:
    """A regression: the API's outage in the upgrade is ``factor`` times as long, the
    application's ``app_s`` longer.
    """

    factor: float = 1.0
    app_s: float = 0.0


NOTHING = Planted()


def seeded(seed: object) -> random.Random:
    """The source of a history's noise."""
    return random.Random(str(seed))  # noqa: S311 - no secret


def make_nights(
    rng: random.Random,
    count: int,
    *,
    changed: int = 0,
    planted: Planted = NOTHING,
    slow_share: float = 0.0,
    slow_last: int = 0,
    host_seen: bool = True,
) -> list[RunDocument]:
    """``count`` nights, the last ``changed`` of them with the planted regression.

    Each night's host is slow with the chance ``slow_share``, and surely in the last ``slow_last``
    nights. Without ``host_seen`` control probe and lateness show nothing of it: what would be told
    if nobody looked.
    """
    nights = [
        _night(
            rng,
            number,
            planted=planted if number >= count - changed else NOTHING,
            slow=rng.random() < slow_share or number >= count - slow_last,
        )
        for number in range(count)
    ]
    return nights if host_seen else [_blindfolded(night) for night in nights]


def _blindfolded(night: RunDocument) -> RunDocument:
    usual = drill_entry()
    same = {"control": usual.control, "host_lateness_ms": usual.host_lateness_ms}
    return night.model_copy(
        update={"drills": tuple(drill.model_copy(update=same) for drill in night.drills)}
    )


def drill_entry(name: str = "failover-vip", night: int = 0, **given: Any) -> DrillEntry:
    """One drill with believable values; any of them can be given."""
    limits = [LimitEntry.model_validate(limit) for limit in given.get("predicted", ())]
    failed = [VerdictKind.FAIL for check in given.get("checks", ()) if check["ok"] is False]
    control = ControlEntry(samples=1000, failed=0, p50_ms=0.7, p99_ms=15.0, worst_lateness_ms=4.0)
    return DrillEntry.model_validate(
        {
            "name": name,
            "verdict": VerdictKind.worst(
                [VerdictKind.PASS, *failed, *(limit.verdict for limit in limits)]
            ),
            "reason": "every outage stayed within its limit",
            "title": "",
            "started": (FIRST + timedelta(days=night)).isoformat(),
            "lasted_s": 100.0,
            "ended": "completed",
            "kubernetes": "1.35.4",
            "kubernetes_after": "1.36.3" if name == "cluster-upgrade" else "1.35.4",
            "leaves": "upgraded" if name == "cluster-upgrade" else "unchanged",
            "topology": "3+2",
            "network": "flannel-vxlan",
            "host": "build-1",
            "app": "hello",
            "nodes": ("cp1", "cp2", "cp3", "w1", "w2"),
            "tool_version": "0.1.0",
            "samples": 9000,
            "failed": sum(limit.measured.failed for limit in limits),
            "worst_lateness_ms": 120.0,
            "host_lateness_ms": 12.0,
            "tick_s": TICK_S,
            "control": control,
            "checks": (),
            "host_facts": {"cpus": 2},
            "seed": 0,
            "predicted": (),
            **dict.fromkeys(("targets", "outages", "probes", "findings", "attributed"), ()),
            **given,
        }
    )


def limit_entry(probes: str, longest_s: float, **given: Any) -> LimitEntry:
    """One outage limit whose outage was measured to the tick."""
    shortest = max(0.0, longest_s - 2 * TICK_S)
    limit = LIMITS[probes]
    failed = given.pop("failed", round(4 * longest_s / TICK_S))
    is_open, most = given.pop("open_ended", False), given.get("max_failed")
    many = most is not None and failed > most
    over = longest_s > limit
    verdict = "FAIL" if shortest > limit or many else "INCONCLUSIVE" if over else "PASS"
    return LimitEntry.model_validate(
        {
            "probes": probes,
            "limit_s": limit,
            "max_failed": None,
            "predicted_s": 1.0,
            "covers": (),
            "because": (),
            "text": "",
            "measured": {
                "shortest_s": shortest,
                "longest_s": longest_s,
                "open_ended": is_open,
                "failed": failed,
            },
            "verdict": verdict,
            **given,
        }
    )


def run_document(drills: Sequence[DrillEntry], night: int = 0, **given: Any) -> RunDocument:
    """One run of some drills."""
    name = f"{FIRST + timedelta(days=night):%Y%m%dT%H%M%SZ}-{night}"
    missed = [VerdictKind.INCONCLUSIVE for _ in given.get("not_run", ())]
    worst = VerdictKind.worst([*(drill.verdict for drill in drills), *missed])
    values = {
        "run": name,
        "cluster": "kubedrill",
        "seed": night,
        "verdict": worst,
        "exit_code": VerdictKind(given.get("verdict", worst)).exit_code,
        "drills": drills,
        "not_run": (),
    }
    return RunDocument.model_validate(values | given)


def series_of_outages(values: Sequence[float], **given: Any) -> list[RunDocument]:
    """One drill over nights with these outages of the API, on a host that is always the same."""
    return [
        run_document(
            [drill_entry(night=night, predicted=(limit_entry("api-*", value),), **given)], night
        )
        for night, value in enumerate(values)
    ]


def _night(rng: random.Random, number: int, *, planted: Planted, slow: bool) -> RunDocument:
    factor = rng.uniform(1.5, 3.0) if slow else 1.0
    control = ControlEntry(
        samples=1000,
        failed=0,
        p50_ms=rng.lognormvariate(-0.33, 0.07) * (rng.uniform(1.6, 3.0) if slow else 1.0),
        p99_ms=rng.lognormvariate(2.8, 0.45) * (rng.uniform(2, 5) if slow else 1.0),
        worst_lateness_ms=rng.lognormvariate(1.5, 0.6),
    )

    def drill(name: str, lasted_s: float, app: float, api: float, dns: float) -> DrillEntry:
        outages = {"app-*": app * factor, "api-*": api * factor, "dns*": dns * factor}
        return drill_entry(
            name,
            number,
            lasted_s=lasted_s * (1.2 if slow else 1.0),
            worst_lateness_ms=rng.lognormvariate(5.0, 0.45),
            host_lateness_ms=rng.lognormvariate(2.3, 0.6) * (rng.uniform(2, 6) if slow else 1.0),
            control=control,
            predicted=tuple(
                limit_entry(
                    probes,
                    seconds,
                    failed=round(4 * seconds / TICK_S * rng.uniform(0.5, 1.0)),
                    max_failed=0 if probes == "app-*" and name != "failover-vip" else None,
                )
                for probes, seconds in outages.items()
            ),
        )

    def rarely(share: float, longest: float) -> float:
        return rng.uniform(0.1, longest) if rng.random() < share else 0.0

    drills = [
        drill("node-drain", rng.gauss(40, 6), rarely(0.1, 0.5), rarely(0.4, 1.9), rarely(0.1, 0.5)),
        drill(
            "failover-vip",
            rng.gauss(108, 12),
            rng.gauss(0.70, 0.02),
            rng.lognormvariate(0.26, 0.35),
            0.0,
        ),
        drill(
            "cluster-upgrade",
            rng.gauss(380, 18),
            rarely(0.2, 0.6) + planted.app_s,
            rng.lognormvariate(0.8, 0.35) * planted.factor,
            rarely(0.3, 1.0),
        ),
    ]
    return run_document(drills, number)


def failed_check(name: str) -> dict[str, Any]:
    """A check as the history has it."""
    return {"name": name, "ok": False, "found": "", "expected": ""}
