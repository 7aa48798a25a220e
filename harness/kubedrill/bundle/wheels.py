"""Python packages as wheels.

Each checked against its hash in a lock file, for a Python that need not be the host's.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from typing import TYPE_CHECKING

from kubedrill.bundle.layers import compile_python
from kubedrill.bundle.recipes import BuildContext, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LIBRARY = "lib"
"""Folder of the part that the wheels are unpacked into."""
OLD_GLIBC = ("manylinux2014_x86_64",)
"""Wheels that run with the glibc of any distribution since 2014."""
_ENTRY = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_VIA = re.compile(r"^ +# +(?:via +)?([A-Za-z0-9._-]+)(?: \(.*\))?$", re.MULTILINE)
# Raised when what this file makes of the same inputs changes.
_RECIPE = 1


def wheels(
    name: str,
    lock: str,
    python: str,
    platforms: Sequence[str] = OLD_GLIBC,
    compiled: tuple[Recipe, str] | None = None,
) -> Recipe:
    """Return the recipe of a part whose folder ``lib`` has the packages of a lock file, unpacked.

    Args:
        name: of the part.
        lock: contents of a requirements file with hashes.
        python: version of the Python that will run them, as "3.13".
        platforms: wheel platforms that will do.
        compiled: a Debian layer whose Python compiles them, and where an image has them; None
            leaves that to the image.
    """

    def make(context: BuildContext) -> None:
        fetched, requirements = context.out / "wheels", context.out / "requirements.lock"
        requirements.write_text(lock, encoding="utf-8")
        argv: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        argv += ["download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        argv += ["--python-version", python, "-d", fetched, "-r", requirements]
        argv += [word for platform in platforms for word in ("--platform", platform)]
        context.processes.run(f"download of {name}", argv)
        for wheel in sorted(fetched.iterdir()):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(context.out / LIBRARY)
            wheel.unlink()
        fetched.rmdir()
        requirements.unlink()
        if compiled:
            compile_python(context, compiled[0], context.out / LIBRARY, compiled[1])

    inputs = {
        "recipe": _RECIPE,
        "lock": hashlib.sha256(lock.encode()).hexdigest(),
        "python": python,
    }
    inputs |= {} if tuple(platforms) == OLD_GLIBC else {"platforms": list(platforms)}
    inputs |= {"compiled": compiled[1]} if compiled else {}
    return Recipe(name, python, "fetch", inputs, make, (compiled[0],) if compiled else ())


def platforms_of(glibc: int) -> tuple[str, ...]:
    """Return the wheel platforms that a glibc 2.x runs (PEP 600), best first.

    >>> platforms_of(36)[0], platforms_of(36)[-1]
    ('manylinux_2_36_x86_64', 'manylinux1_x86_64')
    """
    names = [f"2_{minor}" for minor in range(glibc, 4, -1)]
    return (
        *(f"manylinux_{name}_x86_64" for name in names),
        *(f"manylinux{y}_x86_64" for y in ("2014", "2010", "1")),
    )


def project_name(requirement: str) -> str:
    """Return a requirement's project in the form that lock files have it in.

    >>> project_name("psycopg[binary]>=3"), project_name("PyYAML")
    ('psycopg', 'pyyaml')
    """
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def part_of_lock(lock: str, roots: Iterable[str]) -> str:
    r"""Return those entries of a lock file that some projects need, by its own ``# via`` lines.

    >>> me = "    # via me (pyproject.toml)\n"
    >>> part_of_lock(f"a==1\n    # via\n    #   b\nb==2\n{me}c==3\n{me}", ["b"]).split("\n")[0::3]
    ['a==1', 'b==2']
    """
    entries = {project_name(text): text for text in _ENTRY.split(lock) if _NAME.match(text)}
    dependants = {
        name: {project_name(via) for via in _VIA.findall(text)} for name, text in entries.items()
    }
    needed = {project_name(root) for root in roots} & entries.keys()
    while more := {name for name, by in dependants.items() if by & needed} - needed:
        needed |= more
    return "".join(text for name, text in entries.items() if name in needed)
