"""The recorded choices of a drill: from its seed alone, or once more with the targets of an earlier run."""

from __future__ import annotations

import random
from typing import Any


class ReplayedChoices(random.Random):
    """The same seed, with the targets of an earlier run preferred where they are among the candidates.

    What the cluster offers may have grown since: a third worker would turn the seed's second choice into another node.
    Every call draws from the seed as it would anyway, so that all other choices stay as they were.

    >>> choices = ReplayedChoices("1 node-drain", ("w2",))
    >>> choices.choice(["w1", "w2", "w3"]), choices.choice([1, 2]) in (1, 2)
    ('w2', True)
    """

    def __init__(self, seed: str, targets: tuple[str, ...]) -> None:
        super().__init__(seed)
        self._targets = targets
        self._left = list(targets)

    def choice(self, seq: Any) -> Any:
        """Choose as ever; an earlier target that is among the candidates wins over one that was none."""
        drawn = super().choice(seq)
        if drawn not in self._targets:
            drawn = next((target for target in self._left if target in seq), drawn)
        if drawn in self._left:
            self._left.remove(drawn)
        return drawn


def drill_rng(seed: int, name: str, targets: tuple[str, ...] = ()) -> random.Random:
    """The source of one drill's choices: its own, so that they do not depend on which other drills are run."""
    text = f"{seed} {name}"
    return ReplayedChoices(text, targets) if targets else random.Random(text)  # noqa: S311 - recorded, not secret
