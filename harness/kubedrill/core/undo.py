"""Undos that all run, newest first, even when one of them fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import KubedrillError, StepFailed

if TYPE_CHECKING:
    from collections.abc import Callable


class Undos:
    """What still has to be put back. An undo is added before what it undoes is done.

    >>> undone = []
    >>> undos = Undos()
    >>> undos.add("first", lambda: undone.append("first"))
    >>> undos.add("second", lambda: undone.append("second"))
    >>> undos.unwind()
    >>> undone
    ['second', 'first']
    """

    def __init__(self) -> None:
        self._pending: list[tuple[str, Callable[[], object]]] = []

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, what: str, undo: Callable[[], object]) -> None:
        """Remember how to put ``what`` back; the undo must be safe where nothing was done yet."""
        self._pending.append((what, undo))

    def drop(self, what: str) -> None:
        """Forget what was put back already, in the ordinary course of the drill."""
        self._pending = [entry for entry in self._pending if entry[0] != what]

    def unwind(self) -> None:
        """Run all undos, newest first; each is tried whatever became of the others.

        Raises:
            StepFailed: some failed; names each.
        """
        failed: list[str] = []
        cause: BaseException | None = None
        while self._pending:
            what, undo = self._pending.pop()
            try:
                undo()
            except Exception as error:  # noqa: BLE001 - the next undo has to run
                failed.append(
                    f"  - {what}: {error if isinstance(error, KubedrillError) else repr(error)}"
                )
                cause = error
        if failed:
            raise StepFailed(
                "could not be undone, repair it by hand:\n" + "\n".join(failed)
            ) from cause
