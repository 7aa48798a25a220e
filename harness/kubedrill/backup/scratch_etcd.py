"""An etcd that a snapshot is restored into, and that nobody but this process can reach.

It listens on Unix sockets of a private folder: a snapshot holds the cluster's secrets, and any user
of this machine could ask a port of the loopback address.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.etcd_keys import (
    count_kinds,
    keys_of,
)
from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import Waiting, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.bundle.programs import Programs

MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
GROWTH = 4
"""A snapshot, its restored copy, and its log need less than this many times its size."""
COMMAND_S = 300.0
"""Seconds for etcdutl to restore, or etcdctl to list, some GB; some tens of MB take a second."""
END_S = 10.0
_SOCKET = "unix://client:1"
"""A file of the folder that etcd runs in."""


@contextmanager
def scratch_folder(size: int) -> Iterator[Path]:
    """Give a private folder with room to restore ``size`` bytes; it is gone afterwards.

    It is in memory where that has the room, so that no disk ever holds it.
    """
    fits = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > GROWTH * size + (64 << 20)
    place = str(MEMORY) if fits and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kubedrill-proof-", dir=place) as folder:
        yield Path(folder)


def count_keys(programs: Programs, snapshot: Path, revision: int, seconds: float) -> dict[str, int]:
    """Restore a snapshot beside itself, and count what etcd then serves, by kind.

    At the snapshot's revision, as keys with a lease expire here too. ``seconds`` is how long etcd
    may take until it answers (timeouts.etcd_healthy).

    Raises:
        StepFailed: etcd's programs refused; carries their words.
        DeadlineExceeded: etcd did not answer.
    """
    folder = snapshot.parent
    _run(programs, folder, "etcdutl", "snapshot", "restore", snapshot.name, "--data-dir", "data")
    with _serving(programs, folder):

        def healthy() -> bool | Waiting:
            try:
                _ask(programs, folder, "endpoint", "health")
            except StepFailed as error:
                return Waiting(str(error)[-300:])
            return True

        wait_for("the restored etcd to answer", healthy, seconds=seconds, setting="etcd_healthy")
        options = ("--prefix", "--keys-only", f"--rev={revision}")
        answer = _ask(programs, folder, "get", "", *options)
    return count_kinds(keys_of(answer))


@contextmanager
def _serving(programs: Programs, folder: Path) -> Iterator[None]:
    argv = [str(programs.path("etcd")), "--name=default", "--data-dir=data"]
    argv += [f"--listen-client-urls={_SOCKET}", f"--advertise-client-urls={_SOCKET}"]
    argv += ["--listen-peer-urls=unix://peer:1", "--unsafe-no-fsync", "--log-level=error"]
    with (folder / "etcd.log").open("wb") as log:
        process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={}
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ask(programs: Programs, folder: Path, *words: str) -> Any:
    endpoint = f"--endpoints={_SOCKET}"
    return json.loads(_run(programs, folder, "etcdctl", endpoint, *words, "-w", "json"))


def _run(programs: Programs, folder: Path, name: str, *words: str) -> str:
    argv = [str(programs.path(name)), *words]
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S,
            env={"PATH": os.defpath},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepFailed(f"{name} of the bundle cannot be run on this host: {error}") from error
    if done.returncode:
        words_of_it = (done.stderr or done.stdout).strip()[-800:]
        raise StepFailed(f"{name} {words[0]} ended with {done.returncode}: {words_of_it}")
    return done.stdout
