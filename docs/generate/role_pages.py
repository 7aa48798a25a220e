"""The variables of the roles, from their meta/argument_specs.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from markdown import sentence, table

ROOT = Path(__file__).parents[2]

INTRODUCTION = """# Roles

The roles of the collection `kubedrill.kubeadm` and their variables. Variables that several roles
share begin with `cluster_`; they are set in `playbooks/group_vars/all.yml`, and an inventory
overrides them.

The collection's own modules are sent to nodes as plain Python programs, which takes a fraction of
the processor time that Ansible's own payload takes. `cluster_piped_modules: false` has Ansible send
its own, for a connection plugin that cannot run the former.
"""


def pages() -> dict[str, str]:
    """Return an overview, and a page for each role."""
    rows, texts = [], {}
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        name = path.parent.parent.name
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        main = specs.get("main") or next(iter(specs.values()))
        rows.append((f"[`{name}`](roles/{name}.md)", main.get("short_description", "")))
        texts[f"roles/{name}.md"] = _role(name, main, specs)
    texts["roles.md"] = f"{INTRODUCTION}\n{table(('role', 'what it does'), rows)}"
    return texts


def readmes() -> dict[Path, str]:
    """Return the README of each role: its page of the reference, beside its tasks."""
    return {
        ROOT / name.removesuffix(".md") / "README.md": text
        for name, text in pages().items()
        if name.startswith("roles/")
    }


def _role(name: str, main: dict[str, Any], specs: dict[str, Any]) -> str:
    described = main.get("description") or []
    described = [described] if isinstance(described, str) else described
    text = [sentence(line) for line in (main.get("short_description", ""), *described) if line]
    rows = {
        key: (f"`{key}`", option.get("type", "str"), _default(option), _description(option))
        for spec in (main, *specs.values())
        for key, option in (spec.get("options") or {}).items()
    }
    head = f"# {name}\n\n{' '.join(text)}\n"
    variables = table(("variable", "type", "default", "description"), rows.values())
    return f"{head}\n{variables}" if rows else f"{head}\nThe role has no variables of its own.\n"


def _default(option: dict[str, Any]) -> str:
    if option.get("required"):
        return "(required)"
    value = option.get("default")
    return "" if value is None else f"`{value}`" if value != "" else "(empty)"


def _description(option: dict[str, Any]) -> str:
    text = option.get("description") or ""
    return text if isinstance(text, str) else " ".join(text)
