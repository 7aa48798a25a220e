"""What a backup holds, for a restore."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

from ansible.plugins.lookup import LookupBase

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    BackupError,
    read_backup,
    read_identities,
    sum_file,
)

DOCUMENTATION = """
name: backup_contents
short_description: Decrypts a backup, checks it, and returns what is no secret of it
description: Nothing is written. What is wrong with the file or the key is returned, too.
options:
  _terms:
    description: The backup.
  identity:
    description: The file with the private key.
    type: str
    required: true
"""

CONFIGURATION = "kubeadm/ClusterConfiguration.yaml"


class LookupModule(LookupBase):
    """Returns manifest, configuration, sha256 and mistakes of each backup."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Read them."""
        self.set_options(var_options=variables, direct=kwargs)
        return [read(str(term), str(self.get_option("identity"))) for term in terms]


def read(backup: str, identity: str) -> dict[str, Any]:
    """Read one backup; where it cannot be, ``mistakes`` says why."""
    mistakes = [
        f"{name} is not set: give {what}"
        for name, value, what in (
            ("restore_from", backup, "the backup, such as -e restore_from=FILE"),
            ("restore_identity", identity, "the file with its private key"),
        )
        if not value
    ]
    if mistakes:
        return {"mistakes": mistakes}
    path, configuration = Path(backup).expanduser().absolute(), io.BytesIO()

    def receive(_manifest: dict[str, Any], name: str) -> IO[bytes] | None:
        return configuration if name == CONFIGURATION else None

    try:
        identities = read_identities(Path(identity).expanduser().absolute())
        manifest = read_backup(path, identities, receive)
        total = sum_file(path)
    except (BackupError, OSError) as error:
        return {"mistakes": error.mistakes if isinstance(error, BackupError) else [str(error)]}
    return {
        "mistakes": [],
        "manifest": manifest,
        "configuration": configuration.getvalue().decode("utf-8", "replace"),
        "sha256": total,
    }
