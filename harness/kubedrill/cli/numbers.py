"""Numbers of the command line: finite, within bounds, and refused in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from kubedrill.base.mistakes import shown

if TYPE_CHECKING:
    from click import Context, Parameter

MOST = 2**63 - 1
"""The largest whole number that records, documents and databases take."""
_LONGEST = 30
"""Characters of a number that anybody means."""


class Number(click.FloatRange):
    """A number between two bounds; neither NaN nor infinite."""

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> float:
        """Read it.

        Raises:
            BadParameter: it is none, or out of bounds.
        """
        try:
            number = float(value) if len(str(value)) <= _LONGEST else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"expected a number{_between(self)}, found {shown(value)}", param, ctx)
        if not _fits(self, number):
            self.fail(f"expected a number{_between(self)}, found {number:g}", param, ctx)
        return number


class Whole(click.IntRange):
    """A whole number between two bounds."""

    def __init__(self, least: int = 0, most: int = MOST) -> None:
        super().__init__(min=least, max=most)

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> int:
        """Read it.

        Raises:
            BadParameter: it is none, or out of bounds.
        """
        try:
            number = int(value) if len(str(value)) <= _LONGEST else None
        except ValueError:
            number = None
        if number is None or not _fits(self, number):
            self.fail(
                f"expected a whole number from {self.min} to {self.max}, found {shown(value)}",
                param,
                ctx,
            )
        return number

    def _describe_range(self) -> str:
        return f"x>={self.min}" if self.max == MOST else super()._describe_range()


def _fits(bounds: click.FloatRange | click.IntRange, number: float) -> bool:
    low, high = bounds.min, bounds.max
    if low is not None and (number < low or (bounds.min_open and number == low)):
        return False
    return high is None or number < high or (number == high and not bounds.max_open)


def _between(bounds: click.FloatRange) -> str:
    return f" {'above' if bounds.min_open else 'from'} {bounds.min:g} to {bounds.max:g}"
