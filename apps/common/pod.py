"""Who answers, small files that the kubelet may replace, and the pod's log."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """Who answers: set by the pod's environment (downward API)."""

    version: str
    pod: str
    node: str

    @classmethod
    def from_environment(cls) -> Identity:
        """APP_VERSION comes with the image, POD_NAME and NODE_NAME from the Deployment."""
        env = os.environ
        return cls(env.get("APP_VERSION", "dev"), env.get("POD_NAME", ""), env.get("NODE_NAME", ""))

    def greet(self, greeting: str) -> dict[str, str]:
        """Return a greeting with who gives it."""
        return {
            "greeting": greeting,
            "version": self.version,
            "pod": self.pod,
            "node": self.node,
        }


class WatchedFile:
    """A small file that the kubelet may replace while we run.

    It swaps a symlink, so the inode changes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._text = ""

    def text(self) -> str:
        """Return the text without its final newline, re-read only when it changed.

        Raise OSError if it is gone.
        """
        stat = self.path.stat()
        now = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if now != self._seen:
            self._text = self.path.read_text(encoding="utf-8").rstrip("\n")
            self._seen = now
        return self._text


def log(line: str) -> None:
    """Write one line to the pod's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
