"""The park of one run: made before its first test, removed after its last."""

from __future__ import annotations

import os
import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from tests.field import park
from tests.field.machines import PARKS

from kubedrill.local.docker_daemon import ensure_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.field.machines import Machine


PROGRESS_S = 60.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--park", choices=list(PARKS), default="short", help="which machines to make")


@pytest.fixture(scope="session")
def machines(pytestconfig: pytest.Config) -> tuple[Machine, ...]:
    """The machines of this run."""
    return PARKS[pytestconfig.getoption("--park")]


@pytest.fixture(scope="session", autouse=True)
def progress(pytestconfig: pytest.Config) -> Iterator[None]:
    """A line a minute, past pytest's capture: what a test waits for takes up to half an hour."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    ended, started = threading.Event(), time.monotonic()

    def report() -> None:
        while not ended.wait(PROGRESS_S):
            test = os.environ.get("PYTEST_CURRENT_TEST", "between two tests")
            reporter.write_line(f"{(time.monotonic() - started) / 60:.0f} min: {test}")

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.fixture(scope="session")
def field(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The inventory of machines that run; those of an earlier run are removed first."""
    ensure_daemon()  # where none can be, there is nothing to remove either
    folder = tmp_path_factory.mktemp("park")
    try:
        inventory = park.up(pytestconfig.getoption("--park"), folder)
        with park.agent(folder) if (folder / "ssh" / "config").exists() else nullcontext():
            yield inventory
    finally:
        park.down()
