"""Watchers that put nodes, releases, etcd's leader and the virtual address on the timeline.

Each asks one thing about once a second in a thread of its own, with a deadline; one that gets no
answer stalls nobody. The questions are small on purpose: the cluster under test may share this
machine.
"""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.base.model import Span
from kubedrill.base.waits import Repeating
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.hosts import HostUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedrill.cluster.context import Cluster
    from kubedrill.record import RecordWriter

POLL_S = 1.0
_ANSWER_S = 3.0
_STALE_S = 2.5
"""Seconds that a control plane's last answer counts: one without power does not say that it lost
the address."""

_PLACE = """\
vip=0; leader=0
ip -o address show to {address} | grep -q . && vip=1
exec 3<>/dev/tcp/127.0.0.1/2381 && printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3 \\
  && grep -m1 -q '^etcd_server_is_leader 1' <&3 && leader=1
echo "$vip $leader"
"""
"""Asked of each control plane: does its kernel have the virtual address, does its etcd lead. 2381
is where kubeadm lets etcd serve its metrics, on loopback, without TLS."""


class States:
    """Turns repeated answers into spans.

    One span a subject and state, closed when the state changes or ends.
    """

    def __init__(self, writer: RecordWriter, lane: str) -> None:
        self._writer, self._lane = writer, lane
        self._open: dict[str, tuple[str, int]] = {}

    def see(self, states: Mapping[str, str], at: int) -> list[tuple[str, str, str]]:
        """Note states; returns the changes as (subject, from, to), "" where there was none."""
        changes = []
        for subject in sorted({*states, *self._open}):
            state = states.get(subject, "")
            before, start = self._open.get(subject, ("", 0))
            if state == before:
                continue
            if before:
                self._writer.span(Span(self._lane, subject, before, start, at))
                del self._open[subject]
            if state:
                self._open[subject] = (state, at)
                self._writer.span(Span(self._lane, subject, state, at, None))
            changes.append((subject, before, state))
        return changes

    def close(self, at: int) -> None:
        """End what is open."""
        self.see({}, at)


class Watchers(Repeating):
    """All watchers of one drill; use it as a context manager."""

    def __init__(self, cluster: Cluster, writer: RecordWriter) -> None:
        self._cluster, self._lock = cluster, threading.Lock()
        self._lanes = {
            lane: States(writer, lane) for lane in ("node", "release", "etcd-leader", "vip")
        }
        self._places: dict[str, tuple[bool, bool, float]] = {}
        jobs: list[Callable[[], None]] = [self._see_nodes]
        jobs += [partial(self._see_place, node.name) for node in cluster.inventory.control_planes]
        super().__init__(jobs, POLL_S, patience_s=_ANSWER_S)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        with self._lock:
            for states in self._lanes.values():
                states.close(time.monotonic_ns())

    def _see_nodes(self) -> None:
        try:
            # plain JSON is cheap; version 0 comes from the API server's cache
            answer = self._cluster.api.core.list_node(
                resource_version="0", _preload_content=False, _request_timeout=_ANSWER_S
            )
        except (ApiUnavailable, ApiException):
            # the API probes record that it did not answer; the last state stays until it does
            return
        nodes: list[dict[str, Any]] = json.loads(answer.data)["items"]
        self._see("node", {node["metadata"]["name"]: node_state(node) for node in nodes})
        self._see("release", {node["metadata"]["name"]: node_release(node) for node in nodes})

    def _see_place(self, node: str) -> None:
        script = _PLACE.format(address=self._cluster.inventory.endpoint_address)
        try:
            answer = self._cluster.hosts.read(
                node, ["bash", "-c", script], _ANSWER_S, check=False
            ).stdout.split()
        except (HostUnreachable, DeadlineExceeded):
            answer = []
        with self._lock:
            now = time.monotonic()
            self._places[node] = (answer[:1] == ["1"], answer[1:2] == ["1"], now)
            fresh = {
                name: place for name, place in self._places.items() if now - place[2] <= _STALE_S
            }
        self._see(
            "vip", {name: "holds the virtual address" for name, (vip, _, _) in fresh.items() if vip}
        )
        self._see(
            "etcd-leader", {name: "leads etcd" for name, (_, leads, _) in fresh.items() if leads}
        )

    def _see(self, lane: str, states: Mapping[str, str]) -> None:
        with self._lock:
            if self.ended:
                return
            changes = self._lanes[lane].see(states, time.monotonic_ns())
        for subject, before, state in changes:
            if before or lane not in ("node", "release"):
                self._cluster.note(subject, f"{before or '-'} → {state or '-'}")


def node_state(node: Mapping[str, Any]) -> str:
    """Tell a node's state in words: Ready, NotReady or Unknown, and whether it is cordoned.

    >>> ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    >>> node_state({"spec": {"unschedulable": True}, "status": ready})
    'Ready, cordoned'
    """
    status = next(
        (c["status"] for c in node["status"].get("conditions", []) if c["type"] == "Ready"),
        "Unknown",
    )
    word = {"True": "Ready", "False": "NotReady"}.get(status, "NotReady (unknown)")
    return f"{word}, cordoned" if node["spec"].get("unschedulable") else word


def node_release(node: Mapping[str, Any]) -> str:
    """Tell a node's role and the release of its kubelet.

    The verdict reads the order of an upgrade from it.

    >>> info = {"nodeInfo": {"kubeletVersion": "v1.35.4"}}
    >>> node_release({"metadata": {"labels": {}}, "status": info})
    'worker v1.35.4'
    """
    plane = "node-role.kubernetes.io/control-plane" in node["metadata"].get("labels", {})
    return (
        f"{'control plane' if plane else 'worker'} {node['status']['nodeInfo']['kubeletVersion']}"
    )
