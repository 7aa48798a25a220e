"""The keys that a node is offered, in OpenSSH's order, and the host keys that it may show."""

from __future__ import annotations

import base64
import binascii
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import paramiko
from paramiko.agent import AgentSSH

from kubedrill.base.answers import answer_of
from kubedrill.base.errors import ConfigErrors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from kubedrill.base.model import Node
    from kubedrill.cluster.ssh_options import SshOptions

AGENT_S = 5.0
"""Seconds for an answer of the agent; one that asks its user to confirm a use is not waited for."""
_MAGIC = b"openssh-key-v1\0"


class _Agent(AgentSSH):
    """The agent behind a socket, which answers within :data:`AGENT_S` or counts as none."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(AGENT_S)
        try:
            connection.connect(str(path))
            self._connect(connection)  # type: ignore[attr-defined]  # the stubs lack it
        except BaseException:
            connection.close()
            raise


@dataclass
class Offer:
    """The keys for one node, and what they are for a message."""

    keys: list[paramiko.PKey] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def add(self, key: paramiko.PKey, source: str) -> None:
        """Take a key in, once."""
        if key.asbytes() not in [each.asbytes() for each in self.keys]:
            self.keys.append(key)
            self.sources.append(source)


def offer(node: Node, options: SshOptions) -> Offer:
    """Return the keys that a node is offered.

    The one that the inventory names comes first; then the agent's, those of configured files
    before others; then files.

    Raises:
        ConfigErrors: the key that the inventory names cannot be used.
    """
    held, trouble = _agent_keys(options)
    result = Offer()
    if options.key_file is not None:
        result.add(_named_key(node, options.key_file, held, trouble), str(options.key_file))
    files = [path for path in options.identities if path.is_file()]
    public = [blob for path in files if (blob := _public_half(path))]
    for key in sorted(held, key=lambda key: key.asbytes() not in public):
        if not options.identities_only or key.asbytes() in public:
            result.add(key, f"a key of the agent ({key.fingerprint})")
    for path in files:
        try:
            result.add(paramiko.PKey.from_path(path), str(path))
        except (paramiko.SSHException, ValueError, TypeError, OSError):
            continue  # OpenSSH leaves out what it cannot use too; the refusal lists what was tried
    if trouble:
        result.sources.append(trouble)
    return result


def _agent_keys(options: SshOptions) -> tuple[Iterable[paramiko.PKey], str]:
    """The agent's keys, and what is wrong with the agent where there is one."""
    if options.agent is None:
        return (), ""
    try:
        return _Agent(options.agent).get_keys(), ""
    except (OSError, paramiko.SSHException) as error:
        return (), f"no key of the agent at {options.agent}: {words(error)}"


def _named_key(
    node: Node, path: Path, held: Iterable[paramiko.PKey], trouble: str
) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except (paramiko.SSHException, ValueError, TypeError, OSError) as error:
        public = _public_half(path)
        key = next((key for key in held if key.asbytes() == public), None)
        if key is not None:
            return key
        locked = "password" in str(error).lower()
        if locked and public is None:
            remedy = f"put its public half beside it ({path}.pub) and run: ssh-add {path}"
        elif locked:
            remedy = f"no agent holds it; run: ssh-add {path}"
        else:
            remedy = "name the file of a private key that you may read"
        remedy += f" ({trouble})" if trouble else ""
        mistake = f"{node.name}: its SSH key {path} cannot be used: {words(error)}; {remedy}"
        raise ConfigErrors("the inventory", [mistake]) from error


def _public_half(path: Path) -> bytes | None:
    """The public half of a key: beside its file, in it where OpenSSH wrote it, or all of it."""
    for file in (path.with_name(f"{path.name}.pub"), path):
        try:
            kind, text, *_ = file.read_text(encoding="utf-8").split()
            if not kind.startswith("-----"):
                return base64.b64decode(text, validate=True)
        except (OSError, ValueError):
            continue
    return _inner_public_half(path)


def _inner_public_half(path: Path) -> bytes | None:
    """The public half in OpenSSH's own format, where it is not encrypted (PROTOCOL.key)."""
    try:
        lines = path.read_text(encoding="ascii").split("\n")
        body = base64.b64decode("".join(line for line in lines if not line.startswith("-----")))
    except (OSError, ValueError, binascii.Error):
        return None
    if not body.startswith(_MAGIC):
        return None
    message = paramiko.Message(body[len(_MAGIC) :])
    for _ in ("cipher", "key derivation", "its options"):
        message.get_binary()
    return message.get_binary() if message.get_int() == 1 else None


def known_keys(options: SshOptions) -> Iterator[tuple[str, paramiko.PKey]]:
    """The host keys of a node in its files of known hosts, with the file of each.

    ``ssh-keygen`` looks them up: it knows hashed names, patterns and revoked keys. As with
    ``ssh``, a key that is known without a port counts where none is known with it.
    """
    names = dict.fromkeys((options.key_name, options.host_key_alias or options.host))
    for name in names:
        keys = [
            (str(file), key)
            for file in (*options.known_hosts, *options.global_known_hosts)
            if file.is_file()
            for key in _lookup(name, file)
        ]
        if keys:
            yield from keys
            return


def _lookup(name: str, file: Path) -> list[paramiko.PKey]:
    output = answer_of("ssh-keygen", "-F", name, "-f", str(file)) or ""
    fields = [line.split() for line in output.splitlines() if not line.startswith("#")]
    revoked = {words[3] for words in fields if words[0] == "@revoked" and len(words) > 3}
    keys = []
    for _, kind, text, *_rest in (words for words in fields if len(words) > 2):
        if text not in revoked and not kind.startswith("*"):
            try:
                keys.append(paramiko.PKey.from_type_string(kind, base64.b64decode(text)))
            except (paramiko.SSHException, ValueError, binascii.Error):
                continue  # a marked line, or a kind of key that is not known here
    return keys


def words(error: BaseException) -> str:
    """Return the text of an error, or its class where it has none (a time-out of a socket)."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
