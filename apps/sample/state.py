"""What is served over HTTP and gRPC: the greeting, the token, and whether traffic is welcome."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving import Service, unreadable

if TYPE_CHECKING:
    from pod import WatchedFile


@dataclass
class State(Service):
    """One running application."""

    token: WatchedFile

    def problem(self) -> str:
        """Return why this pod should get no traffic, "" for none."""
        return super().problem() or unreadable("token", self.token)

    def token_matches(self, offered: str) -> bool:
        """Compare in constant time; an empty mounted token never matches.

        Raises OSError when none is mounted.
        """
        mounted = self.token.text()
        return bool(mounted) and hmac.compare_digest(mounted.encode(), offered.encode())
