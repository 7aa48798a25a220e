"""When CoreDNS is kubeadm's to upgrade, and when it is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
)
from ansible_collections.kubedrill.kubeadm.plugins.modules import kubeadm_coredns
from ansible_collections.kubedrill.kubeadm.plugins.modules.kubeadm_coredns import decide

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAME = "registry.k8s.io/coredns/coredns"
IMAGE = f"{NAME}:v1.14.2"
DISABLED = "clusterName: lab\ndns:\n  disabled: true\nproxy: {}\n"
PLAIN = "clusterName: lab\ndns: {}\nproxy: {}\n"


@pytest.mark.parametrize(
    ("actual", "configuration", "site", "upgrade"),
    [
        pytest.param("", DISABLED, (True, True), (False, False), id="a new cluster"),
        pytest.param(IMAGE, PLAIN, (False, False), (False, False), id="as it should be"),
        pytest.param(IMAGE, DISABLED, (True, False), (True, False), id="of before, as installed"),
        pytest.param(
            f"{NAME}:v1.13.1", DISABLED, (True, True), (True, False), id="of before, upgraded"
        ),
        pytest.param(
            f"{NAME}:v1.13.1", PLAIN, (False, True), (False, False), id="an interrupted upgrade"
        ),
        pytest.param(
            f"{NAME}:v1.11.0",
            "dns:\n  imageTag: v1.11.0\n",
            (False, False),
            (False, False),
            id="an administrator's version",
        ),
        pytest.param(
            "docker.io/coredns/coredns:1.13.1",
            DISABLED,
            (False, False),
            (False, False),
            id="an administrator's CoreDNS",
        ),
        pytest.param("", PLAIN, (False, True), (False, False), id="a deleted one"),
    ],
)
def test_decision(
    actual: str, configuration: str, site: tuple[bool, bool], upgrade: tuple[bool, bool]
) -> None:
    assert decide(actual, IMAGE, configuration, may_deploy=True) == site
    assert decide(actual, IMAGE, configuration, may_deploy=False) == upgrade


def test_an_upgrade_lets_kubeadm_do_it_and_before_the_first_node_is_touched() -> None:
    tasks = yaml.safe_load((ROLES / "upgrade" / "tasks" / "stage.yml").read_text())
    (task,) = [task for task in tasks if "kubedrill.kubeadm.kubeadm_coredns" in task]
    assert "config" not in task["kubedrill.kubeadm.kubeadm_coredns"]


PROGRAM = """#!/bin/sh
case "$*" in
  *get*deployment*) printf %s "registry.k8s.io/coredns/coredns:v1.13.1" ;;
  *get*configmap*) cat "$0.configmap" ;;
  *patch*) cat > "$0.patch.stdin" ;;
  *init*) cat > "$0.init.stdin" ;;
esac
"""


def test_programs_are_asked_and_given_what_they_read_from_their_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kubectl", "kubeadm"):
        (tmp_path / name).write_text(PROGRAM)
        (tmp_path / name).chmod(0o755)
    configmap = {"data": {"ClusterConfiguration": DISABLED}}
    (tmp_path / "kubectl.configmap").write_text(json.dumps(configmap))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert kubeadm_coredns.read() == (f"{NAME}:v1.13.1", DISABLED)
    kubeadm_coredns.deploy("kind: InitConfiguration\n")
    assert (tmp_path / "kubeadm.init.stdin").read_text() == "kind: InitConfiguration\n"
    kubeadm_coredns.allow_upgrades(DISABLED)
    patch: Any = json.loads((tmp_path / "kubectl.patch.stdin").read_text())
    assert patch == {"data": {"ClusterConfiguration": PLAIN}}
    (tmp_path / "kubeadm").write_text("#!/bin/sh\necho 'no such phase' >&2; exit 3\n")
    with pytest.raises(CommandError, match="no such phase"):
        kubeadm_coredns.deploy("")
