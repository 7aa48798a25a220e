"""Shows a build: bars on a terminal, plain lines elsewhere and where CI=true."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from rich.console import Console


class BuildProgress(Protocol):
    """What a build tells while it goes on; called from several threads."""

    def plan(self, total: int, cached: int) -> None:
        """``total`` parts are wanted, ``cached`` of them are there already."""

    def started(self, part: str) -> None:
        """Work on a part begins."""

    def note(self, part: str, text: str, share: float) -> None:
        """How far a part is, in words and as a share of 1; 0 where nobody knows."""

    def finished(self, part: str, seconds: float) -> None:
        """A part is in the cache."""

    def message(self, text: str) -> None:
        """Anything else that the user should know."""


class Silent:
    """Shows nothing."""

    def plan(self, total: int, cached: int) -> None:
        """Nothing."""

    def started(self, part: str) -> None:
        """Nothing."""

    def note(self, part: str, text: str, share: float) -> None:
        """Nothing."""

    def finished(self, part: str, seconds: float) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""


class Lines:
    """One line for each beginning and end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._total = self._done = 0

    def plan(self, total: int, cached: int) -> None:
        """Say how much is to be done."""
        self._total, self._done = total, cached
        self.message(f"{total} parts, {cached} of them in the cache")

    def started(self, part: str) -> None:
        """Say what begins."""
        self.message(f"{part} …")

    def note(self, part: str, text: str, share: float) -> None:
        """Too many for lines."""

    def finished(self, part: str, seconds: float) -> None:
        """Say what ended, and how far the whole is."""
        with self._lock:
            self._done += 1
            self.message(f"[{self._done}/{self._total}] {part} in {seconds:.0f} s")

    def message(self, text: str) -> None:
        """Print one line."""
        self._console.print(f"bundle: {text}", highlight=False, markup=False, soft_wrap=True)


class Bars:
    """A bar for the whole and a line with a spinner for each part in work."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._lock = threading.Lock()
        self._total = self._done = 0
        self._whole: TaskID | None = None
        self._parts: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def plan(self, total: int, cached: int) -> None:
        """Show the bar of the whole."""
        self._total, self._done = total, cached
        note = f"{cached} in the cache"
        self._whole = self._bars.add_task(
            "bundle", total=total, completed=cached, count=self._count(), note=note
        )

    def started(self, part: str) -> None:
        """Show a part."""
        self._parts[part] = self._bars.add_task(f"  {part}", total=1.0, count="", note="")

    def note(self, part: str, text: str, share: float) -> None:
        """Show how far a part is."""
        self._bars.update(self._parts[part], completed=share, note=text)

    def finished(self, part: str, seconds: float) -> None:
        """Take the part's line away and move the whole's bar."""
        with self._lock:
            self._done += 1
            self._bars.remove_task(self._parts.pop(part))
            if self._whole is not None:
                note = f"{part} in {seconds:.0f} s"
                self._bars.update(self._whole, completed=self._done, count=self._count(), note=note)

    def message(self, text: str) -> None:
        """Print one line above the bars."""
        self._bars.console.print(text, highlight=False, markup=False)

    def _count(self) -> str:
        return f"{self._done}/{self._total}"


def wants_bars(console: Console) -> bool:
    """Whether moving bars can be read: on a terminal, and not where CI=true."""
    return console.is_terminal and os.environ.get("CI", "").lower() not in ("true", "1")
