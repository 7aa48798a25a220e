"""The drills, last: one run, one report, one test for each drill's verdict.

Only those that ``--drills`` names: NAME,NAME some, ``standard`` the standard ones, ``all`` every
one. Without it nothing is broken. ``--drill-seed`` repeats the choices of an earlier run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from kubedrill.base.results import VerdictKind
from kubedrill.cli.terminal import Lines
from kubedrill.drills import find_drills
from kubedrill.runner.run import RunResult, run_drills

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

pytestmark = pytest.mark.drill


def chosen(config: pytest.Config) -> list[str]:
    names = [name.strip() for name in config.getoption("--drills").split(",") if name.strip()]
    if names in ([], ["none"]):
        return []
    return [drill.name for drill in find_drills([] if names == ["standard"] else names)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "drill_name" in metafunc.fixturenames:
        metafunc.parametrize("drill_name", chosen(metafunc.config))


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config, inventory: Inventory, settings: Settings) -> RunResult:
    """All chosen drills in one run, reported line by line while they happen."""
    if not inventory.drills_allowed:
        pytest.skip(
            f"{inventory.path} does not set drills_allowed: true; nothing is broken on purpose"
        )
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled(), Lines(Console(stderr=True)) as progress:
        result = run_drills(
            chosen(pytestconfig),
            inventory,
            settings,
            progress=progress,
            seed=pytestconfig.getoption("--drill-seed"),
        )
        progress.note("report", str(result.directory / "index.html"))
    return result


def test_drill(drill_name: str, run: RunResult) -> None:
    if drill_name in run.not_run:
        assert run.verdicts, f"nothing was run; {drill_name}: {run.not_run[drill_name]}"
        pytest.skip(f"not run: {run.not_run[drill_name]}")
    verdicts = {verdict.drill: verdict for verdict in run.verdicts}
    assert drill_name in verdicts, f"the run stopped before {drill_name}; see {run.directory}"
    verdict = verdicts[drill_name]
    assert verdict.verdict is VerdictKind.PASS, (
        f"{drill_name}: {verdict.verdict.value}: {verdict.reason}\n{run.directory}"
    )
