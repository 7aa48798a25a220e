"""An inventory with its keys, in files for a Secret.

What kubedrill needs of a cluster to drill it from a pod.

A pod has no SSH agent, no Vagrant and no file of this host, so keys, host keys and variables all
come along, and power commands, which are programs of this host, stay: drills that cut power say
there that they cannot be run.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import paramiko
import yaml

from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.cluster.ansible_vars import holds_template, is_vaulted
from kubedrill.cluster.kubeconfig import write_private
from kubedrill.cluster.ssh_keys import known_keys, words
from kubedrill.cluster.ssh_options import SshOptions

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.inventory import Inventory

MOUNT = PurePosixPath("/target")
"""Where the manifests of deploy/kubernetes mount the Secret."""
BUNDLES = "/bundles/bundles"
"""Where they have the release bundles: below $KUBEDRILL_CACHE."""
INVENTORY, KNOWN_HOSTS = "inventory.yml", "known_hosts"
MOST_BYTES = 1_000_000
"""Of a Secret: Kubernetes takes 1 MiB."""
_OF_THIS_HOST = re.compile(
    r"(power|vm)_|ansible_(ssh_)?private_key_file$|ansible_ssh_(common_|extra_)?args$|inventory_"
)
"""Names of variables that mean something on this host only; the files' own places are written
instead."""
_SSH = (
    f"-o UserKnownHostsFile={MOUNT / KNOWN_HOSTS} -o StrictHostKeyChecking=yes -o "
    f"IdentitiesOnly=yes"
)


@dataclass(frozen=True)
class PodTarget:
    """File name → contents. Never shown: they hold keys."""

    files: dict[str, str]
    left_out: tuple[str, ...]
    """Names of the variables that stayed behind, for people."""

    def __repr__(self) -> str:
        return f"<files {', '.join(sorted(self.files))}>"

    def write(self, folder: Path) -> None:
        """Write the files into a new folder of mode 0700.

        Raises:
            UsageError: the folder is there already, or cannot be made.
        """
        try:
            folder.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise UsageError(
                f"{folder}: {error.strerror}; give a folder that does not exist yet"
            ) from error
        for name, text in self.files.items():
            write_private(folder / name, text)


def pod_target(inventory: Inventory) -> PodTarget:
    """Gather the files of one cluster.

    Raises:
        ConfigErrors: a node's key or host key cannot come along, or a variable is in a vault; all
            are listed.
    """
    packing = _Packing(inventory)
    files = {
        **packing.keys(),
        KNOWN_HOSTS: packing.known_hosts(),
        INVENTORY: packing.inventory_file(),
    }
    if packing.mistakes:
        raise ConfigErrors(str(inventory.path), packing.mistakes)
    size = sum(map(len, files.values()))
    if size > MOST_BYTES:
        raise ConfigErrors(
            str(inventory.path), [f"makes {size} bytes; a Secret takes {MOST_BYTES} at most"]
        )
    return PodTarget(files, tuple(sorted(packing.left_out)))


class _Packing:
    """Collects mistakes instead of raising the first."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._options = {node.name: SshOptions.of(node) for node in inventory.nodes}
        self._key_of: dict[str, str] = {}  # node → name of its key's file
        self.mistakes: list[str] = []
        self.left_out: set[str] = set()

    def keys(self) -> dict[str, str]:
        """The private keys, each once."""
        texts: dict[str, str] = {}
        for name, options in self._options.items():
            text = self._key(name, options)
            same = next((file for file, other in texts.items() if other == text), f"{name}.key")
            texts[same] = text
            self._key_of[name] = same
        return texts

    def _key(self, name: str, options: SshOptions) -> str:
        if options.key_file is None:
            self.mistakes.append(
                f"{name}: has no ansible_ssh_private_key_file; a pod has no SSH agent, so name a "
                f"key"
            )
            return ""
        try:
            paramiko.PKey.from_path(options.key_file)
            return options.key_file.read_text(encoding="utf-8")
        except (paramiko.SSHException, ValueError, TypeError, OSError) as error:
            self.mistakes.append(
                f"{name}: {options.key_file}: {words(error)}; give a key without a passphrase"
            )
            return ""

    def known_hosts(self) -> str:
        """The nodes' host keys only."""
        lines = []
        for name, options in self._options.items():
            keys = [key for _, key in known_keys(options)]
            lines += [f"{options.key_name} {key.get_name()} {key.get_base64()}" for key in keys]
            if not keys:
                where = f"{options.known_hosts_text} has no host key of {options.key_name}"
                self.mistakes.append(f"{name}: {where}; add it from a source that you trust")
        return "\n".join(dict.fromkeys(lines)) + "\n"

    def inventory_file(self) -> str:
        """One file with all variables, as Ansible resolved them."""
        shared = self._portable("all nodes", self._inventory.vars)
        groups = {
            "control_planes": {
                "hosts": {
                    node.name: self._host_entry(node) for node in self._inventory.control_planes
                }
            },
            "workers": {
                "hosts": {node.name: self._host_entry(node) for node in self._inventory.workers}
            },
        }
        shared |= {"cluster_name": self._inventory.name, "cluster_bundles_source": BUNDLES}
        text: str = yaml.safe_dump(
            {"cluster": {"vars": shared, "children": groups}}, sort_keys=False
        )
        return text

    def _host_entry(self, node: Node) -> dict[str, Any]:
        options = self._options[node.name]
        variables = {
            name: value
            for name, value in node.host_vars.items()
            if name not in self._inventory.vars
        }
        command = options.proxy_command
        if options.jump:
            self.mistakes.append(
                f"{node.name}: is reached through {options.jump}, whose keys a pod does not have; "
                "give an address that the pod reaches"
            )
        proxy = f" -o {shlex.quote(f'ProxyCommand={command}')}" if command else ""
        proxy += f" -o HostName={options.host}" if options.host != node.ssh_address else ""
        alias = f" -o HostKeyAlias={options.host_key_alias}" if options.host_key_alias else ""
        return {
            **self._portable(node.name, variables),
            "ansible_user": options.user,
            "ansible_port": options.port,
            "ansible_ssh_private_key_file": str(MOUNT / self._key_of.get(node.name, "")),
            "ansible_ssh_common_args": f"{_SSH}{alias}{proxy}",
        }

    def _portable(self, where: str, variables: dict[str, Any]) -> dict[str, Any]:
        portable = {
            name: value for name, value in variables.items() if not _OF_THIS_HOST.match(name)
        }
        self.left_out |= {
            name for name in variables.keys() - portable.keys() if name.startswith("power_")
        }
        vaulted = sorted(
            name
            for name, value in portable.items()
            if is_vaulted(value) or name in self._inventory.vaulted
        )
        templates = sorted(
            name
            for name, value in portable.items()
            if holds_template(value) and re.search(r"inventory_(dir|file)", str(value))
        )
        self.mistakes += [
            f"{where}: {name} is in a vault, which a pod cannot open; set it in plain"
            for name in vaulted
        ]
        self.mistakes += [
            f"{where}: {name} points into the inventory's folder; give its value"
            for name in templates
        ]
        return portable
