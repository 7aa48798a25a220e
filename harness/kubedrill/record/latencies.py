"""How long the answers of a probe took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kubedrill.record.columns import Columns

    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Latencies:
    """Half of ``count`` answers came within ``p50``, 99 of 100 within ``p99`` (ns), if any did."""

    count: int
    p50: int | None
    p99: int | None

    @property
    def p50_ms(self) -> float | None:
        """The first in milliseconds."""
        return None if self.p50 is None else round(self.p50 / 1e6, 3)

    @property
    def p99_ms(self) -> float | None:
        """The second in milliseconds."""
        return None if self.p99 is None else round(self.p99 / 1e6, 3)

    @classmethod
    def of(cls, samples: Columns, start: int, end: int, among: Flags | None = None) -> Latencies:
        """Those of the good answers to requests that were sent within a time."""
        sent = samples.between(start, end)
        part = slice(sent.start, max(sent.start, sent.stop))
        which = samples.oks[part]
        took = samples.from_due[part][which if among is None else which & among[part]]
        if not len(took):
            return cls(0, None, None)
        places = [max(0, -(-len(took) * share // 100) - 1) for share in (50, 99)]
        parted = np.partition(took, places)
        return cls(len(took), int(parted[places[0]]), int(parted[places[1]]))
