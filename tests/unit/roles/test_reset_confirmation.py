"""reset.yml changes nothing before the cluster's name confirms it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HOSTS = """
all:
  vars: {ansible_connection: local, ansible_python_interpreter: /nowhere/python}
  children:
    cluster:
      vars: {cluster_name: mine}
      children: {control_planes: {hosts: {cp1: {}}}, workers: {hosts: {}}}
"""


@pytest.mark.parametrize(
    ("arguments", "confirmed"),
    [([], False), (["-e", "reset_confirm=kubedrill"], False), (["-e", "reset_confirm=mine"], True)],
)
def test_the_name_of_the_cluster_confirms_a_reset(
    tmp_path: Path, arguments: list[str], confirmed: bool
) -> None:
    (tmp_path / "hosts.yml").write_text(HOSTS, encoding="utf-8")
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", tmp_path / "hosts.yml", "playbooks/reset.yml", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    output = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0, "the interpreter is missing, so that no module can run"
    assert ("/nowhere/python" in output) == confirmed, output
    assert ("-e reset_confirm=mine" in output) == (not confirmed), output
