"""Applications that are deployed wrongly."""

from __future__ import annotations

from livekit import Called, Objects, on_app

from kubedrill.apps.sample import of_kind

FAIL, INCONCLUSIVE, PASS = Called.FAIL, Called.INCONCLUSIVE, Called.PASS
SLOW_START_S = 8


def pod(objects: Objects) -> dict[str, object]:
    spec = of_kind(objects, "Deployment")["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


@on_app("pod-killed", PASS, "checks passed")
def healthy_cluster(objects: Objects) -> Objects:
    """Not broken: a healthy cluster loses a pod."""
    return objects


@on_app("node-drain", FAIL, "a disruption budget guards the app: found none")
def no_disruption_budget(objects: Objects) -> Objects:
    """No PodDisruptionBudget selects the application's pods."""
    return [item for item in objects if item["kind"] != "PodDisruptionBudget"]


@on_app("app-rollout", FAIL, "during kubedrill-app/hello: roll to v")
def no_prestop(objects: Objects) -> Objects:
    """Pods stop at once, without a preStop hook and without a drain of their own."""
    [container] = pod(objects)["containers"]  # type: ignore[misc]
    del container["lifecycle"]
    container["env"] = [{"name": "DRAIN_SECONDS", "value": "0"}, *container["env"][1:]]
    return objects


@on_app("pod-killed", INCONCLUSIVE, "not run: the app has 1 ready pod(s); needs 2 or more")
def one_replica(objects: Objects) -> Objects:
    """The application has one replica, so no drill that takes a pod away can prove anything."""
    of_kind(objects, "Deployment")["spec"]["replicas"] = 1
    return objects


@on_app("app-rollout", FAIL, "during kubedrill-app/hello: roll to v")
def readiness_that_always_says_yes(objects: Objects) -> Objects:
    """Pods count as ready from their first moment, though the application needs 8 s to start."""
    [container] = pod(objects)["containers"]  # type: ignore[misc]
    del container["readinessProbe"]
    slow = (
        f"import os, time; time.sleep({SLOW_START_S}); os.execvp('python3', ['python3', "
        f"'/app/main.py'])"
    )
    container["command"] = ["python3", "-c", slow]
    return objects


@on_app("node-drain", FAIL, "PodDisruptionBudget kubedrill-app/hello", evict=25)
def all_replicas_on_one_node(objects: Objects) -> Objects:
    """All replicas must stand on one node (affinity, not anti-affinity): it cannot be drained."""
    spec = pod(objects)
    del spec["topologySpreadConstraints"]
    same = {"matchLabels": {"app.kubernetes.io/name": "hello"}}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": same}
    spec["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return objects


@on_app("failover-worker", FAIL, "pods stay on a dead node for 300 s")
def five_minute_tolerations(objects: Objects) -> Objects:
    """Pods stay on a dead node for Kubernetes' default of five minutes before they are replaced."""
    del pod(objects)["tolerations"]
    return objects
