"""Ansible runs with bad inventories.

Each ends before a node is touched and says what to do. Needs no cluster.

Where a node has to answer, it is this machine (``--connection local``, for an inventory that asks
for it is refused): the checks only read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONTROL_PLANES = {"cp1": 11, "cp2": 12, "cp3": 13}


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    for version in ("1.35.4", "1.36.3"):
        root = tmp_path / "bundles" / f"v{version}-amd64"
        (root / "bin").mkdir(parents=True)
        (root / "bin" / "kubeadm").write_bytes(b"x" * 10)
        part = {"path": "bin/kubeadm", "size": 10, "sha256": "0"}
        manifest = {"kubernetes": f"v{version}", "arch": "amd64", "parts": [part]}
        (root / "bundle.json").write_text(json.dumps(manifest))
    return tmp_path / "bundles"


def inventory(bundles: Path, **shared: Any) -> dict[str, Any]:
    # Port 1 of this machine: nothing answers there, so a run that goes on to the nodes says
    # "unreachable".
    hosts = {
        name: {"ansible_host": f"127.0.77.{last}", "ansible_port": 1}
        for name, last in CONTROL_PLANES.items()
    }
    workers = {"w1": {"ansible_host": "127.0.77.21", "ansible_port": 1}}
    variables = {
        "cluster_virtual_address": "127.0.77.10",
        "cluster_node_network": "127.0.77.0/24",
        "cluster_bundles_source": str(bundles),
        "ansible_python_interpreter": sys.executable,
        **shared,
    }
    children = {"control_planes": {"hosts": hosts}, "workers": {"hosts": workers}}
    return {"cluster": {"vars": variables, "children": children}}


def run(
    tmp_path: Path, content: dict[str, Any] | str, *args: str, playbook: str = "preflight.yml"
) -> tuple[int, str]:
    path = tmp_path / "hosts.yml"
    shared = tmp_path / "group_vars" / "cluster.yml"
    shared.parent.mkdir(exist_ok=True)
    if not isinstance(content, str):
        shared.write_text(yaml.safe_dump(content.get("cluster", {}).pop("vars", {})))
        content = yaml.safe_dump(content, sort_keys=False)
    path.write_text(content)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(path), *args]
    done = subprocess.run(
        [*command, str(ROOT / "playbooks" / playbook)],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_TIMEOUT": "3",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def refused(output: tuple[int, str], *sentences: str) -> str:
    """The run failed with all these sentences, changed nothing and read no node."""
    code, text = output
    assert code != 0, text
    for sentence in sentences:
        assert sentence in text, text
    assert "changed=0" in text
    assert "changed=1" not in text
    return text


@pytest.mark.parametrize("playbook", ["site.yml", "upgrade.yml"])
def test_all_mistakes_of_one_inventory_at_once(
    tmp_path: Path, bundles: Path, playbook: str
) -> None:
    bad = inventory(
        bundles, cluster_pod_network="10.96.0.0/16", cluster_virtual_address="192.0.2.1"
    )
    del bad["cluster"]["children"]["control_planes"]["hosts"]["cp3"]
    bad["cluster"]["children"]["workers"]["hosts"]["w1"]["ansible_host"] = "127.0.77.11"
    bad["cluster"]["children"]["workers"]["hosts"]["cp2"] = {}
    bad["masters"] = {"hosts": {"m1": {}}}
    bad["cluster"]["children"]["workers"]["vars"] = {"ansible_connection": "winrm"}
    text = refused(
        run(tmp_path, bad, "-e", "upgrade_to=1.36.3", playbook=playbook),
        "7 mistakes, nothing was changed",
        "control_planes has 2 hosts (cp1, cp2), an even number of etcd members",
        "host cp2 is in control_planes and in workers",
        "host m1 is in group masters only",
        "hosts cp1, w1 have the same address",
        "cluster_virtual_address 192.0.2.1 is outside cluster_node_network",
        "cluster_pod_network 10.96.0.0/16 and cluster_service_network 10.96.0.0/12 overlap",
        "ansible_connection is 'winrm' (of cp2, w1): expected ssh",
    )
    assert "Inspect the node" not in text


def test_no_control_planes(tmp_path: Path) -> None:
    refused(run(tmp_path, {"nodes": {"hosts": {"n1": {}}}}), "group control_planes has no host")


def test_an_empty_inventory_does_not_pass_in_silence(tmp_path: Path) -> None:
    refused(run(tmp_path, "---\n"), "group control_planes has no host")


def test_a_limit_does_not_skip_the_checks(tmp_path: Path, bundles: Path) -> None:
    bad = inventory(bundles, cluster_pod_network="10.96.0.0/16")
    refused(run(tmp_path, bad, "--limit", "w1"), "overlap")


def test_a_limit_that_leaves_out_what_a_node_needs(tmp_path: Path, bundles: Path) -> None:
    some = local(bundles, {"ansible_become": False})
    some["cluster"]["children"]["workers"]["hosts"] = {"w1": {"ansible_host": "127.0.77.21"}}
    refused(run(tmp_path, some, "--limit", "cp1"), "--limit cp1 leaves out w1: a control plane")


def test_misspelt_variables_of_inventory_and_command_line(tmp_path: Path, bundles: Path) -> None:
    bad = inventory(bundles, cluster_virtual_adress="127.0.77.9")
    refused(
        run(tmp_path, bad, "-e", "worker_label=a host_resolvers=192.0.2.53"),
        "3 mistakes, nothing was changed",
        "host_resolvers is the text '192.0.2.53' (of cp1, cp2, cp3 and others), expected a list",
        "variable cluster_virtual_adress (of cp1, cp2, cp3 and others) does not exist: write "
        "cluster_virtual_address",
        "does not exist: write worker_labels",
    )


def test_an_inventory_program(tmp_path: Path, bundles: Path) -> None:
    bad = inventory(bundles, cluster_pod_network="10.96.0.0/16")
    group = {"vars": bad["cluster"]["vars"], "children": ["control_planes"]}
    result = {"cluster": group, "control_planes": {"hosts": ["cp1"]}, "_meta": {"hostvars": {}}}
    program = tmp_path / "inventory"
    lines = ["#!/bin/sh", "cat <<END", *json.dumps(result, indent=1).splitlines(), "END"]
    program.write_text("\n".join(lines))
    program.chmod(0o755)
    text = refused(run(tmp_path, "---\n", "-i", str(program)), "overlap")
    assert "1 mistake, nothing was changed" in text


def test_an_unknown_host_in_the_limit(tmp_path: Path, bundles: Path) -> None:
    code, text = run(tmp_path, inventory(bundles), "--limit", "cp9")
    assert code != 0
    assert "cp9" in text


def test_a_host_that_is_defined_twice(tmp_path: Path, bundles: Path) -> None:
    text = yaml.safe_dump(inventory(bundles), sort_keys=False)
    twice = text.replace("        cp2:\n", "        cp1:\n", 1)
    assert twice != text
    refused(run(tmp_path, twice), "host cp1 is defined twice")


def test_a_version_without_bundle(tmp_path: Path, bundles: Path) -> None:
    bad = inventory(bundles, cluster_kubernetes_version="1.33.1")
    refused(
        run(tmp_path, bad),
        "there is no bundle v1.33.1-amd64",
        "kubedrill bundle build --kubernetes 1.33.1",
    )


def test_a_corrupt_bundle(tmp_path: Path, bundles: Path) -> None:
    (bundles / "v1.35.4-amd64" / "bin" / "kubeadm").write_bytes(b"half")
    refused(
        run(tmp_path, inventory(bundles)),
        "bundle v1.35.4-amd64 is corrupt: bin/kubeadm has 4 bytes, expected 10",
    )


def test_a_half_written_bundle(tmp_path: Path, bundles: Path) -> None:
    (bundles / "v1.36.3-amd64" / "bundle.json").unlink()
    answer = run(tmp_path, inventory(bundles), "-e", "upgrade_to=1.36.3", playbook="upgrade.yml")
    refused(answer, "bundle v1.36.3-amd64 is half-written")


def test_an_upgrade_without_a_version(tmp_path: Path, bundles: Path) -> None:
    refused(run(tmp_path, inventory(bundles), playbook="upgrade.yml"), "upgrade_to is not set")


@pytest.mark.parametrize("playbook", ["upgrade.yml", "rollback.yml"])
def test_what_cannot_be_tried_is_refused(tmp_path: Path, bundles: Path, playbook: str) -> None:
    options = ("--check", "-e", "upgrade_to=1.36.3", "-e", "rollback_to=1.35.4")
    answer = run(tmp_path, inventory(bundles), *options, playbook=playbook)
    refused(answer, "an upgrade or rollback cannot be tried with --check")


def test_unreachable_nodes_are_all_named(tmp_path: Path, bundles: Path) -> None:
    text = refused(run(tmp_path, inventory(bundles)), "the nodes: 4 mistakes, nothing was changed")
    for name in (*CONTROL_PLANES, "w1"):
        assert f"{name} cannot be reached over SSH" in text


HERE = ("--connection", "local")


def local(bundles: Path, host: dict[str, Any], **shared: Any) -> dict[str, Any]:
    """One control plane that is this machine.

    As a node it has no sudo or too little, which is the point.
    """
    content = inventory(bundles, **shared)
    content["cluster"]["children"]["control_planes"]["hosts"] = {
        "cp1": {"ansible_host": "127.0.77.11", **host}
    }
    content["cluster"]["children"]["workers"]["hosts"] = {}
    return content


def test_no_sudo(tmp_path: Path, bundles: Path) -> None:
    host = {"ansible_become_exe": "/nonexistent/sudo", "ansible_become_user": "nobody"}
    refused(run(tmp_path, local(bundles, host), *HERE), "cp1: no sudo", "ansible_become_password")


@pytest.mark.parametrize("version", ["2.7", "3.8"])
def test_a_python_that_cannot_read_what_is_sent(
    tmp_path: Path, bundles: Path, version: str
) -> None:
    python = tmp_path / "python"
    error = "TypeError: 'ABCMeta' object is not subscriptable"
    python.write_text(
        f"""#!/bin/sh\n[ "$1" = -c ] && echo {version} && exit\necho "{error}" >&2\nexit 1\n"""
    )
    python.chmod(0o755)
    host = {"ansible_python_interpreter": str(python)}
    refused(
        run(tmp_path, local(bundles, host), *HERE),
        f"cp1 has Python {version}, expected 3.9 or newer: install one and set",
    )


