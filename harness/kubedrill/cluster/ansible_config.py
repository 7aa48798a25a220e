"""Settings that Ansible takes from its environment and its ansible.cfg, and from no inventory."""

from __future__ import annotations

import configparser
from pathlib import Path

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.home import expand_home
from kubedrill.cluster.ansible_vars import ansible_environment

SETTINGS = {
    "remote_user": ("defaults", "ANSIBLE_REMOTE_USER"),
    "remote_port": ("defaults", "ANSIBLE_REMOTE_PORT"),
    "private_key_file": ("defaults", "ANSIBLE_PRIVATE_KEY_FILE"),
    "become_password_file": ("defaults", "ANSIBLE_BECOME_PASSWORD_FILE"),
    "become_method": ("privilege_escalation", "ANSIBLE_BECOME_METHOD"),
    "become_user": ("privilege_escalation", "ANSIBLE_BECOME_USER"),
    "ssh_args": ("ssh_connection", "ANSIBLE_SSH_ARGS"),
    "ssh_common_args": ("ssh_connection", "ANSIBLE_SSH_COMMON_ARGS"),
    "ssh_extra_args": ("ssh_connection", "ANSIBLE_SSH_EXTRA_ARGS"),
}
"""Setting → its section of ansible.cfg and its variable, which comes first."""

_PATHS = ("private_key_file", "become_password_file")


def read_settings() -> dict[str, str]:
    """Return those of :data:`SETTINGS` that are set, as a playbook of this host would see them.

    Paths of an ansible.cfg are relative to its folder.

    Raises:
        ConfigErrors: the ansible.cfg cannot be read.
        UsageError: a path begins with ~ of an unknown user.
    """
    environment = ansible_environment()
    path = Path(environment["ANSIBLE_CONFIG"])
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise ConfigErrors(str(path), [f"cannot be read: {error}"]) from error
    settings = {}
    for name, (section, variable) in SETTINGS.items():
        value = environment.get(variable) or parser.get(section, name, fallback="")
        if value and name in _PATHS:
            place = f"{variable} or {section}.{name} in {path}"
            value = str(path.parent / expand_home(value, place))
        if value:
            settings[name] = value
    return settings
