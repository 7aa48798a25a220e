"""What all sections of the configuration have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Settings that nobody changes once they are read.

    One with a name that nobody knows is a mistake.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
