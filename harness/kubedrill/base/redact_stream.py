"""Takes secrets out of text that is still being written, line by line.

A line alone does not tell everything: a name may stand above its value, and below it. So lines are
cleaned together with those before them, and those that the next ones may tell of are held back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedrill.base.redact import Redactor

_BEFORE = 200
"""Lines that went out and are looked at again with the next ones; the key of a certificate has
55."""
_MOST_HELD = 200
"""Lines held back at most. A Secret that is longer, and says only at its end what it is, is cleaned
when the whole text is."""
_OPENS = re.compile(r"([ \t]*)(- +)?[\"']?(?:value|data|stringData)[\"']?[ \t]*:")
"""What the lines below it may tell to be a secret: ``name:`` or ``kind: Secret``."""
_KEY_LINE = re.compile(r"[ \t]*[A-Za-z0-9+/=]{32,}[ \t\r]*")
"""A line of base64, of which the end of a private key may follow."""
_INSIDE = re.compile(r"[ \t]*(?:[\"']?[\w.\-/]+[\"']?[ \t]*:|[-\]}#]|$)")
"""A line that can belong to the same YAML or JSON as one that is not deeper."""


class StreamRedactor:
    """Cleans lines as they come.

    >>> from kubedrill.base.redact import Redactor
    >>> stream = StreamRedactor(Redactor())
    >>> stream.add(["password:"]), stream.add(["  hunter2", "after: 1"])
    (['password:'], ['  [redacted]', 'after: 1'])
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._before: list[str] = []  # as they were written
        self._held: list[str] = []

    @property
    def holds(self) -> bool:
        """Whether lines are held back."""
        return bool(self._held)

    def add(self, lines: Iterable[str], *, last: bool = False) -> list[str]:
        """Return the lines that can go out now, without secrets; ``last``: no more will come."""
        pending = [*self._held, *lines]
        count = len(pending) if last else _settled(pending)
        known = [*self._before, *pending]
        cleaned = self._redactor.clean("\n".join(known)).split("\n")
        first = len(self._before)
        self._before, self._held = known[: first + count][-_BEFORE:], pending[count:]
        return cleaned[first : first + count]


def _settled(lines: list[str]) -> int:
    """How many of these lines nothing that follows can tell to be secret."""
    count = len(lines)
    while count > 0 and _KEY_LINE.fullmatch(lines[count - 1]):
        count -= 1
    for number, line in enumerate(lines[:count]):
        opens = _OPENS.match(line)
        if opens and _is_open(lines[number + 1 : count], len(opens[1] + (opens[2] or ""))):
            count = number
            break
    return max(count, len(lines) - _MOST_HELD)


def _is_open(below: list[str], column: int) -> bool:
    """Whether the object may go on that has a key at this column, with these lines below it."""
    for line in below:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent < column and not line.startswith("- ", indent):
            return False
        if indent <= column and (not _INSIDE.match(line) or line.startswith(("---", "..."))):
            return False
    return True
