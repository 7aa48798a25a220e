"""The module that restarts static pods: in which order, when it refuses, what a failure leaves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.modules import certificate_renewal

if TYPE_CHECKING:
    from pathlib import Path

PARAMS = {"etcdctl": "etcdctl", "peers": ["10.0.0.2", "10.0.0.3"], "grace": 6, "timeout": 120}
ALL = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]


class Node:
    """A control plane in memory: it logs what is done to it, and may stay ill after a start."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.kubernetes = None
        self.staged: dict[str, dict[str, str]] = {"/etc/kubernetes/admin.conf": {}}
        self.placed = False
        self.started_journal = bool(self.staged)
        self.outdated: dict[str, str] = {}
        self.down: dict[str, str] = {}
        self.healthy_members, self.silent = 2, set[str]()
        self.ill: list[list[str]] = []  # what is wrong after each start
        self.ill_now: list[str] = []
        module = certificate_renewal
        monkeypatch.setattr(module, "run", self._run)
        monkeypatch.setattr(module, "stop", self._stop)
        monkeypatch.setattr(module, "arm_undo", lambda after: self.log.append(f"undo in {after}"))
        monkeypatch.setattr(module, "disarm_undo", lambda: self.log.append("no undo"))
        monkeypatch.setattr(module, "unhealthy", lambda: self.ill_now)
        monkeypatch.setattr(module, "healthy_others", lambda _program, _peers: self.healthy_members)
        monkeypatch.setattr(module, "http_status", self._status)
        monkeypatch.setattr(module, "inspect_servers", self._servers)
        monkeypatch.setattr(module, "api_port", lambda: 6443)
        monkeypatch.setattr(module, "wait_until_none", lambda probe, _timeout: probe())

    def _run(self, argv: list[str], _timeout: float) -> str:
        self.log.append(" ".join(argv))
        if argv[1] == "start":
            self.ill_now = self.ill.pop(0) if self.ill else []
            self.down, self.outdated = {}, {}
        return ""

    def _stop(self, names: list[str], grace: float) -> None:
        assert grace == 6
        self.log.append(f"end {', '.join(names)}")

    def _servers(self, _folder: Any = None) -> dict[str, dict[str, str]]:
        return {"down": self.down, "outdated": self.outdated}

    def _status(self, url: str, timeout: float) -> int:
        assert timeout
        return 500 if urlsplit(url).hostname in self.silent else 200

    # as RenewalFiles

    def journal(self) -> dict[str, dict[str, str]]:
        return self.staged

    def begun(self) -> bool:
        return self.started_journal

    def differing(self) -> list[str]:
        return [] if self.placed else list(self.staged)

    def keep_running(self) -> None:
        self.log.append("note")
        self.started_journal = True

    def place(self, journal: dict[str, dict[str, str]]) -> None:
        self.log.append(f"place {len(journal)}")
        self.placed = True

    def put_back(self, journal: dict[str, dict[str, str]]) -> None:
        self.log.append(f"put back {len(journal)}")

    def remove(self) -> None:
        self.log.append("remove copies")
        self.started_journal = False


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


def restart(node: Any) -> dict[str, Any]:
    return certificate_renewal.run_restart(node, dict(PARAMS))


def test_files_are_replaced_while_kubelet_and_servers_stand_still(node: Node) -> None:
    assert restart(node) == {"changed": True, "restarted": ALL}
    assert node.log == [
        "undo in 132",
        "systemctl stop kubelet",
        "end kube-apiserver, kube-controller-manager, kube-scheduler",
        "end etcd",
        "place 1",
        "systemctl start kubelet",
        "no undo",
        "remove copies",
    ]


def test_a_run_that_was_killed_after_the_start_ends_nothing_again(node: Node) -> None:
    node.placed = True
    assert restart(node) == {"changed": True, "restarted": []}
    assert node.log == ["remove copies"]


def test_a_finished_node_is_left_alone(node: Node) -> None:
    node.staged, node.started_journal = {}, False
    assert restart(node) == {"changed": False, "restarted": []}


@pytest.mark.parametrize("how", ["down", "outdated"])
def test_only_servers_that_use_other_certificates_are_ended_where_nothing_is_replaced(
    node: Node, how: str
) -> None:
    """As after ``kubeadm certs renew all`` by hand, or a kill between place and start."""
    node.staged, node.started_journal = {}, False
    setattr(node, how, {"kube-scheduler": "x"})
    assert restart(node) == {"changed": True, "restarted": ["kube-scheduler"]}
    assert node.log[:4] == ["note", "undo in 132", "systemctl stop kubelet", "end kube-scheduler"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"healthy_members": 1}, "only 1 of the 2 other etcd members is healthy"),
        ({"silent": {"10.0.0.3"}}, "the API server at 10.0.0.3 is not ready, and two must not"),
    ],
)
def test_nothing_is_stopped_while_another_server_is_out(
    node: Node, spoil: dict[str, Any], reason: str
) -> None:
    for name, value in spoil.items():
        setattr(node, name, value)
    result = restart(node)
    assert result["failed"]
    assert reason in result["msg"]
    assert "nothing was stopped" in result["msg"]
    assert node.log == []
    assert node.started_journal, "the copies stay for the rerun"


def test_a_scheduler_alone_may_be_started_while_another_server_is_out(node: Node) -> None:
    node.staged, node.silent, node.healthy_members = {}, {"10.0.0.3"}, 1
    node.outdated = {"kube-scheduler": "x"}
    assert restart(node)["restarted"] == ["kube-scheduler"]


def test_the_former_certificates_are_put_back_where_servers_do_not_start(node: Node) -> None:
    node.ill = [["etcd"], []]
    result = restart(node)
    assert result["failed"]
    assert "etcd is not healthy" in result["msg"]
    assert result["msg"].endswith("the former certificates are in use again")
    tail = node.log[node.log.index("place 1") + 1 :]
    assert tail == [
        "systemctl start kubelet",
        "systemctl stop kubelet",
        "end kube-apiserver, kube-controller-manager, kube-scheduler",
        "end etcd",
        "put back 1",
        "systemctl start kubelet",
        "no undo",
        "remove copies",
    ]


def test_a_server_that_goes_on_with_its_old_certificate_is_no_success(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        certificate_renewal,
        "inspect_servers",
        lambda _folder=None: {"down": {}, "outdated": {"etcd": "serves another certificate"}},
    )
    result = restart(node)
    assert result["failed"]
    assert "etcd serves another certificate" in result["msg"]


def test_servers_that_never_come_back_are_named(node: Node) -> None:
    node.ill = [["etcd"], ["kube-apiserver"]]
    assert restart(node)["msg"].endswith("kube-apiserver is not healthy")


def test_a_rerun_waits_for_the_module_that_a_killed_playbook_left(tmp_path: Path) -> None:
    lock, log = tmp_path / "run" / "lock", []
    waiting = threading.Event()

    def rerun() -> None:
        waiting.set()
        with certificate_renewal.alone_on_node(lock):
            log.append("rerun")

    with certificate_renewal.alone_on_node(lock):
        thread = threading.Thread(target=rerun)
        thread.start()
        waiting.wait()
        thread.join(0.2)
        assert thread.is_alive()
        log.append("first")
    thread.join()
    assert log == ["first", "rerun"]
