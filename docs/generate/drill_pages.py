"""The drills: what each does, proves, needs and may cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from markdown import duration, sentence, table

from kubedrill import report
from kubedrill.base.model import Leaves
from kubedrill.cli.list_drills import limits
from kubedrill.drills import ALL

if TYPE_CHECKING:
    from kubedrill.core.drill import Drill

STANDARD = "standard"
REPORT = Path(report.__file__).parent / "assets" / "drills.json"
"""What a report says of its drills, which knows nothing of their code."""


def files() -> dict[Path, str]:
    """Return what a report's pages about drills are made from."""
    drills = {
        drill.name: {
            "title": sentence(drill.title),
            "proves": drill.proves,
            "needs": drill.needs or "nothing special",
            "takes": duration(drill.duration_s),
            "limits": f"{limits(drill)} ({drill.limits_because})",
            "leaves": "" if drill.leaves is Leaves.UNCHANGED else drill.leaves.text,
            "steps": [text.replace("``", "") for text in drill.steps],
        }
        for drill in ALL.values()
    }
    return {REPORT: json.dumps(drills, indent=1, ensure_ascii=False) + "\n"}


def pages() -> dict[str, str]:
    """Return an overview and a page for each family."""
    families = _families()
    pages = {f"drills/{family}.md": _page(family, drills) for family, drills in families.items()}
    return pages | {"drills.md": _overview(families)}


def _families() -> dict[str, list[Drill]]:
    """Return the drills of each page: the standard ones, then the others by family."""
    families: dict[str, list[Drill]] = {STANDARD: []}
    for drill in ALL.values():
        family = STANDARD if drill.standard else drill.family.name.lower().replace("_", "-")
        families.setdefault(family, []).append(drill)
    return families


def _title(family: str) -> str:
    return f"{family.replace('-', ' ').removesuffix('s').capitalize()} drills"


def _overview(families: dict[str, list[Drill]]) -> str:
    parts = [
        "# Drills",
        (
            "`kubedrill list --all` shows this list, `kubedrill list NAME` an entry. The standard "
            "drills run when none is named. [What all drills share](../explanation/drills.md)."
        ),
    ]
    for family, drills in families.items():
        rows = [
            (f"[`{drill.name}`](drills/{family}.md#{drill.name})", drill.title, drill.proves)
            for drill in drills
        ]
        title = family.replace("-", " ").capitalize()
        parts.append(f"## {title}\n\n{table(('drill', 'what happens', 'proves'), rows)}")
    return "\n\n".join(parts)


def _page(family: str, drills: list[Drill]) -> str:
    """Return the entries; steps that all of them share stand once."""
    shared = (
        drills[0].steps if len(drills) > 1 and len({each.steps for each in drills}) == 1 else ()
    )
    parts = [f"# {_title(family)}"]
    if shared:
        parts.append(f"Each of these drills takes the same steps:\n\n{_numbered(shared)}")
    for drill in drills:
        parts.append(_entry(drill))
        if not shared and drill.steps:
            parts.append(_numbered(drill.steps))
    return "\n\n".join(parts)


def _numbered(steps: tuple[str, ...]) -> str:
    return "\n".join(f"{number}. {text.replace('``', '`')}" for number, text in enumerate(steps, 1))


def _entry(drill: Drill) -> str:
    facts = [
        f"- Proves: {drill.proves}.",
        f"- Needs: {drill.needs or 'nothing special'}.",
        f"- Takes about {duration(drill.duration_s)}.",
        f"- Evidence that it took hold: {drill.evidence}.",
        f"- Limits: {limits(drill)} ({drill.limits_because}).",
    ]
    if drill.leaves is not Leaves.UNCHANGED:
        facts.append(f"- Leaves {drill.leaves.text}.")
    return f"## {drill.name}\n\n{sentence(drill.title)}\n\n" + "\n".join(facts)
