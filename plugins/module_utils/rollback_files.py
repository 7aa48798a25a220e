"""Where a rollback keeps what it needs on a node, and what it writes down there.

All of it is root's only.

``/etc/kubernetes/kubedrill/rollback`` holds the journal and the manifests of the older release;
etcd's data folder holds the restored data until they are in place, and the data that were replaced
until all is over.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    MANIFESTS,
    image_tag,
    search_file,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import write_whole

HOME = Path("/etc/kubernetes/kubedrill")
KUBELET = Path("/var/lib/kubelet")
ROLLBACK = "rollback"
PREVIOUS = "previous"  # where roles/upgrade keeps the manifests that it replaces
RESTORED = "kubedrill-rollback-restored"
REPLACED = "member.kubedrill-rollback-replaced"

# What a kubelet remembers in formats of its own release: an older one calls a newer format corrupt
# and does not start (1.36 writes cpu_manager_state in version 3, which 1.35 cannot read). It is
# made anew from the pods.
KUBELET_STATE = (
    "cpu_manager_state",
    "memory_manager_state",
    "allocated_pods_state",
    "actuated_pods_state",
)

Journal = dict[str, Any]


class Files:
    """Paths of one node; other folders in tests only."""

    def __init__(
        self, home: Path = HOME, manifests: Path = MANIFESTS, kubelet: Path = KUBELET
    ) -> None:
        self.kubelet = kubelet
        self.manifests = manifests
        self.previous = home / PREVIOUS
        self.folder = home / ROLLBACK
        self.backups = self.folder / "manifests"
        self.journal_file = self.folder / "journal.json"

    def journal(self) -> Journal | None:
        """What an unfinished rollback has written down here; None where there is none."""
        if not self.journal_file.exists():
            return None
        return dict(json.loads(self.journal_file.read_text(encoding="utf-8")))

    def note(self, journal: Journal) -> None:
        """Write the journal in one step, on the disk before this returns."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.journal_file, json.dumps(journal, indent=1, sort_keys=True).encode())

    def manifest(self, component: str, tag: str) -> Path | None:
        """The manifest with the wanted image tag.

        The one that runs, else the one that the upgrade replaced.
        """
        for folder in (self.backups, self.manifests, self.previous):
            path = folder / f"{component}.yaml"
            if image_tag(path) == tag:
                return path
        return None

    def etcd(self) -> dict[str, str]:
        """Name, peer URL and data folder of this node's member, from its manifest.

        {} where it has none.
        """
        path = self.manifests / "etcd.yaml"
        path = path if path.exists() else self.backups / "etcd.yaml"
        flags = {"name": "name", "peer_url": "initial-advertise-peer-urls", "data": "data-dir"}
        values = {key: search_file(path, rf"--{flag}=(\S+)") for key, flag in flags.items()}
        return values if all(values.values()) else {}

    def forget_kubelet_state(self) -> None:
        """Remove what a newer kubelet remembered; its kubelet stands still."""
        for name in KUBELET_STATE:
            (self.kubelet / name).unlink(missing_ok=True)

    def tags(self) -> dict[str, str]:
        """Image tags of the manifests that this node runs, or ran when a rollback stopped them.

        Without a v.
        """
        return {name: image_tag(self.manifests / f"{name}.yaml") for name in STATIC_PODS}


def remove(path: Path) -> None:
    """Remove a folder with all that is in it; it is no error where there is none."""
    shutil.rmtree(path, ignore_errors=not path.exists())
