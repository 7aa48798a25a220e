"""Plan, rows and table of :mod:`benchmarks.kill_windows`, none of which needs a cluster.

A file has one JSON object a line. An interruption is a line as soon as it was made. What came of it
is a line of its own (``settles`` has the interruptions' numbers), when the same command has come to
its end. An interruption that nothing settles counts as a failure.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PLAYBOOKS = ("site", "upgrade", "reset")
"""In the order of a cycle: each begins with what the one before has left."""
BEGIN, END = "<!-- rows of kill_windows: begin -->", "<!-- rows of kill_windows: end -->"


@dataclass(frozen=True)
class Plan:
    """One interruption that is to come.

    ``moment`` is a share of the interruption's own part of the playbook's time, and ``pick``
    chooses the node whose power is cut. Both are from 0 to 1.
    """

    number: int
    cut: bool
    moment: float
    pick: float


@dataclass(frozen=True)
class Event:
    """An interruption as it was made: after ``after_s`` seconds, in ``task``."""

    seed: int
    number: int
    playbook: str
    how: str
    task: str
    after_s: float
    commit: str
    date: str


@dataclass(frozen=True)
class Outcome:
    """What came of interruptions: of the same command's last run, and of one more.

    ``problem`` is "" where that run succeeded and left what the playbook should leave; ``changed``
    is how many tasks changed something when it was run once more, None where it was not.
    """

    seed: int
    settles: tuple[int, ...]
    finish_s: float
    problem: str
    changed: int | None


def plan(seed: int, first: int, kills: int, cuts: int) -> list[Plan]:
    """The interruptions from number ``first`` on, in random order; the same ones for a seed."""
    order = [False] * kills + [True] * cuts
    random.Random(f"{seed} {first}").shuffle(order)  # noqa: S311 - moments, not secrets
    return [_plan_one(seed, first + index, cut=cut) for index, cut in enumerate(order)]


def _plan_one(seed: int, number: int, *, cut: bool) -> Plan:
    source = random.Random(f"{seed}/{number}")  # noqa: S311 - moments, not secrets
    return Plan(number, cut, source.random(), source.random())


def chains(plans: list[Plan], length: int) -> Iterator[tuple[str, list[Plan]]]:
    """Playbooks in the order of cycles, each with the interruptions of its one run to the end."""
    for index, start in enumerate(range(0, len(plans), length)):
        yield PLAYBOOKS[index % len(PLAYBOOKS)], plans[start : start + length]


def append(path: Path, row: Event | Outcome) -> None:
    """Add a row; it is in the file when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(row)) + "\n")


def read(path: Path) -> tuple[list[Event], list[Outcome]]:
    """All rows of a file; a last line that was cut is left out, as its row was not made."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rows = [json.loads(line) for line in text.split("\n")[:-1]]
    events = [Event(**row) for row in rows if "settles" not in row]
    outcomes = [Outcome(**_tuples(row)) for row in rows if "settles" in row]
    return events, outcomes


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "settles": tuple(row["settles"])}


def next_number(events: Iterable[Event], seed: int) -> int:
    """Where a later run of a seed goes on."""
    return max((event.number for event in events if event.seed == seed), default=-1) + 1


def verdict(event: Event, outcomes: Iterable[Outcome]) -> tuple[str, str]:
    """Say whether the same command finished it, and whether one more run changed nothing."""
    outcome = next(
        (each for each in outcomes if each.seed == event.seed and event.number in each.settles),
        None,
    )
    if outcome is None:
        return "not known", "not known"
    if outcome.problem:
        return f"no: {outcome.problem}", "not tried"
    if outcome.changed is None:
        return "yes", "not known"
    return "yes", "yes" if outcome.changed == 0 else f"no: {outcome.changed} changed"


def table(events: list[Event], outcomes: list[Outcome]) -> str:
    """The table in Markdown, a row for each interruption, and how many were finished."""
    verdicts = [verdict(event, outcomes) for event in events]
    good = sum(each == ("yes", "yes") for each in verdicts)
    kills = sum(event.how == "kill -9" for event in events)
    lines = [
        (
            f"{good} of {len(events)} interruptions ({kills} kills, {len(events) - kills} power "
            "cuts) were finished by the same command, which then changed nothing."
        ),
        "",
        "| seed | n | playbook | cut | after s | task under way | finished | changed=0 after |",
        "|---:|---:|---|---|---:|---|---|---|",
    ]
    cells = [
        (e.seed, e.number, f"{e.playbook}.yml", e.how, f"{e.after_s:.0f}", e.task, *each)
        for e, each in zip(events, verdicts, strict=True)
    ]
    lines += [f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in cells]
    return "\n".join(lines)


def write_table(path: Path, events: list[Event], outcomes: list[Outcome]) -> None:
    """Put the table between its two marks in a page; the rest of the page stays.

    Raises:
        ValueError: the page has not both marks.
    """
    before, mark, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"{path} has no lines {BEGIN} and {END}, between which the table stands")
    text = f"{before}{BEGIN}\n\n{table(events, outcomes)}\n\n{END}{after}"
    path.write_text(text, encoding="utf-8")
