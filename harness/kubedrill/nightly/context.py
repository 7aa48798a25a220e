"""What the cycles of one plan file work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedrill.config import Settings, load_settings
from kubedrill.drills import ALL
from kubedrill.nightly.parts import KUBEDRILL
from kubedrill.nightly.state import FOLDER, all_cycles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kubedrill.nightly.plan import Plan


@dataclass
class CycleContext:
    """What all cells of a plan file's cycles work with, below one folder of reports."""

    plan: Plan
    plan_path: Path
    config: Path | None  # --config, which wins over the plan's
    tell: Callable[[str, str], None]
    program: Sequence[str] = field(default_factory=lambda: KUBEDRILL)
    _settings: dict[str, Settings] = field(default_factory=dict)

    @property
    def reports(self) -> Path:
        """Where runs are, absolute."""
        return self.plan_settings.reports_dir.absolute()

    @property
    def cycles(self) -> list[Path]:
        """The folders of all cycles, the oldest first."""
        return all_cycles(self.reports / FOLDER)

    @property
    def plan_settings(self) -> Settings:
        """The plan's configuration."""
        return self._load(self.plan.config)

    def settings(self, topology: str) -> Settings:
        """The configuration of a topology's clusters."""
        return self._load(self.plan.config_of(topology))

    def _load(self, name: str) -> Settings:
        if name not in self._settings:
            path = self.config or (self.plan_path.parent / name if name else None)
            self._settings[name] = load_settings(path, ALL)
        return self._settings[name]
