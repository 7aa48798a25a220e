"""How one node is reached over SSH, taken from the Ansible variables of the inventory."""

from __future__ import annotations

import getpass
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    has_control_characters,
)
from kubedrill.base.errors import ConfigErrors

if TYPE_CHECKING:
    from kubedrill.base.model import Node

DEFAULT_KNOWN_HOSTS = Path("~/.ssh/known_hosts")
_ARGS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")


@dataclass(frozen=True)
class SshOptions:
    """Address, user, key and known hosts of one node. ``password`` is never shown."""

    host: str
    port: int
    user: str
    key_file: Path | None
    known_hosts: tuple[Path, ...]
    host_key_alias: str
    proxy_command: str | None
    config_file: str = ""  # which is not read
    password: str | None = field(default=None, repr=False)
    become_password: str | None = field(default=None, repr=False)

    @staticmethod
    def of(node: Node) -> SshOptions:
        """Read a node's variables.

        ansible_host, _port, _user, _ssh_private_key_file, _ssh_common_args and their kin.

        Raises:
            ConfigErrors: an option in the SSH arguments cannot be understood, or the key file does
                not exist.
        """
        values = node.host_vars
        options = _ssh_arguments(node)
        if options.get("proxyjump"):
            raise ConfigErrors(
                "the inventory",
                [
                    (
                        f"{node.name}: ProxyJump is not supported; use -o "
                        f"ProxyCommand='ssh -W %h:%p {options['proxyjump']}'"
                    )
                ],
            )
        return SshOptions(
            host=node.address,
            port=int(
                _first(values, "ansible_port", "ansible_ssh_port") or options.get("port") or 22
            ),
            user=str(
                _first(values, "ansible_user", "ansible_ssh_user")
                or options.get("user")
                or getpass.getuser()
            ),
            key_file=_key_file(node, options),
            known_hosts=_known_hosts(options.get("userknownhostsfile", "")),
            host_key_alias=options.get("hostkeyalias", ""),
            proxy_command=options.get("proxycommand"),
            config_file=options.get("configfile", ""),
            password=_first(values, "ansible_ssh_pass", "ansible_ssh_password", "ansible_password"),
            become_password=_first(values, "ansible_become_pass", "ansible_become_password"),
        )

    @property
    def known_hosts_text(self) -> str:
        """The files of known hosts, for messages."""
        return " or ".join(map(str, self.known_hosts))

    @property
    def key_name(self) -> str:
        """The name under which known_hosts holds this node's key."""
        if self.host_key_alias:
            return self.host_key_alias
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    def config_block(self, alias: str) -> str:
        """The ``Host`` block for OpenSSH's own client (testinfra uses it).

        Same key, same known hosts, no guessing.
        """
        lines = [
            f"Host {alias}",
            f"  HostName {self.host}",
            f"  Port {self.port}",
            f"  User {self.user}",
            "  UserKnownHostsFile " + " ".join(f'"{file}"' for file in self.known_hosts),
            "  StrictHostKeyChecking yes",
            "  BatchMode yes",
            "  ServerAliveInterval 15",  # a node that is gone ends a command after three of them
            "  LogLevel ERROR",
        ]
        if self.key_file:
            lines += [f'  IdentityFile "{self.key_file}"', "  IdentitiesOnly yes"]
        if self.host_key_alias:
            lines.append(f"  HostKeyAlias {self.host_key_alias}")
        if self.proxy_command:
            lines.append(f"  ProxyCommand {self.proxy_command}")
        return "\n".join(lines) + "\n"


def _known_hosts(value: str) -> tuple[Path, ...]:
    """The files that ``UserKnownHostsFile`` names, which are separated by blanks."""
    whole = Path(value.strip('"') or DEFAULT_KNOWN_HOSTS).expanduser()
    if whole.exists():
        return (whole,)
    words = re.findall(r'"[^"]+"|\S+', value) or [str(whole)]
    return tuple(Path(word.strip('"')).expanduser() for word in words)


def _key_file(node: Node, options: dict[str, str]) -> Path | None:
    names = ("ansible_ssh_private_key_file", "ansible_private_key_file")
    key = _first(node.host_vars, *names) or options.get("identityfile")
    path = Path(str(key)).expanduser() if key else None
    if path is not None and not path.exists():
        mistake = (
            f"{node.name}: its SSH key {path} does not exist; create it "
            f"(local nodes: run 'vagrant up')"
        )
        raise ConfigErrors("the inventory", [mistake])
    return path


def _first(values: dict[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) not in (None, "")), None)


def _ssh_arguments(node: Node) -> dict[str, str]:
    """The ``-o Name=value`` options (and -i, -p, -l, -J, -F) of the SSH arguments, lower case."""
    options: dict[str, str] = {}
    for name in _ARGS:
        text = str(node.host_vars.get(name) or "")
        try:
            words = shlex.split(text)
        except ValueError as error:
            mistake = f"{node.name}: {name} is {text!r}: {error}; close its quotes"
            raise ConfigErrors("the inventory", [mistake]) from error
        while words:
            _take(words, options)
    mistakes = [
        f"{node.name}: the SSH option {name} is {value!r}, which has a line break or another "
        "control character; remove it"
        for name, value in options.items()
        if has_control_characters(value)
    ]
    if mistakes:
        raise ConfigErrors("the inventory", mistakes)
    return options


def _take(words: list[str], options: dict[str, str]) -> None:
    word = words.pop(0)
    short = {
        "-i": "identityfile",
        "-p": "port",
        "-l": "user",
        "-J": "proxyjump",
        "-F": "configfile",
    }
    flag, rest = word[:2], word[2:]
    if flag != "-o" and flag not in short:
        return
    if not rest and not words:
        raise ConfigErrors(
            "the inventory", [f"an SSH argument ends with {word!r}; give it a value"]
        )
    value = rest or words.pop(0)
    if flag in short:
        options.setdefault(short[flag], value)
        return
    key, _, text = value.replace("=", " ", 1).partition(" ")
    text = text.strip()
    several = key.lower() == "userknownhostsfile"  # each may have quotes of its own
    options.setdefault(key.lower(), text if several else text.strip('"'))
