"""What the manifests promise.

No request lost in a rollout, no secret in a file, Pod Security's restricted profile.
"""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest

from kubedrill.apps.diagnosis import container_state, diagnose, fatal_reason
from kubedrill.apps.sample import VERSIONS, SampleApp, load, new_secret, of_kind
from kubedrill.base.errors import UsageError


@pytest.mark.parametrize("version", VERSIONS)
def test_the_image_is_of_the_version(version: str) -> None:
    container = of_kind(load(version), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"docker.io/kubedrill/hello:{version}"


def test_the_grace_period_covers_the_drain() -> None:
    pod = of_kind(load("v1"), "Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    drain = float(next(e["value"] for e in container["env"] if e["name"] == "DRAIN_SECONDS"))
    finish = 12  # apps/sample/main.py FINISH_SECONDS
    assert (
        container["lifecycle"]["preStop"]["sleep"]["seconds"] + drain + finish
        < pod["terminationGracePeriodSeconds"]
    )


def test_a_rollout_never_has_fewer_than_all_replicas() -> None:
    spec = of_kind(load("v1"), "Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert (
        of_kind(load("v1"), "PodDisruptionBudget")["spec"]["minAvailable"] == spec["replicas"] - 1
    )


def test_selectors_find_the_pods() -> None:
    objects = load("v2")
    labels = of_kind(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    for obj in objects:
        selector = obj.get("spec", {}).get("selector", {})
        selector = selector.get("matchLabels", selector)
        assert all(labels[key] == value for key, value in selector.items()), obj["kind"]


def test_all_is_in_the_one_namespace_that_remove_deletes() -> None:
    namespace, *rest = load("v1")
    assert namespace["kind"] == "Namespace"
    assert {obj["metadata"]["namespace"] for obj in rest} == {namespace["metadata"]["name"]}


def test_no_secret_in_the_manifests_and_a_new_one_each_time() -> None:
    assert "Secret" not in {obj["kind"] for obj in load("v1")}
    tokens = {base64.b64decode(new_secret()["data"]["token"]) for _ in range(3)}
    assert len(tokens) == 3
    assert min(map(len, tokens)) >= 32


def test_pod_security_restricted() -> None:
    pod = of_kind(load("v1"), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = pod["containers"][0]["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"]}


def test_an_unknown_version_is_refused_before_anything_is_touched() -> None:
    app = SampleApp(None, None)  # type: ignore[arg-type]  # asks nothing
    with pytest.raises(UsageError, match="no version 'v9'; give one of v1, v2"):
        app.deploy("v9")


def status(*, ready: bool = False, **state: Any) -> Any:
    result = {"waiting": None, "terminated": None, "running": None, **state}
    return SimpleNamespace(
        ready=ready, state=SimpleNamespace(**result), last_state=None, restart_count=3
    )


def pod(*statuses: Any, scheduled: str = "True", message: str = "") -> Any:
    return SimpleNamespace(
        metadata=SimpleNamespace(name="hello-1", namespace="kubedrill-app"),
        spec=SimpleNamespace(node_name="w1" if scheduled == "True" else None),
        status=SimpleNamespace(
            phase="Pending",
            container_statuses=list(statuses) or None,
            conditions=[
                SimpleNamespace(
                    type="PodScheduled", status=scheduled, message=message, reason="Unschedulable"
                )
            ],
        ),
    )


PULL = SimpleNamespace(reason="ErrImageNeverPull", message="no such image")


def test_container_states_in_words() -> None:
    assert (
        container_state(status(waiting=PULL))
        == "waiting: ErrImageNeverPull no such image (3 restarts)"
    )
    assert container_state(
        status(terminated=SimpleNamespace(reason="Error", exit_code=1))
    ).startswith("ended: Error, exit code 1")
    assert container_state(status(running=SimpleNamespace())) == "running, not ready (3 restarts)"
    assert container_state(status(ready=True, running=SimpleNamespace())) == ""


def test_a_missing_image_ends_the_wait_early() -> None:
    assert (
        fatal_reason([pod(status(waiting=PULL))])
        == "pod hello-1 on w1: ErrImageNeverPull no such image"
    )
    assert (
        fatal_reason([pod(status(waiting=SimpleNamespace(reason="ContainerCreating", message="")))])
        == ""
    )


def test_diagnosis_carries_states_logs_and_events() -> None:
    pods = [
        pod(status(running=SimpleNamespace())),
        pod(scheduled="False", message="0/5 nodes are available"),
    ]
    events = [
        SimpleNamespace(
            type="Warning",
            reason="Unhealthy",
            message="503",
            involved_object=SimpleNamespace(kind="Pod", name="hello-1"),
        ),
        SimpleNamespace(
            type="Normal",
            reason="Pulled",
            message="",
            involved_object=SimpleNamespace(kind="Pod", name="hello-1"),
        ),
    ]
    core = SimpleNamespace(read_namespaced_pod_log=lambda *_, **__: "line 1\nline 2")
    api: Any = SimpleNamespace(core=core, pods=lambda *_: pods, events=lambda *_: events)
    output = diagnose(api, "kubedrill-app", "")
    for words in (
        "running, not ready",
        "log: line 2",
        "0/5 nodes are available",
        "event: Pod hello-1: Unhealthy: 503",
    ):
        assert words in output
    assert "Pulled" not in output
