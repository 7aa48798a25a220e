"""What is served over HTTP and gRPC: the greeting, the token, and whether traffic is welcome."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pod import Identity, WatchedFile


@dataclass
class State:
    """One running application."""

    identity: Identity
    greeting: WatchedFile
    token: WatchedFile
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    served: dict[str, int] = field(default_factory=dict)

    def hello(self) -> dict[str, str]:
        """Build the greeting; raise OSError when the ConfigMap is not mounted."""
        return self.identity.greet(self.greeting.text())

    def problem(self) -> str:
        """Return why this pod should get no traffic, "" for none."""
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
