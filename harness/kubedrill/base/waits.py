"""The only polling loop, the only place that sleeps, and jobs repeated beside other work.

>>> from itertools import count
>>> ticks = count()
>>> def lights_out():
...     return "dark" if next(ticks) == 2 else Waiting("one lamp is on")
>>> wait_for("the lights to go out", lights_out, seconds=5, setting="node_boot", poll_s=0.001)
'dark'
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from kubedrill.base.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not there yet; ``seen`` is the state so far and ends up in the error of a timeout."""

    seen: str


class Clock(Protocol):
    """What the loop needs of time; tests give one that does not sleep."""

    def now(self) -> float:
        """Return monotonic seconds."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class MonotonicClock:
    """The machine's CLOCK_MONOTONIC.

    Setting the time of day neither shortens nor lengthens a wait.
    """

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        time.sleep(seconds)


_CLOCK = MonotonicClock()


def wait_for(  # noqa: PLR0913 - each is named by the caller
    what: str,
    probe: Callable[[], T | Waiting | None],
    *,
    seconds: float,
    setting: str,
    poll_s: float = 0.5,
    clock: Clock = _CLOCK,
) -> T:
    """Call ``probe`` until it returns neither None nor :class:`Waiting`, and return that.

    The probe is asked at once, then every ``poll_s`` seconds (start to start), and one last time at
    the deadline. ``setting`` is the name in :class:`kubedrill.config.Timeouts` that ``seconds``
    came from.

    A probe that raises ends the wait: turn what is expected to go wrong into a ``Waiting``.

    Raises:
        DeadlineExceeded: ``seconds`` went by; carries what was last seen.
    """
    started = clock.now()
    seen = ""
    while True:
        asked = clock.now()
        result = probe()
        if isinstance(result, Waiting):
            seen = result.seen
        elif result is not None:
            return result
        left = started + seconds - clock.now()
        if left <= 0:
            raise DeadlineExceeded(what, seconds, setting, f"last seen: {seen}" if seen else "")
        clock.sleep(min(left, max(0.0, asked + poll_s - clock.now())))


def pause(seconds: float, clock: Clock = _CLOCK) -> None:
    """Let time pass where the length itself is the purpose, such as traffic before a fault."""
    clock.sleep(seconds)


class Repeating:
    """Run several jobs every ``every_s`` seconds, each in a thread, while it is entered.

    The first time is ``every_s`` seconds after the start. Leaving waits ``patience_s`` seconds for
    what is under way, of all jobs together, and then leaves it alone: the threads hold up no
    process that ends. A job that raises is not done again.
    """

    def __init__(
        self, jobs: Sequence[Callable[[], object]], every_s: float, patience_s: float
    ) -> None:
        self._every_s, self._patience_s, self._stop = every_s, patience_s, threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=[job], daemon=True) for job in jobs
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        deadline = time.monotonic() + self._patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def ended(self) -> bool:
        """Whether nothing begins any more; what is under way may go on."""
        return self._stop.is_set()

    def end(self) -> None:
        """Begin nothing more, without waiting; a job may call it too."""
        self._stop.set()

    def _repeat(self, job: Callable[[], object]) -> None:
        while not self._stop.wait(self._every_s):
            job()
