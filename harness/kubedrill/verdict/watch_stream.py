"""What one client's watch was told: what it missed, repeated or reordered, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.model import NS
from kubedrill.base.results import Finding, VerdictKind
from kubedrill.verdict.watch_lines import ENDLESS, make_doubt, name_revisions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kubedrill.base.model import Watched
    from kubedrill.verdict.watch_lines import Ledger

FAIL = VerdictKind.FAIL

# an open watch of a healthy cluster that was not told a revision for so long will not be
STALE_S = 10.0
END = "end"


class Stream:
    """What one client was told by its watches, in the order in which it was."""

    def __init__(self, client: str, ledger: Ledger) -> None:
        self._client, self._ledger = client, ledger
        self._position: int | None = None
        self._is_open = self._is_gone = False
        self._seen: set[int] = set()
        self._listed: set[int] = set()
        self._missed: dict[int, None] = {}
        self._repeated: list[int] = []
        self._reordered: list[int] = []
        self._doubts: list[str] = []

    def findings(self) -> Iterator[Finding]:
        """What it missed, what came twice, what came in another order."""
        for line in self._ledger.of_client(self._client):
            if line.kind == "open":
                self._open(line)
            elif line.kind == "list":
                self._listed.add(line.revision)
            elif line.kind in ("event", "bookmark"):
                self._take(line)
            elif line.kind in ("closed", "gone"):
                self._is_open = False
                self._is_gone |= line.kind == "gone"
        missed = [revision for revision in self._missed if revision not in self._seen]
        for what, revisions in (
            ("missed", missed),
            ("repeated", self._repeated),
            ("gave out of order", self._reordered),
        ):
            if revisions:
                yield Finding(
                    FAIL, f"the watch through {self._client} {what} {name_revisions(revisions)}"
                )
        for text in dict.fromkeys(self._doubts):
            yield make_doubt(text)

    def _open(self, line: Watched) -> None:
        position = self._position
        # it goes on where it was, or from a list: as at the begin, and after 410 Gone
        is_new = position is None or self._is_gone
        if line.revision != position and not (is_new and line.revision in self._listed):
            self._doubts.append(
                f"the watch through {self._client} went on from {line.revision}, expected "
                f"{'a list' if is_new else position}"
            )
        self._position, self._is_open, self._is_gone = line.revision, True, False

    def _take(self, line: Watched) -> None:
        position, revision = self._position, line.revision
        if position is None or not self._is_open:
            self._doubts.append(f"{self._client} has an event of no watch")
            return
        if line.kind == "event" and (revision in self._seen or revision == position):
            self._repeated.append(revision)
            return
        if revision < position:
            self._reordered.append(revision)
            self._seen.add(revision)
            return
        # a bookmark says that everything up to it was told
        upto = revision + 1 if line.kind == "bookmark" else revision
        for missed in self._ledger.between(position, upto):
            if missed not in self._seen:
                self._missed.setdefault(missed)
        self._position = revision
        if line.kind == "event":
            self._seen.add(revision)


def judge_end(client: str, ledger: Ledger) -> Iterator[Finding]:
    """Judge whether a client was told the newest revision, once all was healthy again."""
    lines = ledger.of_client(client)
    opened = [line for line in lines if line.kind == "open"]
    if not opened:
        yield make_doubt(f"nobody watched through {client}")
        return
    last = lines[-1]
    if last.kind != "closed" or last.value != END:
        yield make_doubt(f"the watch through {client} has no end")
        return
    reached = [line.revision for line in lines if line.kind in ("open", "event", "bookmark")]
    waiting = ledger.between(max(reached), ENDLESS)
    if not waiting:
        return
    waited = _open_ns(lines, ledger.known[waiting[0]]) / NS
    if waited >= STALE_S:
        yield Finding(
            FAIL,
            f"stale watch: {client} had not delivered {name_revisions(waiting)} after "
            f"{waited:.0f} s, with the watch open",
        )
    else:
        yield make_doubt(
            f"the watch through {client} had not delivered {name_revisions(waiting)} at the end; "
            f"it was open for {waited:.1f} s since then"
        )


def _open_ns(lines: Sequence[Watched], since: int) -> int:
    """How long a client's watch was open since a time."""
    opened, total = None, 0
    for line in lines:
        if line.kind == "open":
            opened = line.done
        elif line.kind in ("closed", "gone") and opened is not None:
            total += max(0, line.done - max(opened, since))
            opened = None
    return total
