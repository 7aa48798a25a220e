"""What the header of a drill's record gives to the run document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedrill.base.drill_entry import LABELS, UNKNOWN, ControlEntry
from kubedrill.base.model import Vantage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedrill.base.drill_entry import ProbeEntry


def header_facts(header: Mapping[str, Any], probes: Sequence[ProbeEntry]) -> dict[str, Any]:
    """The fields of a drill that its record's header gives (the JSON object of its first line)."""
    host, specs = dict(header["host"]), header["probes"]
    given = host["labels"] if isinstance(host.get("labels"), dict) else {}
    labels = {label: str(given.get(label) or UNKNOWN) for label in LABELS[:3]}
    if labels["topology"] == UNKNOWN and header["nodes"]:
        labels["topology"] = f"{len(header['nodes'])} nodes"
    inside = {spec["name"] for spec in specs if spec["vantage"] == Vantage.INSIDE}
    control = {spec["name"] for spec in specs if spec["vantage"] == Vantage.CONTROL}
    fields = ControlEntry.model_fields.keys()
    return {
        **labels,
        "app": str(given.get("app", "")),
        "nodes": tuple(header["nodes"]),
        "host_facts": {k: v for k, v in host.items() if k not in {"replay", "labels"}},
        "tick_s": max((spec["interval_s"] for spec in specs), default=0.0),
        "host_lateness_ms": max(
            (each.worst_lateness_ms for each in probes if each.probe not in inside), default=0.0
        ),
        "control": next(
            (each.model_dump(include=set(fields)) for each in probes if each.probe in control), None
        ),
    }
