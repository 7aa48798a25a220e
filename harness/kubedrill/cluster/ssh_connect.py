"""One SSH connection by paramiko.

The host's key is checked, and each refusal has an error that explains it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko

from kubedrill.base.errors import ConfigErrors, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.base.model import Node
    from kubedrill.cluster.ssh_options import SshOptions


_SLOW = ("No existing session", "Error reading SSH protocol banner")
"""What paramiko says when its own deadline passed: in the key exchange, and before the server's
first line."""


class HostUnreachable(Unreachable):
    """A node did not answer over SSH, or refused the key: powered off, booting, or cut off."""


def connect(node: Node, options: SshOptions, seconds: float) -> paramiko.SSHClient:
    """Connect within ``seconds`` for each of TCP, banner and authentication.

    Raises:
        HostUnreachable: says whether the network, the host's key or the user's key was the reason.
        ConfigErrors: a file that the inventory names is missing or unusable.
    """
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    _load_known_hosts(client, options, node)
    key = _private_key(node, options)
    try:
        client.connect(
            options.host,
            port=options.port,
            username=options.user,
            password=options.password,
            pkey=key,
            sock=paramiko.ProxyCommand(_expanded(options)) if options.proxy_command else None,
            timeout=seconds,
            banner_timeout=seconds,
            auth_timeout=seconds,
            allow_agent=options.key_file is None,
            look_for_keys=options.key_file is None,
        )
    except (paramiko.SSHException, EOFError, OSError) as error:
        client.close()
        raise HostUnreachable(_refusal(node, options, error, seconds)) from error
    return client


def _private_key(node: Node, options: SshOptions) -> paramiko.PKey | None:
    if options.key_file is None:
        return None
    try:
        return paramiko.PKey.from_path(options.key_file)
    except (paramiko.SSHException, ValueError, TypeError, OSError) as error:
        key = _agent_key(options.key_file)
        if key is not None:
            return key
        mistake = (
            f"{node.name}: its SSH key {options.key_file} cannot be used: {words(error)}; "
            f"give an unlocked key, or with {options.key_file}.pub beside it add it to the agent: "
            f"ssh-add {options.key_file}"
        )
        raise ConfigErrors("the inventory", [mistake]) from error


def _agent_key(key_file: Path) -> paramiko.PKey | None:
    """The agent's key of a file with a passphrase, known by the public half beside it."""
    try:
        public = key_file.with_name(f"{key_file.name}.pub").read_text(encoding="utf-8").split()[1]
        keys = paramiko.Agent().get_keys()
    except (OSError, ValueError, IndexError, paramiko.SSHException):
        return None
    return next((key for key in keys if key.get_base64() == public), None)


def _load_known_hosts(client: paramiko.SSHClient, options: SshOptions, node: Node) -> None:
    files = [file for file in options.known_hosts if file.exists()]
    if not files:
        mistake = (
            f"{node.name}: its host keys are unknown because {options.known_hosts_text} does not "
            "exist; add them "
            "(local nodes: 'vagrant up' writes them) and name the file in ansible_ssh_common_args"
        )
        raise ConfigErrors("the inventory", [mistake])
    for file in files:
        client.load_host_keys(str(file))
    if options.host_key_alias:
        keys = client.get_host_keys()
        for kind, key in (keys.lookup(options.host_key_alias) or {}).items():
            keys.add(
                options.host if options.port == 22 else f"[{options.host}]:{options.port}",
                kind,
                key,
            )


def _refusal(node: Node, options: SshOptions, error: Exception, seconds: float) -> str:
    text = _reason(node, options, error, seconds)
    if options.config_file in ("", "none", "/dev/null"):
        return text
    return f"{text} ({options.config_file}, named by -F, is not read: give what it sets with -o)"


def _reason(node: Node, options: SshOptions, error: Exception, seconds: float) -> str:
    who = f"{node.name} ({options.user}@{options.host}:{options.port})"
    if isinstance(error, paramiko.BadHostKeyException):
        return (
            f"{who} shows another host key than {options.known_hosts_text} has; was the node "
            f"rebuilt? Update the file."
        )
    if isinstance(error, paramiko.AuthenticationException):
        key = options.key_file or "the agent's keys"
        return f"{who} refused {key}; put its public half into the node's authorized_keys"
    if isinstance(error, paramiko.SSHException) and "not found in known_hosts" in str(error):
        return (
            f"{who}: its host key is not in {options.known_hosts_text}; add it from a source that "
            f"you trust"
        )
    if str(error) in _SLOW:
        return (
            f"{who} did not finish the SSH handshake in {seconds:g} s (timeouts.ssh_connect); "
            f"is it an SSH port?"
        )
    return f"{who} is unreachable: {words(error)}; is it powered on and its address right?"


def _expanded(options: SshOptions) -> str:
    command = options.proxy_command or ""
    return (
        command.replace("%h", options.host)
        .replace("%p", str(options.port))
        .replace("%r", options.user)
    )


def words(error: BaseException) -> str:
    """The text of an error, or its class where it has none (a time-out of a socket)."""
    return str(error) or type(error).__name__
