"""A rollback's steps on one node, in order, twice, and cut off between any two writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

OLD = {
    "etcd": "3.6.6-0",
    "kube-apiserver": "1.35.4",
    "kube-controller-manager": "1.35.4",
    "kube-scheduler": "1.35.4",
}
ORDER = ("begin", "restore", "stop", "replace", "start", "wait", "settle", "finish")


def manifest(component: str, tag: str, data: str) -> str:
    flags = f"    - --name=cp1\n    - --data-dir={data}\n    - --initial-advertise-peer-urls=https://cp1:2380\n"
    return f"spec:\n    image: registry.k8s.io/{component}:v{tag}\n{flags}"


class Node:
    """A control plane whose manifests are newer.

    ``said`` is every command that was run and every pod that ended.
    """

    def __init__(
        self, module: ModuleType, files: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.module, self.output, self.data = module, [], folder / "etcd"
        self.files = files.Files(folder / "home", folder / "manifests", folder / "kubelet")
        self.kubelet_state = folder / "kubelet" / "cpu_manager_state"
        self.kubelet_state.parent.mkdir()
        self.kubelet_state.write_text("in the newer format")
        for path in (self.files.previous, self.files.manifests, self.data / "member"):
            path.mkdir(parents=True)
        for name, version in OLD.items():
            (self.files.previous / f"{name}.yaml").write_text(
                manifest(name, version, str(self.data))
            )
            (self.files.manifests / f"{name}.yaml").write_text(
                manifest(name, "1.36.3", str(self.data))
            )
        (self.data / "member" / "db").write_text("after")
        monkeypatch.setattr(module, "run", self.run)
        monkeypatch.setattr(
            module, "stop_pods", lambda names, _grace: self.output.append(f"end {' '.join(names)}")
        )
        monkeypatch.setattr(module, "unhealthy", list)

    def run(self, argv: list[str], _timeout: float = 60) -> str:
        self.output.append(" ".join(argv[:3]))
        if "restore" in argv:
            [made] = [word.partition("=")[2] for word in argv if word.startswith("--data-dir=")]
            member = self.data / made / "member"
            member.mkdir(parents=True)
            (member / "db").write_text("before")
        return ""

    def step(self, name: str, **more: Any) -> bool:
        params = {
            "to": "1.35.4",
            "sha256": "aa",
            "touched": True,
            "image_tags": OLD,
            "snapshot": "s",
            "members": {"cp1": "u"},
        }
        usual = {"programs": "/bin", "bump": 1, "grace": 1, "timeout": 1}
        return bool(getattr(self.module.Step({**params, **usual, **more}, self.files), name)())

    @property
    def db(self) -> str:
        return (self.data / "member" / "db").read_text()


@pytest.fixture
def plane(
    rollback_step: ModuleType,
    rollback_files: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Node:
    return Node(rollback_step, rollback_files, tmp_path, monkeypatch)


def test_the_older_release_and_the_snapshots_data_are_back(plane: Node) -> None:
    for name in ORDER[:2]:
        assert plane.step(name)
    assert plane.db == "after", "nothing that runs is touched before the stop"
    assert plane.files.tags()["kube-apiserver"] == "1.36.3"
    for name in ORDER[2:]:
        plane.step(name)
    assert plane.output == [
        "/bin/etcdutl snapshot restore",
        "systemctl stop kubelet",
        "end kube-apiserver kube-controller-manager kube-scheduler",
        "end etcd",
        "systemctl restart kubelet",
    ]
    assert plane.files.tags() == OLD
    assert plane.db == "before"
    assert [path.name for path in plane.data.iterdir()] == ["member"], (
        "nothing is left of the data of before"
    )
    assert not plane.files.folder.exists()
    assert not plane.kubelet_state.exists(), "an older kubelet would call it corrupt and not start"


@pytest.mark.parametrize("killed_after", range(1, len(ORDER)))
def test_a_killed_run_is_completed_by_another_one(plane: Node, killed_after: int) -> None:
    for name in ORDER[:killed_after]:
        plane.step(name)
    if "start" in ORDER[:killed_after]:
        (plane.data / "member" / "db").write_text("before, and what was acknowledged since")
    served = plane.db if "start" in ORDER[:killed_after] else "before"
    plane.output.clear()
    for name in ORDER:
        plane.step(name)
    assert plane.db == served, "what has served is never restored again"
    assert plane.files.tags() == OLD
    if "start" in ORDER[:killed_after]:
        assert "systemctl stop kubelet" not in plane.output


def test_killed_between_the_two_renames_of_the_data(plane: Node) -> None:
    for name in ORDER[:3]:
        plane.step(name)
    (plane.data / "member").rename(plane.data / plane.module.REPLACED)
    plane.step("restore")
    plane.step("replace")
    assert plane.db == "before"
    assert (plane.data / plane.module.REPLACED / "db").read_text() == "after"


def test_killed_after_the_renames_and_before_the_journal(plane: Node) -> None:
    for name in ORDER[:3]:
        plane.step(name)
    (plane.data / "member").rename(plane.data / plane.module.REPLACED)
    (plane.data / plane.module.RESTORED / "member").rename(plane.data / "member")
    assert plane.step("replace")
    assert plane.db == "before"


def test_nothing_starts_before_the_data_are_restored(plane: Node) -> None:
    for name in ORDER[:3]:
        plane.step(name)
    with pytest.raises(plane.module.CommandError, match="not restored here yet"):
        plane.step("start")
    assert not list(plane.files.manifests.iterdir()), "a node that boots now starts no etcd"


def test_what_a_rollback_that_stopped_nothing_left_is_begun_anew(plane: Node) -> None:
    plane.step("begin", sha256="old")
    plane.step("begin", touched=False)
    journal = plane.files.journal()
    assert (journal["sha256"], journal["touched"]) == ("aa", True), (
        "its programs may be the older ones by now"
    )
    plane.step("stop")
    assert not plane.step("begin", sha256="other")
    assert plane.files.journal()["sha256"] == "aa"


def test_a_manifest_that_is_gone_is_told_before_anything_stops(plane: Node) -> None:
    (plane.files.previous / "etcd.yaml").unlink()
    with pytest.raises(plane.module.CommandError, match=r"no manifest of etcd 3\.6\.6-0"):
        plane.step("begin")
    assert plane.output == []


@pytest.mark.parametrize(("touched", "stopped"), [(True, ["systemctl stop kubelet"]), (False, [])])
def test_of_a_worker_only_a_newer_kubelet_is_stopped_and_once(
    plane: Node, touched: bool, stopped: list[str]
) -> None:
    for name in ("begin", "stop", "replace", "start", "wait", "stop"):
        plane.step(name, image_tags={}, touched=touched)
    assert plane.output == stopped
    assert plane.kubelet_state.exists() is not touched
    assert plane.db == "after"


def test_an_upgrade_sees_a_rollback_that_has_stopped_something(
    plane: Node, node_state: ModuleType
) -> None:
    assert node_state.rollback_to(plane.files.journal_file) == ""
    plane.step("begin")
    assert node_state.rollback_to(plane.files.journal_file) == "", (
        "the upgrade may be finished instead"
    )
    plane.step("stop")
    assert node_state.rollback_to(plane.files.journal_file) == "1.35.4"


def test_the_journal_and_the_manifests_are_roots_only(plane: Node) -> None:
    plane.step("begin")
    modes = {
        path.name: path.stat().st_mode & 0o777
        for path in (plane.files.folder, *plane.files.folder.rglob("*"))
    }
    assert modes["rollback"] == modes["manifests"] == 0o700
    assert modes["journal.json"] == modes["etcd.yaml"] == 0o600
