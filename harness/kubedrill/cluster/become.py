"""How a command becomes root on a node: by sudo, as Ansible's variables say."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedrill.base.model import Node

SUDO = ("sudo", "ansible.builtin.sudo")
PASSWORDS = ("ansible_sudo_pass", "ansible_become_pass", "ansible_become_password")
"""The variables that may hold sudo's password; the first that is set counts, as in Ansible."""
_MARK = "kubedrill-input-follows"
_SKIP = f'while IFS= read -r line && [ "$line" != {_MARK} ]; do :; done; exec "$@"'
"""sudo leaves the password where it is when it needs none: the command must not read it."""
_PASSWORD_S = 10.0


@dataclass(frozen=True)
class Become:
    """sudo's program and password. The password is never shown, nor part of a command line."""

    program: str = "sudo"
    password: str | None = field(default=None, repr=False)

    @staticmethod
    def of(node: Node, settings: Mapping[str, str]) -> tuple[Become, list[str]]:
        """Read a node's variables and Ansible's settings; returns the mistakes in them too."""
        values, mistakes = node.host_vars, []
        method = str(values.get("ansible_become_method") or settings.get("become_method") or "sudo")
        if method not in SUDO:
            mistakes.append(
                f"{node.name}: ansible_become_method is {method!r}; expected sudo, the only one "
                "that kubedrill becomes root by: allow its user sudo, or connect as root"
            )
        user = str(values.get("ansible_become_user") or settings.get("become_user") or "root")
        if user != "root":
            mistakes.append(
                f"{node.name}: ansible_become_user is {user!r}; expected root: remove it"
            )
        password = next((values[name] for name in PASSWORDS if values.get(name)), None)
        if password is None and (file := settings.get("become_password_file")):
            try:
                password = _read_password(Path(file))
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                words = getattr(error, "strerror", None) or "it gives no password"
                mistakes.append(f"{node.name}: become_password_file {file}: {words}; correct it")
        program = values.get("ansible_become_exe") or values.get("ansible_sudo_exe") or "sudo"
        return Become(str(program), None if password is None else str(password)), mistakes

    def argv(self, words: Sequence[str]) -> list[str]:
        """Return the command that runs ``words`` as root.

        >>> Become().argv(["id"])
        ['sudo', '-n', '--', 'id']
        """
        if self.password is None:
            return [self.program, "-n", "--", *words]
        return [self.program, "-S", "-p", "", "--", "sh", "-c", _SKIP, "sh", *words]

    def stdin(self, text: str) -> str:
        """Return a command's input with what sudo needs before it."""
        return text if self.password is None else f"{self.password}\n{_MARK}\n{text}"

    def refusal(self, errors: str, user: str) -> str | None:
        """Say why sudo ran nothing and what to do, None where it did."""
        lines = [line.strip() for line in errors.splitlines() if line.strip()]
        words = lines[-1] if lines else ""
        if "not in the sudoers" in words or "is not allowed to" in words:
            return f"{words}; let {user} become root by sudo"
        if f"{self.program}: not found" in words or f"{self.program}: command not found" in words:
            return f"{self.program} is not installed; install it, or connect as root"
        if not any(line.startswith("sudo: ") for line in lines):
            return None
        if "incorrect password" in words or "no password was provided" in words:
            return f"sudo refused the password of {user}: correct ansible_become_password"
        if "password is required" in words:
            return (
                f"{words}; set ansible_become_password, in a vault or by a file, or allow {user} "
                "sudo without a password (NOPASSWD)"
            )
        return f"{words}; let {user} become root by sudo"


def _read_password(path: Path) -> str:
    """A file's first line, or what it prints where it can be executed: as Ansible reads it."""
    if os.access(path, os.X_OK) and path.is_file():
        done = subprocess.run(
            [path], capture_output=True, text=True, timeout=_PASSWORD_S, check=True
        )
        text = done.stdout
    else:
        text = path.read_text(encoding="utf-8")
    if not (password := text.strip("\r\n").split("\n")[0].rstrip("\r")):
        raise ValueError
    return password
