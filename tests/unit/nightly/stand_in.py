"""Stands in for the commands up, drill and down.

A cluster is a file, a drill copies a real record and its verdict.

``told.json`` in the working folder says what goes wrong: {"hang": ["drill cluster-upgrade"],
"fail": ["up"], "outage": ["drill cluster-upgrade"], "killed": ["drill app-rollout"],
"ends_with_7": ["drill app-rollout"]}; the last two happen when all is done. "crashes" ends before
anything was printed, "empty" ends with 0 before anything was run, "stale" leaves the verdict of the
first run in the folder of this one, "another" records another drill than was asked for. Where it
hangs it says so in a file, and goes on hanging until it is killed. Only the standard library,
because it is started dozens of times.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

NOTES = Path("told.json")
TEMPLATES = Path("templates")  # good.jsonl and good.json: a record and its verdict; bad.*


def matches(what: str, key: str) -> bool:
    notes = json.loads(NOTES.read_text()) if NOTES.exists() else {}
    return any(what.startswith(each) for each in notes.get(key, []))


def hang(what: str) -> None:
    if matches("stubborn", "hang"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    Path(f"reached-{what.split(maxsplit=1)[0]}").touch()
    threading.Event().wait()


def value(path: Path, name: str) -> str:
    result = re.search(rf"^{name}: *'?\"?([^'\"\n]*)", path.read_text(), re.MULTILINE)
    return result[1] if result else ""


def drill(names: list[str], cluster: str, config: Path) -> int:
    now = datetime.now(UTC)
    folder = Path(value(config, "reports_dir")) / f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond}"
    (folder / "record").mkdir(parents=True)
    name = "node-drain" if matches(f"drill {names[0]}", "another") else names[0]
    kind = "bad" if matches(f"drill {name}", "outage") else "good"
    first, rest = (TEMPLATES / f"{kind}.jsonl").read_text().split("\n", 1)
    header = json.loads(first)
    header[1] |= {"run": folder.name, "drill": name, "cluster": cluster, "started": now.isoformat()}
    header[1]["seed"] = now.microsecond
    (folder / "record" / f"{name}.jsonl").write_text(f"{json.dumps(header)}\n{rest}")
    if matches(f"drill {name}", "hang"):
        hang(f"drill {name}")
    verdict = json.loads((TEMPLATES / f"{kind}.json").read_text()) | {
        "run": folder.name,
        "cluster": cluster,
        "seed": now.microsecond,
    }
    verdict["drills"][0] |= {"name": name, "started": now.isoformat()}
    if matches(f"drill {name}", "stale"):
        verdict = json.loads(min(folder.parent.glob("[0-9]*/verdict.json")).read_text())
    (folder / "verdict.json").write_text(json.dumps(verdict))
    return int(verdict["exit_code"])


def end(what: str, code: int) -> int:
    """End as is right, unless told to be killed or to end with another code."""
    if matches(what, "killed"):
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return 7 if matches(what, "ends_with_7") else code


def main() -> int:
    verb, *rest = sys.argv[1:]
    inventory = Path(rest[rest.index("--inventory") + 1])
    name = value(inventory / "group_vars" / "cluster.yml", "cluster_name")
    cluster = Path("clusters") / name
    cluster.parent.mkdir(exist_ok=True)
    if matches(verb, "fail"):
        sys.stderr.write(f"{verb}: there is no way\n")
        return 1
    if verb == "up":
        cluster.touch(exist_ok=False)  # each cell's cluster is fresh
    if verb != "drill" and matches(verb, "hang"):
        hang(verb)
    if verb == "down":
        cluster.unlink(missing_ok=True)
    if verb == "diagnostics":
        Path(rest[rest.index("--to") + 1]).write_text(f"of {cluster.exists()}")
    if verb == "readiness" and matches(verb, "crashes"):
        sys.stderr.write("Traceback (most recent call last):\n")
        return 1
    if verb == "readiness":
        finding = {
            "severity": "blocker",
            "subject": "budget shop/web",
            "found": "allows no disruption",
        }
        sys.stdout.write(json.dumps({"verdict": "blocked", "findings": [finding]}, indent=2))
        return end(verb, 1)
    if verb == "drill":
        names = rest[: rest.index("--inventory")]
        if matches(f"drill {names[0]}", "empty"):
            return 0
        code = drill(names, name, Path(rest[rest.index("--config") + 1]))
        return end(f"drill {names[0]}", code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
