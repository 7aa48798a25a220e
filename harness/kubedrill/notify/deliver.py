"""All that happens when a cycle ends.

Files beside its state, metrics, and a message where there is news.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.errors import UsageError
from kubedrill.base.home import expand_home
from kubedrill.nightly.state import CycleState, all_cycles, read_state, write_whole
from kubedrill.notify.metrics import push_metrics, registry_of, write_metrics
from kubedrill.notify.send import read_urls, send
from kubedrill.notify.summary import News, junit, markdown, news_of, title

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kubedrill.base.document import RunDocument
    from kubedrill.config import Notify


def find_cycle(root: Path, name: str) -> Path:
    """A cycle's folder by its name; "latest" is the newest.

    Raises:
        UsageError: there is none; lists the newest.
    """
    known = [folder.name for folder in all_cycles(root)]
    chosen = known[-1] if name == "latest" and known else name
    if chosen not in known:
        raise UsageError(
            f"no cycle {name!r} in {root}; there are: "
            f"{', '.join(known[-5:]) or 'none; run kubedrill nightly'}"
        )
    return root / chosen


def tell_cycle(
    folder: Path, runs: Sequence[RunDocument], settings: Notify, *, always: bool = False
) -> str:
    """Write summary.md and junit.xml, push the metrics, send a message where there is news.

    Returns what was done, for people.

    Raises:
        UsageError: the URLs cannot be read.
        StepFailed: a service or the push gateway did not take it.
    """
    cycle = read_state(folder)
    earlier = [read_state(path) for path in all_cycles(folder.parent) if path.name < folder.name]
    news = news_of(cycle, earlier, runs)
    write_whole(folder / "summary.md", markdown(cycle, news))
    write_whole(folder / "junit.xml", junit(cycle))
    registry = registry_of(cycle, runs)
    if settings.metrics_file:
        write_metrics(registry, expand_home(settings.metrics_file, "notify.metrics_file"))
    done = _send(cycle, news, settings, always=always or settings.always)
    if settings.gateway:
        push_metrics(registry, settings.gateway, cycle.plan)
    return done


def _send(cycle: CycleState, news: News, settings: Notify, *, always: bool) -> str:
    urls = read_urls(
        expand_home(settings.urls_file, "notify.urls_file") if settings.urls_file else None
    )
    if not urls:
        return "nobody is told: no URLs (notify.urls_file)"
    if not news and not always:
        return "nobody is told: nothing changed"
    send(urls, title(cycle), markdown(cycle, news))
    return f"{len(urls)} told"
