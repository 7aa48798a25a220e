"""Runs a playbook on hosts without a Python, so that no module can change anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run_locally(folder: Path, hosts: str, playbook: str, *arguments: str) -> tuple[int, str]:
    """Return the status and what it printed, with white space as single blanks."""
    (folder / "hosts.yml").write_text(hosts, encoding="utf-8")
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", folder / "hosts.yml", f"playbooks/{playbook}", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())
