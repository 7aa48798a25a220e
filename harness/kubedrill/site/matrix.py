"""The matrix of the site: what each pair of versions and topology is known to stand today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from kubedrill.base.redact import redact_value
from kubedrill.base.results import VerdictKind
from kubedrill.history.nights import undated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from kubedrill.base.document import RunDocument
    from kubedrill.base.drill_entry import DrillEntry

    Nights = dict[tuple[str, ...], list[DrillEntry]]  # of each variant of a drill

STALE = timedelta(days=14)
"""A drill that was last run so long before the site is made is not known to pass today."""


@dataclass(frozen=True)
class _Standing:
    """What the newest night of a drill says today.

    ``doubt`` is why its date does not tell that, ``failed`` the night of a FAIL before it that
    nothing has disproved since; both may be empty.
    """

    drill: DrillEntry
    doubt: str
    failed: str

    @classmethod
    def of(cls, nights: Iterable[DrillEntry], made: datetime) -> _Standing:
        """Of all nights of one drill. Of two at the same time, the worse one counts."""
        ordered = sorted(
            nights, key=lambda each: (not undated(each, made), each.began, each.verdict.rank)
        )
        last = ordered[-1]
        doubt = undated(last, made) or ("long ago" if made - last.began > STALE else "")
        return cls(last, doubt, _failed_before(ordered))

    @property
    def verdict(self) -> VerdictKind:
        """What is known today: an old PASS says nothing, and what proved nothing ends no FAIL."""
        kinds = [VerdictKind.FAIL] if self.failed else []
        is_old = self.doubt and self.drill.verdict is VerdictKind.PASS
        return VerdictKind.worst(
            [*kinds, VerdictKind.INCONCLUSIVE if is_old else self.drill.verdict]
        )


def _failed_before(ordered: Sequence[DrillEntry]) -> str:
    """The day of the last FAIL where later nights, if there are any, proved nothing."""
    proven = {VerdictKind.PASS, VerdictKind.FAIL}
    last = next((each for each in reversed(ordered) if each.verdict in proven), None)
    if last is None or last is ordered[-1] or last.verdict is VerdictKind.PASS:
        return ""
    return last.started[:10] or "not recorded"


def make_matrix(runs: Sequence[RunDocument], made: datetime) -> list[dict[str, Any]]:
    """For each pair of versions and topology, the latest verdict of each drill, and the worst.

    A drill on another network or host, or with another application, is one of its own. A PASS of
    long ago, or of a night that nobody can date, says nothing of today: INCONCLUSIVE in the worst.
    So does a drill that was asked for and has never been run.
    """
    cells: dict[_Place, Nights] = {}
    for drill in (drill for run in runs for drill in run.drills):
        variant = (drill.name, drill.network, drill.app, drill.host)
        cells.setdefault(_Place.of(drill), {}).setdefault(variant, []).append(drill)
    _place_unfinished(cells)
    never = _never_run(cells, runs)
    return [
        _cell(
            place,
            [_Standing.of(nights, made) for _, nights in sorted(drills.items())],
            never.get(place, {}),
            made,
        )
        for place, drills in sorted(cells.items())
    ]


class _Place(NamedTuple):
    """Which cell of the matrix a drill belongs to."""

    before: str
    after: str
    topology: str

    @classmethod
    def of(cls, drill: DrillEntry) -> Self:
        return cls(drill.kubernetes, drill.kubernetes_after, drill.topology)

    def begins_as(self, other: _Place) -> bool:
        """Whether both found the same version on the same topology."""
        return (self.before, self.topology) == (other.before, other.topology)


def _place_unfinished(cells: dict[_Place, Nights]) -> None:
    """Count an upgrade that ended before it said where to wherever the same one led on others."""
    for place in [place for place in cells if not place.after]:
        for variant, nights in list(cells[place].items()):
            rows = [
                drills[variant]
                for other, drills in cells.items()
                if other.after and other.begins_as(place) and variant in drills
            ]
            for row in rows:
                row.extend(nights)
            if rows:
                del cells[place][variant]
        if not cells[place]:
            del cells[place]


def _never_run(
    cells: dict[_Place, Nights], runs: Iterable[RunDocument]
) -> dict[_Place, dict[str, str]]:
    """The drills that runs were asked for and that no run has a verdict on, with the last reason.

    They stand where the first drill of such a run does; a run of which no drill was run has no
    place.
    """
    never: dict[_Place, dict[str, str]] = {}
    for run in runs:
        place = next((_Place.of(drill) for drill in run.drills), None)
        if place not in cells:
            continue
        alike = [drills for other, drills in cells.items() if other.begins_as(place)]
        known = {name for drills in alike for name, *_ in drills}
        missed = {each.name: each.reason for each in run.not_run if each.name not in known}
        never.setdefault(place, {}).update(missed)
    return never


def _cell(
    place: _Place, standings: Sequence[_Standing], never: dict[str, str], made: datetime
) -> dict[str, Any]:
    days = [each.drill.started[:10] for each in standings if not undated(each.drill, made)]
    missed = [VerdictKind.INCONCLUSIVE for _ in never]
    return {
        **place._asdict(),
        "verdict": VerdictKind.worst([*(each.verdict for each in standings), *missed]).value,
        "latest": max(days, default="no date"),
        "oldest": min(days, default="no date"),
        "verdicts": [*(each.drill.verdict.value for each in standings), *missed],
        "drills": [
            {
                "name": each.drill.name,
                "variant": ", ".join(
                    filter(None, (each.drill.network, each.drill.app, each.drill.host))
                ),
                "verdict": each.drill.verdict.value,
                "last": each.drill.started[:10],
                "doubt": each.doubt,
                "failed": each.failed,
            }
            for each in standings
        ]
        + [
            {
                "name": name,
                "variant": "",
                "verdict": VerdictKind.INCONCLUSIVE.value,
                "last": "never",
                "doubt": redact_value(reason),
                "failed": "",
            }
            for name, reason in sorted(never.items())
        ],
    }
