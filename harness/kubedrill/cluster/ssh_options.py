"""How one node is reached over SSH: as Ansible reaches it.

``ssh -G`` is given the arguments that Ansible gives to ``ssh`` and says what becomes of them with
the user's and the system's configuration (Match, Include, HostName, ProxyJump, tokens).
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.inventory_values import (
    has_control_characters,
)
from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.home import expand_home
from kubedrill.cluster.ansible_config import read_settings
from kubedrill.cluster.become import Become
from kubedrill.cluster.vagrant import SIZE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedrill.base.model import Node

SSH = "ssh"
RESOLVE_S = 10.0
"""Seconds for ``ssh -G``, which asks DNS where the configuration canonicalizes names."""
_KEY_VARIABLES = ("ansible_ssh_private_key_file", "ansible_private_key_file")
_TOKEN = re.compile(r"%([%dhkLlnpru])")
_PATH = re.compile(r'"([^"]+)"|(\S+)')


@dataclass(frozen=True)
class SshOptions:
    """Address, user, keys and known hosts of one node. ``password`` is never shown."""

    host: str
    port: int
    user: str
    key_file: Path | None
    """The key that the inventory or ansible.cfg names."""
    identities: tuple[Path, ...]
    """Further keys that OpenSSH would try, there or not."""
    known_hosts: tuple[Path, ...]
    """The user's files."""
    host_key_alias: str
    proxy_command: str | None
    """What connects, with OpenSSH's tokens; None for a plain connection."""
    global_known_hosts: tuple[Path, ...] = ()
    """The system's files."""
    jump: str = ""
    """The jump hosts as OpenSSH names them, of which ``proxy_command`` is made."""
    identities_only: bool = False
    agent: Path | None = None
    by_vagrant: bool = False
    arguments: tuple[str, ...] = field(default=(), repr=False)
    """What a person gives to ``ssh`` before the host's name, to come in the same way."""
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    password: str | None = field(default=None, repr=False)
    become: Become = field(default_factory=Become)

    @staticmethod
    def of(node: Node) -> SshOptions:
        """Read a node's variables.

        ansible_host, _port, _user, _ssh_private_key_file, _ssh_common_args and their kin.

        Raises:
            ConfigErrors: OpenSSH refuses an argument or its configuration, the key file does not
                exist, or root is to be become by something else than sudo; all are listed.
        """
        values, settings = node.host_vars, read_settings()
        become, mistakes = Become.of(node, settings)
        key = first(values, *_KEY_VARIABLES) or settings.get("private_key_file")
        try:
            key_file = expand_home(str(key), "its SSH key") if key else None
        except UsageError as error:
            key_file = None
            mistakes.append(f"{node.name}: {error}")
        by_vagrant = SIZE_VARIABLE in values
        if key_file is not None and not key_file.exists():
            remedy = "run `kubedrill up`, which makes it" if by_vagrant else "correct its path"
            mistakes.append(f"{node.name}: its SSH key {key_file} does not exist; {remedy}")
        try:
            general = _split(node, "ansible_ssh_args", settings)
            arguments = _arguments(node, settings, key_file)
            config = _resolve(node, [*general, *arguments])
        except ConfigErrors as error:
            mistakes += error.mistakes
        if mistakes:
            raise ConfigErrors("the inventory", mistakes)
        tokens = _tokens(node.ssh_address, config)
        identities = (_expanded_path(text, tokens) for text in config.get("identityfile", []))
        jump = config.get("proxyjump", ["none"])[0]
        proxy = config.get("proxycommand", ["none"])[0]
        if jump != "none":
            proxy = _jump_command(jump, [*general, *arguments], tokens)
        return SshOptions(
            host=config["hostname"][0],
            port=int(config["port"][0]),
            user=config["user"][0],
            key_file=key_file,
            identities=tuple(path for path in identities if path != key_file),
            known_hosts=_paths(config["userknownhostsfile"][0], tokens),
            global_known_hosts=_paths(config["globalknownhostsfile"][0], tokens),
            host_key_alias=config.get("hostkeyalias", [""])[0],
            proxy_command=None if proxy == "none" else proxy,
            jump="" if jump == "none" else jump,
            identities_only=config.get("identitiesonly") == ["yes"],
            agent=_agent(config.get("identityagent", [""])[0], tokens),
            by_vagrant=by_vagrant,
            arguments=(*(general if "ansible_ssh_args" in values else ()), *arguments),
            tokens=tokens,
            password=first(values, "ansible_ssh_pass", "ansible_ssh_password", "ansible_password"),
            become=become,
        )

    @property
    def who(self) -> str:
        """User, host and port, and the jump host, for messages."""
        where = f"{self.user}@{self.host}:{self.port}"
        return f"{where} through {self.jump or 'its ProxyCommand'}" if self.proxy_command else where

    @property
    def proxy_line(self) -> str:
        """``proxy_command`` for a shell."""
        return _expanded(self.proxy_command or "", self.tokens)

    @property
    def known_hosts_text(self) -> str:
        """The first file of known hosts, to which one is added, for messages."""
        return str(self.known_hosts[0]) if self.known_hosts else "no file"

    @property
    def key_name(self) -> str:
        """The name under which known_hosts holds this node's key."""
        if self.host_key_alias:
            return self.host_key_alias
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


def first(values: Mapping[str, Any], *names: str) -> Any:
    """Return the first of these variables that is set and not empty."""
    return next((values[name] for name in names if values.get(name) not in (None, "")), None)


