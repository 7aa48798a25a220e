"""What goes in at a door of kubedrill, and what must come out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedrill.base.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NEVER = (
    "Traceback",
    "pydantic",
    "PydanticCustomError",
    "Input should",
    "input should",
    "String should",
    "validation error",
    "Value error",
    "yaml.",
    "<unicode string>",
    "tag:yaml.org",
    "sqlalchemy",
    "psycopg",
    "jinja",
    "site-packages",
    "<class",
    "object at 0x",
    "[Errno",
    "NoneType",
    "ValueError",
    "KeyError",
    "RecursionError",
    "[a-z",
    "^[",
    str(ROOT),
)
"""Words that no answer holds: traces, names of libraries, regular expressions, paths inside."""

LONGEST = 4000
"""Characters of an answer that anybody reads."""

QUIET = ("history", "import", "none.jsonl")
"""A command that reads the settings and, where they are good, does nothing and ends with 0."""


@dataclass(frozen=True)
class Door:
    """One input: files of a working folder, and a command in it."""

    name: str
    argv: tuple[str, ...]
    status: int
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    files: dict[str, str | bytes] = field(default_factory=dict)

    def lay(self, folder: Path) -> None:
        """Write its files."""
        for name, content in {"none.jsonl": "", **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")


def settings(name: str, text: str | bytes, *says: str, status: int = 2) -> Door:
    """A kubedrill.yml."""
    return Door(f"settings: {name}", QUIET, status, says, files={"kubedrill.yml": text})


def plan(name: str, text: str | bytes, *says: str, status: int = 2) -> Door:
    """A nightly plan."""
    return Door(
        f"plan: {name}", ("nightly", "plan.yml", "--check"), status, says, files={"plan.yml": text}
    )


def command(name: str, line: str, *says: str, status: int = 2) -> Door:
    """A command line."""
    return Door(f"command: {name}", tuple(shlex.split(line)), status, says)
