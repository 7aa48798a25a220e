"""The histograms' log is read by HdrHistogram's own reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from kubedrill.load.times import DIGITS, HIGHEST_NS, LOWEST_NS, Times, write_log

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def test_the_log_is_read_by_the_library_s_reader_second_by_second(tmp_path: Path) -> None:
    path = tmp_path / "load.hlog"
    write_log(
        path, 1_700_000_000.5, [Times([5 * MS, 7 * MS]), Times(), Times([900 * MS])], ["a comment"]
    )
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS))
    counts = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        counts.append(histogram.get_total_count())
    assert counts == [2, 0, 1]
    assert reader.get_start_time_sec() == 1_700_000_000.5
    assert path.read_text().startswith("#[Histogram log format version 1.2]\n#a comment\n")


def test_what_is_beyond_its_range_is_held_at_the_edge() -> None:
    times = Times([-5, 2 * HIGHEST_NS])
    assert times.count == 2
    assert times.at_rank(1) < 0.01
    assert times.at_rank(2) == pytest.approx(HIGHEST_NS / MS, rel=1e-3)
    assert times.at_rank(3) == float("inf")
    assert Times().at_rank(1) == float("inf")
