"""Live progress: a small panel on a terminal, plain lines elsewhere and under CI=true."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from kubedrill.base.model import VerdictKind

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

    A step is told once, availability only when it changes.
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
        self._say(f"[{number}/{of}] {name}: {title}")

    def step(self, subject: str, text: str) -> None:
        """A step begins."""
        self._say(f"  {subject}: {text}")

    def note(self, subject: str, text: str) -> None:
        """Something happened."""
        self._say(f"    {subject}: {text}")

    def availability(self, latest: Mapping[str, tuple[int, int]]) -> None:
        """Say which probes began to fail or answer again."""
        failing = frozenset(name for name, (ok, total) in latest.items() if ok < total)
        if failing != self._failing:
            share = ", ".join(
                f"{name} {latest[name][0]}/{latest[name][1]}" for name in sorted(failing)
            )
            self._say(f"    probes: {share or 'all answer'}")
            self._failing = failing

    def done(self, name: str, verdict: str, reason: str) -> None:
        """A drill ended."""
        self._say(f"  {verdict}: {name}: {reason}")

    def _say(self, text: str) -> None:
        with self._lock:
            seconds = time.monotonic() - self._started
            self._console.print(
                f"{seconds:7.1f} s  {text}", markup=False, highlight=False, soft_wrap=True
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
        self.step(name, "look at the cluster")

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
            self._console.print(Text.assemble(mark, f"{name}: {reason}"), soft_wrap=True)

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
    return Text.assemble((f"{verdict.value:<12} ", _COLOURS[verdict.value]), f"{name}: {reason}")
