"""The drills: what each does, proves, needs and may cost."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from kubedrill import drills
from kubedrill.config import Settings
from kubedrill.config.limits import DrillLimits
from kubedrill.runner.dry_run import steps_of
from markdown import duration, sentence, table

SINGLE = "other-drills"
"""The page of drills that are alone in their module."""


def pages() -> dict[str, str]:
    """Return an overview and a page for each family."""
    families = _families()
    texts = {"drills.md": _overview(families)}
    for family, members in families.items():
        texts[f"drills/{family}.md"] = _page(_title(family), members)
    return texts


def _families() -> dict[str, list[Any]]:
    """Return the drills of each page, in the order of :data:`kubedrill.drills.ALL`."""
    names_in = {
        info.name: _names_in(import_module(f"{drills.__name__}.{info.name}"))
        for info in pkgutil.iter_modules(drills.__path__)
    }
    module_of: dict[str, str] = {}
    for module, names in sorted(names_in.items(), key=lambda item: len(item[1])):
        # A module that chooses from other modules' drills has more than they have.
        module_of = dict.fromkeys(names, module) | module_of
    families: dict[str, list[Any]] = {"standard-drills": [drills.ALL[n] for n in drills.STANDARD]}
    counts = [module_of.get(name, "") for name in drills.ALL if name not in drills.STANDARD]
    for name, drill in drills.ALL.items():
        if name in drills.STANDARD:
            continue
        module = module_of.get(name, "")
        family = module.replace("_", "-") if counts.count(module) > 1 else SINGLE
        families.setdefault(family, []).append(drill)
    families[SINGLE] = families.pop(SINGLE, [])
    return {family: members for family, members in families.items() if members}


def _names_in(module: Any) -> list[str]:
    """Return the names of drills that a module defines: alone, in tuples, or as classes."""
    values = [value for key, value in vars(module).items() if not key.startswith("__")]
    flat = [
        item for value in values for item in (value if isinstance(value, tuple | list) else [value])
    ]
    return [
        item.name
        for item in flat
        if isinstance(getattr(item, "name", None), str)
        and item.name in drills.ALL
        and (not isinstance(item, type) or item.__module__ == module.__name__)
    ]


def _title(family: str) -> str:
    words = family.replace("-", " ")
    return words[:1].upper() + words[1:]


def _overview(families: dict[str, list[Any]]) -> str:
    parts = [
        "# Drills",
        "`kubedrill list` shows this list. The standard drills run when none is named. "
        "[Why drills are made this way](../explanation/drills.md).",
    ]
    for family, members in families.items():
        rows = [
            (f"[`{drill.name}`](drills/{family}.md#{drill.name})", drill.title, drill.proves)
            for drill in members
        ]
        parts.append(f"## {_title(family)}\n\n{table(('drill', 'what happens', 'proves'), rows)}")
    return "\n\n".join(parts)


def _page(title: str, members: list[Any]) -> str:
    """Return the entries; steps that all of them share stand once."""
    steps = {drill.name: _steps(drill) for drill in members}
    shared = steps[members[0].name] if len(members) > 1 and len({*steps.values()}) == 1 else ""
    parts = [f"# {title}"]
    if shared:
        parts.append(f"Each of these drills takes the same steps:\n\n{shared}")
    parts += [
        _entry(drill) if shared or not steps[drill.name] else f"{_entry(drill)}\n\n{steps[drill.name]}"
        for drill in members
    ]
    return "\n\n".join(parts)


def _steps(drill: Any) -> str:
    steps = (text.replace("``", "`") for text in steps_of(drill))
    return "\n".join(f"{number}. {text}" for number, text in enumerate(steps, 1))


def _entry(drill: Any) -> str:
    facts = [
        f"- Proves: {drill.proves}.",
        f"- Needs: {drill.needs or 'nothing special'}.",
        f"- Takes about {duration(drill.takes_s)}.",
        f"- Limits: {_limits(drill.name)}",
    ]
    return f"## {drill.name}\n\n{sentence(drill.title)}\n\n" + "\n".join(facts)


def _limits(name: str) -> str:
    limits = Settings().drills.of(name)
    outages = f"application {limits.app_outage_s:g} s, API {limits.api_outage_s:g} s, "
    outages += f"DNS {limits.dns_outage_s:g} s"
    failed = [
        f"{count} failed {what} requests"
        for what, count in (("application", limits.app_max_failed), ("API", limits.api_max_failed))
        if count is not None
    ]
    field = DrillLimits.model_fields.get(name.replace("-", "_"))
    reason = f" ({field.description})" if field and field.description else ""
    return "; ".join([outages, *failed]) + f"{reason}."
