"""False alarms of histories whose nights are not independent, and detection beside other tests.

Detection and hosts go through :func:`kubedrill.history.trends.find_trends`, as an outage with a
spread of 35 % beside a control probe; the rest through the test alone, as logarithms. The other
tests get thresholds that give the stated false alarms on independent nights.

    .venv/bin/python -m benchmarks.trend_noise [--looks 400] [--seed 1]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "records"))

from nights import drill_entry, limit_entry, run_document

from kubedrill.history.shift_test import shift
from kubedrill.history.trends import Change, Rules, find_trends

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.base.document import RunDocument

    Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

SPREAD, CONTROL_SPREAD = 0.35, 0.07
SERIES, WINDOW, RECENT = 14, 60, 3
KINDS = (
    *("independent", "autocorrelated 0.3", "autocorrelated 0.6", "autocorrelated 0.9"),
    *("heavy-tailed (t3)", "weekly season", "monthly season", "host drifts 0.5 % a night"),
)


def noise(rng: np.random.Generator, kind: str, count: int) -> Floats:
    """Deviations with a standard deviation of about 1."""
    white = rng.standard_normal(count)
    if kind.startswith("autocorrelated"):
        phi = float(kind.split()[1])
        for at in range(1, count):
            white[at] = phi * white[at - 1] + (1 - phi * phi) ** 0.5 * white[at]
    if kind.startswith("heavy"):
        return rng.standard_t(3, count) / 3**0.5
    if kind.endswith("season"):
        period = 7 if kind.startswith("weekly") else 30
        white += np.sin(2 * np.pi * (np.arange(count) + rng.integers(period)) / period)
    return white


def history(  # noqa: PLR0913 - one for each property
    rng: np.random.Generator,
    kind: str,
    *,
    before: int = WINDOW,
    since: int = 10,
    factor: float = 1.0,
    slower: float = 1.0,
) -> list[RunDocument]:
    """Nights of one drill; in the last ``since`` the outage and the control probe have changed."""
    count = before + since
    host = np.exp(0.005 * np.arange(count)) if kind.startswith("host") else np.ones(count)
    host[before:] *= slower
    outage = np.exp(SPREAD * noise(rng, kind, count)) * host
    outage[before:] *= factor
    control = 0.7 * np.exp(CONTROL_SPREAD * rng.standard_normal(count)) * host
    return [
        run_document(
            [
                drill_entry(
                    night=night,
                    control={
                        "samples": 1000, "failed": 0, "p50_ms": float(control[night]),
                        "p99_ms": 9.0, "worst_lateness_ms": 4.0,
                    },
                    predicted=(limit_entry("api-*", float(outage[night])),),
                )
            ],
            night,
        )
        for night in range(count)
    ]  # fmt: skip


def change_of(nights: list[RunDocument]) -> Change:
    """What a look says of the outage, at the level that 14 series would leave it."""
    rules = Rules(alarm_rate=Rules().alarm_rate * 2 / SERIES)  # the duration is the second series
    trends = find_trends(nights, rules).trends
    return next(each.change for each in trends if each.series.measure.startswith("outage"))


def cusum(values: Floats) -> float:
    """The upper CUSUM's end, of values against the mean and spread of those before."""
    base, total = values[:-RECENT], 0.0
    for value in values[-10:]:
        total = max(0.0, total + (value - base.mean()) / base.std() - 1.0)
    return total


def welch(values: Floats) -> float:
    """Welch's t of the last nights."""
    base, last = values[:-RECENT], values[-RECENT:]
    difference = last.mean() - base.mean()
    spread = (base.var(ddof=1) / len(base) + last.var(ddof=1) / len(last)) ** 0.5
    return float(difference / spread)


def median_ratio(values: Floats) -> float:
    """The logarithm of the ratio of medians."""
    return float(np.median(values[-RECENT:]) - np.median(values[:-RECENT]))


OTHERS: dict[str, Callable[[Floats], float]] = {
    "CUSUM (reference 1)": cusum,
    "Welch": welch,
    "median ratio": median_ratio,
}


