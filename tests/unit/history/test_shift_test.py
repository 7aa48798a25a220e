"""The test for shifts: what it takes for noise, and what it must not miss."""

from __future__ import annotations

import numpy as np
import pytest

from kubedrill.history.shift_test import SMALLEST_P, autocorrelation, shift, two_sided_p


@pytest.mark.parametrize(
    ("t", "degrees", "p"),
    [(12.706, 1, 0.05), (4.303, 2, 0.05), (2.353, 3, 0.1), (3.659, 29, 0.001), (3.460, 60, 0.001)],
)
def test_p_is_that_of_the_tables(t: float, degrees: int, p: float) -> None:
    assert two_sided_p(t, degrees) == pytest.approx(p, rel=0.01)
    assert two_sided_p(-t, degrees) == two_sided_p(t, degrees)


def test_values_that_are_all_the_same_show_no_noise() -> None:
    assert shift([0.0] * 30, [1.0] * 3) is None


def test_a_shift_has_its_direction_and_a_p_that_is_never_0() -> None:
    before = np.random.default_rng(1).standard_normal(60)
    up, down = shift(before, [9.0] * 40), shift(before, [-9.0] * 40)
    assert up is not None
    assert down is not None
    assert (up.p, up.higher) == (SMALLEST_P, True)
    assert (down.p, down.higher) == (SMALLEST_P, False)


def test_independent_nights_give_a_p_that_is_right_or_too_large() -> None:
    rng = np.random.default_rng(2)
    results = [shift(rng.standard_normal(60), rng.standard_normal(5)) for _ in range(1000)]
    small = [result for result in results if result and result.p < 0.05]
    assert len(small) <= 70, "50 are expected at most; 70 is far in the tail"


def test_autocorrelation_is_estimated_high_rather_than_low() -> None:
    rng = np.random.default_rng(3)
    for phi in (0.3, 0.6, 0.9):
        values = rng.standard_normal(4000)
        for at in range(1, len(values)):
            values[at] += phi * values[at - 1]
        chunks = np.split(values, 50)
        low = sum(autocorrelation(chunk) < phi for chunk in chunks)
        assert low < 16, phi
    assert autocorrelation(np.ones(60)) == 0
