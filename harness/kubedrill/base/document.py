"""The run document: what a run came to, for programs.

It is verdict.json and a line of the history's export; the history, the site and the metrics read
nothing else of a run. Its JSON schema is docs/reference/verdict.schema.json, made by
``python docs/generate``.

What it holds of one drill is a :class:`~kubedrill.base.drill_entry.DrillEntry`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from kubedrill.base.drill_entry import LABELS, UNKNOWN, Count, DrillEntry, Name, Part
from kubedrill.base.results import VerdictKind  # noqa: TC001 - pydantic reads it

SCHEMA: Literal[1] = 1
"""Raised when a key changes its meaning. New keys may come without it."""


class NotRun(Part):
    """A drill that the run was asked for, and of which there is no verdict."""

    name: Name
    reason: str
    missing: bool = Field(
        default=False,
        description="true: its record is missing or cannot be used; false: it could not be run on "
        "this cluster",
    )


def _each_once(missed: tuple[NotRun, ...]) -> tuple[NotRun, ...]:
    names = [each.name for each in missed]
    if len(set(names)) < len(names):
        raise ValueError("a drill is listed more than once")
    return missed


class RunDocument(Part):
    """verdict.json of a kubedrill run."""

    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema")
    run: Name = Field(description="its id: the name of its folder")
    cluster: str
    seed: Count | None = Field(description="null when no drill was run")
    verdict: VerdictKind
    exit_code: Literal[0, 1, 3, 4]
    drills: tuple[DrillEntry, ...]
    not_run: Annotated[tuple[NotRun, ...], AfterValidator(_each_once)]
    interrupted: bool = Field(
        default=False, description="the run was stopped before its end, which is ABORTED"
    )

    @property
    def started(self) -> str:
        """When its first drill began, ISO 8601 in UTC, which sorts; empty: no drill was run."""
        return min((drill.started for drill in self.drills), default="")

    def relabelled(self, labels: dict[str, str]) -> RunDocument:
        """The same run with some of topology, network, host and app given by the user."""
        return self.model_copy(
            update={"drills": tuple(drill.model_copy(update=labels) for drill in self.drills)}
        )

    def condensed(self) -> RunDocument:
        """What the history keeps: a few kilobytes a drill."""
        ordered = sorted(self.not_run, key=lambda each: each.name)
        return self.model_copy(
            update={
                "drills": tuple(drill.condensed() for drill in self.drills),
                "not_run": tuple(ordered),
            }
        )

    def has_results_of(self, other: RunDocument) -> bool:
        """Whether both hold the same verdicts and measurements.

        Labels may differ, for users may set them, and so may the least disruption that was
        predicted, which was written uncapped before.
        """
        blank = dict.fromkeys(LABELS, UNKNOWN)
        both = [
            each.relabelled(blank).condensed().with_limits(least_s=0.0) for each in (self, other)
        ]
        if not all(each.has_latencies for each in both):
            both = [each.without_latencies() for each in both]
        return both[0] == both[1]

    @property
    def has_latencies(self) -> bool:
        """Whether it was judged by a kubedrill that keeps latencies."""
        limits = [limit for drill in self.drills for limit in drill.predicted]
        return all(limit.failed_share is not None for limit in limits)

    def without_latencies(self) -> RunDocument:
        """As it was judged before latencies were kept."""
        return self.with_limits(_LATENCIES, failed_share=None, least_s=0.0)

    def with_limits(
        self, measured: dict[str, None] | None = None, **changes: float | None
    ) -> RunDocument:
        """The same run with something else in each limit, and in what was measured beside it."""
        drills = []
        for drill in self.drills:
            limits = tuple(
                limit.model_copy(
                    update={
                        **changes,
                        "measured": limit.measured.model_copy(update=measured or {}),
                    }
                )
                for limit in drill.predicted
            )
            drills.append(drill.model_copy(update={"predicted": limits}))
        return self.model_copy(update={"drills": tuple(drills)})


_LATENCIES = dict.fromkeys(("available_fault", "p50_fault_ms", "p99_fault_ms", "felt_s"))


def schema() -> dict[str, Any]:
    """The JSON schema of verdict.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://kubedrill.invalid/verdict.schema.json",
        **RunDocument.model_json_schema(mode="serialization"),
        "title": "verdict.json of a kubedrill run",
        "description": "Times are seconds from the begin of the drill's record.",
    }


def schema_text() -> str:
    """The schema as the file in docs/reference has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
