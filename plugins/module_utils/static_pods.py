"""A control plane's static pods by containerd and their health checks, without the API."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.direct import http_status
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    ETCD_METRICS,
    CommandError,
    api_port,
    etcdctl,
    http_ok,
    run,
    wait_until_none,
)

HEALTH = {
    "kube-controller-manager": (10257, "healthz"),
    "kube-scheduler": (10259, "livez"),
}  # kubeadm's defaults
UNDO = "kubedrill-upgrade-undo"  # roles/rollback waits for it


def containers(component: str) -> list[str]:
    """Ids of this component's running containers, as containerd knows them."""
    name = f'labels."io.kubernetes.container.name"=="{component}"'
    namespace = 'labels."io.kubernetes.pod.namespace"=="kube-system"'
    ids = run(["ctr", "-n", "k8s.io", "containers", "list", "-q", f"{name},{namespace}"]).split()
    tasks = run(["ctr", "-n", "k8s.io", "tasks", "list"]).splitlines()
    running = {line.split()[0] for line in tasks if line.rstrip().endswith("RUNNING")}
    return [name for name in ids if name in running]


def processes(component: str) -> list[int]:
    """Ids of the first processes of this component's running containers."""
    tasks = run(["ctr", "-n", "k8s.io", "tasks", "list"]).splitlines()
    pids = {line.split()[0]: int(line.split()[1]) for line in tasks[1:] if line.strip()}
    return [pids[name] for name in containers(component) if name in pids]


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


def quorum_problem(healthy_others: int, members: int) -> str:
    """Why this member may not stop, "" when it may: the others must keep a majority.

    >>> quorum_problem(2, 3)
    ''
    >>> quorum_problem(1, 3)
    'only 1 of the 2 other etcd members is healthy, 2 must be to keep a majority of 3'
    >>> quorum_problem(0, 1)
    ''
    """
    needed = members // 2 + 1 if members > 1 else 0
    if healthy_others >= needed:
        return ""
    verb = "is" if healthy_others == 1 else "are"
    return (
        f"only {healthy_others} of the {members - 1} other etcd members {verb} healthy, "
        f"{needed} must be to keep a majority of {members}"
    )


def healthy_others(program: str, peers: list[str]) -> int:
    """How many of the other members answer.

    Asks them directly, so it works when the local one is down.
    """
    count = 0
    for address in peers:
        host = f"[{address}]" if ":" in address else address
        try:
            etcdctl(program, "endpoint", "health", endpoint=f"https://{host}:2379", timeout=5)
        except CommandError:
            continue
        count += 1
    return count


def arm_undo(after: int) -> None:
    """Have systemd start the kubelet again even if this module dies half-way."""
    disarm_undo()
    timer = ["systemd-run", f"--unit={UNDO}", f"--on-active={after}", "--collect"]
    run([*timer, "systemctl", "start", "kubelet"])


def disarm_undo() -> None:
    """Remove the undo; it is no error if there is none."""
    for kind in ("timer", "service"):
        if run(["systemctl", "list-units", "--all", "--no-legend", f"{UNDO}.{kind}"]).strip():
            run(["systemctl", "stop", f"{UNDO}.{kind}"])


def arguments_of(pid: int, proc: Path = Path("/proc")) -> dict[str, str]:
    """Arguments that a process was started with."""
    words = (proc / str(pid) / "cmdline").read_bytes().decode().split("\0")
    pairs = (word[2:].partition("=") for word in words if word.startswith("--"))
    return {name: value for name, _, value in pairs}


LOGS = Path("/var/log/pods")


def last_words(component: str, logs: Path = LOGS) -> str:
    """What the newest log of a static pod says last of an error, "" where there is none."""
    files = sorted(
        logs.glob(f"kube-system_{component}-*/{component}/*.log"),
        key=lambda path: path.stat().st_mtime,
    )
    lines = files[-1].read_text(encoding="utf-8", errors="replace").splitlines() if files else []
    texts = [line.split(" ", 3)[-1] for line in lines if line.strip()]
    errors = [
        text for text in texts if re.match(r"Error|[EF]\d{4} |panic:|.*\"level\":\"fatal", text)
    ]
    return (errors or texts or [""])[-1][:400]
