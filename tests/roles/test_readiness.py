"""Readiness on a running cluster with planted problems.

Each is named, and nothing is changed by looking.

`pytest tests/roles/test_readiness.py --inventory inventories/local`
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from node_kubectl import KUBECTL

from kubedrill.bundle.releases import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

NAME = "kubedrill-readiness-test"
IMAGE = "docker.io/kubedrill/python:v1"
PLANTED = {
    ("budgets", f"{NAME}/strict", "strict-"),
    ("budgets-overlap", f"{NAME}/twice-a", f"{NAME}/twice-b"),
    ("unmanaged-pods", f"{NAME}/lonely", "has no controller"),
    ("fits-elsewhere", "node w1", f"{NAME}/pinned"),
    ("grace-periods", f"{NAME}/pinned", "600"),
    ("one-replica", f"{NAME}/pinned", ""),
    ("emptydir", f"{NAME}/pinned", ""),
    ("images", f"{NAME}/absent", "docker.io/kubedrill/not-there:v9"),
    ("nodes-ready", "node w2", "cordon"),
}
"""Rule, and two texts that one of its findings has."""

MOVING = {"Lease", "Event", "Node", "PodMetrics", "NodeMetrics"}
"""What the cluster itself writes all the time, whoever looks on."""


def deployment(name: str, replicas: int, **pod: Any) -> dict[str, Any]:
    container = {"name": "main", "image": IMAGE, "command": ["sleep", "3600"]}
    labels = {"app": name}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, **pod}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAME},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": spec}},
    }  # fmt: skip


def pod(name: str, image: str = IMAGE) -> dict[str, Any]:
    spec = deployment(name, 1)["spec"]["template"]["spec"]
    spec["containers"][0] |= {"image": image, "imagePullPolicy": "Never"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAME},
        "spec": spec,
    }


def budget(name: str, app: str, least: int) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAME},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}},
    }  # fmt: skip


OBJECTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}},
    deployment("strict", 2), budget("strict", "strict", 2),
    deployment("twice", 2), budget("twice-a", "twice", 1), budget("twice-b", "twice", 1),
    deployment("pinned", 1, terminationGracePeriodSeconds=600,
               nodeSelector={"kubernetes.io/hostname": "w1"},
               volumes=[{"name": "scratch", "emptyDir": {}}]),
    pod("lonely"), pod("absent", "docker.io/kubedrill/not-there:v9"),
]  # fmt: skip


def kubectl(hosts: Hosts, plane: Any, *arguments: str, stdin: str = "") -> str:
    result = hosts.change(plane, [*KUBECTL, *arguments], 130, check=False, stdin=stdin)
    assert result.ok, result.stderr
    return str(result.stdout)


def versions(hosts: Hosts, plane: Any) -> dict[tuple[str, str, str], str]:
    """The resource version of every object that has one."""
    kinds = kubectl(hosts, plane, "api-resources", "--verbs=list,get", "-o", "name").split()
    result = json.loads(kubectl(hosts, plane, "get", ",".join(kinds), "-A", "-o", "json"))
    return {
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item[
            "metadata"
        ]["resourceVersion"]
        for item in result["items"]
        if item["kind"] not in MOVING and "resourceVersion" in item["metadata"]
    }


@pytest.fixture
def planted(inventory: Inventory, hosts: Hosts) -> Iterator[None]:
    """A namespace full of what stops or hurts an upgrade, and a cordoned worker."""
    plane = inventory.control_planes[0]
    kubectl(
        hosts,
        plane,
        "create",
        "-f",
        "-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}),
    )
    try:
        for name, replicas in (("strict", 2), ("twice", 2), ("pinned", 1)):
            there = f"--for=jsonpath={{.status.availableReplicas}}={replicas}"
            kubectl(hosts, plane, "-n", NAME, "wait", f"deployment/{name}", there, "--timeout=90s")
        # of two budgets over one pod the controller keeps one up to date only
        settled = "--for=jsonpath={.status.currentHealthy}=2"
        kubectl(hosts, plane, "-n", NAME, "wait", "pdb/strict", settled, "--timeout=60s")
        kubectl(
            hosts, plane, "-n", NAME, "wait", "pod/lonely", "--for=condition=Ready", "--timeout=60s"
        )
        kubectl(hosts, plane, "cordon", "w2")
        yield
    finally:
        hosts.change(plane, [*KUBECTL, "uncordon", "w2"], check=False)
        # first what would make pods again; one of them has ten minutes to end
        makers = "deployments,replicasets"
        all_of_them = ["--all", "-n", NAME]
        delete = [*KUBECTL, "delete"]
        hosts.change(plane, [*delete, makers, *all_of_them, "--cascade=orphan"], 60, check=False)
        hosts.change(
            plane, [*delete, "pods", *all_of_them, "--grace-period=0", "--force"], 60, check=False
        )
        kubectl(hosts, plane, "delete", "namespace", NAME, "--timeout=120s")


@pytest.mark.usefixtures("planted")
def test_planted_problems_are_named_and_nothing_is_changed(
    inventory: Inventory, hosts: Hosts
) -> None:
    plane = inventory.control_planes[0]
    before = versions(hosts, plane)
    command = [
        str(Path(sys.executable).with_name("kubedrill")),
        "readiness",
        "--to",
        STANDARD[1],
        "--output",
        "json",
    ]
    done = subprocess.run(
        [*command, "--inventory", str(inventory.path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 1, done.stderr
    output = json.loads(done.stdout)
    texts = [
        (finding["rule"], f"{finding['subject']} {finding['found']}")
        for finding in output["findings"]
    ]
    unnamed = {
        planted
        for planted in PLANTED
        if not any(
            rule == planted[0] and planted[1] in text and planted[2] in text for rule, text in texts
        )
    }
    assert not unnamed, json.dumps(output["findings"], indent=1)
    after = versions(hosts, plane)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert not changed
