"""What both faces (HTTP and gRPC) share.

Who we are, the greeting, the token, and whether we are draining.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from dataclasses import dataclass, field
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


@dataclass
class State:
    """One running application."""

    identity: Identity
    greeting: WatchedFile
    token: WatchedFile
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    served: dict[str, int] = field(default_factory=dict)

    def hello(self) -> dict[str, str]:
        """Build the answer of both faces; raise OSError when the ConfigMap is not mounted."""
        who = self.identity
        return {
            "greeting": self.greeting.text(),
            "version": who.version,
            "pod": who.pod,
            "node": who.node,
        }

    def problem(self) -> str:
        """Say why this pod should get no traffic, or nothing."""
        if self.draining.is_set():
            return "draining"
        for what, file in (("greeting", self.greeting), ("token", self.token)):
            try:
                file.text()
            except OSError as error:
                return f"{what}: {error.strerror}"
        return ""

    def token_matches(self, offered: str) -> bool:
        """Compare in constant time; an empty mounted token never matches.

        Raises OSError when none is mounted.
        """
        mounted = self.token.text()
        return bool(mounted) and hmac.compare_digest(mounted.encode(), offered.encode())

    def count(self, what: str) -> None:
        """Count one answer, for /metrics."""
        self.served[what] = self.served.get(what, 0) + 1
