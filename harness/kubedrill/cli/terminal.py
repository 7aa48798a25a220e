"""Live progress: a small panel on a terminal, plain lines elsewhere and under CI=true."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kubedrill.base.printable import printable
from kubedrill.base.redact import redact
from kubedrill.base.results import VerdictKind
from kubedrill.base.waits import Repeating

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERDICT_STYLES: dict[str, str] = {
    VerdictKind.PASS: "bold green",
    VerdictKind.FAIL: "bold red",
    VerdictKind.INCONCLUSIVE: "bold yellow",
    VerdictKind.ABORTED: "bold magenta",
}
QUIET_S = 25
"""Seconds after which a line says what still goes on: in a log, silence looks like a hang."""
_PULSE_S = 2

_PART_S = {"go-kubernetes": 340.0, "go-coredns": 90.0, "go-": 60.0, "layer-": 45.0, "debian": 7.0}
"""Seconds that parts of a bundle take on two processors (benchmarks/results/bundles.md), by what
their names begin with."""

_REDRAWS_PER_S = 2
"""Often enough to look alive; the cluster under test may share this machine's cores."""


def wants_live(console: Console) -> bool:
    """Whether to draw a live panel: on a terminal, unless CI is set."""
    return console.is_terminal and os.environ.get("CI", "").lower() not in ("true", "1")


