"""The settings of kubedrill.yml and of nightly plans, from their pydantic models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from markdown import table
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from kubedrill.config import Settings
from kubedrill.config.app import AppSettings
from kubedrill.config.limits import Limits
from kubedrill.drills import ALL
from kubedrill.nightly.plan import Plan

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

HEAD = ("setting", "default", "description")

CONFIGURATION = """# Configuration

`kubedrill.yml` is optional. kubedrill reads it from the working directory, or from `--config FILE`
(pytest: `--kubedrill-config FILE`). Write only what you change. A misspelt name or a value out of
range stops kubedrill before it touches anything; all mistakes of the file are listed at once. So do
a key that stands twice, `true` for a number, `.inf`, and `1:30`, which is 90 in YAML.

Addresses, keys, versions and power commands belong to the
[inventory](../how-to/own-machines.md), not to this file.

```yaml
timeouts:
  node_boot: 900
drills:
  failover-vip:
    api_outage_s: 3
```

The section `app` has [its own page](application.md).
"""

LIMITS = """## Limits

`drills.<drill>.<limit>`. A drill fails when the longest outage of a probe, or the number of failed
requests, is above its limit. Setting one limit of a drill leaves its others as they are. The second
table has the drills' own defaults where they differ from the first.
"""

APPLICATION = """# Application settings

The section `app` of `kubedrill.yml` names [an application of your
own](../how-to/own-application.md). Paths are relative to the configuration file.
"""

PLAN = """# Nightly plan

The settings of a plan for [nightly cycles](../how-to/nightly.md). Durations are seconds, or text
such as `90s`, `15m`, `1h 30m`. All mistakes are listed at once with their lines.
"""


def pages() -> dict[str, str]:
    """Return the pages of all settings."""
    sections = {
        name: model
        for name, field in Settings.model_fields.items()
        if (model := _model(field)) is not None and name not in ("app", "drills")
    }
    top = [
        (name, field)
        for name, field in Settings.model_fields.items()
        if name not in (*sections, "app", "drills")
    ]
    parts = [CONFIGURATION, "## Top level\n", table(HEAD, [_row("", *each) for each in top])]
    for name, model in sections.items():
        title = name.replace("_", " ").capitalize()
        parts += [f"## {title}\n", table(HEAD, _rows(model, f"{name}."))]
    parts += [LIMITS, table(HEAD, _rows(Limits, "drills.<drill>."))]
    parts += [table(("drill", "differs by", "reason"), _different())]
    return {
        "configuration.md": "\n".join(parts),
        "application.md": f"{APPLICATION}\n{table(HEAD, _rows(AppSettings, ''))}",
        "plan.md": f"{PLAN}\n{table(HEAD, _rows(Plan, ''))}",
    }


def _rows(model: type[BaseModel], prefix: str) -> list[tuple[str, str, str]]:
    rows = []
    for name, field in model.model_fields.items():
        inner = _model(field)
        if inner is None or field.description:
            rows.append(_row(prefix, name, field))
        if inner is not None:
            key = ".<name>" if "dict" in str(field.annotation) else ""
            rows += _rows(inner, f"{prefix}{name}{key}.")
    return rows


def _row(prefix: str, name: str, field: FieldInfo) -> tuple[str, str, str]:
    return f"`{prefix}{name}`", _default(field), field.description or ""


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined:
        return "(required)"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    return str(value) or "(empty)"


def _model(field: FieldInfo) -> type[BaseModel] | None:
    """Return the section that a setting is, in whatever container it stands."""
    waiting = [field.annotation]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        waiting += get_args(kind)
    return None


def _different() -> list[tuple[str, str, str]]:
    default = Limits().model_dump()
    rows = []
    for drill in ALL.values():
        parts = [
            f"{limit} {'null' if value is None else format(value, 'g')}"
            for limit, value in drill.limits.model_dump().items()
            if value != default[limit]
        ]
        rows.append((f"`{drill.name}`", ", ".join(parts), drill.limits_because))
    return rows
