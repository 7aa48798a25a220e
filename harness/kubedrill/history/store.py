"""The history of verdicts: add runs, read them back."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from kubedrill.base.contradictions import lower_verdicts
from kubedrill.base.document import RunDocument
from kubedrill.base.errors import ConfigErrors
from kubedrill.history import schema
from kubedrill.history.database import default_url, make_engine, parse_url, refused_clearly, shown
from kubedrill.history.lines import clean_document
from kubedrill.history.migrate import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine


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
            with refused_clearly(where):
                prepare(engine, where, create=create)
            yield cls(engine, where)
        finally:
            engine.dispose()

    def add(self, documents: Sequence[RunDocument], *, replace: bool = False) -> list[Outcome]:
        """Add runs, all or none. A run is known by its id: the same one again changes nothing.

        Secrets are taken out of them.

        Raises:
            ConfigErrors: a run is there already and says something else, and ``replace`` is not
                set; lists all such.
            StepFailed: the database refused.
        """
        with (
            refused_clearly(self.where),
            self._engine.execution_options(writes=True).begin() as connection,
        ):
            outcomes, conflicts = [], []
            for document in (clean_document(each.condensed()) for each in documents):
                outcome = self._add(connection, document, replace=replace)
                outcomes.append(outcome or Outcome.SAME)
                conflicts += (
                    []
                    if outcome
                    else [
                        f"run {document.run}: its verdict or measurements differ from those there"
                    ]
                )
            if conflicts:
                raise ConfigErrors(
                    f"{self.where} (unchanged; --replace takes the new ones)", conflicts
                )
            return outcomes

    def runs(self) -> list[RunDocument]:
        """All runs, the oldest first; those that ran no drill before all others.

        Without the secrets that an older kubedrill may have stored with them, and with no better
        verdicts than their parts allow.
        """
        with refused_clearly(self.where), self._engine.connect() as connection:
            rows = connection.execute(select(schema.runs.c.document)).scalars()
            stored = (RunDocument.model_validate_json(row) for row in rows)
            documents = [lower_verdicts(clean_document(document)) for document in stored]
        return sorted(documents, key=lambda document: (document.started, document.run))

    def _add(
        self, connection: Connection, document: RunDocument, *, replace: bool
    ) -> Outcome | None:
        """Return None where the run is there with other contents that must not be replaced."""
        runs = schema.runs.c
        same_run = runs.run == document.run
        text = connection.execute(select(runs.document).where(same_run)).scalar()
        stored = None if text is None else RunDocument.model_validate_json(text)
        if stored == document:
            return Outcome.SAME
        if stored and not replace:
            before = lower_verdicts(clean_document(stored))
            return Outcome.SAME if before.has_results_of(document) else None
        connection.execute(delete(schema.runs).where(same_run))
        connection.execute(
            insert(schema.runs),
            {
                "run": document.run,
                "started": document.started,
                "cluster": document.cluster,
                "verdict": document.verdict.value,
                "document": document.model_dump_json(),
            },
        )
        return Outcome.REPLACED if stored else Outcome.ADDED
