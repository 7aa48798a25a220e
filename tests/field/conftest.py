"""The park of one run: made before its first test, removed after its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.field import park
from tests.field.machines import PARKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.field.machines import Machine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--park", choices=list(PARKS), default="short", help="which machines to make")


@pytest.fixture(scope="session")
def machines(pytestconfig: pytest.Config) -> tuple[Machine, ...]:
    """The machines of this run."""
    return PARKS[pytestconfig.getoption("--park")]


@pytest.fixture(scope="session")
def field(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The inventory of machines that run; those of an earlier run are removed first."""
    try:
        yield park.up(pytestconfig.getoption("--park"), tmp_path_factory.mktemp("park"))
    finally:
        park.down()
