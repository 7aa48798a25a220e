"""What the record's newest samples say, for the terminal and for waits."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from kubedrill.base.model import NS

if TYPE_CHECKING:
    from pathlib import Path

WINDOW_S = 3.0
"""Seconds looked back: a request that hangs is known after its timeout of 1 s, one from a pod after
a fetch, 0.5 s."""


class Tail:
    """Follows a record that other processes append to."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self._path, self._names = path, names
        self._offset = path.stat().st_size if path.exists() else 0
        self._rest = b""
        self._recent: dict[str, deque[tuple[int, bool]]] = {name: deque() for name in names}
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def latest(self) -> dict[str, tuple[int, int]]:
        """Per probe: successes and requests of the last three seconds that are known by now."""
        with self._lock:
            self._read()
            oldest = time.monotonic_ns() - round(WINDOW_S * NS)
            counts = {}
            for name, recent in self._recent.items():
                while recent and recent[0][0] < oldest:
                    recent.popleft()
                counts[name] = (sum(ok for _, ok in recent), len(recent))
            return counts

    def silent(self) -> list[str]:
        """Probes without any sample so far."""
        with self._lock:
            self._read()
            return [name for name in self._names if name not in self._seen]

    def _read(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b'["sample"'):
                _, probe, _, due, _, _, outcome, _ = json.loads(line)
                if probe in self._recent:
                    self._recent[probe].append((due, outcome == "ok"))
                    self._seen.add(probe)
