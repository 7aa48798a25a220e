from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from kubedrill.base.errors import UsageError
from kubedrill.cluster.vagrant import made_by_vagrant
from kubedrill.local import doctor
from kubedrill.local.doctor import (
    GB,
    check_amount,
    check_cgroups,
    check_docker,
    check_inotify,
    check_machine,
    check_python,
)

DENIED = "Got permission denied while trying to connect to the Docker daemon socket"


@pytest.mark.parametrize(
    ("version", "problem", "root", "service_manager", "state", "fix"),
    [
        ("", "not installed", True, True, "missing", "make setup"),
        ("20.10", "", False, False, "ok", ""),
        ("20.10", DENIED, False, True, "missing", "usermod -aG docker"),
        (
            "20.10",
            "Cannot connect to the Docker daemon",
            True,
            False,
            "warn",
            "kubedrill up starts it",
        ),
        ("20.10", "Cannot connect to the Docker daemon", False, False, "missing", "sudo dockerd"),
    ],
)
def test_docker(
    *, version: str, problem: str, root: bool, service_manager: bool, state: str, fix: str
) -> None:
    finding = check_docker(version, problem, root=root, service_manager=service_manager)
    assert finding.state == state
    assert fix in finding.fix


@pytest.mark.parametrize(("gb", "state"), [(3, "missing"), (4, "warn"), (6, "ok")])
def test_amounts_at_their_borders(gb: int, state: str) -> None:
    finding = check_amount("memory", gb * GB, 4 * GB, 6 * GB, "add memory")
    assert finding.state == state
    assert bool(finding.fix) == (state != "ok")


def test_each_finding_that_is_not_ok_says_what_to_do() -> None:
    bad = [check_python((3, 9, 2)), check_machine("aarch64"), check_inotify(128), check_cgroups(1)]
    assert [finding.state for finding in bad] == ["missing", "missing", "warn", "warn"]
    assert all(finding.fix for finding in bad)


def test_python_3_11_is_new_enough_and_3_9_is_not_because_9_is_larger_as_text() -> None:
    assert check_python((3, 11, 0)).state == "ok"
    assert check_python((3, 9, 99)).state == "missing"


def test_everything_in_the_way_is_named_at_once(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = make_inventory()
    nodes = tuple(
        dataclasses.replace(n, host_vars={**n.host_vars, "vm_memory_mb": 1})
        for n in inventory.nodes
    )
    monkeypatch.setattr(doctor.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(doctor, "program_version", lambda *_: "")
    with pytest.raises(UsageError) as refused:
        doctor.require_essentials(
            local_nodes=made_by_vagrant(dataclasses.replace(inventory, nodes=nodes))
        )
    for words in (
        "architecture: found riscv64",
        "vagrant: found not installed",
        "docker: found not installed",
    ):
        assert words in str(refused.value)


def test_machines_of_ones_own_need_no_docker(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "program_version", lambda *_: "")
    doctor.require_essentials(local_nodes=made_by_vagrant(make_inventory()))
