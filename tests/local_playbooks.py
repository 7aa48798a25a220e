"""Runs a playbook on hosts of a test's own inventory, and returns what it said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


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
