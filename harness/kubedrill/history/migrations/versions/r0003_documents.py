"""One table with each run's document, instead of four with its parts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from kubedrill.history.before import document_of
from kubedrill.history.lines import clean_document

revision = "r0003"
down_revision = "r0002"

_JSON = ("nodes", "control", "failed_checks", "host_facts")
_RUNS = ("run", "cluster", "seed", "verdict")
_NOT_RUN = ("run", "name", "reason")
_DRILLS = (
    *("run", "position", "name", "verdict", "reason", "started", "lasted_s", "ended"),
    *("before", "after", "topology", "network", "host", "app", "tool_version"),
    *("samples", "failed", "worst_lateness_ms", "host_lateness_ms", "tick_s"),
)
_BUDGETS = (
    *("run", "position", "place", "probes", "limit_s", "max_failed", "predicted_s"),
    *("shortest_s", "longest_s", "open_ended", "failed", "verdict"),
)


def upgrade() -> None:
    """Make the documents of what is there, then the new table."""
    rows = [_row(entry) for entry in _entries()]
    for name in ("budgets", "not_run", "drills", "runs"):
        op.drop_table(name)
    table = op.create_table(
        "runs",
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("run", "started", "cluster", "verdict", "document")
        ),
        sa.PrimaryKeyConstraint("run", name="pk_runs"),
    )
    op.bulk_insert(table, rows)


def _row(entry: dict[str, Any]) -> dict[str, str]:
    document = clean_document(document_of(entry))
    return {
        "run": document.run,
        "started": document.started,
        "cluster": document.cluster,
        "verdict": document.verdict.value,
        "document": document.model_dump_json(),
    }


def _entries() -> list[dict[str, Any]]:
    """The runs as the export of format 1 had them."""
    budgets = _grouped("budgets", _BUDGETS, ("run", "position"), "place")
    drills: dict[Any, list[dict[str, Any]]] = {}
    for (run, position), [drill] in _grouped("drills", _DRILLS, ("run", "position")).items():
        drills.setdefault((run,), []).append(drill | {"budgets": budgets.get((run, position), [])})
    missed = _grouped("not_run", _NOT_RUN, ("run",), "name")
    return [
        {"run": key[0], **run, "drills": drills.get(key, []), "not_run": missed.get(key, [])}
        for key, [run] in _grouped("runs", _RUNS, ("run",)).items()
    ]


def _grouped(
    table: str, names: tuple[str, ...], keys: tuple[str, ...], order: str = ""
) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """The rows of a table by some of its columns, without those."""
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
    if table == "drills":
        columns += [sa.column(name, sa.JSON) for name in _JSON]
    query = sa.select(*columns).select_from(sa.table(table, *columns))
    query = query.order_by(*(sa.column(name) for name in (*keys, *filter(None, [order]))))
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in op.get_bind().execute(query).mappings():
        rest = {name: value for name, value in row.items() if name not in {*keys, order}}
        if order == "name":
            rest["name"] = row["name"]
        groups.setdefault(tuple(row[name] for name in keys), []).append(rest)
    return groups
