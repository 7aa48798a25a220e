"""A control plane's static pods by containerd and their health checks, without the API."""

from __future__ import annotations

import contextlib

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.direct import http_status
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    ETCD_METRICS,
    CommandError,
    api_port,
    http_ok,
    run,
    wait_until_none,
)

HEALTH = {
    "kube-controller-manager": (10257, "healthz"),
    "kube-scheduler": (10259, "livez"),
}  # kubeadm's defaults


def containers(component: str) -> list[str]:
    """Ids of this component's running containers, as containerd knows them."""
    name = f'labels."io.kubernetes.container.name"=="{component}"'
    namespace = 'labels."io.kubernetes.pod.namespace"=="kube-system"'
    ids = run(["ctr", "-n", "k8s.io", "containers", "list", "-q", f"{name},{namespace}"]).split()
    tasks = run(["ctr", "-n", "k8s.io", "tasks", "list"]).splitlines()
    running = {line.split()[0] for line in tasks if line.rstrip().endswith("RUNNING")}
    return [name for name in ids if name in running]


def stop(components: list[str], grace: float) -> None:
    """End the components' containers together: SIGTERM, and SIGKILL after ``grace`` seconds."""
    running = {name: containers(name) for name in components}
    for signal, seconds in (("SIGTERM", grace), ("SIGKILL", 10.0)):
        for ids in running.values():
            for identity in ids:
                with contextlib.suppress(
                    CommandError
                ):  # it may have ended by itself; the next look tells
                    run(["ctr", "-n", "k8s.io", "tasks", "kill", "-s", signal, identity])
        left = wait_until_none(
            lambda: [i for name in components for i in containers(name)], seconds, poll=0.1
        )
        if not left:
            return
        running = {name: containers(name) for name in components}
    raise CommandError(f"containers of {', '.join(components)} did not end after SIGKILL")


def unhealthy() -> list[str]:
    """Static pods of this node that do not answer their own health checks."""
    checks = {"kube-apiserver": (api_port(), "readyz"), **HEALTH}
    bad = [
        name
        for name, (number, path) in checks.items()
        if http_status(f"https://127.0.0.1:{number}/{path}", timeout=2) != 200
    ]
    return [*([] if http_ok(f"{ETCD_METRICS}/health") else ["etcd"]), *bad]
