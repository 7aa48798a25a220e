"""An exact rank test for few nights, and the correction for looking at many series at once.

The test is Wilcoxon's rank-sum test (Mann-Whitney U) as a permutation test: given the values, every
choice of which nights are the recent ones is equally likely when nothing changed, so its
probabilities are counted, not approximated. Ties get middle ranks; the count stays exact (the shift
algorithm of Streitberg and Röhmel, "Exact distributions for permutations and rank tests",
Statistical Software Newsletter 12, 1986).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class RankSum:
    """A two-sided test: ``p``, and ``least``, the smallest that these ties and counts give.

    ``higher``: whether the recent values rank above the earlier ones.
    """

    p: float
    least: float
    higher: bool


def rank_sum(before: Sequence[float], recent: Sequence[float]) -> RankSum:
    """Test whether recent values differ from earlier ones; any count, any ties.

    >>> rank_sum(range(1, 11), range(11, 16)) == RankSum(2 / 3003, 2 / 3003, True)
    True
    >>> rank_sum([0, 0, 0, 0, 0], [0, 0, 0]).p
    1.0
    """
    ordered = sorted([*before, *recent])
    # Doubled middle ranks are whole numbers: the ranks of the first and the last equal value,
    # added.
    ranks = [bisect_left(ordered, value) + 1 + bisect_right(ordered, value) for value in ordered]
    observed = sum(
        bisect_left(ordered, value) + 1 + bisect_right(ordered, value) for value in recent
    )
    counts = _choices(ranks, len(recent))
    total = comb(len(ranks), len(recent))
    sums = range(len(counts))
    upper = sum(counts[at] for at in sums if at >= observed)
    lower = sum(counts[at] for at in sums if at <= observed)
    possible = [count for count in counts if count]
    return RankSum(
        p=min(1.0, 2 * min(upper, lower) / total),
        least=min(1.0, 2 * min(possible[0], possible[-1]) / total),
        higher=upper < lower,
    )


def _choices(ranks: Sequence[int], size: int) -> list[int]:
    """How many choices of ``size`` ranks have each sum.

    A list of counts is packed into one whole number, ``width`` bits for each, so that adding a rank
    to all sums is one shift.
    """
    width = comb(len(ranks), size).bit_length() + 1
    packed = [1] + [0] * size
    for rank in ranks:
        for chosen in range(size, 0, -1):
            packed[chosen] += packed[chosen - 1] << (width * rank)
    mask = (1 << width) - 1
    last = sum(sorted(ranks)[len(ranks) - size :])
    return [(packed[size] >> (width * at)) & mask for at in range(last + 1)]


def corrected_level(least: Sequence[float], rate: float) -> float:
    """The level of each of several tests that bounds the rate of any false alarm by ``rate``.

    Bonferroni's correction, counting only tests that could reach the level at all, which for exact
    tests is still valid and finds more (Tarone, "A modified Bonferroni method for discrete data",
    Biometrics 46, 1990). It asks for no independence between the tests. ``least`` is
    :attr:`RankSum.least` of each.

    >>> corrected_level([1.0, 1.0, 0.001, 0.002], 0.01)
    0.005
    >>> corrected_level([1.0, 1.0], 0.01)
    0.01
    """
    count = 1
    while sum(each <= rate / count for each in least) > count:
        count += 1
    return rate / count
