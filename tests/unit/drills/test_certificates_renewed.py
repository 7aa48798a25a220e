"""The renewal of certificates under traffic: what counts as renewed, and what is made sure of."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context

from kubedrill.drills import ALL, STANDARD, certificates_renewed, find_drills
from kubedrill.drills.certificates_renewed import USERS, Seen, question, read_seen

DRILL = ALL["certificates-renewed"]
SERVERS = ("kube-apiserver", "etcd, for clients", "etcd, for peers")


def make_seen(mark: str, **more: Any) -> Seen:
    seen = Seen(
        served={name: f"{name} {mark}" for name in SERVERS},
        clients={name: f"{name} {mark}" for name in USERS},
        users=dict(USERS),
        kubelet="ok",
    )
    for name, value in more.items():
        setattr(seen, name, value)
    return seen


class Cluster:
    """Control planes whose answers change when the playbook runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, inventory: Any) -> None:
        self.names = [node.name for node in inventory.control_planes]
        self.before = {name: make_seen("old") for name in self.names}
        self.after = {name: make_seen("new") for name in self.names}
        self.restarted = True
        self.runs: list[tuple[str, Any]] = []
        self.ends: Exception | None = None
        self.ctx = fake_context(*self.names, inventory=inventory, api=self)
        monkeypatch.setattr(certificates_renewed, "ask_all", lambda _ctx: self._seen())
        monkeypatch.setattr(certificates_renewed, "run_playbook_step", self._run)
        monkeypatch.setattr(certificates_renewed, "wait_for", lambda *_, **__: None)

    def _seen(self) -> dict[str, Seen]:
        return self.after if self.runs else self.before

    def _run(self, _ctx: Any, playbook: str, variables: Any, _title: str) -> None:
        self.runs.append((playbook, variables))
        if self.ends:
            raise self.ends

    def pods(self, namespace: str, selector: str) -> list[Any]:
        assert (namespace, selector) == ("kube-system", "tier=control-plane")
        mark = "new" if self.runs and self.restarted else "old"
        status = SimpleNamespace(container_statuses=[SimpleNamespace(container_id=mark)])
        return [
            SimpleNamespace(metadata=SimpleNamespace(name=f"etcd-{name}"), status=status)
            for name in self.names
        ]

    def run(self) -> dict[str, tuple[bool | None, str]]:
        DRILL.run(self.ctx)
        return dict(self.ctx.checks)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, make_inventory: Any) -> Cluster:
    return Cluster(monkeypatch, make_inventory())


def test_it_is_run_by_its_name_only() -> None:
    assert not DRILL.standard
    assert len(STANDARD) == 7
    assert DRILL not in find_drills(["all"])
    assert find_drills(["certificates-renewed"]) == [DRILL]
    assert (DRILL.limits.app_max_failed, DRILL.limits.api_outage_s) == (0, 1.0)
    assert DRILL.limits == ALL["cluster-upgrade"].limits


def test_a_renewal_of_everything_passes_and_is_seen(cluster: Cluster) -> None:
    checks = cluster.run()
    assert [ok for ok, _ in checks.values()] == [True] * 4
    assert cluster.ctx.seen == {"cluster": True}
    assert cluster.runs == [("certificates_renew.yml", {"certificates_fresh": "0s"})]
    assert cluster.ctx.log[-1] == "answering *"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("shows", ["", "old"])
def test_one_server_that_shows_no_new_certificate_fails_and_is_no_evidence(
    cluster: Cluster, server: str, shows: str
) -> None:
    cluster.after["cp2"].served[server] = f"{server} old" if shows else ""
    ok, actual = cluster.run()["every API server and etcd member shows a new certificate"]
    assert ok is False
    assert actual == f"{server} on cp2: {'the same one' if shows else 'shows none'}"
    assert cluster.ctx.seen == {"cluster": False}


def test_no_server_at_all_is_no_evidence(cluster: Cluster) -> None:
    for seen in (*cluster.before.values(), *cluster.after.values()):
        seen.served = {}
    ok, _ = cluster.run()["every API server and etcd member shows a new certificate"]
    assert ok is False
    assert cluster.ctx.seen == {"cluster": False}


@pytest.mark.parametrize("serial", ["", "scheduler.conf old"])
def test_a_kubeconfig_that_was_left_out_fails(cluster: Cluster, serial: str) -> None:
    cluster.after["cp3"].clients["scheduler.conf"] = serial
    ok, actual = cluster.run()["every kubeconfig of kubeadm's has a new certificate"]
    assert (ok, actual) == (False, "scheduler.conf on cp3")


@pytest.mark.parametrize(
    ("more", "actual"),
    [
        (
            {"users": {**USERS, "admin.conf": "error: Unauthorized"}},
            "admin.conf on cp1: error: Unauthorized",
        ),
        ({"users": {**USERS, "admin.conf": "kubernetes-super-admin"}}, "admin.conf on cp1: "),
        ({"kubelet": ""}, "the API server's client on cp1: no answer"),
        ({"kubelet": "error: Unauthorized"}, "the API server's client on cp1: error"),
    ],
)
def test_a_client_that_is_refused_or_somebody_else_fails(
    cluster: Cluster, more: dict[str, Any], actual: str
) -> None:
    cluster.after["cp1"] = make_seen("new", **more)
    ok, text = cluster.run()["clients are accepted with the new certificates"]
    assert ok is False
    assert text.startswith(actual)


def test_a_static_pod_that_was_not_started_again_fails(cluster: Cluster) -> None:
    cluster.restarted = False
    ok, actual = cluster.run()["every static pod was started again"]
    assert (ok, actual) == (False, "etcd-cp1, etcd-cp2, etcd-cp3")


def test_a_renewal_that_was_interrupted_is_finished_by_the_undo(cluster: Cluster) -> None:
    cluster.ends = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        cluster.run()
    cluster.ends = None
    cluster.ctx.undos.unwind()
    assert cluster.runs[-1] == ("certificates_renew.yml", {})


def test_what_a_node_prints_is_read(make_inventory: Any) -> None:
    text = "served|etcd, for peers|serial=0A\nserved|etcd, for clients|\nclient|admin.conf|"
    text += "serial=0B\nuser|admin.conf|kubernetes-admin\nkubelet||ok\n"
    assert read_seen(text) == Seen(
        {"etcd, for peers": "0A", "etcd, for clients": ""},
        {"admin.conf": "0B"},
        {"admin.conf": "kubernetes-admin"},
        "ok",
    )
    node = make_inventory().control_planes[0]
    script = question(node)
    assert "https://172.31.77.11:6443 get --raw /api/v1/nodes/cp1/proxy/healthz" in script
    # on a host that is no control plane it asks nobody, and nothing is taken for an answer
    done = subprocess.run(
        ["sh", "-c", script.replace("172.31.77.11", "127.0.0.1").replace(":6443", ":1")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(read_seen(done.stdout).served.values()) == {""}
    assert read_seen(done.stdout).users == {}
    assert read_seen(done.stdout).kubelet != "ok"
