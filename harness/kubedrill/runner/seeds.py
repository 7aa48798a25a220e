"""The recorded choices of a drill.

From its seed alone, or once more with the targets of an earlier run.
"""

from __future__ import annotations

import random
from typing import Any


class ReplayedChoices(random.Random):
    """The same seed, with the targets of an earlier run preferred where they are candidates.

    What the cluster offers may have grown since: a third worker would turn the seed's second choice
    into another node. Every call draws from the seed as it would anyway, so that all other choices
    stay as they were.

    >>> choices = ReplayedChoices("1 a-drill", ("w2",))
    >>> choices.choice(["w1", "w2", "w3"]), choices.choice([1, 2]) in (1, 2)
    ('w2', True)
    """

    def __init__(self, seed: str, targets: tuple[str, ...]) -> None:
        super().__init__(seed)
        self._targets = targets
        self._left = list(targets)

    def choice(self, seq: Any) -> Any:
        """Choose as ever; an earlier target that is a candidate wins over one that was none."""
        return self._prefer([super().choice(seq)], seq)[0]

    def sample(self, population: Any, k: int, *, counts: Any = None) -> list[Any]:
        """Choose several as ever; earlier targets win in the same way."""
        return self._prefer(super().sample(population, k, counts=counts), population)

    def _prefer(self, drawn: list[Any], candidates: Any) -> list[Any]:
        missing = [target for target in self._left if target in candidates and target not in drawn]
        chosen = [one if one in self._targets or not missing else missing.pop(0) for one in drawn]
        self._left = [target for target in self._left if target not in chosen]
        return chosen


def drill_rng(seed: int, name: str, targets: tuple[str, ...] = ()) -> random.Random:
    """The source of one drill's choices.

    Its own, so that they do not depend on which other drills are run.
    """
    text = f"{seed} {name}"
    if targets:
        return ReplayedChoices(text, targets)
    return random.Random(text)  # noqa: S311 - recorded, not secret
