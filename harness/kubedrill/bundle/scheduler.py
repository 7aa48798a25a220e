"""Makes the parts that the cache lacks, side by side where they use different things."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from kubedrill.bundle.checksums import is_intact, write_checksums
from kubedrill.bundle.golang import go_caches
from kubedrill.bundle.processes import Processes
from kubedrill.bundle.recipes import BuildContext, Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kubedrill.bundle.cache import Cache
    from kubedrill.bundle.progress import BuildProgress

# Jobs of each kind at a time. One `go build` uses all cores by itself; downloads wait for the
# network.
LANES = {"compile": 1, "fetch": 1, "download": 3, "pack": 1}


def part_folder(cache: Cache, recipe: Recipe) -> Path:
    """Return where a recipe's part stands once it is built."""
    return cache.part_dir(recipe.name, recipe.version, recipe.key)


def missing_parts(cache: Cache, recipes: Sequence[Recipe]) -> list[Recipe]:
    """Return those whose part is not in the cache, or is there but damaged."""
    return [recipe for recipe in recipes if not is_intact(part_folder(cache, recipe))]


def make_parts(missing: Sequence[Recipe], cache: Cache, progress: BuildProgress) -> None:
    """Make all of them; a part starts when what it needs is there and its lane is free.

    Raises:
        BundleError: the first that failed; the others are ended, what is finished stays.
    """
    _Scheduler(missing, cache, progress).run()


class _Scheduler:
    def __init__(self, missing: Sequence[Recipe], cache: Cache, progress: BuildProgress) -> None:
        self._cache, self._progress = cache, progress
        self._processes = Processes(go_caches(cache.root))
        self._waiting = {recipe.key: recipe for recipe in missing}
        self._running: dict[Future[None], Recipe] = {}

    def run(self) -> None:
        with ThreadPoolExecutor(sum(LANES.values()) + 1) as pool:
            downloads = [recipe.prepare for recipe in self._waiting.values() if recipe.prepare]
            preparing: set[Future[Any]] = {
                pool.submit(lambda: [download(self._processes) for download in downloads])
            }
            try:
                while self._waiting or self._running or preparing:
                    self._start_ready(pool)
                    done, _ = wait({*self._running, *preparing}, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._running.pop(future, None)
                        preparing.discard(future)
                        future.result()
            except BaseException:
                self._processes.stop()
                raise

    def _start_ready(self, pool: ThreadPoolExecutor) -> None:
        unfinished = self._waiting.keys() | {recipe.key for recipe in self._running.values()}
        busy = Counter(recipe.lane for recipe in self._running.values())
        for recipe in list(self._waiting.values()):
            ready = not any(need.key in unfinished for need in recipe.needs)
            if ready and busy[recipe.lane] < LANES[recipe.lane]:
                busy[recipe.lane] += 1
                self._running[pool.submit(self._make, self._waiting.pop(recipe.key))] = recipe

    def _make(self, recipe: Recipe) -> None:
        title, begun = recipe.title, time.monotonic()

        def note(text: str, share: float) -> None:
            self._progress.note(title, text, share)

        self._progress.started(title)
        with self._cache.whole(part_folder(self._cache, recipe)) as out:
            needs = {need.name: part_folder(self._cache, need) for need in recipe.needs}
            recipe.make(BuildContext(out, needs, self._processes, note))
            write_checksums(out)
        self._progress.finished(title, time.monotonic() - begun)
