"""Numbers of the command line: finite, within bounds, and refused in words."""

from __future__ import annotations

import math
from contextlib import suppress
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

    read: type[int | float] = float
    kind = "a number"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        """Read it.

        Raises:
            BadParameter: it is none, or out of bounds.
        """
        number: float = math.nan
        if len(str(value)) <= _LONGEST:
            with suppress(ValueError):  # it stays what is no number
                number = self.read(value)
        low, high = self.min or 0, self.max or MOST
        is_low = number <= low if self.min_open else number < low
        if math.isnan(number) or is_low or number > high:
            since = "above" if self.min_open else "from"
            most = high if self.read is int else f"{high:g}"
            actual = shown(value) if math.isnan(number) else str(value)
            self.fail(f"expected {self.kind} {since} {low:g} to {most}, found {actual}", param, ctx)
        return number

    def _describe_range(self) -> str:
        return f"x>={self.min:g}" if self.max == MOST else super()._describe_range()


class Whole(Number):
    """A whole number between two bounds."""

    name = "integer range"
    read = int
    kind = "a whole number"

    def __init__(self, least: int = 0, most: int = MOST) -> None:
        super().__init__(min=least, max=most)