def _arguments(node: Node, settings: Mapping[str, str], key_file: Path | None) -> list[str]:
    """What Ansible gives to ``ssh`` after ansible_ssh_args, in its order; the first counts."""
    values, words = node.host_vars, []
    port = first(values, "ansible_port", "ansible_ssh_port") or settings.get("remote_port")
    user = first(values, "ansible_user", "ansible_ssh_user") or settings.get("remote_user")
    words += ["-o", f"Port={port}"] if port else []
    words += ["-o", f'IdentityFile="{key_file}"'] if key_file else []
    words += ["-o", f'User="{user}"'] if user else []
    words += _split(node, "ansible_ssh_common_args", settings)
    words += _split(node, "ansible_ssh_extra_args", settings)
    return words


def _split(node: Node, name: str, settings: Mapping[str, str]) -> list[str]:
    value = node.host_vars.get(name)
    text = str(settings.get(name.removeprefix("ansible_"), "") if value is None else value)
    try:
        words = shlex.split(text)
    except ValueError as error:
        mistake = f"{node.name}: {name} is {text!r}: {error}; close its quotes"
        raise ConfigErrors("the inventory", [mistake]) from error
    mistakes = [
        f"{node.name}: the SSH argument {word!r} has a line break or another control character; "
        "remove it"
        for word in words
        if has_control_characters(word)
    ]
    if mistakes:
        raise ConfigErrors("the inventory", mistakes)
    return words


def _resolve(node: Node, arguments: list[str]) -> dict[str, list[str]]:
    """What ``ssh -G`` prints: option in lower case → its values."""
    try:
        done = subprocess.run(
            [SSH, "-T", "-G", *arguments, "--", node.ssh_address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=RESOLVE_S,
            check=False,
        )
    except FileNotFoundError as error:
        mistake = f"{SSH} is not installed; install OpenSSH's client (openssh-client)"
        raise ConfigErrors("this host", [mistake]) from error
    except subprocess.TimeoutExpired as error:
        mistake = f"{node.name}: ssh -G {node.ssh_address} did not end within {RESOLVE_S:g} s"
        raise ConfigErrors("the inventory", [mistake]) from error
    if done.returncode != 0:
        words = next((line for line in done.stderr.splitlines() if line.strip()), "no output")
        mistake = f"{node.name}: OpenSSH refuses its arguments or configuration: {words.strip()}"
        raise ConfigErrors("the inventory", [mistake])
    config: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        config.setdefault(name, []).append(value)
    return config


def _tokens(original: str, config: Mapping[str, list[str]]) -> dict[str, str]:
    """OpenSSH's tokens (ssh_config(5)) that a path or a command of the configuration may have."""
    name = os.uname().nodename
    host, port, user = (config[option][0] for option in ("hostname", "port", "user"))
    alias = config.get("hostkeyalias", [original])[0]
    tokens = {"%": "%", "d": str(Path.home()), "h": host, "p": port, "r": user, "n": original}
    return {**tokens, "k": alias, "l": name, "L": name.split(".")[0], "u": getpass.getuser()}


def _expanded(text: str, tokens: Mapping[str, str]) -> str:
    return _TOKEN.sub(lambda match: tokens[match[1]], text)


def _expanded_path(text: str, tokens: Mapping[str, str]) -> Path:
    # os.path's leaves ~ of an unknown user as it is: a file that does not exist
    return Path(os.path.expanduser(os.path.expandvars(_expanded(text.strip('"'), tokens))))  # noqa: PTH111


def _paths(text: str, tokens: Mapping[str, str]) -> tuple[Path, ...]:
    """The paths in a list that ``ssh -G`` prints without quotes: a blank may be part of one."""
    words = [quoted or plain for quoted, plain in _PATH.findall(text)]
    paths: list[Path] = []
    while words:
        lengths = range(len(words), 0, -1)
        joined = ((n, _expanded_path(" ".join(words[:n]), tokens)) for n in lengths)
        length, path = next(
            ((n, path) for n, path in joined if path.exists()),
            (1, _expanded_path(words[0], tokens)),
        )
        paths.append(path)
        words = words[length:]
    return tuple(path for path in paths if str(path) != "none")


def _agent(text: str, tokens: Mapping[str, str]) -> Path | None:
    """The agent's socket: IdentityAgent's, else the environment's."""
    if text.startswith("$") and not text.startswith("${"):
        text = os.environ.get(text[1:], "")
    if text in ("", "SSH_AUTH_SOCK"):
        text = os.environ.get("SSH_AUTH_SOCK", "")
    return _expanded_path(text, tokens) if text not in ("", "none") else None


def _jump_command(jump: str, arguments: list[str], tokens: Mapping[str, str]) -> str:
    """The command that OpenSSH makes of ProxyJump: the last jump host forwards to the node.

    It asks nobody anything, and takes what it needs from the same configuration.
    """
    *before, last = jump.split(",")
    words = [SSH, "-o", "BatchMode=yes", *_config_file(arguments)]
    words += ["-J", ",".join(before)] if before else []
    words += ["-W", f"[{tokens['h']}]:{tokens['p']}"]
    return shlex.join([*words, "--", last if last.startswith("ssh://") else f"ssh://{last}"])


def _config_file(arguments: list[str]) -> list[str]:
    """The option -F of these arguments, which jump hosts are reached with too."""
    for place, word in enumerate(arguments):
        if word.startswith("-F"):
            return ["-F", word[2:] or arguments[place + 1]]
    return []
