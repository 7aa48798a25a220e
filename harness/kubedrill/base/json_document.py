"""What the models of ``-o json`` have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class JsonPart(BaseModel):
    """A part of a document; a field that the schema does not name is a mistake."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        from_attributes=True,
        json_schema_serialization_defaults_required=True,
    )


class JsonDocument(JsonPart):
    """A whole document, with the number of its schema."""

    format: Literal[1] = Field(
        default=1, alias="schema", description="raised when a field changes its meaning"
    )

    def text(self) -> str:
        """Return the document as it is printed."""
        return self.model_dump_json(indent=2, by_alias=True)
