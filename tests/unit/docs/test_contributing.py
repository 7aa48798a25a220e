"""The examples of CONTRIBUTING.md: written into a copy of the project, their tests pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXAMPLE = re.compile(r"^```\w+\n# (\S+/\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COPIED = (
    "harness",
    "plugins",
    "roles",
    "tests/unit/drills",
    "tests/unit/faults",
    "tests/unit/roles",
)


def examples() -> dict[str, str]:
    """Return the files of the examples: path, text."""
    return dict(EXAMPLE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


def test_a_drill_and_a_fault_take_two_files_each() -> None:
    python = [name for name in examples() if name.endswith(".py")]
    assert len([name for name in python if "etcd_member_killed" in name]) == 2
    assert len([name for name in python if "forwarding" in name]) == 2
    assert [name for name in examples() if (ROOT / name).exists()] == []


def test_the_examples_work_in_a_copy_of_the_project(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "modules", "node_modules")
    for folder in COPIED:
        keep = None if folder == "plugins" else ignored
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=keep)
    shared = ("conftest.py", "unit/conftest.py", "fakes.py", "ports.py")
    for file in ("pyproject.toml", *(f"tests/{name}" for name in shared)):
        if (ROOT / file).is_file():
            shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "collections").symlink_to(ROOT / "collections", target_is_directory=True)
    for name, text in examples().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    tests = [name for name in examples() if "/test_" in name]
    tests += ["tests/unit/roles/test_argument_specs.py"]
    search = f"{tmp_path / 'harness'}{os.pathsep}{ROOT / 'collections'}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "motd"
        in subprocess.run(
            ["ls", "roles"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
    )
