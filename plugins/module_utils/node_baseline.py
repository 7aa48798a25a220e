"""What a node was like before its first change, so that the reset role can restore it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/kubedrill")
BASELINE = STATE / "baseline.json"
SYSCTL_BASELINE = STATE / "sysctl-baseline.json"
FORMER_NAMES = {"baseline.json": "found.json", "sysctl-baseline.json": "sysctl-found.json"}
"""Of files that kubedrill 0.1 wrote on nodes."""

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def read_baseline(path: Path) -> dict[str, Any]:
    """Read a baseline file, also under its former name; {} where there is none."""
    for candidate in (path, former_path(path)):
        if candidate.exists():
            return dict(json.loads(candidate.read_text(encoding="utf-8")))
    return {}


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
        STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = BASELINE.with_suffix(".new")
        temporary.write_text(json.dumps(self.data, indent=1, sort_keys=True), encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(BASELINE)
        former_path(BASELINE).unlink(missing_ok=True)


def nft_tables() -> list[str]:
    """Family and name of each nftables table.

    None where there is no nft, as on a balancer's host.
    """
    if not shutil.which("nft", path=SEARCH):
        return []
    done = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False)
    return [line.removeprefix("table ") for line in done.stdout.splitlines()]


def _systemctl(verb: str, name: str) -> str:
    return subprocess.run(
        ["systemctl", verb, name], capture_output=True, text=True, check=False
    ).stdout.strip()
