"""Proves a backup: it can be decrypted, is whole, and etcd serves from it what it says it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    PROOF,
    BackupError,
    read_backup,
    read_identities,
)
from kubedrill.backup.scratch_etcd import count_keys, scratch_folder
from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.files import replace_file, sha256_of
from kubedrill.bundle.manifest import verify
from kubedrill.bundle.programs import Programs
from kubedrill.bundle.releases import ARCH

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = 1


@dataclass(frozen=True)
class Proof:
    """What a proof found out. ``differences`` is empty where the backup is proven."""

    manifest: dict[str, Any]
    kinds: dict[str, int]
    differences: tuple[str, ...]


def prove(  # noqa: PLR0913 - each is named by the caller
    backup: Path,
    key_file: Path,
    bundles: Path,
    report: Callable[[str], None],
    *,
    cluster: str = "",
    seconds: float = 180.0,
) -> Proof:
    """Prove a backup, and write the proof beside it where it holds.

    ``cluster`` is the name that the backup has to be of, "" for any; ``bundles`` holds the bundle
    of the release that it was taken of, whose etcd restores it.

    Raises:
        UsageError: the backup, the key or the bundle cannot be used; nothing was written.
        StepFailed: etcd could not be run, or refused the snapshot.
    """
    report("decrypting, and comparing every part with its sha256")
    try:
        identities = read_identities(key_file)
        manifest = read_backup(backup, identities)
    except BackupError as error:
        raise ConfigErrors(str(backup), error.mistakes) from error
    if cluster and manifest["cluster"] != cluster:
        raise UsageError(
            f"{backup} is a backup of cluster {manifest['cluster']!r}, expected {cluster!r}: give "
            "one of this cluster, or that one's inventory"
        )
    bundle = bundles / f"v{manifest['kubernetes']}-{ARCH}"
    verify(bundle)
    size = manifest["parts"]["etcd/snapshot.db"]["bytes"]
    with scratch_folder(size) as folder:
        report(f"restoring {manifest['etcd']['keys']} keys into an etcd of {bundle.name}")
        snapshot = folder / "snapshot.db"
        with snapshot.open("wb") as stream:

            def receive(_manifest: dict[str, Any], name: str) -> IO[bytes] | None:
                return stream if name == "etcd/snapshot.db" else None

            read_backup(backup, identities, receive)
        programs = Programs(bundle, folder)
        kinds = count_keys(programs, snapshot, manifest["etcd"]["revision"], seconds)
    differences = compare(manifest["etcd"]["kinds"], kinds)
    if not differences:
        _write(backup, manifest, kinds)
    return Proof(manifest, kinds, tuple(differences))


def compare(expected: dict[str, int], actual: dict[str, int]) -> list[str]:
    """Say where two counts differ.

    >>> compare({"pods": 3, "secrets": 1}, {"pods": 2, "secrets": 1})
    ['pods: 2 keys, expected 3']
    """
    return [
        f"{kind}: {actual.get(kind, 0)} keys, expected {expected.get(kind, 0)}"
        for kind in sorted({*expected, *actual})
        if actual.get(kind, 0) != expected.get(kind, 0)
    ]


def _write(backup: Path, manifest: dict[str, Any], kinds: dict[str, int]) -> None:
    proof = {
        "schema": SCHEMA,
        "backup": backup.name,
        "sha256": sha256_of(backup),
        "proven": datetime.now(UTC).isoformat(timespec="seconds"),
        "cluster": manifest["cluster"],
        "identity": manifest["identity"],
        "taken": manifest["taken"],
        "kubernetes": manifest["kubernetes"],
        "revision": manifest["etcd"]["revision"],
        "keys": sum(kinds.values()),
        "kinds": kinds,
    }
    replace_file(Path(f"{backup}{PROOF}"), json.dumps(proof, indent=1) + "\n", mode=0o600)
