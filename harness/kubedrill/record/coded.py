"""Words as small numbers.

A column of few different words takes a number for each place instead of a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Coded = tuple[NDArray[np.intp], list[str]]
"""A column of words, as places in a list of words."""


class Codes(dict[str, int]):
    """Numbers for words, given as they come; ``words`` gives them back."""

    def __init__(self, first: str) -> None:
        super().__init__({first: 0})
        self.words = [first]

    def __missing__(self, word: str) -> int:
        if type(word) is not str:
            raise TypeError(f"found {word!r}, expected a word")
        self.words.append(word)
        return self.setdefault(word, len(self))

    def of(self, coded: Coded) -> NDArray[np.intp]:
        """A column in these numbers.

        Words of the list that stand nowhere in the column get none.
        """
        places, words = coded
        known = np.zeros(len(words), np.intp)
        for place in np.flatnonzero(np.bincount(places, minlength=len(words))).tolist():
            known[place] = self[words[place]]
        return known[places]


def coded(column: Sequence[Any]) -> Coded:
    """A column of words, coded; what is no word is found by :meth:`Codes.of`.

    Raises TypeError for what has no hash.
    """
    words = list(dict.fromkeys(column))
    place = {word: number for number, word in enumerate(words)}
    return np.fromiter((place[word] for word in column), np.intp, len(column)), words
