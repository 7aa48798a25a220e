"""Loads Ansible modules of this project as plain Python modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[3]


def load(path: str, name: str | None = None) -> ModuleType:
    """Load a file below the repository; Ansible gives module_utils their names only on the node."""
    file = ROOT / path
    spec = importlib.util.spec_from_file_location(name or file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if name:
        sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


FOUND = load("playbooks/module_utils/node_found.py", "ansible.module_utils.node_found")