class Lines:
    """Plain lines with the seconds since the start, one in :data:`QUIET_S` at the least.

    A step is printed once, availability only when it changes. ``expected_s`` is how long each drill
    takes, about.
    """

    def __init__(self, console: Console, expected_s: Mapping[str, float] | None = None) -> None:
        self._console, self._lock = console, threading.Lock()
        self._started = self._printed = self._step_since = time.monotonic()
        self._expected_s = dict(expected_s or {})
        self._step, self._left = "", ""
        self._failing: frozenset[str] = frozenset()
        self._parts: Mapping[str, tuple[str, float]] = {}
        self._pulse = Repeating([self._tell_alive], _PULSE_S, 0)

    def __enter__(self) -> Self:
        self._pulse.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._pulse.end()

    def drill(self, name: str, title: str, number: int, of: int) -> None:
        """A drill begins."""
        self._failing, self._step = frozenset(), ""
        self._print(f"{self._count(number, of, name)} {name}: {title}{self._left}")

    def step(self, subject: str, text: str) -> None:
        """A step begins."""
        self._step, self._step_since = f"{subject}: {redact(text)}", time.monotonic()
        self._print(f"  {self._step}")

    def note(self, subject: str, text: str) -> None:
        """Something happened."""
        self._print(f"    {subject}: {redact(text)}")

    def parts(self, parts: Mapping[str, tuple[str, float]], left: str) -> None:
        """Parts of a bundle are made: how far each is, in words and as a share of 1."""
        begun = [name for name in parts if name not in self._parts]
        self._parts, self._left = dict(parts), left
        for name in begun:
            self._print(f"  {name} …")

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
        self._print(f"  {verdict}: {name}: {redact(reason)}")

    def _count(self, number: int, of: int, name: str) -> str:
        """Return which of how many it is; what is left is its time and that of those after it."""
        rest = sum(self._expected_s.values())
        self._left = f"; {about(rest)} left" if self._expected_s.pop(name, 0) else ""
        return f"[{number}/{of}]"

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._started:7.1f} s"

    def _tell_alive(self) -> None:
        """Say what goes on, where nothing was printed for a while."""
        now = time.monotonic()
        if now - self._printed < QUIET_S:
            return
        doing = ", ".join(f"{name} {text}".rstrip() for name, (text, _) in self._parts.items())
        doing = doing or f"{self._step}, for {now - self._step_since:.0f} s"
        self._print(f"    still at {doing}{self._left}")

    def _print(self, text: str) -> None:
        with self._lock:
            self._printed = time.monotonic()
            self._console.print(
                f"{self._elapsed()}  {printable(redact(text))}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


class Panel(Lines):
    """A live panel: the drill, its step, the availability of each probe.

    What is worth keeping scrolls above it.
    """

    def __init__(self, console: Console, expected_s: Mapping[str, float] | None = None) -> None:
        super().__init__(console, expected_s)
        self._drill = ""
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

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def drill(self, name: str, title: str, number: int, of: int) -> None:
        """A drill begins."""
        self._drill, self._latest = f"{self._count(number, of, name)} {name}: {title}", {}
        self.step(name, "read the cluster")

    def step(self, subject: str, text: str) -> None:
        """A step begins."""
        self._step, self._step_since = f"{subject}: {redact(text)}", time.monotonic()

    def note(self, subject: str, text: str) -> None:
        """Something happened."""
        with self._lock:
            self._console.print(
                Text(f"{self._elapsed()}  {subject}: {printable(redact(text))}", style="dim"),
                soft_wrap=True,
            )

    def parts(self, parts: Mapping[str, tuple[str, float]], left: str) -> None:
        """Remember what the next redraw shows."""
        self._parts, self._left = dict(parts), left

    def availability(self, latest: Mapping[str, tuple[int, int]]) -> None:
        """Remember what the next redraw shows."""
        self._latest = latest

    def done(self, name: str, verdict: str, reason: str) -> None:
        """A drill ended."""
        with self._lock:
            mark = Text(f"{verdict} ", style=VERDICT_STYLES.get(verdict, "bold"))
            text = printable(f"{name}: {redact(reason)}")
            self._console.print(Text.assemble(mark, text), soft_wrap=True)

    def _draw(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for name, (ok, total) in sorted(self._latest.items()):
            share = ok / total if total else 0.0
            style = "green" if total and ok == total else "yellow" if ok else "red"
            text = f"{share:6.1%}" if total else "no data"
            table.add_row(name, _bar(share, style), Text(text, style=style))
        for name, (text, share) in list(self._parts.items()):
            table.add_row(name, _bar(share, "cyan"), Text(text))
        lasting = f"{time.monotonic() - self._step_since:.0f} s"
        head = Text(f"{self._elapsed()}  {self._drill}{self._left}", style="bold")
        return Group(head, Text(f"           {self._step} ({lasting})"), table)


def _bar(share: float, style: str) -> Text:
    return Text(f"{'█' * round(20 * share):<20}", style=style)


def about(seconds: float) -> str:
    """Return a time that is not known exactly.

    >>> about(40), about(100), about(1500)
    ('about 40 s', 'about 2 min', 'about 25 min')
    """
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


def make_progress(console: Console, expected_s: Mapping[str, float] | None = None) -> Lines | Panel:
    """Return the progress that suits the console; use it as a context manager."""
    return (Panel if wants_live(console) else Lines)(console, expected_s)


def verdict_line(verdict: VerdictKind, name: str, reason: str) -> Text:
    """One coloured line for the end of a run."""
    text = printable(f"{name}: {redact(reason)}")
    return Text.assemble((f"{verdict.value:<12} ", VERDICT_STYLES[verdict]), text)


class Build:
    """Shows a build of bundles: what begins, what ended, and about how long the rest takes."""

    def __init__(self, progress: Lines) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self._began, self._total = time.monotonic(), 0
        self._to_make: list[str] = []
        self._made_s = 0.0
        self._parts: dict[str, tuple[str, float]] = {}

    def plan(self, total: int, missing: Sequence[str]) -> None:
        """Say how much is to be done."""
        self._total, self._to_make = total, list(missing)
        self._began, cached = time.monotonic(), total - len(missing)
        self._progress.step("bundle", f"{total} parts, {cached} of them in the cache{self._left()}")

    def started(self, part: str) -> None:
        """Show a part."""
        self.note(part, "", 0)

    def note(self, part: str, text: str, share: float) -> None:
        """Show how far a part is."""
        with self._lock:
            self._parts[part] = (text, share)
            self._progress.parts(self._parts, self._left())

    def finished(self, part: str, seconds: float) -> None:
        """Say what ended, and how far the whole is."""
        with self._lock:
            self._parts.pop(part, None)
            self._to_make.remove(part)
            self._made_s += part_s(part)
            done, left = self._total - len(self._to_make), self._left()
            self._progress.parts(self._parts, left)
            self._progress.step("bundle", f"[{done}/{self._total}] {part} in {seconds:.0f} s{left}")

    def message(self, text: str) -> None:
        """Print one line."""
        self._progress.note("bundle", text)

    def _left(self) -> str:
        """Return how long the rest takes at the pace so far, which counts after a minute's work."""
        begun_s = sum(part_s(name) * share for name, (_, share) in self._parts.items())
        made_s = self._made_s + begun_s
        pace = (time.monotonic() - self._began) / made_s if made_s >= 60 else 1.0
        rest_s = sum(map(part_s, self._to_make)) - begun_s
        return f"; {about(rest_s * pace)} left" if rest_s > 0 else ""


def part_s(part: str) -> float:
    """Return the seconds that a part of a bundle takes on two processors.

    >>> part_s("go-kubernetes-1.35 v1.35.4"), part_s("image-etcd v3.6.16")
    (340.0, 2.0)
    """
    return next((s for prefix, s in _PART_S.items() if part.startswith(prefix)), 2.0)


@contextmanager
def make_build_progress(console: Console) -> Iterator[Build]:
    """Show a build on the console: a panel on a terminal, else plain lines."""
    with make_progress(console) as progress:
        yield Build(progress)