def alarm(values: Floats) -> bool:
    """Whether a look reports a change in one of 14 series, whatever the host did."""
    rules = Rules()
    level = rules.alarm_rate / SERIES / len(rules.recents)
    results = (
        shift(values[-recent - rules.window : -recent], values[-recent:])
        for recent in rules.recents
    )
    return any(result and result.p <= level for result in results)


def print_alarms(rng: np.random.Generator, looks: int) -> None:
    """Print the share of looks, each at 14 series, that would report a change."""
    print(f"| nothing changed ({looks} looks) | 60 nights before | 30 nights before |")
    print("|---|---:|---:|")
    for kind in KINDS[:-1]:
        shares = [
            sum(alarm(noise(rng, kind, before + 10)) for _ in range(looks * SERIES)) / looks
            for before in (WINDOW, 30)
        ]
        print(f"| {kind} | {shares[0]:.1%} | {shares[1]:.1%} |", flush=True)
    changes = [change_of(history(rng, KINDS[-1])) for _ in range(SERIES * 20)]
    alarms = sum(each in {Change.WORSE, Change.BETTER} for each in changes)
    print(
        f"\nThe host drifts by 0.5 % a night, {len(changes)} series: {alarms} reported as a change,"
        f" {changes.count(Change.HOST)} as the host's."
    )


def print_detected(rng: np.random.Generator, histories: int) -> None:
    """Print the share of tripled outages found after three nights, by each test."""
    level = Rules().alarm_rate / SERIES / 2
    quiet = rng.standard_normal((20_000, WINDOW + RECENT)) * SPREAD
    limits = {name: np.quantile([f(x) for x in quiet], 1 - level) for name, f in OTHERS.items()}
    print(f"\n| found after {RECENT} nights | this test |", " | ".join(OTHERS), "|")
    print("|---|" + "---:|" * (1 + len(OTHERS)))
    for kind in KINDS[:5]:
        for factor in (2.0, 3.0):
            hits = sum(
                change_of(history(rng, kind, since=RECENT, factor=factor)) is Change.WORSE
                for _ in range(histories)
            )
            shares = [hits / histories]
            for name, function in OTHERS.items():
                values = [SPREAD * noise(rng, kind, WINDOW + RECENT) for _ in range(histories)]
                for each in values:
                    each[-RECENT:] += np.log(factor)
                shares.append(sum(function(each) > limits[name] for each in values) / histories)
            print(
                f"| {factor:g} times as long, {kind} |", " | ".join(f"{s:.0%}" for s in shares), "|"
            )
    print(
        "\n| three times as long for 5 nights, slower host | worse | the host changed |"
        "\n|---|---:|---:|"
    )
    for slower in (1.0, 1.05, 1.1, 1.2):
        changes = [
            change_of(history(rng, "independent", since=5, factor=3 * slower, slower=slower))
            for _ in range(histories)
        ]
        worse, host = (changes.count(c) / histories for c in (Change.WORSE, Change.HOST))
        print(f"| control {slower - 1:+.0%} | {worse:.0%} | {host:.0%} |")


def print_year(rng: np.random.Generator, years: int) -> None:
    """Print how many false alarms begin in a year of nightly looks at 14 series."""
    print("\n| nightly looks at 14 series, nothing changed | false alarms a year |\n|---|---:|")
    for kind in (KINDS[0], KINDS[2]):
        begun = 0
        for _ in range(years * SERIES):
            values = noise(rng, kind, WINDOW + 10 + 365)
            alarms = [
                alarm(values[at - WINDOW - 10 : at]) for at in range(WINDOW + 10, len(values))
            ]
            begun += sum(
                now and not any(alarms[max(0, at - 10) : at]) for at, now in enumerate(alarms)
            )
        print(f"| {kind} | {begun / years:.1f} |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=400, help="for each row of false alarms")
    parser.add_argument("--histories", type=int, default=400, help="for each detection")
    parser.add_argument("--years", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    print_alarms(rng, args.looks)
    print_detected(rng, args.histories)
    print_year(rng, args.years)


if __name__ == "__main__":
    main()
