"""What a run tells whoever watches it; the command line draws it, tests collect it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Progress(Protocol):
    """Receives what happens while it happens.

    Calls come from the runner's thread and must return at once.
    """

    def drill(self, name: str, title: str, number: int, of: int) -> None:
        """A drill begins."""

    def step(self, subject: str, text: str) -> None:
        """A step begins: on which node or object, and what is done."""

    def note(self, subject: str, text: str) -> None:
        """Something worth a line happened inside a step."""

    def availability(self, latest: Mapping[str, tuple[int, int]]) -> None:
        """The last second or so of each probe: (requests that succeeded, requests)."""

    def done(self, name: str, verdict: str, reason: str) -> None:
        """A drill ended with this verdict, or "not run"."""


class Silent(Progress):
    """Tells nobody."""
