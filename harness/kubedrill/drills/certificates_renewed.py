"""Renewal of the control planes' certificates, under traffic.

What shows it is asked of the servers and not of files: the certificate that each one shows over
TLS, and the name that the API knows each kubeconfig's user by.

By hand: ``openssl s_client -connect 127.0.0.1:6443 </dev/null | openssl x509 -noout -serial``,
``kubectl --kubeconfig /etc/kubernetes/scheduler.conf auth whoami``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubedrill.base.waits import Waiting, wait_for
from kubedrill.config.limits import Limits
from kubedrill.core.ansible_lane import run_playbook_step
from kubedrill.core.drill import Drill, Family
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import only_plane_swapped, planned_work
from kubedrill.faults import on_node
from kubedrill.faults.network import APISERVER_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubedrill.base.model import Node
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected

PLAYBOOK = "certificates_renew.yml"
USERS = {
    "admin.conf": "kubernetes-admin",
    "super-admin.conf": "kubernetes-super-admin",
    "controller-manager.conf": "system:kube-controller-manager",
    "scheduler.conf": "system:kube-scheduler",
}
"""kubeadm's kubeconfigs, and whom the API takes their owners for."""

KUBECTL = "NO_PROXY='*' kubectl --request-timeout=10s --kubeconfig"
CONTROL_PLANE = ("kube-system", "tier=control-plane")
"""Where kubeadm's static pods are, and their label."""

EVIDENCE = "every API server and etcd member shows another certificate than before"


@dataclass
class Seen:
    """What one control plane shows."""

    served: dict[str, str] = field(default_factory=dict)  # server → serial number, "" for none
    clients: dict[str, str] = field(default_factory=dict)  # kubeconfig → serial number
    users: dict[str, str] = field(default_factory=dict)  # kubeconfig → whom the API takes it for
    kubelet: str = ""  # what the API server's own client gets from the kubelet: "ok"


class CertificatesRenewed(Drill):
    """Renew all certificates."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs the authorities' keys, and OpenSSL to look with."""
        needs = "[ -e /etc/kubernetes/pki/ca.key ] && command -v openssl >/dev/null"
        for node in ctx.cluster.inventory.control_planes:
            missing = f"{node.name} lacks /etc/kubernetes/pki/ca.key or openssl"
            if reason := on_node.ask(ctx.cluster, node.name, needs, missing):
                return reason
        return None

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name all control planes."""
        return tuple(node.name for node in ctx.cluster.inventory.control_planes)

    def expected(self, ctx: DrillContext) -> Expected:
        """The app must not notice; the API may be out for a moment."""
        timers = ctx.timers
        return planned_work(
            "no pod of the app is moved, and no worker is touched",
            "each API server is taken out of the balancer before it stops; a request under way "
            f"when etcd's leadership moves may fail ({timers.etcd_election})",
            only_plane_swapped(timers, ctx.targets),
        )

    def run(self, ctx: DrillContext) -> None:
        """Renew, and compare what is shown with what was before."""
        before, containers = ask_all(ctx), static_pods(ctx)
        what = "the renewal that has begun"
        ctx.undos.add(what, lambda: run_playbook_step(ctx, PLAYBOOK, {}, "finish the renewal"))
        variables = {"certificates_fresh": "0s"}
        run_playbook_step(ctx, PLAYBOOK, variables, "renew the certificates")
        ctx.undos.drop(what)
        after = ask_all(ctx)
        check_servers(ctx, before, after)
        check_clients(ctx, before, after)
        check_static_pods(ctx, containers)
        with ctx.step("cluster", "renewed: until every probe is answered"):
            seconds = ctx.cluster.settings.timeouts.recovery
            ctx.wait_answering("*", for_s=CALM_S, seconds=seconds, setting="recovery")


def ask_all(ctx: DrillContext) -> dict[str, Seen]:
    """Ask every control plane."""
    nodes = ctx.cluster.inventory.control_planes
    with ctx.step("cluster", "ask every server for its certificate"):
        return {
            node.name: read_seen(ctx.cluster.hosts.read(node.name, question(node), 60).stdout)
            for node in nodes
        }


def question(node: Node) -> str:
    """What to run on a control plane: a line for each thing that is seen."""
    address = f"[{node.address}]" if ":" in node.address else node.address
    servers = {
        "kube-apiserver": f"127.0.0.1:{APISERVER_PORT}",
        "etcd, for clients": "127.0.0.1:2379",
        "etcd, for peers": f"{address}:2380",
    }
    serial = "openssl x509 -noout -serial 2>/dev/null"
    lines = [
        f'echo "served|{name}|$(openssl s_client -connect {place} </dev/null 2>/dev/null '
        f'| {serial})"'
        for name, place in servers.items()
    ]
    for name in USERS:
        path = f"/etc/kubernetes/{name}"
        embedded = f"sed -n 's/.*client-certificate-data: //p' {path} | base64 -d"
        whoami = f"{KUBECTL} {path} auth whoami -o 'jsonpath={{.status.userInfo.username}}' 2>&1"
        lines.append(
            f'if [ -e {path} ]; then echo "client|{name}|$({embedded} | {serial})"; '
            f'echo "user|{name}|$({whoami} | tail -n 1)"; fi'
        )
    kubelet = (
        f"{KUBECTL} /etc/kubernetes/admin.conf --server https://{address}:{APISERVER_PORT} "
        f"get --raw /api/v1/nodes/{node.name}/proxy/healthz 2>&1 | tail -n 1"
    )
    return "; ".join([*lines, f'echo "kubelet||$({kubelet})"'])


def read_seen(text: str) -> Seen:
    """Read what :func:`question` prints.

    >>> read_seen("served|etcd|serial=0A").served, read_seen("kubelet||ok").kubelet
    ({'etcd': '0A'}, 'ok')
    """
    result = Seen()
    for line in text.splitlines():
        kind, _, rest = line.partition("|")
        name, _, value = rest.partition("|")
        if kind == "served":
            result.served[name] = value.removeprefix("serial=")
        elif kind == "client":
            result.clients[name] = value.removeprefix("serial=")
        elif kind == "user":
            result.users[name] = value
        elif kind == "kubelet":
            result.kubelet = value
    return result


def check_servers(ctx: DrillContext, before: Mapping[str, Seen], after: Mapping[str, Seen]) -> None:
    """Compare what each server shows; this is the evidence too."""
    same = [
        f"{server} on {node}: {'the same one' if shown else 'shows none'}"
        for node, seen in before.items()
        for server, serial in seen.served.items()
        if not (shown := after[node].served.get(server, "")) or shown == serial
    ]
    count = sum(len(seen.served) for seen in after.values())
    actual = "; ".join(same) or f"all {count} servers show another one"
    ctx.witness("cluster", actual, seen=bool(count) and not same)
    ctx.check(
        "servers-show-new-certificates",
        "every API server and etcd member shows a new certificate",
        not same and bool(count),
        actual,
        "another serial number than before",
    )


def check_clients(ctx: DrillContext, before: Mapping[str, Seen], after: Mapping[str, Seen]) -> None:
    """Compare kubeconfigs, and whether the API takes what is in them."""
    same = [
        f"{name} on {node}"
        for node, seen in before.items()
        for name, serial in seen.clients.items()
        if after[node].clients.get(name, "") in ("", serial)
    ]
    ctx.check(
        "kubeconfigs-have-new-certificates",
        "every kubeconfig of kubeadm's has a new certificate",
        not same,
        ", ".join(same) or "all have another one",
        "another serial number than before",
    )
    refused = [
        f"{name} on {node}: {user or 'no answer'}"
        for node, seen in after.items()
        for name, user in seen.users.items()
        if user != USERS[name]
    ]
    refused += [
        f"the API server's client on {node}: {seen.kubelet or 'no answer'}"
        for node, seen in after.items()
        if seen.kubelet != "ok"
    ]
    ctx.check(
        "clients-are-accepted",
        "clients are accepted with the new certificates",
        not refused,
        "; ".join(refused) or "all are",
        "the API knows each kubeconfig's user, each API server reaches its kubelet",
    )


def static_pods(ctx: DrillContext) -> dict[str, str]:
    """Static pods of kubeadm's → the container that runs in each."""
    return {
        pod.metadata.name: next(
            (status.container_id or "" for status in pod.status.container_statuses or ()), ""
        )
        for pod in ctx.cluster.api.pods(*CONTROL_PLANE)
    }


