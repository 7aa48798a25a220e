"""All samples of a record.

One sequence for who reads them one by one, columns for who looks at many.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, cast, overload

from kubedrill.base.model import Sample
from kubedrill.record.columns import Columns


class Samples(Sequence[Sample]):
    """All samples of a record, in the order in which they were sent.

    ``by_probe`` has the columns of each probe.
    """

    def __init__(self, by_probe: dict[str, Columns]) -> None:
        self.by_probe = {name: columns for name, columns in by_probe.items() if len(columns)}

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Samples:
        """Samples of several probes as columns."""
        if isinstance(samples, Samples):
            return samples
        by_probe: dict[str, list[Sample]] = {}
        for sample in samples:
            by_probe.setdefault(sample.probe, []).append(sample)
        return cls({name: Columns.of(items, name) for name, items in by_probe.items()})

    @property
    def last_done(self) -> int:
        """When the last answer or failure came; 0 without samples."""
        return max((columns.last_done for columns in self.by_probe.values()), default=0)

    def __len__(self) -> int:
        return sum(map(len, self.by_probe.values()))

    def __iter__(self) -> Iterator[Sample]:
        return heapq.merge(*self.by_probe.values(), key=attrgetter("fired"))

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if index == 0 and self.by_probe:
            return min((columns[0] for columns in self.by_probe.values()), key=attrgetter("fired"))
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence):
            return len(self) == len(other) and all(
                a == b for a, b in zip(self, cast("Any", other), strict=True)
            )
        return NotImplemented

    def __hash__(self) -> int:
        return hash((len(self), *self.by_probe))