def test_too_small_and_too_old_and_another_architecture(tmp_path: Path, bundles: Path) -> None:
    small = {
        "preflight_memory_mib_control_plane": 10**9,
        "preflight_disk_mib": 10**9,
        "preflight_kernel": "99.0",
        "preflight_architecture": "arm64",
    }
    (bundles / "v1.35.4-amd64").rename(bundles / "v1.35.4-arm64")
    manifest = bundles / "v1.35.4-arm64" / "bundle.json"
    manifest.write_text(manifest.read_text().replace("amd64", "arm64"))
    refused(
        run(tmp_path, local(bundles, {}, **small), *HERE),
        "MiB of memory, a control plane needs 1000000000",
        "MiB free under /var, it needs 1000000000",
        "expected 99.0 or newer",
        "cp1 is amd64, the bundle is for arm64",
    )


def behind_balancer(bundles: Path, address: str, **shared: Any) -> dict[str, Any]:
    content = inventory(
        bundles, cluster_endpoint_kind="external", cluster_external_address=address, **shared
    )
    del content["cluster"]["vars"]["cluster_virtual_address"]
    python = {"ansible_python_interpreter": sys.executable, "ansible_port": 1}
    return {
        **content,
        "load_balancers": {"hosts": {"lb1": {"ansible_host": "127.0.78.9", **python}}},
    }


