"""The words that a verdict is told in."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubedrill.base.model import ProbeSpec
    from kubedrill.base.results import Outage

KINDS = {
    "http": "the app over HTTP",
    "grpc": "the app over gRPC",
    "dns": "DNS",
    "api-read": "API reads",
    "api-write": "API writes",
}


def probe_names(specs: Iterable[ProbeSpec]) -> dict[str, str]:
    """A readable name of each probe: "API writes", with its own where several are alike."""
    specs = list(specs)
    kinds = [spec.kind for spec in specs]
    return {s.name: _probe_name(s, alone=kinds.count(s.kind) == 1) for s in specs}


def _probe_name(spec: ProbeSpec, *, alone: bool) -> str:
    known = KINDS.get(spec.kind)
    if known is None:
        return f"probe {spec.name}"
    return known if alone else f"{known} ({spec.name})"


def bounds(shortest_s: float, longest_s: float, *, open_ended: bool = False) -> str:
    """An interval of seconds; open-ended where the record does not show when it began or ended.

    >>> bounds(3.1, 4, open_ended=True)
    '3.1 s or longer'
    """
    if open_ended:
        return f"{_s(shortest_s)} s or longer"
    return f"{_s(shortest_s)}\N{EN DASH}{_s(longest_s)} s"


def _s(value: float) -> str:
    return f"{value:.1f}" if value >= 0.1 or value == 0 else f"{value:.2f}"


def seconds_of(value: float) -> str:
    """A length of time, as precise as it matters.

    >>> seconds_of(0.25), seconds_of(12.34)
    ('0.25 s', '12.3 s')
    """
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"


def count(number: int, one: str) -> str:
    """A number with its noun.

    >>> count(1, "request"), count(3, "request")
    ('1 request', '3 requests')
    """
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def is_seconds(value: object) -> TypeGuard[float]:
    """Whether a value of a record's free data is a length of time.

    >>> is_seconds(5), is_seconds("5"), is_seconds(True), is_seconds(float("nan"))
    (True, False, False, False)
    """
    return type(value) in {int, float} and 0 <= value < inf  # type: ignore[operator]


def one_line(text: str) -> str:
    r"""A message of several lines as one sentence.

    >>> one_line("cp1 has 2 mistakes:\n  - no address\n  - no key\nRepair them.")
    'cp1 has 2 mistakes: no address; no key; Repair them.'
    """
    first, *rest = [
        line.strip().removeprefix("- ") for line in text.splitlines() if line.strip()
    ] or [""]
    return f"{first}{' ' if first.endswith(':') else '; '}{'; '.join(rest)}" if rest else first


def outage(interval: Outage, names: Mapping[str, str]) -> str:
    """An outage in a few words: "API writes out for 3.1 s or longer, 31 failed"."""
    length = bounds(
        interval.shortest_s, interval.longest_s, open_ended=interval.open_start or interval.open_end
    )
    return (
        f"{names.get(interval.probe, interval.probe)} out for {length}, {interval.failed:,} failed"
    )
