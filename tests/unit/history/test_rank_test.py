"""The test and its correction against brute force, and against what they promise."""

from __future__ import annotations

from itertools import combinations
from math import comb

import pytest
from nights import seeded

from kubedrill.history.rank_test import corrected_level, rank_sum


def by_hand(before: list[float], recent: list[float]) -> tuple[float, float]:
    """The two-sided p, and the smallest that is possible, by trying every choice of recent
    nights.
    """
    pooled = [*before, *recent]
    ranks = [
        sum(other < value for other in pooled) + (pooled.count(value) + 1) / 2 for value in pooled
    ]
    sums = [sum(choice) for choice in combinations(ranks, len(recent))]

    def p(observed: float) -> float:
        return min(
            1.0,
            2 * min(sum(s >= observed for s in sums), sum(s <= observed for s in sums)) / len(sums),
        )

    return p(sum(ranks[len(before) :])), min(p(each) for each in sums)


@pytest.mark.parametrize("seed", range(40))
def test_probabilities_are_those_of_every_choice_counted(seed: int) -> None:
    rng = seeded(seed)
    values = [0, 0, 0, 1, 2, 2.5] if seed % 2 else [rng.random() for _ in range(20)]
    before = [rng.choice(values) for _ in range(rng.randint(1, 7))]
    recent = [rng.choice(values) for _ in range(rng.randint(1, 5))]
    result = rank_sum(before, recent)
    assert (result.p, result.least) == pytest.approx(by_hand(before, recent))


def test_known_values() -> None:
    """Of the 210 choices of 4 nights out of 10, one separates them completely in each direction."""
    result = rank_sum([1, 2, 3, 4, 5, 6], [7, 8, 9, 10])
    assert result.p == result.least == 2 / 210
    assert result.higher
    assert not rank_sum([7, 8, 9, 10, 11, 12], [1, 2, 3, 4]).higher


def test_values_that_are_all_the_same_can_prove_nothing() -> None:
    assert rank_sum([0.0] * 30, [0.0] * 5).least == 1.0


def test_many_nights_stay_exact() -> None:
    result = rank_sum([float(i) for i in range(300)], [float(i) for i in range(300, 310)])
    assert result.p == 2 / comb(310, 10)


def test_a_series_that_can_never_be_flagged_does_not_cost_the_others() -> None:
    assert corrected_level([0.001] * 4 + [1.0] * 96, 0.05) == 0.05 / 4
    assert (
        corrected_level([0.001] * 100, 0.05) == 0.05 / 51
    )  # none can: so few nights are not enough


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_no_more_tests_can_reach_the_level_than_it_is_corrected_for(rate: float) -> None:
    rng = seeded(5)
    for _ in range(200):
        least = [2.0 ** -rng.randint(0, 14) for _ in range(rng.randint(1, 60))]
        level = corrected_level(least, rate)
        assert sum(each <= level for each in least) * level <= rate + 1e-12
