"""The one configuration file, ``kubedrill.yml``.

Typed, optional, with every mistake reported at once.

Each setting has its unit in its name or its description, and the reason for its default beside it.
``docs/reference/configuration.md`` lists them all; a test compares the two.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.mistakes import list_mistakes
from kubedrill.base.redact import remember_secrets, secrets_in
from kubedrill.base.section import NonEmptyPath, Section, matching
from kubedrill.base.yaml_lines import Document, read_document, read_text, refuse
from kubedrill.config.app import AppSettings  # noqa: TC001 - pydantic reads it at run time
from kubedrill.config.limits import (  # noqa: TC001 - as above
    DrillLimits,
    Limits,
    LimitsFromHistory,
)
from kubedrill.config.timeouts import Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


DEFAULT_FILE = "kubedrill.yml"
DATABASE_VARIABLE = "KUBEDRILL_HISTORY_DATABASE"
"""Name of the environment variable that holds the history's URL, so that its password need not
stand in a file."""


def _endpoint(text: str) -> str:
    """A ``host:port``, or an ``http(s)://`` URL, that something can be asked at."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        port, host = parts.port, parts.hostname
        right = parts.scheme in ("http", "https") if "://" in text else port is not None
    except ValueError:  # a port that is none, a bracket that is not closed
        port, host, right = 0, "", False
    if text and not (host and right and port != 0):
        raise ValueError("expected host:port with a port from 1 to 65535, or an http(s):// URL")
    return text


_Endpoint = Annotated[str, AfterValidator(_endpoint)]


class Probes(Section):
    """How often and how long each probe asks."""

    interval_s: float = Field(
        default=0.1, ge=0.01, le=10, description="seconds between ticks; 10 Hz or more"
    )
    timeout_s: float = Field(
        default=1.0, gt=0, le=30, description="seconds until an unanswered request has failed"
    )
    min_samples: int = Field(
        default=50,
        ge=1,
        le=1_000_000,
        description="fewer samples than this of a probe: INCONCLUSIVE",
    )
    warmup_s: float = Field(
        default=5.0, ge=0, le=600, description="seconds of traffic before the fault"
    )
    cooldown_s: float = Field(
        default=5.0, ge=0, le=600, description="seconds without a failure after recovery"
    )
    watch_ledger: bool = Field(
        default=False,
        description="whether watches, lists and conditional writes through every API server are "
        "kept and judged; their port 6443 must be reachable from the harness host",
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
    database: SecretStr = Field(
        default=SecretStr(""),
        description="URL; empty: a SQLite file in the user's data directory; "
        f"${DATABASE_VARIABLE} wins",
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
    gateway: _Endpoint = Field(
        default="", description="host:port of a Prometheus push gateway; empty: none"
    )


class Settings(Section):
    """All of ``kubedrill.yml``.

    ``control_target`` is ``host:port`` or an ``http(s)://`` URL outside the cluster that the
    control probe asks; empty: the harness serves one itself on loopback. ``upgrade_forks`` is
    ``ansible-playbook --forks``; 1 spares nodes that share the processors of one small machine.
    ``upgrade_to`` is what upgrade drills go to; empty: the newest release that has a bundle and is
    at most one minor version ahead. ``limits_from_history`` None: outages are judged by the limits
    of ``drills`` alone. ``app`` is an application of the user's own that drills run
    against (docs/how-to/own-application.md); None: the sample application.
    """

    timeouts: Timeouts = Timeouts()
    probes: Probes = Probes()
    drills: DrillLimits = Field(default_factory=dict)
    limits_from_history: LimitsFromHistory | None = None
    app: AppSettings | None = None
    game_day: GameDay = GameDay()
    load: Load = Load()
    control_target: _Endpoint = Field(
        default="", description="host:port or URL outside the cluster; empty: own, on loopback"
    )
    history: History = History()
    notify: Notify = Notify()
    upgrade_to: Annotated[
        str, matching(r"([0-9]{1,3}(\.[0-9]{1,3}){2})?", "a release such as '1.36.3'")
    ] = Field(default="", description="release that upgrade drills go to; empty: the newest")
    upgrade_forks: int = Field(
        default=20, ge=1, le=1000, description="nodes that the upgrade drill works on at a time"
    )
    reports_dir: NonEmptyPath = Field(
        default=Path("reports"), description="where each run's folder is made"
    )

    def limits(self, drill: str, defaults: Limits) -> Limits:
        """What a drill may cost: what ``drills`` gives, else the app's objectives, else its own."""
        objectives = self.app.objectives.limits if self.app else {}
        given = self.drills[drill].model_dump(exclude_unset=True) if drill in self.drills else {}
        return defaults.model_copy(update={**objectives, **given})


def load_settings(
    path: Path | None = None,
    drills: Collection[str] | Callable[[], Collection[str]] | None = None,
) -> Settings:
    """Read a configuration file.

    Without one ``kubedrill.yml`` of the working directory, else the defaults. ``drills`` are the
    names that its section ``drills:`` may hold, or gives them where that section holds any; None:
    any name is taken.

    Raises:
        ConfigErrors: the file cannot be read or holds mistakes; each is listed with its place.
    """
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.exists() and not path.is_symlink():
            return _from_environment(Settings())
    document = read_document(str(path), read_text(path, "an existing YAML file"))
    return _from_environment(_parse(path, document, drills))


def _from_environment(settings: Settings) -> Settings:
    """Settings with what the environment says, whose secrets nothing shows from here on."""
    if url := os.environ.get(DATABASE_VARIABLE):
        history = settings.history.model_copy(update={"database": SecretStr(url)})
        settings = settings.model_copy(update={"history": history})
    urls = (settings.history.database.get_secret_value(), settings.notify.gateway)
    remember_secrets(secrets_in(("", url) for url in (*urls, settings.control_target)))
    return settings


def _parse(
    path: Path,
    document: Document,
    drills: Collection[str] | Callable[[], Collection[str]] | None,
) -> Settings:
    where, data = str(path), document.data
    if data is None:
        return Settings()
    if not isinstance(data, dict):
        raise ConfigErrors(
            where, [f"holds a {type(data).__name__}; expected settings such as 'timeouts:'"]
        )
    known = Settings.model_fields
    given = {
        str(name): value for name, value in data.items() if value is not None or name not in known
    }
    names = drills() if callable(drills) and given.get("drills") else drills
    try:
        settings = Settings.model_validate(given, context={"folder": path.parent, "drills": names})
    except ValidationError as error:
        mistakes = list_mistakes(error, document, Settings)
        raise refuse(where, [*document.mistakes, *mistakes]) from error
    if document.mistakes:
        raise refuse(where, document.mistakes)
    return settings
