"""Makes the machines of :mod:`machines`, as containers, and an inventory that describes them.

``python -m tests.field.park up short DIR`` makes them, ``down`` removes them, whichever there are.
DIR/inventory is what a user would write who has such machines, DIR/ssh has the administrator's key
and the host keys. Where machines stand behind a bastion the key has a passphrase, and
:func:`agent` holds it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from tests.field.images import ensure_image
from tests.field.machines import PARKS, Machine

from kubedrill.base.waits import wait_for
from kubedrill.bundle.errors import BuildFailed
from kubedrill.local.docker_daemon import ensure_daemon
from kubedrill.local.node_container import ensure_network, find_facts, init_command, run_arguments
from kubedrill.local.node_image import DOCKER

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
TRAITS = Path(__file__).with_name("traits")
NETWORK, SUBNET, GATEWAY = "kubedrill-field", "172.31.79.0/24", "172.31.79.1"
SECOND_NETWORK, SECOND_SUBNET = "kubedrill-field-second", "172.31.80.0/24"
NODES = "172.31.64.0/18"
"""The cluster's node network: each machine has three addresses in it."""
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/12"
VIRTUAL_ADDRESS = "172.31.79.10"
ADMIN, PASSWORD = "ops", "correct horse 'battery' $taple"
PASSPHRASE = "open sesame"
BOOT_S = 120
COMMAND_S = 300
"""Seconds of one docker command: a trait that starts services, or a listing of a busy machine."""


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Run a docker command; return its output.

    Raises:
        BuildFailed: it refused, or took too long; carries its own words.
    """
    try:
        done = subprocess.run(
            [DOCKER, *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=COMMAND_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(
            f"docker {' '.join(arguments[:4])} did not end in {COMMAND_S} s"
        ) from error
    if done.returncode:
        raise BuildFailed(f"docker {' '.join(arguments[:4])} failed: {done.stderr.strip()}")
    return done.stdout


def up(park: str, folder: Path) -> Path:
    """Start the machines; return the inventory that describes them."""
    ensure_daemon()
    down()
    secrets = folder / "ssh"
    secrets.mkdir(parents=True, exist_ok=True)
    machines = PARKS[park]
    key = secrets / "key"
    key.unlink(missing_ok=True)
    passphrase = PASSPHRASE if any(machine.behind for machine in machines) else ""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", ADMIN, "-f", key], check=True
    )
    ensure_network(NETWORK, SUBNET)
    ensure_network(SECOND_NETWORK, SECOND_SUBNET)
    images = {machine: ensure_image(machine.suite, machine.packages) for machine in machines}
    facts = find_facts(images[machines[0]])
    arguments = [
        {"--tmpfs=/tmp:exec,mode=1777": "--tmpfs=/tmp:noexec,nosuid,mode=1777"}.get(word, word)
        for word in run_arguments(facts, Path("unshared"))
        if not word.startswith("--volume=unshared")
    ]
    for machine in machines:
        place = (
            f"--hostname={machine.hostname}",
            f"--network={NETWORK}",
            f"--ip={machine.address}",
            f"--name={machine.container}",
        )
        init = init_command(facts.cgroup_version)
        docker("run", "--detach", *arguments, *place, images[machine], *init)
        docker("network", "connect", SECOND_NETWORK, machine.container)
    public_key = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    with ThreadPoolExecutor(len(machines)) as pool:
        host_keys = list(pool.map(lambda machine: settle(machine, public_key), machines))
    known = [f"{name} {line}\n" for name, lines in host_keys for line in lines]
    (secrets / "known_hosts").write_text("".join(known), encoding="utf-8")
    return write_inventory(machines, folder / "inventory", secrets.resolve())


@contextmanager
def agent(folder: Path) -> Iterator[None]:
    """An ssh-agent that holds the park's key, for all programs that are started meanwhile."""
    place, answer = folder / "agent.sock", folder / "askpass"
    answer.write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n", encoding="utf-8")
    answer.chmod(0o700)
    before = os.environ.get("SSH_AUTH_SOCK")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL)
    try:
        exists = lambda: place.exists() or None  # noqa: E731 - said where it is waited for
        wait_for("ssh-agent", exists, seconds=BOOT_S, setting="a test's own")
        os.environ["SSH_AUTH_SOCK"] = str(place)
        asking = {**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(
            ["ssh-add", "-q", folder / "ssh" / "key"],
            env=asking,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        yield
    finally:
        process.kill()
        process.wait()
        os.environ.pop("SSH_AUTH_SOCK", None)
        if before is not None:
            os.environ["SSH_AUTH_SOCK"] = before


def settle(machine: Machine, public_key: str) -> tuple[str, list[str]]:
    """Give a machine its traits; return its name for known_hosts and its host keys."""
    answering = "until systemctl is-active --quiet ssh; do sleep 0.2; done"
    docker("exec", machine.container, "timeout", str(BOOT_S), "sh", "-c", answering)
    values = {
        "ADMIN": ADMIN,
        "PASSWORD": PASSWORD,
        "PUBLIC_KEY": public_key,
        "SSH_PORT": str(machine.port),
        "GATEWAY": GATEWAY,
        "BASTION": find_address(machine.behind),
        "NODES": NODES,
        "PODS": PODS,
        "NO_PROXY": f"localhost,127.0.0.1,{NODES},{PODS},{SERVICES}",
    }
    environment = [word for name, text in values.items() for word in ("--env", f"{name}={text}")]
    for trait in machine.traits:
        script = (TRAITS / f"{trait}.sh").read_text(encoding="utf-8")
        docker("exec", "--interactive", *environment, machine.container, "sh", "-s", stdin=script)
    lines = docker("exec", machine.container, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")
    name = machine.address if machine.port == 22 else f"[{machine.address}]:{machine.port}"
    return name, [" ".join(line.split()[:2]) for line in lines.splitlines()]


def find_address(name: str) -> str:
    """The address of a machine of any park; "" of none."""
    machines = {machine.name: machine for park in PARKS.values() for machine in park}
    return machines[name].address if name else ""


def write_ssh_config(machines: tuple[Machine, ...], secrets: Path) -> Path:
    """Write OpenSSH's configuration of a user whose machines stand behind a bastion."""
    blocks = [
        f"Host {machine.address}\n"
        + (
            f"    ProxyJump {find_address(machine.behind)}\n"
            if machine.behind
            else f"    Port {machine.port}\n    User {ADMIN}\n"
        )
        for machine in machines
    ]
    known = f"Host *\n    UserKnownHostsFile {secrets}/known_hosts\n    StrictHostKeyChecking yes\n"
    path = secrets / "config"
    path.write_text("".join([*blocks, known]), encoding="utf-8")
    return path


def write_inventory(machines: tuple[Machine, ...], folder: Path, secrets: Path) -> Path:
    """Write what a user would who has these machines."""
    groups: dict[str, Any] = {"control_planes": {"hosts": {}}, "workers": {"hosts": {}}}
    others: dict[str, Any] = {}
    for machine in machines:
        place = (groups if machine.in_cluster else others).setdefault(machine.group, {"hosts": {}})
        place["hosts"][machine.name] = {
            "ansible_host": machine.address,
            "ansible_port": machine.port,
            "power_off": f"{DOCKER} kill {machine.container}",
            "power_on": f"{DOCKER} start {machine.container}",
            **dict(machine.variables),
        }
    variables = {
        "cluster_name": "field",
        "cluster_kubernetes_version": "1.35.4",
        "cluster_virtual_address": VIRTUAL_ADDRESS,
        "cluster_node_network": NODES,
        "cluster_pod_network": PODS,
        "cluster_service_network": SERVICES,
        "cluster_other_groups": list(others),
        "ansible_user": ADMIN,
        "ansible_become": True,
        "ansible_become_password": PASSWORD,
        "drills_allowed": True,
    }
    if others:
        variables["ansible_ssh_common_args"] = f"-F {write_ssh_config(machines, secrets)}"
    else:
        variables["ansible_ssh_private_key_file"] = str(secrets / "key")
        variables["ansible_ssh_common_args"] = (
            f"-o UserKnownHostsFile={secrets}/known_hosts -o StrictHostKeyChecking=yes"
        )
    (folder / "group_vars").mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump({"cluster": {"children": groups}, **others}))
    (folder / "group_vars" / "cluster.yml").write_text(yaml.safe_dump(variables))
    return folder


def down() -> None:
    """Remove the machines with their volumes, and their networks."""
    names = {machine.container for park in PARKS.values() for machine in park}
    listed = docker("ps", "--all", "--format", "{{.Names}}").split()
    if containers := sorted(names & set(listed)):
        docker("rm", "--force", "--volumes", *containers)
    networks = docker("network", "ls", "--format", "{{.Name}}").split()
    if made := sorted({NETWORK, SECOND_NETWORK} & set(networks)):
        docker("network", "rm", *made)


def main(argv: list[str]) -> int:
    """Make or remove a park."""
    match argv:
        case ["up", park, folder] if park in PARKS:
            sys.stdout.write(f"{up(park, Path(folder))}\n")
        case ["down", folder]:
            down()
            shutil.rmtree(folder, ignore_errors=True)
        case _:
            parks = "|".join(PARKS)
            sys.stderr.write(f"usage: python -m tests.field.park up {parks} DIR | down DIR\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
