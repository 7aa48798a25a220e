"""Names of probes, limits and clocks in a reader's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.model import Connection, Vantage
from kubedrill.verdict.wording import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubedrill.base.model import ProbeSpec

_GROUPS = {"app-": "Application", "api-": "API", "dns": "DNS"}
"""What the limits of drills cover, by what their globs begin with."""
_APP = {"http", "grpc"}
_VANTAGES = {
    Vantage.OUTSIDE: "from outside",
    Vantage.INSIDE: "from a pod",
}
_CONNECTIONS = {Connection.NEW: "new connections", Connection.REUSED: "kept connection"}


def name_probes(specs: Sequence[ProbeSpec]) -> dict[str, str]:
    """Name each probe by what tells it from the others of its kind.

    "API writes", "App from a pod, kept connection".
    """
    names = {spec.name: _name_probe(spec, specs) for spec in specs}
    taken = list(names.values())
    return {
        probe: name if taken.count(name) == 1 else f"{name} ({probe})"
        for probe, name in names.items()
    }


def _name_probe(spec: ProbeSpec, specs: Sequence[ProbeSpec]) -> str:
    if spec.vantage is Vantage.CONTROL:
        return "Control, outside the cluster"
    alike = [each for each in specs if each.kind == spec.kind and each.vantage != Vantage.CONTROL]
    kind = KINDS.get(spec.kind, spec.kind).removeprefix("the ")
    if spec.kind in _APP and len(_APP & {each.kind for each in specs}) == 1:
        kind = "app"
    vantage = f" {_VANTAGES[spec.vantage]}" if len({each.vantage for each in alike}) > 1 else ""
    if len({each.place for each in specs if each.vantage is Vantage.INSIDE}) > 1 and spec.place:
        vantage += f" on {spec.place}"
    several = len({each.connection for each in alike}) > 1
    connection = f", {_CONNECTIONS[spec.connection]}" if several else ""
    return f"{kind[:1].upper()}{kind[1:]}{vantage}{connection}"


def name_group(glob: str) -> str:
    """Name the probes of a limit; empty where its glob is none of those that drills have."""
    return next((name for start, name in _GROUPS.items() if glob.startswith(start)), "")


def tell_time(time: datetime | None) -> str:
    """The clock on the wall to the second; empty where it is not known."""
    return f"{time:%H:%M:%S}" if time else ""