def check_static_pods(ctx: DrillContext, before: Mapping[str, str]) -> None:
    """Check that each was started again: some take up certificates only then."""

    def all_started() -> bool | Waiting:
        left = not_started(before, static_pods(ctx))
        return Waiting(f"not started again: {', '.join(left)}") if left else True

    seconds = ctx.cluster.settings.timeouts.recovery
    wait_for("static pods to be others", all_started, seconds=seconds, setting="recovery")
    left = not_started(before, static_pods(ctx))
    ctx.check(
        "static-pods-started-again",
        "every static pod was started again",
        not left and bool(before),
        ", ".join(left) or f"all {len(before)}",
        "another container than before",
    )


def not_started(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Static pods that run the same container, or none.

    >>> not_started({"etcd-cp1": "a", "etcd-cp2": "b", "etcd-cp3": "c"}, {"etcd-cp1": "d",
    ...     "etcd-cp2": "b"})
    ['etcd-cp2', 'etcd-cp3']
    """
    return [name for name, old in before.items() if now.get(name, "") in ("", old)]


DRILLS = (
    CertificatesRenewed(
        name="certificates-renewed",
        title="The control planes' certificates are renewed",
        proves="certificates are renewed node by node while the app and the API stay up",
        needs="the keys of kubeadm's authorities on the control planes, and openssl",
        duration_s=150,
        family=Family.TRUST,
        order=1,
        only_by_name=True,
        evidence=EVIDENCE,
        limits=Limits(app_max_failed=0, api_outage_s=1.0),
        limits_because="0 failed application requests, the API out for 1 s at most at a time",
        steps=(
            (
                "Ask every API server and etcd member for its certificate, and note those of the "
                "kubeconfigs and the containers of the static pods."
            ),
            (
                "Run playbooks/certificates_renew.yml. Each Ansible task on each host is a span, "
                "so that a failed request names its step."
            ),
            (
                "Check that every server shows another certificate, every kubeconfig has another "
                "one that the API accepts, each API server reaches its kubelet, and every static "
                "pod was started again."
            ),
        ),
    ),
)
