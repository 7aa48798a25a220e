"""Where the files of kubedrill stand that are no Python, in a checkout and where pip put a wheel.

A checkout holds them at its top. A wheel installs the collection below
``ansible_collections/kubedrill/kubeadm``, where Ansible finds it on Python's own path, and the rest
below ``kubedrill/project``. Imports the standard library only: setup.py and ``make clean`` read it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).resolve().parents[1]
PATH_ENTRY = PACKAGE.parent
"""The folder on Python's path: harness/ of a checkout, or site-packages."""

IN_CHECKOUT = (PATH_ENTRY.parent / "galaxy.yml").is_file()

ROOT = PATH_ENTRY.parent if IN_CHECKOUT else PACKAGE / "project"
"""Holds :data:`PROJECT_FILES`."""
COLLECTION_NAME = "ansible_collections/kubedrill/kubeadm"
COLLECTION = ROOT if IN_CHECKOUT else PATH_ENTRY / COLLECTION_NAME
"""Holds :data:`COLLECTION_FILES`."""
PLAYBOOKS = COLLECTION / "playbooks"
COLLECTIONS_PATH = ROOT / "collections" if IN_CHECKOUT else PATH_ENTRY
"""What ANSIBLE_COLLECTIONS_PATH must name."""

COLLECTION_FILES = ("galaxy.yml", "meta", "playbooks", "plugins", "roles")
PROJECT_FILES = (
    "Vagrantfile",
    "ansible.cfg",
    "apps",
    "deploy",
    "examples",
    "inventories/bare",
    "inventories/local",
    "inventories/local-lb",
    "kubedrill.yml",
    "pyproject.toml",
    "requirements.lock",
)
_NEVER = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".ansible"}


def state_folder() -> Path:
    """Return the folder that holds ``.vagrant``: keys, host keys and Vagrant's own state.

    It is ``KUBEDRILL_STATE``, else the checkout, else the working directory.
    """
    named = os.environ.get("KUBEDRILL_STATE")
    if named:
        # here, as setup.py reads this file without the package
        from kubedrill.base.home import expand_home  # noqa: PLC0415

        return expand_home(named, "KUBEDRILL_STATE").resolve()
    return ROOT if IN_CHECKOUT else Path.cwd()


def data_files() -> Iterator[tuple[str, Path]]:
    """Give what a wheel holds beside Python: the path below site-packages, and the file."""
    for prefix, folder, names in (
        (COLLECTION_NAME, COLLECTION, COLLECTION_FILES),
        ("kubedrill/project", ROOT, PROJECT_FILES),
    ):
        for name in names:
            for path in _files(folder / name):
                yield f"{prefix}/{path.relative_to(folder)}", path


def installed_files() -> dict[str, Path]:
    """Return all that a wheel installs: the path below site-packages → the file."""
    package = {str(path.relative_to(PATH_ENTRY)): path for path in _files(PACKAGE)}
    return {**package, **dict(data_files())}


def _files(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
    for path in sorted(top.rglob("*")):
        if (
            path.is_file()
            and _NEVER.isdisjoint(path.relative_to(top).parts)
            and path.suffix != ".pyc"
        ):
            yield path
