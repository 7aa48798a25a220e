"""Tells the terminal once a second what the probes see."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from harness.errors import KubedrillError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")


class Ticker(Generic[T]):
    """Passes ``read()`` to ``tell()`` every ``every_s`` seconds in a thread of its own, while it is entered."""

    def __init__(self, read: Callable[[], T], tell: Callable[[T], None], every_s: float = 1.0) -> None:
        self._read, self._tell, self._every_s = read, tell, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="ticker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(2 * self._every_s)

    def _repeat(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._tell(self._read())
            except KubedrillError:
                return  # the probes died: the runner, who asks them too, ends the drill
