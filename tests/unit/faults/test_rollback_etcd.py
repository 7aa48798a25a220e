"""A rollback's steps on three real members of etcd, where the bundle's programs are at hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fault_nodes import good

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import rollback_files
from ansible_collections.kubedrill.kubeadm.plugins.modules import rollback_step
from kubedrill.base.waits import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from etcd_nodes import EtcdNodes

EXPECTED = {"etcd": "3.6.6-0"}


@pytest.fixture
def step(etcd: EtcdNodes, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a step on a node.

    The nodes' kubelets end an etcd whose manifest is gone, and start one whose is there.
    """
    files = rollback_files
    module = rollback_step
    real = module.run

    def run(argv: list[str], timeout: float = 60) -> str:
        return "" if argv[0] == "systemctl" else str(real(argv, timeout))

    def do(node: str, name: str, **more: Any) -> None:
        def ended(names: list[str], _grace: float) -> None:
            if names == ["etcd"]:
                gone = lambda: None if etcd.ask(node, "endpoint health") else True  # noqa: E731
                wait_for(f"etcd on {node} to end", gone, seconds=60, setting="api_up", poll_s=0.2)

        monkeypatch.setattr(module, "stop_pods", ended)
        params = {
            "to": "1.35.4",
            "sha256": "a" * 64,
            "touched": False,
            "image_tags": EXPECTED,
            "members": etcd.peer,
        }
        usual = {"programs": str(etcd.programs), "bump": 1_000_000_000, "grace": 1, "timeout": 60}
        place = files.Files(etcd.folder / node, etcd.manifests(node), etcd.folder / node)
        getattr(module.Step({**params, **usual, **more}, place), name)()

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "STATIC_PODS", ("etcd",))
    return do


def count(etcd: EtcdNodes, node: str, key: str) -> int:
    return int(json.loads(etcd.ask(node, f"get {key} -w json")).get("count", 0))


def test_three_members_go_back_to_the_snapshot_and_a_rerun_keeps_what_came_since(
    etcd: EtcdNodes, step: Any, tmp_path: Path
) -> None:
    for node in etcd.client:  # the upgrade's manifest; the one that it replaced is kept beside
        path = etcd.manifests(node) / "etcd.yaml"
        saved = etcd.folder / node / "previous"
        saved.mkdir()
        saved.joinpath("etcd.yaml").write_text(
            f"    image: registry.k8s.io/etcd:3.6.6-0\n{path.read_text()}"
        )
        path.write_text(f"    image: registry.k8s.io/etcd:3.6.8-0\n{path.read_text()}")
    etcd.ask("cp1", "put before 1")
    backup = tmp_path / "snapshot.db"
    good(etcd.run("cp1", f"etcdctl --endpoints={etcd.client['cp1']} snapshot save {backup}"))
    etcd.ask("cp1", "put after 1")
    revision = json.loads(etcd.ask("cp1", "get after -w json"))["header"]["revision"]
    for name in ("begin", "restore"):
        for node in etcd.client:
            step(node, name, snapshot=str(backup))
    assert count(etcd, "cp2", "after") == 1, "nothing that runs is touched before the stop"
    for name in ("stop", "replace", "start"):
        for node in etcd.client:
            step(node, name)
    for node in etcd.client:
        etcd.wait_serving(node)
    result = json.loads(etcd.ask("cp2", "get before -w json"))
    assert result["count"] == 1
    assert result["header"]["revision"] > revision, "no watcher sees a revision twice"
    assert count(etcd, "cp2", "after") == 0
    assert all(
        "3.6.6-0" in (etcd.manifests(node) / "etcd.yaml").read_text() for node in etcd.client
    )
    etcd.ask("cp3", "put since 1")
    for name in ("begin", "restore", "stop", "replace", "start", "settle", "finish"):
        for node in etcd.client:
            step(node, name, snapshot=str(backup))
    assert count(etcd, "cp1", "since") == 1
    assert [path.name for path in etcd.data("cp1").iterdir()] == ["member"]
