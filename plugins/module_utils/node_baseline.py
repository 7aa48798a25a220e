"""What a node was like before its first change, so that the reset role can restore it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.common.warnings import warn

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kernel_tables import list_tables
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import write_whole

STATE = Path("/var/lib/kubedrill")
BASELINE = STATE / "baseline.json"
SYSCTL_BASELINE = STATE / "sysctl-baseline.json"
FORMER_NAMES = {"baseline.json": "found.json", "sysctl-baseline.json": "sysctl-found.json"}
"""Of files that kubedrill 0.1 wrote on nodes."""

DATA = ("/var/lib/containerd", "/run/containerd", "/var/lib/cni", "/opt/containerd")
"""What a container runtime of others may have had before the cluster."""
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def read_state(path: Path, otherwise: Any) -> Any:
    """Read a JSON file of this project; ``otherwise`` where there is none or it is damaged.

    A damaged one, which a full disk or a power cut left to releases that did not write it in one
    step, is named in a warning and set aside as ``….damaged``.
    """
    if not path.exists():
        return otherwise
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if type(data) is type(otherwise):
            return data
        problem = f"expected a JSON {type(otherwise).__name__}"
    except ValueError as error:
        problem = str(error)
    damaged = path.with_name(f"{path.name}.damaged")
    warn(
        f"{path} is damaged ({problem}): what it recorded is lost, and it is written anew; "
        f"what is left of it is in {damaged}"
    )
    shutil.copyfile(path, damaged)
    return otherwise


def write_state(path: Path, data: Any, mode: int = 0o644) -> None:
    """Write a JSON file of this project: after a power cut it is the former one or this one."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_whole(path, json.dumps(data, indent=1, sort_keys=True).encode(), mode)


def read_baseline(path: Path) -> dict[str, Any]:
    """Read a baseline file, also under its former name; {} where there is none."""
    former = former_path(path)
    return dict(read_state(former if former.exists() and not path.exists() else path, {}))


def former_path(path: Path) -> Path:
    """Path of a baseline file as kubedrill 0.1 named it.

    >>> former_path(Path("/var/lib/kubedrill/baseline.json")).name
    'found.json'
    """
    return path.with_name(FORMER_NAMES.get(path.name, path.name))


class Baseline:
    """The record on the node; each thing is recorded once, before its first change."""

    def __init__(self) -> None:
        self.data = read_baseline(BASELINE) or {
            "files": {},
            "directories": [],
            "services": {},
            "tables": nft_tables(),
            "data": [path for path in DATA if Path(path).is_dir() and any(Path(path).iterdir())],
        }

    def file(self, path: Path) -> None:
        """Record a file's text and permissions, or its absence, and missing directories."""
        if str(path) in self.data["files"]:
            return
        there = path.exists()
        self.data["files"][str(path)] = (
            {"content": path.read_text(encoding="utf-8"), "mode": path.stat().st_mode & 0o7777}
            if there
            else None
        )
        missing = [str(parent) for parent in path.parents if not parent.exists()]
        self.data["directories"] += [
            parent for parent in missing if parent not in self.data["directories"]
        ]
        self.save()

    def service(self, name: str) -> None:
        """Record whether a unit is enabled and running."""
        if name in self.data["services"]:
            return
        self.data["services"][name] = {
            "enabled": _systemctl("is-enabled", name),
            "active": _systemctl("is-active", name),
        }
        self.save()

    def save(self) -> None:
        """Write the record in one step."""
        write_state(BASELINE, self.data, 0o600)
        former_path(BASELINE).unlink(missing_ok=True)


def nft_tables() -> list[str]:
    """Family and name of each nftables table.

    None where there is no nft, as on a balancer's host.
    """
    if not shutil.which("nft", path=SEARCH):
        return []
    done = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False)
    if done.returncode < 0:  # it crashed: see kernel_tables
        return list_tables()
    return [line.removeprefix("table ") for line in done.stdout.splitlines()]


def _systemctl(verb: str, name: str) -> str:
    return subprocess.run(
        ["systemctl", verb, name], capture_output=True, text=True, check=False
    ).stdout.strip()
