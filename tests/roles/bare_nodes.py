"""Plain SSH hosts that Vagrant did not make, to prove inventories/bare on.

`python tests/roles/bare_nodes.py up DIR` makes them.
They stand for machines of one's own: another network, another user, a key of their own, host keys
that the user has put into a known_hosts file, no folder shared with the controller, power switched
by commands that the inventory names. DIR/inventory describes 1 control plane and 2 workers, after
inventories/bare; DIR/ssh has the key and the host keys. `down DIR` removes all of it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from kubedrill.local.node_container import ensure_network, find_facts, init_command, run_arguments
from kubedrill.local.node_image import DOCKER, ensure_image

ROOT = Path(__file__).resolve().parents[2]
NETWORK, SUBNET, USER = "kubedrill-bare", "172.31.78.0/24", "ops"
ADDRESSES = {"alpha": "172.31.78.11", "delta": "172.31.78.21", "echo": "172.31.78.22"}
VIRTUAL_ADDRESS = "172.31.78.10"


def docker(*arguments: str, stdin: str | None = None) -> str:
    return subprocess.run(
        [DOCKER, *arguments], check=True, capture_output=True, text=True, input=stdin
    ).stdout


def container(name: str) -> str:
    return f"bare-{name}"


def up(folder: Path) -> None:
    """Start the machines and write the inventory that describes them."""
    secrets = folder / "ssh"
    secrets.mkdir(parents=True, exist_ok=True)
    image = ensure_image()
    ensure_network(NETWORK, SUBNET)
    facts = find_facts(image)
    arguments = [
        word
        for word in run_arguments(facts, Path("unshared"))
        if not word.startswith("--volume=unshared")
    ]
    key = secrets / "key"
    key.unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", USER, "-f", key], check=True
    )
    known_hosts = []
    for name, address in ADDRESSES.items():
        place = (
            f"--hostname={name}",
            f"--network={NETWORK}",
            f"--ip={address}",
            f"--name={container(name)}",
        )
        docker("run", "--detach", *arguments, *place, image, *init_command(facts.cgroup_version))
    for name, address in ADDRESSES.items():
        host_keys = settle(name, key.with_suffix(".pub").read_text())
        known_hosts += [
            f"{address} {' '.join(line.split()[:2])}\n" for line in host_keys.splitlines()
        ]
    (secrets / "known_hosts").write_text("".join(known_hosts))
    write_inventory(folder / "inventory", secrets.resolve())


def settle(name: str, public_key: str) -> str:
    """Wait for the machine's SSH server, add an administrator, and return its host keys."""
    answering = "until systemctl is-active --quiet ssh; do sleep 0.2; done"
    docker("exec", container(name), "timeout", "120", "sh", "-c", answering)
    docker(
        "exec",
        container(name),
        "sh",
        "-c",
        f"userdel --remove vagrant && useradd --create-home {USER}",
    )
    script = (
        f"install -d -m 0700 -o {USER} /home/{USER}/.ssh && cat > /home/{USER}/.ssh/authorized_keys"
        f" && chown {USER} /home/{USER}/.ssh/authorized_keys"
        " && rm /etc/sudoers.d/vagrant"
        f" && echo '{USER} ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/{USER}"
    )
    docker("exec", "--interactive", container(name), "sh", "-c", script, stdin=public_key)
    return docker("exec", container(name), "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")


def write_inventory(folder: Path, secrets: Path) -> None:
    """Fill in inventories/bare as a user would."""
    example = ROOT / "inventories" / "bare"
    hosts: dict[str, Any] = yaml.safe_load((example / "hosts.yml").read_text())
    for group in hosts["cluster"]["children"].values():
        group["hosts"] = {name: machine(name) for name in group["hosts"] if name in ADDRESSES}
    variables: dict[str, Any] = yaml.safe_load((example / "group_vars" / "cluster.yml").read_text())
    variables |= {
        "cluster_name": "bare",
        "cluster_virtual_address": VIRTUAL_ADDRESS,
        "cluster_node_network": SUBNET,
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(secrets / "key"),
        "ansible_ssh_common_args": (
            f"-o UserKnownHostsFile={secrets}/known_hosts -o StrictHostKeyChecking=yes"
        ),
        "drills_allowed": True,
    }
    (folder / "group_vars").mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (folder / "group_vars" / "cluster.yml").write_text(json.dumps(variables, indent=1))


def machine(name: str) -> dict[str, str]:
    return {
        "ansible_host": ADDRESSES[name],
        "power_off": f"{DOCKER} kill {container(name)}",
        "power_on": f"{DOCKER} start {container(name)}",
    }


def down(folder: Path) -> None:
    """Remove the machines, their network and what `up` wrote."""
    result = [
        name
        for name in map(container, ADDRESSES)
        if docker("ps", "-aq", "--filter", f"name=^{name}$")
    ]
    if result:
        docker("rm", "--force", "--volumes", *result)
    if docker("network", "ls", "-q", "--filter", f"name=^{NETWORK}$"):
        docker("network", "rm", NETWORK)
    if folder.exists():
        shutil.rmtree(folder)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit("usage: bare_nodes.py up|down DIR")
    {"up": up, "down": down}[sys.argv[1]](Path(sys.argv[2]))
