"""What a node was like before this project first changed it, so that the reset role can make it so again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/kubedrill")
FILE = STATE / "found.json"
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Found:
    """The record on the node; each thing is remembered once, before its first change."""

    def __init__(self) -> None:
        if FILE.exists():
            self.data: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
        else:
            self.data = {"files": {}, "directories": [], "services": {}, "tables": nft_tables()}

    def file(self, path: Path) -> None:
        """Remember a file's text and permissions, or that it was not there, and which directories were not."""
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
        """Remember whether a unit was enabled and running."""
        if name in self.data["services"]:
            return
        self.data["services"][name] = {
            "enabled": _systemctl("is-enabled", name),
            "active": _systemctl("is-active", name),
        }
        self.save()

    def save(self) -> None:
        """Write the record; a run that is cut leaves the old one or the new one."""
        STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = FILE.with_suffix(".new")
        temporary.write_text(json.dumps(self.data, indent=1, sort_keys=True), encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(FILE)


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
