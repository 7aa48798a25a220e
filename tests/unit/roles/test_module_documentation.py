"""Each module is documented as ansible-doc expects it, with the options that it takes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

MODULES = sorted((Path(__file__).resolve().parents[3] / "plugins" / "modules").glob("*.py"))


def constants(path: Path) -> dict[str, Any]:
    """The YAML texts of a module."""
    return {
        target.id: yaml.safe_load(statement.value.value)
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name) and target.id in {"DOCUMENTATION", "EXAMPLES", "RETURN"}
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_says_what_it_does_how_it_is_used_and_what_it_returns(path: Path) -> None:
    texts = constants(path)
    assert texts["DOCUMENTATION"]["module"] == path.stem
    assert isinstance(texts["RETURN"], dict)
    options = texts["DOCUMENTATION"].get("options") or {}
    for task in texts["EXAMPLES"]:
        used = task[f"kubedrill.kubeadm.{path.stem}"] or {}
        assert set(used) <= set(options), task["name"]
        required = {name for name, option in options.items() if option.get("required")}
        assert required <= set(used), task["name"]
