"""Valid documents, mutated: a value that nobody means, a key that is gone or twice, a cut file."""

from __future__ import annotations

import copy
import datetime as dt
import os
import random
import time
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING, Any

from doorkit import NEVER
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from kubedrill.base.errors import KubedrillError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = float(os.environ.get("KUBEDRILL_FUZZ_S", "8"))
"""For all readers together. `make test-all` gives ten minutes, and begins elsewhere each time."""

LONGEST = 12_500
"""Characters of an answer: 50 mistakes of two or three lines."""

ODD: list[Any] = [
    None, True, False, "", " ", 0, -1, 1.5, 1e308, float("inf"), float("-inf"), float("nan"),
    2**63, 10**400, "x" * 5000, "\x00", "\x1b[2J", "..", "../../etc/passwd", "/", "~nobody9",
    "1:30", "15m", "1e400", "0x10", "é\u202e", "\ud800", "{{ x }}", "null", "=", "<<", [], {}, [[]],
    [None], {"": None}, {"x": {"y": []}}, dt.date(2026, 1, 1), 30, "30", "true", "cp1",
]  # fmt: skip

ODD_TEXT = ["\t", "\x00", "{", "}", "[", "]", ":", ",", '"', "'", "&a ", "*a", "!!x ", "\n", "#",
            "\\", "%", "|", "- ", "? ", "\ufeff",
            "9" * 5000, "[" * 3000, "\x85", "---\n"]  # fmt: skip


def places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the place of every value below the top."""
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in items:
        yield (*place, key)
        yield from places(value, (*place, key))


@st.composite
def mutated(draw: st.DrawFn, base: Any) -> Any:
    """A document with one to three changes, mostly still of its form."""
    data = copy.deepcopy(base)
    for _ in range(draw(st.integers(1, 3))):
        known = list(places(data))
        if known:
            change(draw, data, known)
    return data


def change(draw: st.DrawFn, data: Any, known: list[tuple[Any, ...]]) -> None:
    """Change one value, or its name."""
    *way, key = draw(st.sampled_from(known))
    inner = reduce(getitem, way, data)
    how = draw(st.sampled_from(("value", "value", "drop", "rename", "wrap", "deep", "other")))
    if how == "value":
        inner[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
    elif how == "drop":
        del inner[key]
    elif how == "rename" and isinstance(inner, dict):
        name = draw(st.sampled_from((f"{key}s", str(key)[:-1], "x", "", 7, None)))
        inner[name] = inner.pop(key)
    elif how == "wrap":
        inner[key] = draw(st.sampled_from(([inner[key]], {"x": inner[key]}, str(inner[key]))))
    elif how == "deep":
        for _ in range(
            draw(st.sampled_from((20, 80)))
        ):  # three times at most, and PyYAML writes it
            inner[key] = [inner[key]]
    else:
        inner[key] = copy.deepcopy(reduce(getitem, draw(st.sampled_from(known)), data))


@st.composite
def spoilt(draw: st.DrawFn, text: str) -> str:
    """A text, mostly as it is, else with a change that its form does not foresee."""
    how = draw(st.sampled_from(("",) * 5 + ("cut", "twice", "gone", "insert", "digits")))
    lines = text.splitlines(keepends=True) or [""]
    number = draw(st.integers(0, len(lines) - 1))
    if how == "cut":
        return text[: draw(st.integers(0, len(text)))]
    if how == "twice":
        lines.insert(draw(st.integers(0, len(lines))), lines[number])
    elif how == "gone":
        del lines[number]
    elif how == "insert":
        line, odd = lines[number], draw(st.sampled_from(ODD_TEXT))
        at = draw(st.integers(0, len(line)))
        lines[number] = line[:at] + odd + line[at:]
    elif how == "digits":
        lines[number] = "".join(
            draw(st.sampled_from(("9" * 5000, "1e999", "-0", ".5"))) if c.isdigit() else c
            for c in lines[number][:40]
        )
    return "".join(lines)


def fuzz(strategy: Any, read: Callable[[Any], object], seconds: float) -> int:
    """Read what a strategy gives until the time is over; returns how many were read.

    A reader takes it or refuses it in an error of kubedrill's; anything else fails.
    """
    read_count = 0

    def attempt(value: Any) -> None:
        nonlocal read_count
        read_count += 1
        try:
            read(value)
        except KubedrillError as error:
            assert_readable(str(error))

    number = 0 if SECONDS < 60 else random.SystemRandom().randrange(2**32)
    end = time.monotonic() + seconds
    while True:
        limits = settings(
            max_examples=25,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seed(number)(limits(given(strategy)(attempt)))()
        number += 1
        if time.monotonic() > end:
            return read_count


def assert_readable(text: str) -> None:
    """Refuse an answer that no user reads."""
    assert len(text) <= LONGEST
    assert [words for words in NEVER if words in text] == [], text[:2000]
