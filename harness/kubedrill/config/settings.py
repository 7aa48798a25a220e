"""The one configuration file, ``kubedrill.yml``.

Typed, optional, with every mistake reported at once.

Each setting has its unit in its name or its description, and the reason for its default beside it.
``docs/reference/configuration.md`` lists them all; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import Field, ValidationError

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.strict_yaml import describe_error, load_strictly
from kubedrill.config.app import AppSettings  # noqa: TC001 - pydantic reads it at run time
from kubedrill.config.limits import DrillLimits, Limits
from kubedrill.config.section import Section
from kubedrill.config.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Collection


DEFAULT_FILE = "kubedrill.yml"


class Probes(Section):
    """How often and how long each probe asks."""

    interval_s: float = Field(
        default=0.1, ge=0.01, le=10, description="seconds between ticks; 10 Hz or more"
    )
    timeout_s: float = Field(
        default=1.0, gt=0, le=30, description="seconds until an unanswered request has failed"
    )
    min_samples: int = Field(
        default=50, ge=1, description="fewer samples than this of a probe: INCONCLUSIVE"
    )
    warmup_s: float = Field(
        default=5.0, ge=0, le=600, description="seconds of traffic before the fault"
    )
    cooldown_s: float = Field(
        default=5.0, ge=0, le=600, description="seconds without a failure after recovery"
    )


class GameDay(Section):
    """What a game day does: faults in a random order with rests between, until its time is over."""

    minutes: float = Field(
        default=30, ge=1, le=1440, description="minutes; a round that has begun is finished"
    )
    rest_s: float = Field(
        default=15, ge=5, le=3600, description="seconds of rest before each fault, at the least"
    )
    drills: tuple[str, ...] = Field(
        default=(), description="drills to choose from; empty: all that make one fault"
    )
    orders_per_s: float = Field(
        default=10, ge=0, le=1000, description="orders a second from a deployed order service"
    )


class Load(Section):
    """When a load test's figures are those of the service, and not of the harness host."""

    late_ms: float = Field(
        default=50,
        gt=0,
        le=10_000,
        description="milliseconds; 1 % of the writes sent later than this: INCONCLUSIVE",
    )


class History(Section):
    """Where verdicts are kept over nights, and the labels of a run beside the cluster's."""

    enabled: bool = Field(
        default=True, description="kubedrill drill and replay add their runs by themselves"
    )
    database: str = Field(
        default="", description="URL; empty: a SQLite file in the user's data directory"
    )
    host: str = Field(
        default="", max_length=200, description="name of the harness host; empty: its hostname"
    )
    network: str = Field(
        default="",
        max_length=200,
        description="pod network; empty: flannel, its backend, and the engine of NetworkPolicies",
    )
    app: str = Field(
        default="", max_length=200, description="the application; empty: the one that is drilled"
    )


class Notify(Section):
    """Who is told what a nightly cycle came to; docs/how-to/notify.md."""

    urls_file: str = Field(
        default="", description="file (chmod 600) with an Apprise URL a line; empty: nobody"
    )
    always: bool = Field(
        default=False, description="also where nothing changed since the last cycle"
    )
    metrics_file: str = Field(
        default="", description="file.prom for node_exporter's textfile collector; empty: none"
    )
    gateway: str = Field(
        default="", description="host:port of a Prometheus push gateway; empty: none"
    )


class Settings(Section):
    """All of ``kubedrill.yml``.

    ``control_target`` is ``host:port`` or an ``http(s)://`` URL outside the cluster that the
    control probe asks; empty: the harness serves one itself on loopback. ``upgrade_forks`` is
    ``ansible-playbook --forks``; 1 spares nodes that share the processors of one small machine.
    ``upgrade_to`` is what upgrade drills go to; empty: the newest release that has a bundle and is
    at most one minor version ahead. ``app`` is an application of the user's own that drills run
    against (docs/how-to/own-application.md); None: the sample application.
    """

    timeouts: Timeouts = Timeouts()
    probes: Probes = Probes()
    drills: DrillLimits = Field(default_factory=dict)
    app: AppSettings | None = None
    game_day: GameDay = GameDay()
    load: Load = Load()
    control_target: str = Field(
        default="", description="host:port or URL outside the cluster; empty: own, on loopback"
    )
    history: History = History()
    notify: Notify = Notify()
    upgrade_to: str = Field(
        default="",
        pattern=r"^(\d+\.\d+\.\d+)?$",
        description="release that upgrade drills go to; empty: the newest",
    )
    upgrade_forks: int = Field(
        default=20, ge=1, description="nodes that the upgrade drill works on at a time"
    )
    reports_dir: Path = Field(
        default=Path("reports"), description="where each run's folder is made"
    )

    def limits(self, drill: str, defaults: Limits) -> Limits:
        """What a drill may cost: what ``drills`` gives, else the app's objectives, else its own."""
        objectives = self.app.objectives.limits if self.app else {}
        given = self.drills[drill].model_dump(exclude_unset=True) if drill in self.drills else {}
        return defaults.model_copy(update={**objectives, **given})


def load_settings(path: Path | None = None, drills: Collection[str] | None = None) -> Settings:
    """Read a configuration file.

    Without one ``kubedrill.yml`` of the working directory, else the defaults. ``drills`` are the
    names that its section ``drills:`` may hold; None: any.

    Raises:
        ConfigErrors: the file cannot be read or holds mistakes; each is listed with its place.
    """
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.exists():
            return Settings()
    return _parse(path, _read(path), drills)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigErrors(
            str(path), [f"cannot be read: {reason}; give an existing YAML file"]
        ) from error


def _parse(path: Path, text: str, drills: Collection[str] | None) -> Settings:
    where = str(path)
    try:
        data = load_strictly(text)
    except yaml.YAMLError as error:
        raise ConfigErrors(where, [describe_error(error)]) from error
    if data is None:
        return Settings()
    if not isinstance(data, dict):
        raise ConfigErrors(
            where, [f"holds a {type(data).__name__}; expected settings such as 'timeouts:'"]
        )
    try:
        context = {"folder": path.parent, "drills": drills}
        return Settings.model_validate(data, context=context)
    except ValidationError as error:
        raise ConfigErrors(where, [_mistake(item) for item in error.errors()]) from error


def _mistake(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"] if part != "[key]")
    if item["type"] == "extra_forbidden":
        return f"{place}: no such setting; known here: {', '.join(_known(item['loc'][:-1]))}"
    if item["type"] == "missing":
        return f"{place}: is missing, and has no default"
    if item["type"] == "app":
        return f"{place}: {item['msg']}"
    return f"{place}: {item['msg'][:1].lower()}{item['msg'][1:]}, found {item['input']!r}"


def _known(place: tuple[Any, ...]) -> list[str]:
    if place[:1] == ("drills",):
        return sorted(Limits.model_fields)
    model: Any = Settings
    for part in place:
        annotation = model.model_fields[part].annotation
        model = next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    return sorted(model.model_fields)