def test_an_endpoint_of_both_kinds_and_another_balancer(tmp_path: Path, bundles: Path) -> None:
    bad = behind_balancer(bundles, "127.0.78.8", cluster_api_port=6443)
    bad["cluster"]["vars"]["cluster_virtual_address"] = "127.0.77.10"
    bad["load_balancers"]["hosts"]["w1"] = {}
    refused(
        run(tmp_path, bad),
        "3 mistakes, nothing was changed",
        "cluster_endpoint_kind is external, and cluster_virtual_address is set: remove it",
        "host w1 is in load_balancers and in the cluster",
        "load_balancers has 2 hosts (lb1, w1): expected one",
    )


def test_a_balancer_that_cannot_be_reached_is_named_with_the_nodes(
    tmp_path: Path, bundles: Path
) -> None:
    text = refused(
        run(tmp_path, behind_balancer(bundles, "127.0.78.9")),
        "the nodes: 5 mistakes, nothing was changed",
    )
    for name in (*CONTROL_PLANES, "w1", "lb1"):
        assert f"{name} cannot be reached over SSH" in text


def test_a_balancer_that_is_a_node(tmp_path: Path, bundles: Path) -> None:
    content = behind_balancer(bundles, "127.0.78.9")
    refused(
        run(tmp_path, content, *HERE),
        "lb1 is the same machine as w1: a load balancer stands outside",
    )
