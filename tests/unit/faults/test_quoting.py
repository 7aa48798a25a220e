"""Names that come from a cluster or a machine's files stay one word in a shell's line."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from kubedrill.cluster.etcd import Listed
from kubedrill.cluster.power_switch import container_switch, libvirt_switch
from kubedrill.faults.etcd_restore import restoring
from kubedrill.faults.pods import pids

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = ["a b", "$(touch pwned)", "`touch pwned`", "a;touch pwned", "a' ; touch pwned; '", 'a"b']


def words_of(line: str, tmp_path: Path, *programs: str) -> list[str]:
    """Run a line whose programs write down their words; returns all of them."""
    for name in programs:
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@" >>"$WORDS"\n', "ascii")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "WORDS": str(tmp_path / "words")}
    subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, env=environment, check=False)
    assert not (tmp_path / "pwned").exists()
    return (tmp_path / "words").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_container_s_and_a_machine_s_name(name: str) -> None:
    for switch in (container_switch(name), libvirt_switch(name)):
        *_, line = switch.on
        assert shlex.split(line).count(name) == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pod_s_name(name: str, tmp_path: Path) -> None:
    words = words_of(f'echo "{pids(pod=name)}"', tmp_path, "ctr")
    assert f'labels."pod"=={name}' in words


@pytest.mark.parametrize("name", HOSTILE)
def test_what_etcd_tells_of_its_members(name: str, tmp_path: Path) -> None:
    members = [Listed(name, 1, f"https://{name}:2380", f"https://{name}:2379")]
    line = restoring(name, members, str(tmp_path / "data")).split("&& mv")[0]
    words = words_of(line, tmp_path, "etcdutl")
    assert f"--initial-cluster={name}=https://{name}:2380" in words
    assert f"--name={name}" in words
