"""Runs a playbook on hosts of a test's own inventory, and returns what it said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOSTS = """
all:
  vars: {ansible_port: 1}  # where nobody listens
  children:
    cluster:
      vars:
        cluster_name: mine
        cluster_node_network: 127.0.0.0/8
        cluster_virtual_address: 127.0.0.10
      children:
        control_planes:
          hosts:
            cp1: {ansible_host: 127.0.0.1}
            cp2: {ansible_host: 127.0.0.2}
            cp3: {ansible_host: 127.0.0.3}
        workers: {hosts: {w1: {ansible_host: 127.0.0.4}}}
"""
"""Three control planes and a worker, none of which can be reached."""


def run_printed(
    folder: Path, hosts: str, playbook: str, *arguments: str, **environment: str
) -> tuple[int, str]:
    """Return the status and what it printed; ``playbook`` is one of this project or a path."""
    (folder / "hosts.yml").write_text(hosts, encoding="utf-8")
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", folder / "hosts.yml", Path("playbooks") / playbook, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ANSIBLE_SSH_RETRIES": "0", **environment},
    )
    return done.returncode, done.stdout + done.stderr


def run_locally(folder: Path, hosts: str, playbook: str, *arguments: str) -> tuple[int, str]:
    """Return the status and what it printed, with white space as single blanks."""
    status, output = run_printed(folder, hosts, playbook, *arguments)
    return status, " ".join(output.split())
