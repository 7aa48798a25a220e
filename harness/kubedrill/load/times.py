"""Times of writes in HdrHistograms: 1 µs to 1 h with 3 significant digits, and their log on disk.

The log is HdrHistogram's own format (version 1.2, nanoseconds, one histogram for each second),
which its plotters, analysers and ``hdrh.log.HistogramLogReader`` read.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from kubedrill.base.files import open_private
from kubedrill.base.model import NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LOWEST_NS, HIGHEST_NS = 1_000, 3_600 * NS
DIGITS = 3


class Times:
    """A histogram of times. What lies outside 1 µs to 1 h is held at its edge.

    >>> times = Times(ms * 1_000_000 for ms in range(1, 1001))
    >>> times.count, round(times.at_rank(500)), round(times.at_rank(999))
    (1000, 500, 999)
    """

    def __init__(self, times_ns: Iterable[int] = ()) -> None:
        self.histogram: Any = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)
        for time_ns in times_ns:
            self.histogram.record_value(min(max(time_ns, LOWEST_NS), HIGHEST_NS))

    @property
    def count(self) -> int:
        """How many times it holds."""
        return int(self.histogram.get_total_count())

    def at_rank(self, rank: int) -> float:
        """Return the time of a rank (1: the shortest) in milliseconds.

        Infinite beyond the last one.
        """
        if rank > self.count:
            return float("inf")
        return float(self.histogram.get_value_at_percentile(100 * max(rank, 1) / self.count)) / 1e6


def write_log(
    path: Path, began: float, seconds: Sequence[Times], comments: Iterable[str] = ()
) -> None:
    """Write one histogram for each second.

    ``began`` is when the first one did, in seconds since the epoch.
    """
    with io.TextIOWrapper(open_private(path), encoding="utf-8") as file:
        writer: Any = HistogramLogWriter(file)
        writer.output_log_format_version()
        for comment in comments:
            writer.output_comment(comment)
        # the library's own output_start_time raises AttributeError (0.10.8)
        writer.output_comment(
            f"[StartTime: {began:f} (seconds since epoch), {datetime.fromtimestamp(began, UTC)}]"
        )
        writer.output_comment(f"[BaseTime: {began:f} (seconds since epoch)]")
        writer.output_legend()
        for number, times in enumerate(seconds):
            # a start of 0 would mean "the histogram's own time stamp" to the library: begin a
            # millisecond later
            writer.output_interval_histogram(times.histogram, number or 0.001, number + 1.0)


def milliseconds(value: float) -> str:
    """Milliseconds for people.

    >>> milliseconds(12.34), milliseconds(1234.5), milliseconds(float("inf"))
    ('12.3 ms', '1,234 ms', 'for ever')
    """
    if value == float("inf"):
        return "for ever"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"
