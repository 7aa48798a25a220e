"""A test for a shift of a series whose nights depend on each other.

A generalized least squares fit of a step: nights are pre-whitened as a first-order autoregression
whose coefficient is estimated from the nights before, corrected for the bias of short series and
raised by one standard error. Only the nights before the step give the noise. Outliers are clipped,
so that neither one bad night nor a heavy tail makes an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, cos, pi, sin, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

CLIP = 4.0
"""Robust standard deviations from the median at which a value is clipped."""

SMALLEST_P = 1e-12
"""No smaller p is reported: so far out in the tail no model of the noise is known to hold."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A two-sided test: ``p``, and whether the recent values are the higher ones."""

    p: float
    higher: bool


def shift(before: Sequence[float], recent: Sequence[float]) -> Shift | None:
    """Test whether the level of ``recent`` differs from that of ``before``, which it follows.

    Returns None where the earlier values are all the same: they show no noise to compare with.
    """
    earlier, last = np.asarray(before, float), np.asarray(recent, float)
    centre = float(np.median(earlier))
    spread = max(1.4826 * float(np.median(np.abs(earlier - centre))), float(earlier.std()) / 2)
    if spread == 0:
        return None
    values = np.clip(
        np.concatenate([earlier, last]), centre - CLIP * spread, centre + CLIP * spread
    )
    count = len(earlier)
    phi = autocorrelation(values[:count])
    step = (np.arange(len(values)) >= count).astype(float)
    level, step, values = (_whiten(each, phi) for each in (np.ones(len(values)), step, values))
    design = np.column_stack([level, step])
    covariance = np.linalg.inv(design.T @ design)
    height = float((covariance @ (design.T @ values))[1])
    base = level[:count]
    residuals = values[:count] - base * (base @ values[:count]) / (base @ base)
    degrees = count - 2  # the level and the autocorrelation are estimated
    error = sqrt(float(residuals @ residuals) / degrees * float(covariance[1, 1]))
    return Shift(max(SMALLEST_P, two_sided_p(height / error, degrees)), height > 0)


def autocorrelation(values: Floats) -> float:
    """An upper estimate of the lag-1 autocorrelation, 0 to 0.97.

    Kendall's correction of the bias, plus one standard error.
    """
    count, deviations = len(values), values - values.mean()
    squares = float(deviations @ deviations)
    if squares == 0 or count <= 4:
        return 0.0
    estimate = (count * float(deviations[1:] @ deviations[:-1]) / squares + 1) / (count - 4)
    if estimate <= 0:
        return 0.0
    return min(0.97, estimate + sqrt((1 - min(estimate, 0.99) ** 2) / count))


def two_sided_p(t: float, degrees: int) -> float:
    """Two-sided p of Student's t with whole degrees of freedom (Abramowitz and Stegun, 26.7.3-4).

    >>> round(two_sided_p(2.228, 10), 4), round(two_sided_p(2.201, 11), 4)
    (0.05, 0.05)
    """
    angle = atan(abs(t) / sqrt(degrees))
    square = cos(angle) ** 2
    odd = degrees % 2
    term = cos(angle) if odd else 1.0
    total = term if degrees > 1 else 0.0
    for each in range(3 if odd else 2, degrees - 1, 2):
        term *= square * (each - 1) / each
        total += term
    total *= sin(angle)
    return max(0.0, 1 - (2 / pi * (angle + total) if odd else total))


def _whiten(values: Floats, phi: float) -> Floats:
    white = values.copy()
    white[1:] -= phi * values[:-1]
    white[0] *= sqrt(1 - phi * phi)
    return white
