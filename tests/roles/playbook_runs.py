"""Runs of ansible-playbook as a user starts them, and what their recap says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.waits import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
RECAP = re.compile(
    r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE
)
DEADLINE_S = 1200


def start(inventory: Path, playbook: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "ANSIBLE_FORCE_COLOR": "0",
        # else a task is named only when its first host is done with it
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [PLAYBOOK, "-i", inventory, playbook, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(inventory: Path, playbook: str, *arguments: str) -> dict[str, int]:
    """Run to the end; return how many tasks changed something on each node."""
    process = start(inventory, playbook, *arguments)
    try:
        output, _ = process.communicate(timeout=DEADLINE_S)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # it would go on with nodes that others take down
        raise
    assert process.returncode == 0, f"{playbook} ended with {process.returncode}:\n{output[-4000:]}"
    return {host: int(changed) for host, changed, _, _ in RECAP.findall(output)}


def run_and_kill(
    inventory: Path,
    playbook: str,
    *arguments: str,
    at: str,
    once: Callable[[], bool] = lambda: True,
) -> str:
    """Run until a line holds ``at`` and then ``once`` is true, and kill -9 the whole run.

    Return what it said.
    """
    process = start(inventory, playbook, *arguments)
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if at in line:
            break
    if at in output:
        wait_for(
            f"the moment after {at!r}",
            lambda: once() or None,
            seconds=60,
            setting="a test's own",
            poll_s=0.1,
        )
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert at in output, f"{playbook} never came to {at!r}:\n{output[-4000:]}"
    return output
