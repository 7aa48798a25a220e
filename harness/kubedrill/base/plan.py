"""The plan of a run: what it was asked for, written before anything is touched.

What the run came to is compared with it, so that a drill of which nothing is left still counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kubedrill.base.errors import UsageError
from kubedrill.base.files import replace_file
from kubedrill.base.mistakes import located
from kubedrill.base.strict_json import load_json

if TYPE_CHECKING:
    from pathlib import Path

PLAN_FILE = "plan.json"
"""In the run's folder."""


class Baseline(BaseModel):
    """What nights before say of one group of probes, in one drill from one release to another.

    Releases are minors. Without any night of a drill they are empty, and ``probes`` is ``*``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    drill: str
    kubernetes: str = ""
    kubernetes_after: str = ""
    probes: str = "*"
    nights: int = Field(default=0, ge=0, description="that were PASS and are not in doubt")
    limit_s: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="null: the objective holds"
    )
    because: str = Field(description="how it was found, or why there is none")


class RunPlan(BaseModel):
    """plan.json of a run."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True, strict=True
    )

    schema_version: Literal[1] = Field(default=1, alias="schema")
    run: str = Field(min_length=1, description="its id: the name of the folder that it began in")
    cluster: str
    seed: int = Field(ge=0)
    drills: Annotated[list[str], Field(min_length=1)]
    tool_version: str
    config_sha256: str = Field(description="digest of the configuration, limits and all")
    baselines: list[Baseline] = Field(
        default=[], description="none: the configuration has no limits_from_history"
    )
    history_sha256: str = Field(default="", description="digest of the nights behind them")


def write_plan(directory: Path, plan: RunPlan) -> None:
    """Write the plan of a run, whole and on the disk, into its folder."""
    replace_file(directory / PLAN_FILE, plan.model_dump_json(indent=2) + "\n")


def read_plan(directory: Path) -> RunPlan | None:
    """Read the plan of a run; None where it has none, as runs of before 0.2.

    Raises UsageError when there is a file that is not one.
    """
    path = directory / PLAN_FILE
    try:
        return RunPlan.model_validate(load_json(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        refused = error.errors() if isinstance(error, ValidationError) else []
        first = "; ".join(map(located, refused[:3])) or " ".join(str(error).split())[:200]
        raise UsageError(
            f"{path}: found something else, expected the plan of a run as kubedrill wrote it "
            f"({first}). Copy the run's folder again from where it was made."
        ) from error
