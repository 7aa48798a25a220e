"""The history of verdicts: add runs, read them back."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from kubedrill.base.errors import ConfigErrors
from kubedrill.history import schema
from kubedrill.history.database import default_url, make_engine, parse_url, shown, told_clearly
from kubedrill.history.entry import RunEntry
from kubedrill.history.migrate import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine, Table

_DRILL_COLUMNS = [
    column.name for column in schema.drills.columns if column.name not in {"run", "position"}
]
_BUDGET_COLUMNS = [
    column.name
    for column in schema.budgets.columns
    if column.name not in {"run", "position", "place"}
]


class Outcome(StrEnum):
    """What adding a run came to."""

    ADDED = "added"
    SAME = "was there already"
    REPLACED = "replaced"


class History:
    """An open database of verdicts. Each call is one transaction: all of it or nothing."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine, self.where = engine, where

    @classmethod
    @contextmanager
    def open(
        cls, url: str = "", *, create: bool = False, timeout_s: float = 30
    ) -> Iterator[History]:
        """Open a database by URL, by default the SQLite file in the user's data directory.

        Migrate an older one.

        ``create`` makes it where there is none. ``timeout_s`` bounds each wait for it.

        Raises:
            UsageError: no such database, or one of a newer kubedrill or of another program: it was
                not touched.
            StepFailed: the database cannot be reached or refuses.
        """
        parsed = parse_url(url or default_url())
        where = shown(parsed)
        engine = make_engine(parsed, create=create, timeout_s=timeout_s)
        try:
            with told_clearly(where):
                prepare(engine, where, create=create)
            yield cls(engine, where)
        finally:
            engine.dispose()

    def add(self, entries: Sequence[RunEntry], *, replace: bool = False) -> list[Outcome]:
        """Add runs, all or none. A run is known by its id: the same one again changes nothing.

        Raises:
            ConfigErrors: a run is there already and says something else, and ``replace`` is not
                set; lists all such.
            StepFailed: the database refused.
        """
        with (
            told_clearly(self.where),
            self._engine.execution_options(writes=True).begin() as connection,
        ):
            outcomes, conflicts = [], []
            for entry in entries:
                outcome = self._add(connection, entry, replace=replace)
                outcomes.append(outcome or Outcome.SAME)
                conflicts += (
                    []
                    if outcome
                    else [f"run {entry.run}: its verdict or measurements differ from those kept"]
                )
            if conflicts:
                raise ConfigErrors(
                    f"{self.where} (unchanged; --replace takes the new ones)", conflicts
                )
            return outcomes

    def runs(self) -> list[RunEntry]:
        """All runs, the oldest first; one that ran no drill sorts by its name only."""
        with told_clearly(self.where), self._engine.connect() as connection:
            found = _read(connection)
        return sorted(
            found, key=lambda entry: (entry.started.isoformat() if entry.started else "", entry.run)
        )

    def _add(self, connection: Connection, entry: RunEntry, *, replace: bool) -> Outcome | None:
        """Return None where the run is kept with other contents that must not be replaced."""
        kept = _read(connection, entry.run)
        if kept and kept[0] == entry:
            return Outcome.SAME
        if kept and not replace:
            return Outcome.SAME if kept[0].says_the_same_as(entry) else None
        connection.execute(delete(schema.runs).where(schema.runs.c.run == entry.run))
        _write(connection, entry)
        return Outcome.REPLACED if kept else Outcome.ADDED


def _write(connection: Connection, entry: RunEntry) -> None:
    data = entry.model_dump(mode="json")
    key = {"run": entry.run}
    connection.execute(
        insert(schema.runs), key | {name: data[name] for name in ("cluster", "seed", "verdict")}
    )
    for position, drill in enumerate(data["drills"]):
        place = key | {"position": position}
        connection.execute(
            insert(schema.drills), place | {name: drill[name] for name in _DRILL_COLUMNS}
        )
        rows = [
            place | {"place": number} | budget for number, budget in enumerate(drill["budgets"])
        ]
        if rows:
            connection.execute(insert(schema.budgets), rows)
    if data["not_run"]:
        connection.execute(insert(schema.not_run), [key | missed for missed in data["not_run"]])


def _read(connection: Connection, run: str | None = None) -> list[RunEntry]:
    """Read one run, or all of them: four queries however many there are."""

    def rows(table: Table, *order: str) -> list[dict[str, Any]]:
        query = select(table).order_by(*(table.c[name] for name in order))
        query = query if run is None else query.where(table.c.run == run)
        return [dict(row) for row in connection.execute(query).mappings()]

    budgets: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows(schema.budgets, "run", "position", "place"):
        kept = {name: row[name] for name in _BUDGET_COLUMNS}
        budgets.setdefault((row["run"], row["position"]), []).append(kept)
    drills: dict[str, list[dict[str, Any]]] = {}
    for row in rows(schema.drills, "run", "position"):
        kept = {name: row[name] for name in _DRILL_COLUMNS}
        drills.setdefault(row["run"], []).append(
            kept | {"budgets": budgets.get((row["run"], row["position"]), [])}
        )
    missed: dict[str, list[dict[str, Any]]] = {}
    for row in rows(schema.not_run, "run", "name"):
        missed.setdefault(row.pop("run"), []).append(row)
    return [
        RunEntry.model_validate(
            row | {"drills": drills.get(row["run"], []), "not_run": missed.get(row["run"], [])}
        )
        for row in rows(schema.runs, "run")
    ]
