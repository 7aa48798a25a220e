"""What all sections of files that people write have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """Settings that nobody changes once they are read.

    One with a name that nobody knows is a mistake, and so is a number that is none: infinity, NaN,
    or ``true``, which Python takes for 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, bool):
            return value
        field = cls.model_fields[str(info.field_name)]
        kinds = {field.annotation, *get_args(field.annotation)}
        has_words = any(isinstance(each, BeforeValidator) for each in field.metadata)
        if kinds & {int, float} and not has_words:
            raise PydanticCustomError("expected", "{expected}", {"expected": "expected a number"})
        return value


def wrong(mistake: str) -> PydanticCustomError:
    """A mistake whose text is shown as it is."""
    return PydanticCustomError("app", "{mistake}", {"mistake": mistake})


def matching(pattern: str, expected: str) -> AfterValidator:
    """Take only text of a pattern; ``expected`` says in words what that is."""
    whole = re.compile(pattern)

    def check(text: str) -> str:
        if not whole.fullmatch(text):
            raise PydanticCustomError(
                "expected", "{expected}", {"expected": f"expected {expected}"}
            )
        return text

    return AfterValidator(check)


def _require_path(path: Any) -> Any:
    if isinstance(path, str) and not path.strip():
        raise wrong("expected a path, found an empty one")
    return path


NonEmptyPath = Annotated[Path, BeforeValidator(_require_path)]
"""A path with a name; pathlib reads an empty one as the working directory."""
