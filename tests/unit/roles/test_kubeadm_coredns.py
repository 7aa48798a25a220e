"""When CoreDNS is kubeadm's to upgrade, and when it is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

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
