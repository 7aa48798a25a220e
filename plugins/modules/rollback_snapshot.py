"""Ansible module: finds on the controller the etcd snapshot to go back to, and checks it.

Reads only.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: rollback_snapshot
short_description: Finds the etcd snapshot to go back to
description: >-
  The newest one that was saved while every node ran the older release, by what etcd_snapshot wrote
  beside each. A rerun
  of an upgrade saves one of a half upgraded cluster, which is passed over.
options:
  directory: {description: Where etcd_snapshot keeps snapshots., type: path, required: true}
  path: {description: "One snapshot, chosen by the user; empty to choose.", type: str, default: ""}
  cluster: {description: The cluster's name., type: str, required: true}
  version: {description: "The older release, without v.", type: str, required: true}
author: kubedrill
"""

EXAMPLES = r"""
- name: Find the snapshot to go back to
  kubedrill.kubeadm.rollback_snapshot:
    directory: /home/admin/snapshots
    cluster: lab
    version: 1.35.4
  delegate_to: localhost
"""

RETURN = r"""
snapshot:
  description: Path, age and metadata of the snapshot; empty where none fits.
  type: dict
  returned: always
problems:
  description: Why there is no snapshot, or why it cannot be used.
  type: list
  elements: str
  returned: always
"""

TAKEN = "%Y%m%dT%H%M%SZ"
CHUNK = 1 << 20
HOW = (
    "choose one with -e rollback_snapshot=FILE, or finish the upgrade: run playbooks/upgrade.yml "
    "again"
)

Metadata = dict[str, Any]


def read_metadata(snapshot: Path) -> Metadata | None:
    """What was written beside a snapshot; None where there is nothing or it cannot be read."""
    try:
        metadata = json.loads(Path(f"{snapshot}.json").read_text(encoding="utf-8"))
        datetime.strptime(metadata["taken"], TAKEN).replace(tzinfo=timezone.utc)
        return {**metadata, "path": str(snapshot), "about": dict(metadata["about"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def mismatches(metadata: Metadata | None, cluster: str, version: str) -> list[str]:
    """Why a snapshot is not one of this cluster at this release; empty when it is."""
    if metadata is None:
        return [
            (
                "nothing readable tells what it is of (no .db.json beside it, which upgrade.yml "
                "writes): restore it by hand"
            )
        ]
    versions = [str(one) for one in metadata["about"].get("versions", [])]
    problems = (
        []
        if metadata["cluster"] == cluster
        else [f"it is of cluster {metadata['cluster']}, expected {cluster}"]
    )
    if versions != [version]:
        ran = " and ".join(versions) or "an unknown release"
        problems.append(f"it was saved while {ran} ran, expected {version} only")
    return problems


def checksum_problems(metadata: Metadata) -> list[str]:
    """Why the file is not what was saved; empty when it is."""
    digest = hashlib.sha256()
    with Path(metadata["path"]).open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() == metadata["sha256"]:
        return []
    return [
        (
            f"its sha256 is {digest.hexdigest()}, expected {metadata['sha256']}: it was cut or "
            "changed since it was saved"
        )
    ]


def choose(directory: Path, path: str, cluster: str, version: str) -> tuple[Metadata, list[str]]:
    """Give the snapshot, and what is wrong; where something is, the snapshot may be empty."""
    if path:
        if not Path(path).is_file():
            return {}, [f"there is no snapshot {path}: {HOW}"]
        snapshots = [Path(path)]
    else:
        snapshots = sorted(directory.glob("*.db"), key=lambda file: file.name)
    fitting = [
        metadata
        for file in snapshots
        if (metadata := read_metadata(file)) and not mismatches(metadata, cluster, version)
    ]
    if fitting:
        best = max(fitting, key=lambda metadata: str(metadata["taken"]))
        return best, [
            f"snapshot {best['path']} is not usable: {why}; {HOW}"
            for why in checksum_problems(best)
        ]
    if not snapshots:
        return {}, [
            (
                f"there is no etcd snapshot in {directory}, where playbooks/upgrade.yml saves "
                f"them: {HOW}"
            )
        ]
    problems = [
        f"snapshot {file} does not fit: {why}"
        for file in snapshots
        for why in mismatches(read_metadata(file), cluster, version)
    ]
    return {}, [*problems, f"no snapshot of cluster {cluster} at {version} is left: {HOW}"]


def age_s(metadata: Metadata, now: datetime) -> int:
    """Seconds since the snapshot was begun.

    >>> age_s({"taken": "20260101T000000Z"}, datetime(2026, 1, 1, 0, 1, tzinfo=timezone.utc))
    60
    """
    return int(
        (
            now - datetime.strptime(metadata["taken"], TAKEN).replace(tzinfo=timezone.utc)
        ).total_seconds()
    )


def main() -> None:
    """Choose and exit; problems are reported with all other refusals."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "path": {"type": "str", "default": ""},
            "cluster": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        metadata, problems = choose(
            Path(params["directory"]), params["path"], params["cluster"], params["version"]
        )
    except OSError as error:
        metadata, problems = {}, [f"the snapshots cannot be read: {error}"]
    if metadata:
        metadata["age_s"] = age_s(metadata, datetime.now(timezone.utc))
    module.exit_json(changed=False, snapshot=metadata, problems=problems)


if __name__ == "__main__":
    main()
