"""Tells the terminal once a second what the probes see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from kubedrill.base.errors import KubedrillError
from kubedrill.base.waits import Repeating

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Ticker(Repeating, Generic[T]):
    """Passes ``read()`` to ``tell()`` every ``every_s`` seconds, in a thread, while entered."""

    def __init__(
        self, read: Callable[[], T], tell: Callable[[T], None], every_s: float = 1.0
    ) -> None:
        super().__init__([self._tick], every_s, patience_s=2 * every_s)
        self._read, self._tell = read, tell

    def _tick(self) -> None:
        try:
            self._tell(self._read())
        except KubedrillError:
            self.end()  # the probes died: the runner, who asks them too, ends the drill
