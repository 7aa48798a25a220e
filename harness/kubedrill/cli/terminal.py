"""Live progress: a small panel on a terminal, plain lines elsewhere and under CI=true."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kubedrill.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from kubedrill.base.results import VerdictKind
    from kubedrill.bundle.progress import BuildProgress

_COLOURS = {
    "PASS": "bold green",
    "FAIL": "bold red",
    "INCONCLUSIVE": "bold yellow",
    "ABORTED": "bold magenta",
}
_REDRAWS_PER_S = 2
"""Often enough to look alive; the cluster under test may share this machine's cores."""


def wants_live(console: Console) -> bool:
    """Whether to draw a live panel: on a terminal, unless CI is set."""
    return console.is_terminal and os.environ.get("CI", "").lower() not in ("true", "1")


class Lines:
    """Plain lines with the seconds since the start.

    A step is printed once, availability only when it changes.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._started, self._lock = console, time.monotonic(), threading.Lock()
        self._failing: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def drill(self, name: str, title: str, number: int, of: int) -> None:
        """A drill begins."""
        self._failing = frozenset()
        self._print(f"[{number}/{of}] {name}: {title}")

    def step(self, subject: str, text: str) -> None:
        """A step begins."""
        self._print(f"  {subject}: {text}")

    def note(self, subject: str, text: str) -> None:
        """Something happened."""
        self._print(f"    {subject}: {text}")

    def availability(self, latest: Mapping[str, tuple[int, int]]) -> None:
        """Say which probes began to fail or answer again."""
        failing = frozenset(name for name, (ok, total) in latest.items() if ok < total)
        if failing != self._failing:
            share = ", ".join(
                f"{name} {latest[name][0]}/{latest[name][1]}" for name in sorted(failing)
            )
            self._print(f"    probes: {share or 'all answer'}")
            self._failing = failing

    def done(self, name: str, verdict: str, reason: str) -> None:
        """A drill ended."""
        self._print(f"  {verdict}: {name}: {reason}")

    def _print(self, text: str) -> None:
        with self._lock:
            seconds = time.monotonic() - self._started
            self._console.print(
                f"{seconds:7.1f} s  {printable(text)}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


class Panel:
    """A live panel: the drill, its step, the availability of each probe.

    What is worth keeping scrolls above it.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._started, self._lock = console, time.monotonic(), threading.Lock()
        self._drill, self._step, self._step_since = "", "", time.monotonic()
        self._latest: Mapping[str, tuple[int, int]] = {}
        self._live = Live(
            console=console,
            refresh_per_second=_REDRAWS_PER_S,
            get_renderable=self._draw,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def drill(self, name: str, title: str, number: int, of: int) -> None:
        """A drill begins."""
        self._drill, self._latest = f"[{number}/{of}] {name}: {title}", {}
        self.step(name, "read the cluster")

    def step(self, subject: str, text: str) -> None:
        """A step begins."""
        self._step, self._step_since = f"{subject}: {text}", time.monotonic()

    def note(self, subject: str, text: str) -> None:
        """Something happened."""
        with self._lock:
            self._console.print(
                Text(f"{self._elapsed()}  {subject}: {text}", style="dim"), soft_wrap=True
            )

    def availability(self, latest: Mapping[str, tuple[int, int]]) -> None:
        """Remember what the next redraw shows."""
        self._latest = latest

    def done(self, name: str, verdict: str, reason: str) -> None:
        """A drill ended."""
        with self._lock:
            mark = Text(f"{verdict} ", style=_COLOURS.get(verdict, "bold"))
            text = printable(f"{name}: {reason}")
            self._console.print(Text.assemble(mark, text), soft_wrap=True)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._started:7.1f} s"

    def _draw(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for name, (ok, total) in sorted(self._latest.items()):
            share = ok / total if total else 0.0
            style = "green" if total and ok == total else "yellow" if ok else "red"
            bar = "█" * round(20 * share)
            table.add_row(
                name,
                Text(f"{bar:<20}", style=style),
                Text(f"{share:6.1%}" if total else "no data", style=style),
            )
        lasting = f"{time.monotonic() - self._step_since:.0f} s"
        head = Text(f"{self._elapsed()}  {self._drill}", style="bold")
        return Group(head, Text(f"           {self._step} ({lasting})"), table)


def make_progress(console: Console) -> Lines | Panel:
    """Return the progress that suits the console; use it as a context manager."""
    return Panel(console) if wants_live(console) else Lines(console)


def verdict_line(verdict: VerdictKind, name: str, reason: str) -> Text:
    """One coloured line for the end of a run."""
    text = printable(f"{name}: {reason}")
    return Text.assemble((f"{verdict.value:<12} ", _COLOURS[verdict.value]), text)


class BuildLines:
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


class BuildBars:
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


@contextmanager
def make_build_progress(console: Console) -> Iterator[BuildProgress]:
    """Give bars on a terminal, else plain lines."""
    if not wants_live(console):
        yield BuildLines(console)
        return
    with BuildBars(console) as bars:
        yield bars
