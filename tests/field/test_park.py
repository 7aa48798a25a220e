"""A cluster on machines that this project did not make: installed, drilled, upgraded, reset.

``pytest tests/field`` makes two machines (``--park short``), ``--park whole`` five and drills them,
``--park further`` two behind a bastion, one of them with containers of somebody else.
The tests depend on each other in this order.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.field.park import docker
from tests.roles import playbook_runs
from tests.roles.listing import SCRIPT

if TYPE_CHECKING:
    from tests.field.machines import Machine

ROOT = Path(__file__).resolve().parents[2]
PASS, INCONCLUSIVE = 0, 3
PASSING = re.compile(
    r"file /etc/(passwd|shadow|group|gshadow)- |directory /run/sudo/ts|.*first-upgrade"
)
"""Backups that adding a user of a package writes, sudo's memory, and the upgrade at the first
boot."""
LONGEST_S = 3600
"""Seconds of one program: the upgrade of five machines took half an hour beside other work."""
DRILLS = ("node-drain", "failover-worker", "cluster-upgrade")


@pytest.fixture(scope="session")
def whole(pytestconfig: pytest.Config) -> None:
    """Skip what only the whole park is for."""
    if pytestconfig.getoption("--park") != "whole":
        pytest.skip("only with --park whole")


CONTAINERS = """
! command -v docker >/dev/null || docker ps --quiet --no-trunc |
    xargs docker inspect --format 'container {{.Name}} since {{.State.StartedAt}}'
"""
"""What a machine's own Docker runs, and since when."""


def list_machines(machines: tuple[Machine, ...]) -> dict[str, set[str]]:
    """What each machine is like, by its own root: the harness needs a cluster's inventory."""
    with ThreadPoolExecutor(len(machines)) as pool:
        texts = pool.map(
            lambda each: docker("exec", each.container, "sh", "-c", SCRIPT + CONTAINERS), machines
        )
        return {
            each.name: {line for line in text.splitlines() if not PASSING.match(line)}
            for each, text in zip(machines, texts, strict=True)
        }


@pytest.fixture(scope="session")
def before(
    field: Path,  # noqa: ARG001 - they run
    machines: tuple[Machine, ...],
) -> dict[str, set[str]]:
    """What the machines were like before site.yml."""
    return list_machines(machines)


@pytest.fixture(scope="session")
def installed(
    field: Path,
    before: dict[str, set[str]],  # noqa: ARG001 - listed first
) -> Path:
    """The inventory of the cluster that site.yml installed."""
    playbook_runs.run(field, "site.yml")
    return field


@pytest.mark.usefixtures("field")
def test_machines_are_what_the_table_says(machines: tuple[Machine, ...]) -> None:
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    for machine in machines:
        version = docker("exec", machine.container, "python3", "-c", script).strip()
        assert version == machine.python, machine.name
        release = docker("exec", machine.container, "cat", "/etc/os-release")
        assert f"VERSION_CODENAME={machine.suite}" in release, machine.name


@pytest.mark.usefixtures("installed")
def test_every_node_is_ready(machines: tuple[Machine, ...]) -> None:
    nodes = json.loads(kubectl(machines, "get", "nodes", "-o", "json"))["items"]
    ready = {
        node["metadata"]["name"]: next(
            c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"
        )
        for node in nodes
    }
    members = [machine for machine in machines if machine.in_cluster]
    assert ready == {machine.name: "True" for machine in members}
    addresses = {
        node["metadata"]["name"]: address["address"]
        for node in nodes
        for address in node["status"]["addresses"]
        if address["type"] == "InternalIP"
    }
    assert addresses == {machine.name: machine.address for machine in members}


def test_a_second_run_changes_nothing(installed: Path) -> None:
    changed = playbook_runs.run(installed, "site.yml")
    assert changed == dict.fromkeys(changed, 0)


def test_the_cluster_is_accepted(installed: Path) -> None:
    run(
        *("-m", "pytest", "-q", "tests/acceptance", "--inventory", str(installed)),
        *("-k", "(nodes or cluster or network or addons) and not drill"),
    )


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("drill", DRILLS)
def test_a_drill_does_not_fail(installed: Path, drill: str) -> None:
    """INCONCLUSIVE is what a slow host makes of it: these machines show that it works at all."""
    options = ("--inventory", str(installed))
    run("-m", "kubedrill.cli", "drill", *options, drill, allowed=(PASS, INCONCLUSIVE))


@pytest.fixture(scope="session")
def reset(installed: Path) -> dict[str, int]:
    """What reset.yml changed."""
    return playbook_runs.run(installed, "playbooks/reset.yml", "-e", "reset_confirm=field")


@pytest.mark.usefixtures("reset")
def test_machines_are_as_they_were(
    before: dict[str, set[str]], machines: tuple[Machine, ...]
) -> None:
    after = list_machines(machines)
    left = {name: sorted(after[name] - lines) for name, lines in before.items()}
    gone = {name: sorted(lines - after[name]) for name, lines in before.items()}
    assert (left, gone) == ({name: [] for name in before}, {name: [] for name in before})


def kubectl(machines: tuple[Machine, ...], *arguments: str) -> str:
    """Ask the API on the first control plane."""
    plane = next(machine for machine in machines if machine.group == "control_planes")
    program = ("/usr/local/bin/kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")
    return docker("exec", plane.container, *program, *arguments)


def run(*arguments: str, allowed: tuple[int, ...] = (PASS,)) -> None:
    """Run a Python program of this checkout to its end; its last words are in the failure."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert done.returncode in allowed, f"{arguments}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
