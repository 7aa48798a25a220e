"""Each role's argument specification names the same variables as its defaults, with the same
values.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = sorted(path.name for path in ROLES.iterdir() if (path / "tasks").is_dir())


def load(role: str, file: str) -> dict[str, Any]:
    path = ROLES / role / file
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.exists() else {}


def options(role: str) -> dict[str, dict[str, Any]]:
    """All options of all entry points: they share the role's defaults."""
    result: dict[str, dict[str, Any]] = {}
    for entry in load(role, "meta/argument_specs.yml").get("argument_specs", {}).values():
        result.update(entry.get("options") or {})
    return result


def test_roles_are_found() -> None:
    assert {"control_plane", "worker", "upgrade", "reset"} <= set(NAMES)


@pytest.mark.parametrize("role", NAMES)
def test_every_role_has_a_specification(role: str) -> None:
    assert load(role, "meta/argument_specs.yml")["argument_specs"]


@pytest.mark.parametrize("role", NAMES)
def test_keys_are_those_of_the_defaults(role: str) -> None:
    specified = {name for name, option in options(role).items() if not option.get("required")}
    assert specified == set(load(role, "defaults/main.yml"))


@pytest.mark.parametrize("role", NAMES)
def test_values_are_those_of_the_defaults(role: str) -> None:
    specified = {
        name: option.get("default")
        for name, option in options(role).items()
        if not option.get("required")
    }
    assert specified == load(role, "defaults/main.yml")


@pytest.mark.parametrize("role", NAMES)
def test_public_variables_carry_the_role_s_name(role: str) -> None:
    assert [name for name in options(role) if not name.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", NAMES)
def test_each_option_has_type_and_description(role: str) -> None:
    lacking = [
        name for name, option in options(role).items() if not {"type", "description"} <= set(option)
    ]
    assert lacking == []
