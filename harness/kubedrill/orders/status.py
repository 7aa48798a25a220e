"""What of the order service is deployed, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    """One workload: how many pods are ready, and where they are.

    ``problem`` is what it lacks, "" for nothing.
    """

    name: str
    replicas: int
    ready: int
    nodes: dict[str, str]  # pod → node
    problem: str


@dataclass(frozen=True, slots=True)
class OrdersStatus:
    """What is deployed now. ``primary`` is the database's pod that takes writes, "" for none."""

    version: str
    components: tuple[Component, ...]
    primary: str
    volumes: int

    @property
    def problem(self) -> str:
        """What is lacking, in one line; "" when everything is complete."""
        lacking = [f"{part.name}: {part.problem}" for part in self.components if part.problem]
        return "; ".join(lacking + ([] if self.primary else ["database: no primary"]))
