"""Ctrl-C and SIGTERM: stop what is under way once, then let the healing run undisturbed."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Stop:
    """Whether the run was asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self._raised = False
        self._shields = 0

    def take(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt the first time; later signals do not disturb the healing.

        A BaseException, so that no library that tolerates ordinary errors can swallow it.
        """
        del number, frame
        self.asked = True
        self._raise_once()

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Hold a stop back while something heals; it is raised afterwards."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self.asked:
            self._raise_once()

    def _raise_once(self) -> None:
        if not self._shields and not self._raised:
            self._raised = True
            raise KeyboardInterrupt


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into one KeyboardInterrupt of the main thread.

    The former handlers come back after.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may set handlers
        return
    before = {
        number: signal.signal(number, stop.take) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
