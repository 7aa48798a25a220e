"""Whole drills as they look in real life, for the saved records and for looking at the report."""

from __future__ import annotations

from dataclasses import replace

from recordkit import ALL_PROBES, Kit, at

from kubedrill.base.model import Check, CheckId, Event, Header, Leaves, OutageLimit, Record, Span


def good() -> Record:
    """The holder of the virtual address loses power; the API is back within its limit."""
    kit = Kit()
    kit.fail("api-write", 5.0, 6.1, "timeout")
    kit.span("step", "cp1", "cut the power", 4.9, 5.1).span("vip", "cp1", "cp1", 0, 6.0).span(
        "vip", "cp2", "cp2", 6.0, 20
    )
    return kit.record()


def bad() -> Record:
    """The app is out for longer than its limit."""
    return Kit().fail("app-nodeport-new", 6.0, 11.0).record()


def inconclusive() -> Record:
    """The control probe failed together with the app."""
    return Kit().fail("app-nodeport-new", 6.0, 11.0).fail("control", 5.8, 11.2).record()


def failover(lasts_s: float = 120.0) -> Record:
    """A failover with all lanes, as the report shows it."""
    kit = Kit(*ALL_PROBES, lasts_s=lasts_s, limit_s=2.0, seed=3)
    kit.spans = [Span("fault", "cp1", "power off", at(30), at(75))]
    kit.limits = [
        OutageLimit(
            "api-*",
            2.0,
            1.7,
            ("vrrp: 3 x 0.3 s + 0.61 s skew", "haproxy: 2 x 0.5 s to drop a server"),
            60,
        ),
        OutageLimit("app-*", 15.0, 2.1, ("1 of 3 replicas on cp1's side", "connect timeout 1 s")),
        OutageLimit("dns-*", 5.0, 1.0, ("2 CoreDNS pods on different nodes",)),
    ]
    for name in ("api-read", "api-write"):
        kit.fail(name, 30.0, 31.2, "timeout")
    kit.fail("api-write", 48.3, 48.5, "http-503").fail("api-write", 76.2, 76.7, "http-503")
    kit.fail("app-nodeport-reused", 30.0, 31.3, "timeout").fail(
        "app-nodeport-new", 30.1, 30.6, "timeout", every=2
    )
    kit.fail("app-service-new", 30.0, 44.0, "timeout", every=6).fail(
        "dns-pod", 30.0, 30.3, "timeout"
    )
    kit.slow("api-read", 31.3, 33.0, 0.18).slow("api-write", 31.3, 34.5, 0.22)
    kit.span("step", "cp1", "power off: inject", 29.9, 30.4).span(
        "step", "cp1", "wait until served", 30.4, 60
    )
    kit.span("step", "cp1", "power off: heal", 60, 75).span(
        "step", "cluster", "wait until healthy", 75, 100
    )
    for node in kit.header.nodes[1:]:
        kit.span("node", node, "Ready", 0, None)
    kit.span("node", "cp1", "Ready", 0, 44).span("node", "cp1", "NotReady (unknown)", 44, 79)
    kit.span("node", "cp1", "Ready", 79, None).span("vip", "cp1", "holds", 0, 31).span(
        "vip", "cp2", "holds", 31, None
    )
    kit.span("etcd-leader", "cp1", "leads", 0, 30.8).span("etcd-leader", "cp3", "leads", 31.9, None)
    kit.events = [
        Event("event", "w2", "NodeNotReady: Node cp1 status is now: NodeNotReady", at(44.1)),
        Event(
            "event", "hello-7d4", 'Killing: <b onclick="alert(1)">Stopping container</b>', at(46)
        ),
    ]
    return kit.record()


UPGRADE_TASKS = (
    ("upgrade : Take an etcd snapshot", 4.0),
    ("upgrade : Take the server out of the balancer", 1.2),
    ("drain : Evict the pods", 9.0),
    ("upgrade : Swap kubeadm", 1.5),
    ("upgrade : kubeadm upgrade node", 38.0),
    ("upgrade : Restart the kubelet", 3.0),
    ("upgrade : Wait until the node is Ready", 7.0),
    ("upgrade : Uncordon", 1.0),
)


def upgrade(outage_s: float = 0.0) -> Record:
    """A rolling upgrade of five nodes with Ansible tasks and the static pods' swaps as steps.

    ``outage_s``: for how long API writes are out while cp2's API server is swapped.
    """
    kit = Kit(*ALL_PROBES, lasts_s=300.0, limit_s=1.0, seed=5)
    kit.header = replace_header(kit.header)
    kit.spans = []
    kit.checks += [
        Check("every kubelet runs the new release", True, "all v1.36.3", "all v1.36.3"),
        Check("the API server runs the new release", True, "v1.36.3", "v1.36.3", CheckId.UPGRADED),
    ]
    clock = 15.0
    for node in kit.header.nodes:
        begin = clock
        for task, took in UPGRADE_TASKS:
            took_here = took if node.startswith("cp") else took / 4
            kit.span("ansible", node, task, clock, clock + took_here)
            if task.endswith("upgrade node") and node.startswith("cp"):
                kit.span("step", node, "etcd manifest swap", clock + 3, clock + 15)
                kit.span("step", node, "API server manifest swap", clock + 15, clock + 29)
                kit.fail("api-write", clock + 6, clock + 6.8, "http-503").fail(
                    "api-read", clock + 17, clock + 17.3, "reset"
                )
                if node == "cp2" and outage_s:
                    kit.fail("api-write", clock + 18, clock + 18 + outage_s, "timeout")
            clock += took_here
        kit.span("node", node, "Ready", 0, begin + 2).span(
            "node", node, "Ready, cordoned", begin + 2, clock - 6
        )
        kit.span("node", node, "NotReady, cordoned", clock - 6, clock - 3).span(
            "node", node, "Ready", clock - 3, None
        )
        kit.span("fault", node, "upgrade", begin, clock)
    kit.span("vip", "cp1", "holds", 0, 20).span("vip", "cp2", "holds", 20, 88).span(
        "vip", "cp3", "holds", 88, None
    )
    kit.span("etcd-leader", "cp2", "leads", 0, 101).span("etcd-leader", "cp3", "leads", 101, None)
    kit.limits = [
        OutageLimit(
            "api-*", 1.0, 0.5, ("haproxy: 2 x 0.5 s to drop a server", "1 server stops at a time")
        ),
        OutageLimit(
            "app-*", 0.5, 0.0, ("PodDisruptionBudget keeps 2 of 3 replicas", "preStop waits 5 s"), 0
        ),
        OutageLimit("dns-*", 0.5, 0.0, ("2 CoreDNS pods",)),
    ]
    return kit.record()


def replace_header(header: Header) -> Header:
    """The header of the upgrade drill."""
    return replace(
        header,
        drill="cluster-upgrade",
        title="Rolling upgrade of Kubernetes",
        targets=header.nodes,
        leaves=Leaves.UPGRADED,
    )
