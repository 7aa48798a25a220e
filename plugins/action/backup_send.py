"""Decrypts a backup on the controller, and sends what a restore needs to the node."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubedrill.kubeadm.plugins.filter.restore_plan import (
    AUTHORITIES,
    ENCRYPTION,
    PKI,
)
from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    BackupError,
    read_backup,
    read_identities,
    sum_file,
)

PIECE = 8 << 20
STAGED = "backup.sha256"
"""Written when all is there: names the backup."""
SNAPSHOT = "etcd/snapshot.db"


def staged_name(part: str) -> str:
    """Where a part lies in the directory of the restore; "" where it is not needed.

    >>> staged_name("etcd/snapshot.db"), staged_name("files/etc/kubernetes/pki/ca.key")
    ('snapshot.db', 'files/etc/kubernetes/pki/ca.key')
    >>> staged_name("files/etc/kubernetes/pki/apiserver.crt"), staged_name("files/etc/passwd")
    ('', '')
    """
    if part == SNAPSHOT:
        return "snapshot.db"
    is_kept = part == ENCRYPTION or part.removeprefix(PKI) in AUTHORITIES
    return part if is_kept and part.startswith("files/") else ""


class Sending:
    """A file of the node that is written piece by piece."""

    def __init__(self, action: ActionModule, path: str) -> None:
        self._action, self._path, self._buffer = action, path, bytearray()
        folder = str(PurePosixPath(path).parent)
        action.command(f"mkdir -p {shlex.quote(folder)} && : >{shlex.quote(path)}")

    def write(self, content: bytes) -> int:
        """Send what has come together."""
        self._buffer += content
        if len(self._buffer) >= PIECE:
            self.flush()
        return len(content)

    def flush(self) -> None:
        """Send the rest."""
        if self._buffer:
            self._action.command(f"cat >>{shlex.quote(self._path)}", bytes(self._buffer))
            self._buffer.clear()


class ActionModule(ActionBase):
    """The parts go through pipes to files that only root of the node reads."""

    TRANSFERS_FILES = False
    _supports_check_mode = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send the parts anew."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "backup": {"type": "path", "required": True},
                "identity": {"type": "path", "required": True},
                "directory": {"type": "str", "required": True},
            }
        )
        backup, directory = Path(arguments["backup"]).absolute(), arguments["directory"]
        place, files = shlex.quote(directory), []

        def receive(_manifest: dict[str, Any], part: str) -> Any:
            name = staged_name(part)
            if name:
                files.append(Sending(self, f"{directory}/{name}"))
            return files[-1] if name else None

        try:
            self.command(f"rm -rf {place} && mkdir -p -m 700 {place}")
            read_backup(backup, read_identities(Path(arguments["identity"])), receive)
            for file in files:
                file.flush()
            self.command(f"sync && echo {sum_file(backup)} >{place}/{STAGED} && sync")
        except (BackupError, OSError) as error:
            raise AnsibleActionFail(f"{backup} cannot be sent: {error}") from error
        return {**result, "changed": True, "files": len(files)}

    def command(self, line: str, content: bytes | None = None) -> None:
        """Run a line of shell on the node."""
        answer = self._low_level_execute_command(f"umask 077; {line}", in_data=content)
        if answer["rc"]:
            raise BackupError(f"the node refused: {answer['stderr'].strip()[-500:]}")
