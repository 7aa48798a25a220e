"""What the upgrade's modules share: running commands, waiting, and judging the live cluster.

The functions whose names end in ``_problems`` are pure: objects as ``kubectl -o json`` prints them
in, sentences out; an empty list means healthy. Conditions are compared exactly: a Ready condition
that is Unknown is not ready.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.direct import NO_PROXY, http_status
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import (
    STATIC_PODS,
    Object,
    condition,
    condition_is_true,
    full_name,
    is_observed,
    owner_kinds,
    replica_counts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MANIFESTS = Path("/etc/kubernetes/manifests")
KUBECONFIG = "/etc/kubernetes/admin.conf"
PKI = "/etc/kubernetes/pki/etcd"
ETCD_METRICS = "http://127.0.0.1:2381"
UNITS = ("containerd", "kubelet")
LEASE_FRESH_SECONDS = 8.0  # leaders renew every 2 s (Kubernetes' leader-election retry period)


class CommandError(Exception):
    """A program that the upgrade relies on ended with an error; the text is its own."""


def run(
    argv: Sequence[str],
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run a program and return its standard output.

    Without ``env`` it asks no proxy, and programs of the bundle are found also where sudo's path
    has not /usr/local/bin. Raises CommandError with the program's own words.
    """
    if env is None:
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/bin"
        env = {**os.environ, **NO_PROXY, "PATH": path}
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=env,
            input=stdin,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(argv)} did not end within {timeout:g} s") from error
    except OSError as error:
        raise CommandError(f"{argv[0]} could not be run: {error}") from error
    if done.returncode != 0:
        raise CommandError(
            f"{' '.join(argv)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}"
        )
    return done.stdout


def kubectl_json(*args: str, timeout: float = 10.0) -> Any:
    """Ask the API through the virtual address, so that any healthy control plane may answer."""
    argv = ["kubectl", "--kubeconfig", KUBECONFIG, f"--request-timeout={timeout:g}s"]
    return json.loads(run([*argv, *args, "-o", "json"], timeout + 5))


def etcdctl(
    program: str, *args: str, endpoint: str = "https://127.0.0.1:2379", timeout: float = 10.0
) -> Any:
    """Ask one etcd member, the local one by default (or, with --cluster, all of them)."""
    certificates = [
        f"--cacert={PKI}/ca.crt",
        f"--cert={PKI}/healthcheck-client.crt",
        f"--key={PKI}/healthcheck-client.key",
    ]
    argv = [program, f"--endpoints={endpoint}", f"--command-timeout={timeout:g}s", *certificates]
    return json.loads(run([*argv, *args, "-w", "json"], timeout + 5))


def http_ok(url: str) -> bool:
    """Whether a loopback URL answers 200."""
    return http_status(url, timeout=2) == 200


def wait_until_none(probe: Callable[[], list[str]], timeout: float, poll: float = 0.5) -> list[str]:
    """Poll until ``probe`` finds no problem; returns what it last found, [] on success."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            problems = probe()
        except CommandError as error:
            problems = [str(error)]
        if not problems or time.monotonic() >= deadline:
            return problems
        time.sleep(poll)


def outdated_units() -> list[str]:
    """Units that do not run, or whose program was replaced by another file since they started."""
    units = []
    for unit in UNITS:
        pid = run(["systemctl", "show", "-p", "MainPID", "--value", unit]).strip()
        program = Path("/proc") / pid / "exe"
        if pid == "0" or not program.is_symlink() or str(program.readlink()).endswith(" (deleted)"):
            units.append(unit)
    return units


def search_file(path: Path, pattern: str) -> str:
    """First group of a pattern's first match in a file's lines; "" where either is missing."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1) if match else ""


def image_tag(manifest: Path) -> str:
    """Tag of a static pod's image without a leading v, "" where there is no such file."""
    return search_file(manifest, r"^\s+image: \S+:v?(\S+)$")


def image_versions(manifests: Path = MANIFESTS) -> dict[str, str]:
    """Image tags of the static pods' manifests on this node, without a leading v."""
    tags = {name: image_tag(manifests / f"{name}.yaml") for name in STATIC_PODS}
    return {name: tag for name, tag in tags.items() if tag}


def api_port(manifests: Path = MANIFESTS) -> int:
    """Port of this node's own API server, kubeadm's default when it has none."""
    port = search_file(manifests / "kube-apiserver.yaml", r"--secure-port=(\d+)")
    return int(port or 6443)


def node_problems(node: Object, kubelet: str = "") -> list[str]:
    """Not Ready, or running another kubelet than ``kubelet`` (a version without v.

    "" means any).
    """
    name, ready = node["metadata"]["name"], condition(node, "Ready").get("status")
    problems = (
        []
        if ready == "True"
        else [f"node {name} has condition Ready={ready or 'missing'}, expected True"]
    )
    actual = node["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v")
    if kubelet and actual != kubelet:
        problems.append(f"node {name} reports kubelet {actual}, expected {kubelet}")
    return problems


