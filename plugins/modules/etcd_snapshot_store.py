"""Ansible module: stores a fetched snapshot with its metadata, and removes old ones."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import (
    sync_path,
    write_whole,
)

DOCUMENTATION = r"""
module: etcd_snapshot_store
short_description: Stores a fetched etcd snapshot
description: What the snapshot is of is written before the snapshot has its name, so there is none
  without it, nor one that is not on the disk. Fetched files that a killed run left are removed
  after a day.
options:
  partial:
    description: "The fetched file; without .partial it is the snapshot."
    type: path
    required: true
  metadata: {description: "What it is of, for playbooks/rollback.yml.", type: dict, required: true}
  keep: {description: How many snapshots stay in the directory., type: int, required: true}
author: kubedrill
"""

EXAMPLES = r"""
- name: Store the snapshot and its metadata
  kubedrill.kubeadm.etcd_snapshot_store:
    partial: /home/admin/snapshots/lab-20260101T000000Z.db.partial
    metadata: {schema: 1, cluster: lab, taken: 20260101T000000Z}
    keep: 10
  delegate_to: localhost
"""

RETURN = r"""
snapshot:
  description: The snapshot's file.
  type: str
  returned: always
removed:
  description: Older snapshots that were removed.
  type: list
  elements: str
  returned: always
"""

PARTIAL = ".partial"
ABANDONED_S = 86_400.0


def store(partial: Path, metadata: dict[str, Any], most: int) -> tuple[Path, list[Path]]:
    """Return the snapshot and those that were removed.

    The oldest beyond ``most``, each with its metadata.
    """
    snapshot = partial.with_name(partial.name.removesuffix(PARTIAL))
    partial.chmod(0o600)
    sync_path(partial)
    text = json.dumps(metadata, indent=4, sort_keys=True) + "\n"
    write_whole(Path(f"{snapshot}.json"), text.encode())
    partial.rename(snapshot)
    sync_path(snapshot.parent)
    for path in snapshot.parent.glob(f"*.db{PARTIAL}"):
        if time.time() - path.stat().st_mtime > ABANDONED_S:
            path.unlink()
    snapshots = sorted(
        snapshot.parent.glob("*.db"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    old = snapshots[most:]
    for path in old:
        path.unlink()
        Path(f"{path}.json").unlink(missing_ok=True)
    return snapshot, old


def main() -> None:
    """Store it and return what was removed."""
    module = AnsibleModule(
        argument_spec={
            "partial": {"type": "path", "required": True},
            "metadata": {"type": "dict", "required": True},
            "keep": {"type": "int", "required": True},
        }
    )
    params = module.params
    try:
        snapshot, old = store(Path(params["partial"]), params["metadata"], params["keep"])
    except OSError as error:
        module.fail_json(msg=f"the snapshot {params['partial']} cannot be stored: {error}")
    module.exit_json(changed=True, snapshot=str(snapshot), removed=[str(path) for path in old])


if __name__ == "__main__":
    main()
