"""The administrator's kubeconfig.

Fetched from any control plane, pointed at the virtual address, kept private.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import yaml

from kubedrill.base.errors import DeadlineExceeded, Unreachable
from kubedrill.base.redact import remember_secrets, secrets_in
from kubedrill.cluster.hosts import Hosts, HostUnreachable

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.cluster.inventory import Inventory

ADMIN_CONF = "/etc/kubernetes/admin.conf"


def fetch_admin_conf(inventory: Inventory, hosts: Hosts) -> str:
    """Return admin.conf of the first control plane that gives it.

    Raises:
        Unreachable: none gave it; says what each answered.
    """
    answers = []
    for node in inventory.control_planes:
        try:
            result = hosts.read(node, ["cat", ADMIN_CONF], check=False)
        except (HostUnreachable, DeadlineExceeded) as error:
            answers.append(str(error))
            continue
        if result.ok and "clusters:" in result.stdout:
            remember_secrets(secrets_in([("kubeconfig", yaml.safe_load(result.stdout))]))
            return result.stdout
        answers.append(f"{node.name}: {result.stderr.strip() or 'it is empty'}")
    lines = "\n".join(f"  - {answer}" for answer in answers)
    raise Unreachable(
        f"no control plane of {inventory.path} gave {ADMIN_CONF}, so the cluster cannot be "
        f"asked:\n{lines}\n"
        "Is the cluster up (vagrant up, ansible-playbook site.yml)?"
    )


def through_virtual_address(text: str, url: str) -> str:
    """Return the kubeconfig with every cluster's server set to ``url``."""
    config = yaml.safe_load(text)
    for entry in config["clusters"]:
        entry["cluster"]["server"] = url
    return yaml.safe_dump(config, sort_keys=False)


def write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600 from the start."""
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)


def write_client_cert(kubeconfig: Path) -> tuple[Path, Path, Path]:
    """Write the CA, client certificate and key of a kubeconfig beside it, once."""
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    parts = {
        "ca.crt": cluster["certificate-authority-data"],
        "client.crt": user["client-certificate-data"],
        "client.key": user["client-key-data"],
    }
    for name, data in parts.items():
        if not kubeconfig.with_name(name).exists():
            write_private(kubeconfig.with_name(name), base64.b64decode(data).decode())
    ca, crt, key = (kubeconfig.with_name(name) for name in parts)
    return ca, crt, key
