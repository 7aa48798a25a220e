"""What all sections of the configuration have in common."""

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """Settings that nobody changes once they are read.

    One with a name that nobody knows is a mistake, and so are a truth value for a number and a
    number without end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _require_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse ``true`` where a number is expected: it would be 1."""
        kind = cls.model_fields[str(info.field_name)].annotation
        kinds = {kind, *get_args(kind)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise PydanticCustomError("app", "{mistake}", {"mistake": "expected a number"})
        return value
