"""When CoreDNS is kubeadm's to upgrade, and when it is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.kubedrill.kubeadm.plugins.modules import kubeadm_coredns
from ansible_collections.kubedrill.kubeadm.plugins.modules.kubeadm_coredns import Coredns, decide

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
cat > "$0.$1.stdin"
case "$*" in
  *get*deployment*) printf %s "registry.k8s.io/coredns/coredns:v1.13.1" ;;
  *get*configmap*) cat "$0.configmap" ;;
  *broken*) echo "no such phase" >&2; exit 3 ;;
esac
"""


def test_programs_are_asked_and_given_what_they_read_from_their_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (tmp_path / "program.configmap").write_text(
        json.dumps({"data": {"ClusterConfiguration": DISABLED}})
    )
    monkeypatch.setattr(kubeadm_coredns, "KUBECTL", (str(program),))
    monkeypatch.setattr(kubeadm_coredns, "KUBEADM", str(program))

    def fail(msg: str) -> None:
        raise AssertionError(msg)

    coredns = Coredns(SimpleNamespace(fail_json=fail))
    assert coredns.read() == (f"{NAME}:v1.13.1", DISABLED)
    coredns.deploy("kind: InitConfiguration\n")
    assert (tmp_path / "program.init.stdin").read_text() == "kind: InitConfiguration\n"
    coredns.enable(DISABLED)
    patch: Any = json.loads((tmp_path / "program.patch.stdin").read_text())
    assert patch == {"data": {"ClusterConfiguration": PLAIN}}
    with pytest.raises(AssertionError, match="no such phase"):
        coredns.run(str(program), "broken")
