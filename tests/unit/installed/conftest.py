"""kubedrill as pip installs it: a wheel in a virtual environment, used in an empty folder.

The dependencies are this environment's, so that nothing is downloaded; the code is the wheel's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ("ansible", "ansible-galaxy", "ansible-inventory", "ansible-playbook", "pytest")
SECONDS = 120


@dataclass(frozen=True)
class Installed:
    """Runs programs of the virtual environment; they see no checkout."""

    venv: Path
    folder: Path

    def run(self, program: str, *arguments: str | Path, code: int = 0, **variables: str) -> str:
        """Run a program, with ``variables`` in its environment, and return what it printed.

        It must end with ``code``.
        """
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PYTEST", "ANSIBLE", "KUBEDRILL"))
        }
        environment |= {"KUBEDRILL_CACHE": str(self.folder / "cache"), "COLUMNS": "200"}
        done = subprocess.run(
            [self.venv / "bin" / program, *arguments],
            cwd=self.folder,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == code, output
        return output


def copy_checkout(target: Path) -> Path:
    """Copy what git would have, so that the build leaves no trace in the checkout."""
    unwanted = (".git", ".venv", ".vagrant", ".*_cache", "__pycache__", "reports", "build", "dist")
    ignore = shutil.ignore_patterns(*unwanted, "*.egg-info")
    shutil.copytree(ROOT, target, symlinks=True, ignore=ignore)
    return target


def make_venv(folder: Path) -> Path:
    """Make an environment with the dependencies of this one, and the programs they bring."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    for name in PROGRAMS:
        script = (Path(sys.executable).parent / name).read_text(encoding="utf-8")
        program = folder / "bin" / name
        program.write_text(f"#!{python}\n{script.partition(chr(10))[2]}", encoding="utf-8")
        program.chmod(0o755)
    return folder


def pip(*arguments: str | Path) -> None:
    """Run pip without any index."""
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("source") / "kubedrill")


@pytest.fixture(scope="session")
def installed(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, installed, in a folder that `kubedrill init` filled."""
    place = tmp_path_factory.mktemp("installed")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", place, copied)
    environment = make_venv(place / "venv")
    [wheel] = place.glob("*.whl")
    pip("--python", environment / "bin" / "python", "install", "--no-deps", wheel)
    empty = Installed(environment, place)
    empty.run("kubedrill", "init", "lab")
    return Installed(environment, place / "lab")
