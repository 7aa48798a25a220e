"""Versions beside Kubernetes, as running processes answer them and the verdict takes them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fake_context import fake_context

from kubedrill.cluster.api import ApiUnavailable
from kubedrill.config import Settings, Timeouts
from kubedrill.core import programs
from kubedrill.core.programs import check_coredns, check_etcd, read_programs, record_programs

if TYPE_CHECKING:
    from pathlib import Path

CHECK = "every etcd member runs the new release's etcd"
METRICS = """# HELP coredns_build_info A metric with a constant '1' value
coredns_build_info{goversion="go1.26.0",revision="",version="1.14.7"} 1
"""


def part(name: str, kind: str, version: str) -> dict[str, Any]:
    return {
        "name": name, "version": version, "kind": kind, "path": f"{kind}/{name}", "source": "",
        "size": 1, "sha256": "0" * 64, "nodes": ["control_plane"],
    }  # fmt: skip


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """A bundle whose etcd is 3.6.16; its etcdctl is told apart from it."""
    folder = tmp_path / "v1.36.3-amd64"
    folder.mkdir()
    parts = [part("etcd", "binary", "v9.9.9"), part("etcd", "image", "v3.6.16")]
    parts.append(part("coredns", "image", "v1.14.7"))
    whole = {"schema": 1, "kubernetes": "v1.36.3", "arch": "amd64", "source": "", "key": ""}
    (folder / "bundle.json").write_text(json.dumps({**whole, "parts": parts}))
    return tmp_path


def checked(
    monkeypatch: pytest.MonkeyPatch, inventory: Any, *answers: dict[str, str]
) -> tuple[bool | None, str]:
    waiting = iter(answers)
    latest: dict[str, str] = {}

    def ask(_cluster: Any) -> dict[str, str]:
        latest.update(next(waiting, latest))
        return dict(latest)

    monkeypatch.setattr(programs, "etcd_versions", ask)
    settings = Settings(timeouts=Timeouts(etcd_healthy=1))
    ctx = fake_context("cp1", inventory=inventory, settings=settings)
    check_etcd(ctx, "v1.36.3", "new")
    assert ctx.ids == ["etcd-at-new-release"]
    result: tuple[bool | None, str] = ctx.checks[CHECK]
    return result


def test_etcd_that_did_not_change_fails_the_upgrade(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any, bundles: Path
) -> None:
    inventory = make_inventory(cluster_bundles_source=str(bundles))
    ok, actual = checked(monkeypatch, inventory, {"cp1": "3.6.16", "cp2": "3.6.15"})
    assert (ok, actual) == (False, "cp2 3.6.15")
    both = {"cp1": "3.6.16", "cp2": "3.6.16"}
    assert checked(monkeypatch, inventory, both) == (True, "all 3.6.16")


def test_a_member_that_answers_later_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any, bundles: Path
) -> None:
    inventory = make_inventory(cluster_bundles_source=str(bundles))
    assert checked(monkeypatch, inventory, {"cp1": ""}, {"cp1": "3.6.16"})[0] is True


def test_what_cannot_be_known_is_neither_passed_nor_failed(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any, bundles: Path, tmp_path: Path
) -> None:
    silent = make_inventory(cluster_bundles_source=str(bundles))
    assert checked(monkeypatch, silent, {"cp1": "", "cp2": "3.6.16"}) == (
        None,
        "cp1 does not answer",
    )
    (bundles / "v1.36.3-amd64" / "bundle.json").write_text("{")
    assert checked(monkeypatch, silent, {"cp1": "3.6.16"})[0] is None
    nowhere = make_inventory(cluster_bundles_source=str(tmp_path / "none"))
    assert checked(monkeypatch, nowhere, {"cp1": "3.6.16"})[0] is None


def dns_pod(name: str, tag: str = "v1.14.2", *, ends: bool = False) -> Any:
    image = f"registry.k8s.io/coredns/coredns:{tag}" if tag[0] == "v" else f"docker.io/x:{tag}"
    return SimpleNamespace(
        metadata=SimpleNamespace(
            name=name, namespace="kube-system", deletion_timestamp="now" if ends else None
        ),
        spec=SimpleNamespace(containers=[SimpleNamespace(image=image)]),
    )


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([dns_pod("a"), dns_pod("b")], (True, "all 1.14.7")),
        ([dns_pod("a"), dns_pod("old")], (False, "old 1.14.6")),
        ([dns_pod("a"), dns_pod("old", ends=True)], (True, "all 1.14.7")),
        ([dns_pod("a"), dns_pod("mute")], (None, "mute does not answer")),
        ([dns_pod("a", tag="1.11.0")], None),
        ([], None),
    ],
)
def test_coredns_that_did_not_change_fails_the_upgrade(
    make_inventory: Any, bundles: Path, pods: list[Any], expected: tuple[bool | None, str] | None
) -> None:
    def metrics(_namespace: str, name: str, *_: Any) -> str:
        if name == "mute":
            raise ApiUnavailable("no endpoints")
        return METRICS.replace("1.14.7", "1.14.6") if name == "old" else METRICS

    ctx = fake_context(
        "cp1",
        inventory=make_inventory(cluster_bundles_source=str(bundles)),
        api=SimpleNamespace(pods=lambda *_: pods, pod_get=metrics),
        settings=Settings(timeouts=Timeouts(pods_ready=1)),
    )
    check_coredns(ctx, "v1.36.3", "new")
    assert ctx.checks.get("every CoreDNS is the new release's") == expected


def cluster(make_inventory: Any, metrics: Any) -> dict[str, Any]:
    status = json.dumps([{"Status": {"header": {"member_id": 1}, "version": "3.6.15"}}])
    output = f'{status}\n{{"members": []}}\n{{}}\n'
    node = SimpleNamespace(
        metadata=SimpleNamespace(name="cp1"),
        status=SimpleNamespace(
            node_info=SimpleNamespace(container_runtime_version="containerd://v2.2.8")
        ),
    )
    pod = dns_pod("coredns-x")
    return {
        "inventory": make_inventory(cp=1, workers=1),
        "api": SimpleNamespace(nodes=lambda: [node], pods=lambda *_: [pod], pod_get=metrics),
        "hosts": SimpleNamespace(
            read=lambda *_, **__: SimpleNamespace(ok=True, rc=0, stdout=output, stderr="")
        ),
    }


def test_versions_come_from_the_processes_that_run(make_inventory: Any) -> None:
    asked: list[Any] = []

    def metrics(*place: Any) -> str:
        asked.append(place)
        return METRICS

    ctx = fake_context("cp1", **cluster(make_inventory, metrics))
    assert read_programs(ctx.cluster) == {
        "etcd": {"cp1": "3.6.15"},
        "containerd": {"cp1": "2.2.8"},
        "CoreDNS": {"coredns-x": "1.14.7"},
    }
    assert asked == [("kube-system", "coredns-x", "metrics", 9153)]


def test_the_timeline_has_them_before_and_after_and_says_what_is_unknown(
    make_inventory: Any,
) -> None:
    def away(*_place: Any) -> str:
        raise ApiUnavailable("no endpoints")

    ctx = fake_context("cp1", **cluster(make_inventory, away))
    record_programs(ctx, {"etcd": {"cp1": "3.6.14", "cp2": "3.6.15"}})
    assert ctx.log == [
        "cluster: CoreDNS none → unknown; containerd none → 2.2.8; etcd 3.6.14, 3.6.15 → 3.6.15"
    ]
