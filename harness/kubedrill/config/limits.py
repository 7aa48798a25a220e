"""The section ``drills:`` of the configuration: what each drill may cost."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo

from kubedrill.base.section import Section, wrong

MOST_S = 86_400
"""Seconds of a day: an outage of any drill is over, or has shown itself, long before."""
MOST_FAILED = 1_000_000_000


def _available(default: float | None, text: str) -> Any:
    return Field(default=default, ge=0, le=1, description=text)


class Limits(Section):
    """What one drill may cost.

    The longest outage in seconds of each group of probes, the share of requests that must be
    answered, failed requests, and how slow answers may be.

    3 s for what a drill does not touch: a probe gives up after 1 s, so two slow answers in a row,
    as a small machine gives them while pods start, are told as an outage of up to 2 s.
    """

    app_outage_s: float = Field(
        default=1.0,
        ge=0,
        le=MOST_S,
        description="seconds; the application, longest outage of a probe",
    )
    api_outage_s: float = Field(
        default=3.0, ge=0, le=MOST_S, description="seconds; the API through the virtual address"
    )
    dns_outage_s: float = Field(
        default=3.0, ge=0, le=MOST_S, description="seconds; DNS asked from a pod"
    )
    app_max_failed: int | None = Field(
        default=None,
        ge=0,
        le=MOST_FAILED,
        description="failed application requests; null: unbounded",
    )
    api_max_failed: int | None = Field(
        default=None, ge=0, le=MOST_FAILED, description="failed API requests; null: unbounded"
    )
    app_available_fault: float | None = _available(
        None,
        "share of requests of each application probe that must be answered in the fault window; "
        "null: what the outage limit and the prediction leave over",
    )
    api_available_fault: float | None = _available(None, "the same of the API")
    dns_available_fault: float | None = _available(None, "the same of DNS")
    app_available_run: float = _available(
        0.95,
        "share of requests of each application probe that must be answered in the whole run, "
        "besides outages within the limit",
    )
    api_available_run: float = _available(0.95, "the same of the API")
    dns_available_run: float = _available(0.95, "the same of DNS")
    p50_s: float = Field(
        default=0.5, gt=0, le=MOST_S, description="seconds; half of a probe's answers in the fault"
    )
    p99_s: float = Field(default=1.0, gt=0, le=MOST_S, description="seconds; 99 of 100 answers")
    slow_factor: float = Field(
        default=10.0,
        ge=1,
        le=MOST_FAILED,
        description="times what half of the answers took before the fault; 0.1 s or more",
    )
    slow_s: float = Field(
        default=10.0,
        ge=0,
        le=MOST_S,
        description="seconds that answers may be slow on end, on top of the outage limit",
    )
    failed_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of a probe's requests that may be refused or answered with an error at "
        "once, besides outages within the limit; not judged where a max_failed is given",
    )


class LimitsFromHistory(Section):
    """Also judge the longest outage by what this cluster did on nights before.

    The baseline is ``factor`` times the worst of the last 60 nights that were PASS, of the same
    drill, releases, topology, network, host and application. It is never wider than the objective,
    the limit in ``drills``, which holds where there are too few nights.
    """

    factor: float = Field(
        default=3.0,
        ge=1,
        le=100,
        description="times the worst night, so that one a little worse than all before is no FAIL; "
        "without this section there are objectives only",
    )
    nights: int = Field(
        default=10, ge=3, le=60, description="fewer than this tell nothing: the objective holds"
    )
    least_s: float = Field(
        default=3.0,
        ge=0.1,
        le=MOST_S,
        description="seconds; no baseline is below, as two slow answers are an outage of up to 2 s",
    )


def _name(name: str, info: ValidationInfo) -> str:
    """A drill's name; one in which ``_`` stands for ``-`` is taken too."""
    name = name.replace("_", "-")
    known = (info.context or {}).get("drills")
    if known is not None and name not in known:
        like = get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean {like[0]}?" if like else "kubedrill list names them all"
        raise wrong(f"no such drill; {hint}")
    return name


def _reject_repeated(data: Any) -> Any:
    names = [str(name).replace("_", "-") for name in data] if isinstance(data, dict) else []
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise wrong(f"twice: {', '.join(repeated)}")
    return data


def _dump_given(limits: dict[str, Limits]) -> dict[str, Any]:
    return {name: given.model_dump(exclude_unset=True) for name, given in limits.items()}


DrillLimits = Annotated[
    dict[Annotated[str, AfterValidator(_name)], Limits],
    BeforeValidator(_reject_repeated),
    PlainSerializer(_dump_given),
]
"""Limits by a drill's name. Those that are not given stay as they are in the drill."""