def static_pod_problems(pods: Iterable[Object], node: str, version: str) -> list[str]:
    """Static pods of one control plane that are missing, of another version or not ready."""
    by_name = {pod["metadata"]["name"]: pod for pod in pods}
    problems = []
    for component in STATIC_PODS:
        pod = by_name.get(f"{component}-{node}")
        if pod is None:
            problems.append(f"static pod {component}-{node} is not there")
            continue
        image = pod["spec"]["containers"][0]["image"]
        if component != "etcd" and not image.endswith(f":v{version}"):
            problems.append(
                f"static pod {component}-{node} has image {image}, expected version {version}"
            )
        elif not condition_is_true(pod, "Ready"):
            problems.append(f"static pod {component}-{node} is not ready")
    return problems


def etcd_problems(
    members: Sequence[Object], health: Iterable[Object], alarms: Iterable[Object], count: int
) -> list[str]:
    """Unhealthy members, learners, alarms, or another number of members than ``count``."""
    problems = []
    if len(members) != count:
        problems.append(f"etcd has {len(members)} members, expected {count}")
    problems += [
        f"etcd member {member.get('name') or member['ID']} is a learner"
        for member in members
        if member.get("isLearner")
    ]
    problems += [
        f"etcd member at {entry['endpoint']} is not healthy"
        for entry in health
        if not entry["health"]
    ]
    problems += [
        f"etcd has alarm {entry.get('alarm')} on member {entry.get('memberID')}" for entry in alarms
    ]
    return problems


def pod_problems(pods: Iterable[Object], node: str) -> list[str]:
    """Pods of DaemonSets on one node that are not ready."""
    problems = []
    for pod in pods:
        if pod["spec"].get("nodeName") != node or "DaemonSet" not in owner_kinds(pod):
            continue
        if "deletionTimestamp" in pod["metadata"]:
            problems.append(f"DaemonSet pod {full_name(pod)} is being replaced")
        elif not condition_is_true(pod, "Ready"):
            problems.append(f"DaemonSet pod {full_name(pod)} is not ready")
    return problems


def staying_containers(pods: Iterable[Object], node: str) -> dict[str, str]:
    """Containers of the pods that a drain leaves on a node: id to pod."""
    return {
        status["containerID"]: full_name(pod)
        for pod in pods
        if pod["spec"].get("nodeName") == node and {"DaemonSet", "Node"} & owner_kinds(pod)
        for status in pod.get("status", {}).get("containerStatuses") or ()
        if status.get("containerID")
    }


def former_containers(pods: Iterable[Object], node: str, former: Iterable[str]) -> list[str]:
    """Pods that the API has with containers of before a boot still."""
    containers = staying_containers(pods, node)
    names = {containers[identity] for identity in former if identity in containers}
    return [f"{name} has not started since {node} booted" for name in sorted(names)]


def unavailable_workloads(workloads: Iterable[Object]) -> list[str]:
    """Deployments and StatefulSets with fewer available replicas than they ask for."""
    counted = [(item, *replica_counts(item["kind"], item)) for item in workloads]
    return [
        f"{item['kind']} {full_name(item)}: {counts['available']} of {expected} replicas available"
        for item, expected, counts in counted
        if counts["available"] < expected or not is_observed(item)
    ]


def workload_name(problem: str) -> str:
    """The workload that a sentence of unavailable_workloads is about.

    >>> workload_name("Deployment default/web: 1 of 3 replicas available")
    'Deployment default/web'
    """
    return problem.split(":", 1)[0]


def parse_time(text: str) -> datetime:
    """Read a time of the API; Python 3.9 does not read the Z.

    >>> parse_time("2026-01-01T00:00:00.000000Z").isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def lease_problems(leases: Iterable[Object], now: datetime | None = None) -> list[str]:
    """Controller manager's or scheduler's leader election that nobody has renewed lately."""
    now = now or datetime.now(timezone.utc)
    by_name = {lease["metadata"]["name"]: lease["spec"] for lease in leases}
    problems = []
    for name in ("kube-controller-manager", "kube-scheduler"):
        renewed = by_name.get(name, {}).get("renewTime")
        age = (now - parse_time(renewed)).total_seconds() if renewed else None
        if age is None or age > LEASE_FRESH_SECONDS:
            problems.append(
                f"{name} has no leader" + ("" if age is None else f" since {age:.0f} s")
            )
    return problems


def silent_kubelets(
    nodes: Iterable[str], first: Mapping[str, str], now: Mapping[str, str]
) -> list[str]:
    """Kubelets whose lease has not been renewed since it was seen first.

    What the API says of nodes and pods after a restore is as old as the snapshot, also that they
    are Ready. A lease that moves is of now: it is compared with itself, so that no clock matters.

    >>> silent_kubelets(["cp1", "w1", "w2"], {"cp1": "a", "w1": "a"}, {"cp1": "b", "w1": "a"})
    ["w1's kubelet has not renewed its lease", "w2's kubelet has not renewed its lease"]
    """
    return [
        f"{name}'s kubelet has not renewed its lease"
        for name in nodes
        if now.get(name, "") == first.get(name, "")
    ]
