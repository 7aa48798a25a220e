"""Options that several commands share, what they load, and what the shell completes."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from kubedrill import config
from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.cli.lazy import warn_renamed
from kubedrill.cli.numbers import Number
from kubedrill.cli.paths import PathName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.history.store import History

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

DEFAULT_INVENTORY = Path("inventories/local")
CONFIG_PATH = "kubedrill.config"
"""Where a command's context keeps the path that ``--config`` gave."""

# Drills, hosts and SQLAlchemy are imported where they are needed: each takes longer than most
# commands do.


def known_drills() -> Collection[str]:
    """Names of all drills."""
    from kubedrill.drills import ALL  # noqa: PLC0415 - see above

    return ALL


def load_settings(path: Path | None = None) -> config.Settings:
    """Read a configuration file; a drill in it that does not exist is a mistake.

    Raises:
        ConfigErrors: the file cannot be read or holds mistakes; each is listed with its place.
    """
    return config.load_settings(path, known_drills)


def load_inventory(path: Path) -> Inventory:
    """Read an inventory.

    Raises:
        ConfigErrors: it holds mistakes; lists all of them.
    """
    from kubedrill.cluster.inventory import Inventory  # noqa: PLC0415 - see above

    return Inventory.load(path)


@contextmanager
def connect(cluster: Inventory, settings: config.Settings) -> Iterator[ClusterApi]:
    """Give a way to the API of a cluster.

    Raises:
        Unreachable: neither the API nor a control plane answers.
    """
    from kubedrill.cluster.api import ClusterApi  # noqa: PLC0415 - see above
    from kubedrill.cluster.hosts import Hosts  # noqa: PLC0415 - see above

    with Hosts(cluster, settings) as hosts, ClusterApi.connect(cluster, hosts, settings) as api:
        yield api


@contextmanager
def open_history(
    settings: config.Settings, url: str | None = None, *, create: bool = False
) -> Iterator[History]:
    """Open the history that ``--database`` or else the configuration names.

    Raises:
        UsageError: there is none; ``create`` makes it.
        StepFailed: it does not answer, or refuses.
    """
    from kubedrill.history.store import History  # noqa: PLC0415 - see above

    place = settings.history.database.get_secret_value() if url is None else url
    with History.open(place, create=create, timeout_s=settings.timeouts.database) as history:
        yield history


def find_run(run: str, settings: config.Settings) -> Path:
    """Return a run's folder by its path or its name.

    Raises:
        UsageError: there is none; lists the newest runs that are there.
    """
    for directory in (Path(run), settings.reports_dir / run):
        if run.strip() and (directory / "record").is_dir():
            return directory.resolve()
    known = sorted(
        (path.parent.name for path in settings.reports_dir.glob("*/record")), reverse=True
    )
    names = ", ".join(name for name in known if name != "latest")
    raise UsageError(
        f"no run {run!r} in {settings.reports_dir}: expected a folder with record/*.jsonl. "
        f"Runs there: {names or 'none yet; run: kubedrill drill'}"
    )


