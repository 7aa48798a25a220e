"""What a build reports while it goes on; kubedrill.cli.terminal prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class BuildProgress(Protocol):
    """What a build tells while it goes on; called from several threads."""

    def plan(self, total: int, missing: Sequence[str]) -> None:
        """``total`` parts are needed; the ``missing`` ones are made."""

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

    def plan(self, total: int, missing: Sequence[str]) -> None:
        """Nothing."""

    def started(self, part: str) -> None:
        """Nothing."""

    def note(self, part: str, text: str, share: float) -> None:
        """Nothing."""

    def finished(self, part: str, seconds: float) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""
