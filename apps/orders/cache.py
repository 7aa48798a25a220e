"""A cache in front of the database.

It may be slow, down or empty: answers stay right, and wait for it only briefly.

Only what never changes is kept: stored orders, and full pages of the list. What is not in it is
asked of the database.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from settings import secret

if TYPE_CHECKING:
    from settings import Settings

WAIT_S = 0.05
"""Seconds for one question: a cache that takes longer is slower than what it stands in front of."""
REST_S = 1.0
"""Seconds without a question after one that failed: a dead cache costs each process 50 ms a second
and no more."""
KEEP_S = 300


class Cache:
    """Best effort: every failure is a miss."""

    def __init__(self, settings: Settings) -> None:
        self.hits = self.misses = self.failures = 0
        self._rest_until = 0.0
        self._redis: Redis | None = None
        if settings.cache_url:
            self._redis = Redis.from_url(
                settings.cache_url,
                password=secret(settings.cache_password_file),
                socket_timeout=WAIT_S,
                socket_connect_timeout=WAIT_S,
                retry=Retry(NoBackoff(), 0),
                max_connections=32,
            )

    async def get(self, name: str) -> Any:
        """Return what was put under that name, or None."""
        cached = await self._ask("get", name)
        if cached is None:
            self.misses += 1
            return None
        self.hits += 1
        return json.loads(cached)

    async def put(self, name: str, value: Any) -> None:
        """Keep something that never changes."""
        await self._ask("set", name, json.dumps(value, separators=(",", ":")), ex=KEEP_S)

    async def close(self) -> None:
        """Hang up."""
        if self._redis is not None:
            await self._redis.aclose()

    async def _ask(self, command: str, *words: Any, **options: Any) -> Any:
        if self._redis is None or time.monotonic() < self._rest_until:
            return None
        try:
            return await getattr(self._redis, command)(*words, **options)
        except (RedisError, OSError, TimeoutError):
            self.failures += 1
            self._rest_until = time.monotonic() + REST_S
            return None