def old_option(
    old: str, new: str, kind: Number | None = None, form: str = "{}"
) -> Callable[[Command], Command]:
    """Take the name that an option had in the release before, with a warning.

    It is processed first, and is what the option ``new`` has where that is not given. ``kind`` is
    what the old one took; ``form`` turns that into what the new one takes.
    """

    def set_new(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value is not None:
            warn_renamed(old, new)
            name = new.removeprefix("--").replace("-", "_")
            context.default_map = {**(context.default_map or {}), name: form.format(value)}

    return click.option(
        old, type=kind, hidden=True, is_eager=True, expose_value=False, callback=set_new
    )


def complete_drills(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete names of drills, with their titles where the shell shows them."""
    from kubedrill.drills import ALL  # noqa: PLC0415 - see above

    drills = [CompletionItem(name, help=drill.title) for name, drill in ALL.items()]
    return [item for item in [*drills, CompletionItem("all")] if item.value.startswith(incomplete)]


def complete_runs(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete runs by their names, the newest first, wherever reports_dir is."""
    try:
        reports = config.load_settings().reports_dir
    except KubedrillError:
        return []
    runs = sorted((path.parent.name for path in reports.glob("*/record")), reverse=True)
    return [CompletionItem(run) for run in runs if run.startswith(incomplete)]


def complete_inventories(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the inventories of this folder, and any other path."""
    known: Iterable[Path] = sorted(Path("inventories").glob("*/"))
    items = [CompletionItem(str(path)) for path in known if str(path).startswith(incomplete)]
    return items or [CompletionItem(incomplete, type="file")]


def _load_config(context: click.Context, _parameter: click.Parameter, path: Path | None) -> Any:
    if context.resilient_parsing:
        return None  # the shell completes: nothing is loaded
    context.meta[CONFIG_PATH] = path
    return load_settings(path)


def _only_inventory(
    context: click.Context, _parameter: click.Parameter, paths: tuple[Path, ...]
) -> Any:
    if len(paths) > 1:
        raise click.UsageError(
            f"--inventory is given {len(paths)} times; expected one: give a folder with all files "
            "of the cluster",
            context,
        )
    return paths[0]


def _load_inventory(
    context: click.Context, parameter: click.Parameter, paths: tuple[Path, ...]
) -> Any:
    path = _only_inventory(context, parameter, paths)
    return None if context.resilient_parsing else load_inventory(path)


_inventory_option = partial(
    click.option,
    "--inventory",
    "-i",
    type=PathName(),
    multiple=True,
    default=(DEFAULT_INVENTORY,),
    show_default=True,
    shell_complete=complete_inventories,
    help="Ansible inventory of the cluster.",
)

inventory_option = _inventory_option("cluster", callback=_load_inventory)
"""Gives the command ``cluster``, an Inventory."""

inventory_path_option = _inventory_option("inventory", callback=_only_inventory)
"""Gives the command ``inventory``, the path."""

hosts_option = _inventory_option(
    "cluster",
    default=(),
    show_default=False,
    callback=lambda *given: _load_inventory(*given) if given[-1] else None,
    help="Ansible inventory of the cluster; else no hosts are tried.",
)
"""Gives the command ``cluster``, an Inventory, or None where none is given."""

_config_option = partial(
    click.option,
    "--config",
    "-c",
    type=PathName(),
    help="Configuration; default: kubedrill.yml where there is one.",
)

config_option = _config_option("settings", is_eager=True, callback=_load_config)
"""Gives the command ``settings``. Its mistakes come before those of an inventory."""

config_path_option = _config_option("config")
"""Gives the command ``config``, the path."""


def to_option(default: str, *, is_folder: bool = False) -> Callable[[Command], Command]:
    """Give the command ``to``, the path that it writes to."""
    return click.option(
        "--to",
        type=PathName(dir_okay=is_folder, file_okay=not is_folder),
        help=f"Path that is written to; default: {default}.",
    )


def dry_run_option(command: Command) -> Command:
    """Give the command ``dry_run``."""
    text = "Only print what would be done; touch nothing."
    return click.option("--dry-run", is_flag=True, help=text)(command)


def seconds_option(most: int) -> Callable[[Command], Command]:
    """Give the command ``seconds`` of traffic."""
    return click.option(
        "--seconds",
        type=Number(1, most),
        default=30,
        show_default=True,
        help="How long orders are written; in a load test: at each rate.",
    )


replace_option = click.option(
    "--replace",
    is_flag=True,
    help="Take the new verdict of a run that is there with another one.",
)

source_option = click.option(
    "--source",
    type=click.Choice(["auto", "modules", "upstream"]),
    default="auto",
    show_default=True,
    help="Where the parts of bundles come from; auto: published releases, else Go modules.",
)

database_option = click.option(
    "--database", metavar="URL", help="sqlite:///FILE or postgresql://…; default: history.database."
)

output_option = click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Format of what is printed.",
)

run_argument = click.argument(
    "run", default="latest", metavar="[RUN|latest]", shell_complete=complete_runs
)
