"""Detection of planted regressions, and false alarms of plain noise (benchmarks/results/trends.md).

Synthetic nights (tests/records/nights.py) go through the same code as real ones. Exits with 1 when
plain noise is flagged more often than the stated rate allows (the chance of so many false alarms at
that rate is below 0.1 %), or when an outage of the API three times as long, ten nights in a row, is
found in fewer than 95 % of histories.

    .venv/bin/python -m benchmarks.trends [--histories 400] [--noise 2000] [--seed 1]
"""

from __future__ import annotations

import argparse
import sys
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "records"))

from nights import NOTHING, Planted, make_nights, seeded

from kubedrill.history.trends import Change, Rules, Trend, find_trends

if TYPE_CHECKING:
    import random

RULES = Rules()
SIZES = [
    ("API outage +25 %", Planted(factor=1.25)),
    ("API outage +50 %", Planted(factor=1.5)),
    ("API outage doubled", Planted(factor=2.0)),
    ("API outage tripled", Planted(factor=3.0)),
    ("application +0.5 s, had 0 s on 4 of 5 nights", Planted(app_s=0.5)),
]
BEFORE = (10, 30)
SINCE = (3, 5, 10)
WANTED, SURE = 0.95, ("API outage tripled", 30, 10)


def hit(trend: Trend, planted: Planted) -> bool:
    """Whether a trend is about what was planted."""
    measure = "app-*" if planted.app_s else "api-*"
    return trend.series.key.drill == "cluster-upgrade" and trend.series.measure.endswith(measure)


def detected(
    rng: random.Random, planted: Planted, before: int, since: int, histories: int
) -> float:
    """The share of histories in which the planted regression is reported as worse."""
    hits = 0
    for _ in range(histories):
        seen = find_trends(make_nights(rng, before + since, changed=since, planted=planted), RULES)
        hits += any(hit(trend, planted) for trend in seen.worse)
    return hits / histories


def alarms(rng: random.Random, histories: int, count: int, **noise: Any) -> dict[str, int]:
    """Count what is reported for nights without any change of the product."""
    counts = {"flagged": 0, "host or noise": 0}
    for _ in range(histories):
        changes = {
            trend.change for trend in find_trends(make_nights(rng, count, **noise), RULES).trends
        }
        counts["flagged"] += bool(changes & {Change.WORSE, Change.BETTER})
        counts["host or noise"] += bool(changes & {Change.HOST, Change.NOISE})
    return counts


def chance(of_at_least: int, looks: int, rate: float) -> float:
    """The chance of so many false alarms if the stated rate is true (binomial)."""
    return 1 - sum(
        comb(looks, each) * rate**each * (1 - rate) ** (looks - each) for each in range(of_at_least)
    )


def show_detected(args: argparse.Namespace) -> float:
    """Print the detection table; return the share that must not be low."""
    columns = [(before, since) for before in BEFORE for since in SINCE]
    print(
        "| regression | "
        + " | ".join(f"{since} nights, {before} before" for before, since in columns)
        + " |"
    )
    print("|---|" + "---|" * len(columns))
    sure = 0.0
    for name, planted in SIZES:
        shares = []
        for before, since in columns:
            rng = seeded(f"{args.seed} {name} {before} {since}")
            share = detected(rng, planted, before, since, args.histories)
            shares.append(f"{share:.0%}".replace("%", " %"))
            sure = share if (name, before, since) == SURE else sure
        print(f"| {name} | {' | '.join(shares)} |", flush=True)
    return sure


def show_alarms(args: argparse.Namespace) -> bool:
    """Print what noise was reported as; return whether the stated rate holds."""
    print(
        "\n| no change of the product | looks | worse or better | slow nights or another host "
        "|\n|---|---|---|---|"
    )
    holds = True
    cases: list[tuple[str, int, dict[str, Any]]] = [
        ("15 quiet nights", 15, {}),
        ("35 quiet nights", 35, {}),
        ("35 nights, each on a slow host with a chance of 15 %", 35, {"slow_share": 0.15}),
        ("35 nights, the last 5 on a slow host", 35, {"slow_last": 5}),
        ("35 nights, the last 3 on a slow host", 35, {"slow_last": 3}),
        (
            "35 nights, the last 5 on a slow host, and the host is not recorded",
            35,
            {"slow_last": 5, "host_seen": False},
        ),
    ]
    for name, count, noise in cases:
        counts = alarms(seeded(f"{args.seed} {name}"), args.noise, count, **noise)
        print(
            f"| {name} | {args.noise} | {counts['flagged']} | {counts['host or noise']} |",
            flush=True,
        )
        holds &= (
            not noise.get("host_seen", True)
            or chance(counts["flagged"], args.noise, RULES.alarm_rate) >= 0.001
        )
    return holds


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--histories", type=int, default=400, help="for each cell of the detection table"
    )
    parser.add_argument(
        "--noise", type=int, default=2000, help="looks for each row of the noise table"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    assert NOTHING.factor == 1  # noqa: S101 - the noise table plants nothing
    sure, holds = show_detected(args), show_alarms(args)
    print(
        f"\nstated rate {RULES.alarm_rate:.0%}: {'kept' if holds else 'NOT KEPT'}; {SURE[0]}: "
        f"found "
        f"in {sure:.0%}"
    )
    return 0 if holds and sure >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
