"""The CronJobs of deploy/kubernetes, run for real.

A cluster's pods drill that cluster, as they would another one.

``pytest -v -s tests/pods --inventory PATH`` builds kubedrill's image, imports it on the nodes,
starts a Job from each CronJob and prints what it said. Image, namespace and volumes are removed at
the end.

Other than in the manifests, bundles come from the nodes' own folder instead of a claim, and the
drill is one that a pod of the same cluster survives, with the limits of kubedrill.yml.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kubedrill.apps import SampleApp
from kubedrill.apps.diagnosis import fatal_reason
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.bundle.own_image import own_bundle, own_reference
from kubedrill.cli.cluster import IMAGE_PLAYBOOK
from kubedrill.cluster.playbooks import run_playbook
from kubedrill.cluster.pod_target import pod_target
from kubedrill.config import Settings
from kubedrill.probes.standard import NAMESPACE as PROBES
from kubedrill.readiness.gather import gather
from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import Severity, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "kubedrill-schedule"
DRILL = ["kubedrill", "drill", "pod-killed", "--inventory", "/target/inventory.yml"]
LIMITS = ["--config", "/opt/kubedrill/kubedrill/project/kubedrill.yml"]
TO = "1.36.3"
WEIGHTY = (Severity.BLOCKER, Severity.UNKNOWN)
"""What a verdict is made of; of what only warns, the Job's own pod is part while it runs."""
REMOVE_S = 180
"""Seconds for containerd to free 500 MB; it takes some seconds on an idle disk."""
CTR = ["/usr/local/bin/ctr", "--namespace", "k8s.io", "images"]


@pytest.fixture(scope="session")
def image(inventory: Inventory, hosts: Hosts) -> Iterator[str]:
    """The image on every node; where it was not before, it is removed again."""
    before = {
        node.name
        for node in inventory.nodes
        if own_reference() in hosts.read(node, [*CTR, "ls", "-q"]).stdout
    }
    own_bundle()
    run_playbook(inventory, IMAGE_PLAYBOOK)
    yield own_reference()
    for node in inventory.nodes:
        if node.name not in before:
            hosts.change(node, [*CTR, "rm", "--sync", own_reference()], REMOVE_S)


@pytest.fixture(scope="session")
def jobs(api: ClusterApi, inventory: Inventory, image: str) -> Iterator[dict[str, Any]]:
    """The specifications of the CronJobs' Jobs by name, in a namespace with claim and Secret."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    remove(api, namespace)
    texts = (ROOT / "deploy" / "kubernetes" / "cronjob.yaml").read_text(encoding="utf-8")
    documents = [fitted(document) for document in yaml.safe_load_all(texts)]
    data = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in pod_target(inventory).files.items()
    }
    meta = {"name": "kubedrill-target", "namespace": NAMESPACE}
    try:
        api.apply([namespace])
        api.core.create_namespaced_secret(
            NAMESPACE, {"metadata": meta, "type": "Opaque", "data": data}
        )
        api.apply(
            [
                document
                for document in documents
                if document["metadata"]["name"] != "kubedrill-bundles"
            ]
        )
        specs = {
            d["metadata"]["name"]: d["spec"]["jobTemplate"]["spec"]
            for d in documents
            if d["kind"] == "CronJob"
        }
        assert {spec["template"]["spec"]["containers"][0]["image"] for spec in specs.values()} == {
            image
        }
        yield specs
    finally:
        remove(api, namespace)


def fitted(document: dict[str, Any]) -> dict[str, Any]:
    """A suspended CronJob with the nodes' bundles and the drill of this suite."""
    if document["kind"] != "CronJob":
        return document
    document["spec"]["suspend"] = True
    pod = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    if "drill" in container["command"]:
        container["command"] = [*DRILL, *LIMITS]
    mine = {"name": "bundles", "hostPath": {"path": "/opt/kubedrill", "type": "Directory"}}
    pod["volumes"] = [mine if volume["name"] == "bundles" else volume for volume in pod["volumes"]]
    return document


def remove(api: ClusterApi, namespace: dict[str, Any]) -> None:
    api.delete([namespace])
    api.wait_namespace_gone(NAMESPACE)
    api.wait("the volumes to be gone", lambda: volumes_left(api), setting="namespace_gone")


def volumes_left(api: ClusterApi) -> str | None:
    volumes = api.core.list_persistent_volume().items
    mine = [
        v.metadata.name
        for v in volumes
        if v.spec.claim_ref and v.spec.claim_ref.namespace == NAMESPACE
    ]
    return ", ".join(mine) or None


def run(api: ClusterApi, name: str, spec: dict[str, Any]) -> tuple[int, str]:
    """Start a Job as ``kubectl create job --from=cronjob/…`` does.

    Return its exit code and what it printed.
    """
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }
    api.apply([job])

    def ended() -> tuple[str, int] | Waiting:
        pods = api.pods(NAMESPACE, f"batch.kubernetes.io/job-name={name}")
        assert not fatal_reason(pods), fatal_reason(pods)
        for pod in pods:
            for status in pod.status.container_statuses or []:
                if status.state.terminated:
                    return pod.metadata.name, status.state.terminated.exit_code
        return Waiting(
            ", ".join(f"{pod.metadata.name} is {pod.status.phase}" for pod in pods) or "no pod"
        )

    seconds = spec["activeDeadlineSeconds"]
    pod, code = wait_for(
        f"Job {name} to end", ended, seconds=seconds, setting="activeDeadlineSeconds", poll_s=2
    )
    output = str(api.core.read_namespaced_pod_log(pod, NAMESPACE))
    print(f"\n--- {name}: exit code {code}\n{output}")  # noqa: T201 - what the suite is run for
    return code, output


def test_readiness_from_a_pod_finds_what_the_host_finds(
    api: ClusterApi, inventory: Inventory, jobs: dict[str, Any]
) -> None:
    here = judge(gather(inventory, Version.parse(TO), Settings()))
    code, output = run(api, "kubedrill-readiness", jobs["kubedrill-readiness"])
    there = json.loads(output[output.index("{") :])
    assert (there["verdict"], code) == (here.verdict, here.exit_code), output
    assert {rule["name"] for rule in there["rules"] if not rule["judged"]} == set(here.unjudged), (
        output
    )
    ours = {(f.rule, f.subject) for f in here.findings if f.severity in WEIGHTY}
    seen = {
        (f["rule"], f["subject"])
        for f in there["findings"]
        if f["severity"] in {each.value for each in WEIGHTY}
    }
    assert seen == ours, output
    assert "PRIVATE KEY" not in output


def test_a_drill_from_a_pod_passes_and_leaves_nothing_behind(
    api: ClusterApi, jobs: dict[str, Any]
) -> None:
    code, output = run(api, "kubedrill-drill", jobs["kubedrill-drill"])
    assert code == 0, output
    assert "PASS" in output
    assert "PRIVATE KEY" not in output
    left = {item.metadata.name for item in api.core.list_namespace().items}
    assert left.isdisjoint({SampleApp.namespace, PROBES})


def test_a_drill_that_needs_the_power_switch_says_that_a_pod_has_none(
    api: ClusterApi, jobs: dict[str, Any]
) -> None:
    spec = json.loads(json.dumps(jobs["kubedrill-drill"]))
    spec["template"]["spec"]["containers"][0]["command"][2] = "failover-worker"
    code, output = run(api, "kubedrill-power", spec)
    assert code == 3, output
    assert "found no way to cut its power from outside" in output
