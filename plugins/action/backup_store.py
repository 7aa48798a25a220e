"""Encrypts an archive of the node to a file of the controller, piece by piece."""

from __future__ import annotations

import base64
import binascii
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.action import ActionBase

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import (
    SUFFIX,
    BackupError,
    prune,
    read_recipients,
    write_backup,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 8 << 20
"""Bytes that are asked for at a time: the controller has a few times as much in memory."""


class ActionModule(ActionBase):
    """Nothing but the pieces is asked of the node; they go into no file before age has them."""

    TRANSFERS_FILES = False
    _supports_check_mode = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Store the backup, then remove old ones."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "archive": {"type": "dict", "required": True},
                "directory": {"type": "path", "required": True},
                "cluster": {"type": "str", "required": True},
                "taken": {"type": "str", "required": True},
                "recipients": {"type": "list", "elements": "str", "required": True},
                "keep": {"type": "int", "required": True},
            }
        )
        directory, archive = Path(arguments["directory"]), arguments["archive"]
        path = directory / f"{arguments['cluster']}-{arguments['taken']}{SUFFIX}"
        recipients, mistakes = read_recipients(arguments["recipients"])
        if mistakes:
            return {**result, "failed": True, "msg": "; ".join(mistakes)}
        try:
            write_backup(
                path, self._pieces(archive["path"], int(archive["bytes"])), recipients, archive
            )
            removed = prune(directory, arguments["cluster"], arguments["keep"])
        except (BackupError, OSError) as error:
            return {**result, "failed": True, "msg": f"{path} cannot be written: {error}"}
        return {
            **result,
            "changed": True,
            "path": str(path),
            "bytes": path.stat().st_size,
            "removed": [str(each) for each in removed],
        }

    def _pieces(self, path: str, size: int) -> Iterator[bytes]:
        """Read a file of the node. In text, as Ansible hands on what a program prints."""
        for number in range(-(-size // PIECE)):
            command = (
                f"dd if={shlex.quote(path)} bs={PIECE} skip={number} count=1 status=none | base64"
            )
            answer = self._low_level_execute_command(command)
            try:
                piece = base64.b64decode("".join(answer["stdout"].split()), validate=True)
            except (binascii.Error, ValueError):
                piece = b""
            if answer["rc"] or not piece:
                raise BackupError(
                    f"{path} cannot be read on the node: {answer['stderr'].strip()[-500:]}"
                )
            yield piece
