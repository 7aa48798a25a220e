"""What a killed runtime left frozen goes on.

The node itself, which may be paused, is left as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubedrill.local import unfreeze

if TYPE_CHECKING:
    from pathlib import Path


def cgroup(place: Path, *, asked: bool) -> Path:
    place.mkdir(parents=True)
    (place / "freezer.self_freezing").write_text("1\n" if asked else "0\n")
    (place / "freezer.state").write_text("FROZEN\n" if asked else "THAWED\n")
    return place / "freezer.state"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker that knows one container."""
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\n[ "$5" = node ] && echo 0123abcd || exit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(unfreeze, "DOCKER", str(program))
    return tmp_path / "freezer"


@pytest.mark.parametrize("where", ["docker/0123abcd", "system.slice/docker-0123abcd.scope"])
def test_frozen_pods_go_on(docker: Path, where: str) -> None:
    itself = cgroup(docker / where, asked=True)
    frozen = cgroup(docker / where / "kubepods/burstable/pod1", asked=True)
    running = cgroup(docker / where / "kubepods/burstable/pod2", asked=False)
    other = cgroup(docker / "docker/4567/kubepods", asked=True)
    assert unfreeze.unfreeze("node", docker) == 1
    assert [state.read_text() for state in (itself, frozen, running, other)] == [
        "FROZEN\n", "THAWED", "THAWED\n", "FROZEN\n",
    ]  # fmt: skip


def test_nothing_is_done_without_such_a_container_or_without_docker(
    docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = cgroup(docker / "docker/4567/kubepods", asked=True)
    assert unfreeze.unfreeze("another", docker) == 0
    monkeypatch.setattr(unfreeze, "DOCKER", "/no/such/docker")
    assert unfreeze.unfreeze("node", docker) == 0
    assert frozen.read_text() == "FROZEN\n"
