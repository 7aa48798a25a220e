"""Whatever stands in a record.

It is judged, or refused with a message, and never makes a broken run a good one.
"""

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from recordkit import CONTROL, WRITE, Kit, write

from kubedrill.base.errors import UsageError
from kubedrill.base.results import DrillVerdict, VerdictKind
from kubedrill.record import read_record
from kubedrill.verdict import judge

LARGE = 1 << 70
ODD: list[Any] = [
    None,
    True,
    "",
    "x",
    -1,
    0,
    1.5,
    LARGE,
    [],
    ["x"],
    {},
    {"x": 1},
    float("nan"),
    float("-inf"),
]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """One line of each kind, and a few samples."""
    kit = Kit(WRITE, CONTROL).fail("api-write", 6, 11).span("step", "cp1", "cut", 4, 5)
    path = write(kit.record(), tmp_path_factory.mktemp("record") / "a.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def places(line: list[Any]) -> list[tuple[Any, ...]]:
    """Where something can stand in a line: its fields, and the keys of its objects."""
    result: list[tuple[Any, ...]] = [(index,) for index in range(len(line))]
    for index, value in enumerate(line):
        if isinstance(value, dict):
            result += [(index, key) for key in value]
    return result


def changed(line: list[Any], place: tuple[Any, ...], value: Any) -> list[Any]:
    other = copy.deepcopy(line)
    target: Any = other
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    return other


@pytest.mark.parametrize(
    "kind", ["header", "sample", "span", "event", "clock", "limit", "check", "end"]
)
def test_an_odd_value_anywhere(kind: str, lines: list[list[Any]], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [*lines[:-1], ["event", "log", "cp1", "hello", 5, {}], lines[-1]]
    at = next(place for place, line in enumerate(lines) if line[0] == kind)
    before, after = [
        [f"{json.dumps(line)}\n" for line in part] for part in (lines[:at], lines[at + 1 :])
    ]
    for place, value in itertools.product(places(lines[at]), ODD):
        path.write_text(
            "".join([*before, f"{json.dumps(changed(lines[at], place, value))}\n", *after])
        )
        result = judged(path)
        if result is not None:
            assert result.reason
            loosened = kind == "limit" and (place == (1, "probes") or value == LARGE)
            assert result.verdict is not VerdictKind.PASS or loosened, (
                f"{place} {value}: {result.reason}"
            )


def judged(path: Path) -> DrillVerdict | None:
    """The verdict; None when the record was refused by its name."""
    try:
        return judge(read_record(path))
    except UsageError as error:
        if str(path) not in str(error):
            raise
        return None
