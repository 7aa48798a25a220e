"""The lines of a watch ledger: what they know of the object, and how it is said."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from kubedrill.base.results import Finding, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kubedrill.base.model import Watched

ENDLESS = 1 << 63
"""Above every revision."""

_NAMED = 3
"""Of many revisions so many are named."""


class Ledger:
    """All lines, and what they know of the object: each revision, its content, who said so."""

    def __init__(self, lines: Iterable[Watched]) -> None:
        self.lines = sorted(lines, key=lambda line: line.done)
        self.values: dict[int, dict[str, str]] = {}  # revision: content: the client that told it
        self.known: dict[int, int] = {}  # revision: when it was first known
        for line in self.of_kind("write", "event", "list"):
            if revision := line.base if line.kind == "list" else line.revision:
                self.values.setdefault(revision, {}).setdefault(line.value, line.client)
                self.known.setdefault(revision, line.done)
        self._revisions = sorted(self.known)

    def between(self, after: int, before: int) -> list[int]:
        """The object's revisions after one and before another."""
        first, last = bisect_right(self._revisions, after), bisect_left(self._revisions, before)
        return self._revisions[first:last]

    def of_kind(self, *kinds: str) -> Iterator[Watched]:
        """Lines of some kinds, by when answers came."""
        return (line for line in self.lines if line.kind in kinds)

    def of_client(self, client: str) -> list[Watched]:
        """Lines of one client, by when answers came."""
        return [line for line in self.lines if line.client == client]


def make_doubt(text: str) -> Finding:
    """What keeps a ledger from telling anything."""
    return Finding(VerdictKind.INCONCLUSIVE, f"the watch ledger cannot tell: {text}")


def name_revisions(revisions: Sequence[int]) -> str:
    """Name the first of some revisions, and count the others.

    >>> name_revisions([7]), name_revisions([1, 2, 3, 4])
    ('revision 7', 'revisions 1, 2, 3 and 1 more')
    """
    names = ", ".join(map(str, revisions[:_NAMED]))
    more = len(revisions) - _NAMED
    return f"revision{'' if len(revisions) == 1 else 's'} {names}" + (
        f" and {more} more" if more > 0 else ""
    )
