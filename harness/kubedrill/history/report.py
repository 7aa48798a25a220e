"""The history for programs; schemas in docs/reference are made from these models."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, WithJsonSchema

from kubedrill.base.document import RunDocument
from kubedrill.base.json_document import JsonDocument, JsonPart
from kubedrill.history.trends import Change  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from kubedrill.history.predictions import Calibration
    from kubedrill.history.trends import Trend, Trends


_Run = Annotated[
    RunDocument, WithJsonSchema({"$ref": "https://kubedrill.invalid/verdict.schema.json"})
]


class RunList(JsonDocument):
    """kubedrill history list -o json."""

    total: int = Field(ge=0, description="runs in the history")
    runs: tuple[_Run, ...] = Field(description="the newest of them, the oldest first")


class TrendRules(JsonPart):
    """How changes are found."""

    recents: tuple[int, ...] = Field(description="counts of last nights, each compared")
    before: int = Field(description="nights before them, at least")
    window: int = Field(description="nights before them, at most")
    alarm_rate: float = Field(
        description="chance at most that a look flags anything where nothing changed"
    )


class TrendNight(JsonPart):
    """One value of a series."""

    run: str
    started: str = Field(description="ISO 8601: when the drill began")
    value: float
    over: bool = Field(description="above the limit of that night")
    aside: str = Field(description="why it is not compared; empty: it is")


class TrendSeries(JsonPart):
    """One measure of one drill, of nights that can be compared."""

    before: str = Field(description="minor version before the drill")
    after: str = Field(description="minor version after the drill")
    topology: str
    network: str
    host: str
    app: str
    drill: str
    measure: str = Field(
        description='"duration", or "outage", "unavailable", "unavailable in fault", '
        '"p50 in fault", "p99 in fault", "failed" with probes'
    )
    unit: Literal["s", "%", "ms", "requests"]
    limit: float | None = Field(description="the newest night's; null: none")
    budget: float | None = Field(description="limit, as it was called before 0.2", deprecated=True)
    over: int = Field(ge=0, description="nights above their limit, those set aside included")
    usable: int = Field(ge=0, description="nights that are compared")
    latest: float | None = Field(description="null: the last night was set aside")
    median: float | None
    worst: float | None
    median_before: float | None = Field(description="null: nothing was tested")
    median_recent: float | None = Field(description="null: nothing was tested")
    recent: int | None = Field(description="count of last nights of the strongest test")
    p: float | None = Field(description="of the strongest test; null: nothing was tested")
    change: Change
    note: str
    nights: tuple[TrendNight, ...] = Field(description="the oldest first")


class TrendsDocument(JsonDocument):
    """kubedrill history trends -o json."""

    test: str = Field(
        default="pre-whitened least squares (exact rank sum where tied), Tarone's correction",
        description="the statistical test",
    )
    rules: TrendRules
    level: float = Field(description="what p of a series had to reach")
    worse: int = Field(ge=0, description="series that got worse; the exit code is 1 if any did")
    series: tuple[TrendSeries, ...]


class PredictionEntry(JsonPart):
    """How the predictions of one drill for one group of probes held."""

    drill: str
    topology: str
    probes: str
    nights: int = Field(ge=0, description="nights that count")
    aside: int = Field(ge=0, description="nights with a slow host or a doubtful measurement")
    held: int = Field(ge=0, description="the measured stayed within the prediction")
    exceeded: int = Field(ge=0, description="the outage was surely longer than predicted")
    far_less: int = Field(
        ge=0, description="users felt less than half of the least that was predicted"
    )
    predicted_s: float | None = Field(description="the newest; null: no night counts")
    median_s: float | None = Field(description="of the longest outages")
    worst_s: float | None = Field(description="longest outage of all nights that count")
    limit_s: float | None = Field(default=None, description="the newest; null: no night counts")
    baseline_s: float | None = Field(
        default=None,
        description="3 times the worst of 10 nights or more within the limit, and 3 s or more; "
        "null: too few nights",
    )


class PredictionsDocument(JsonDocument):
    """kubedrill history predictions -o json."""

    predictions: tuple[PredictionEntry, ...]


SCHEMAS: dict[str, type[BaseModel]] = {
    "history-list": RunList,
    "history-trends": TrendsDocument,
    "history-predictions": PredictionsDocument,
}
"""The documents, by the names of their schema files."""


def trends_document(trends: Trends) -> TrendsDocument:
    """The rules, the level that each series had to reach, and every series with its nights."""
    return TrendsDocument(
        rules=TrendRules.model_validate(trends.rules),
        level=trends.level,
        worse=len(trends.worse),
        series=tuple(_series(trend) for trend in trends.trends),
    )


def predictions_document(calibrations: Iterable[Calibration]) -> PredictionsDocument:
    """Every drill, topology and group of probes."""
    return PredictionsDocument(
        predictions=tuple(
            PredictionEntry.model_validate({**asdict(each), "held": each.held})
            for each in calibrations
        )
    )


def _series(trend: Trend) -> TrendSeries:
    series = trend.series
    return TrendSeries.model_validate(
        {
            **series.key._asdict(),
            "measure": series.measure,
            "unit": series.unit,
            "limit": series.limit,
            "budget": series.limit,
            "over": trend.over,
            "usable": trend.usable,
            "latest": trend.latest,
            "median": trend.median,
            "worst": trend.worst,
            "median_before": trend.median_before,
            "median_recent": trend.median_recent,
            "recent": trend.recent,
            "p": trend.p,
            "change": trend.change,
            "note": trend.note,
            "nights": [
                TrendNight(
                    run=night.run,
                    started=night.started.isoformat(),
                    value=night.value,
                    over=night.over,
                    aside=night.aside,
                )
                for night in series.nights
            ],
        }
    )
