"""What heal does with what the scan finds.

A cluster in memory for the order, a real shell for its commands.
"""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from kubedrill.base.errors import ConfigErrors, KubedrillError, StepFailed
from kubedrill.base.model import Node
from kubedrill.cluster.ssh_connect import ChangedHostKey, HostUnreachable
from kubedrill.config import Settings
from kubedrill.faults import static_pods
from kubedrill.faults.traces import TRACES, Leftover, NodeTrace
from kubedrill.runner import heal as module
from kubedrill.runner.heal import heal

TABLE = Leftover("table", "w1", "inet kubedrill_fault")
FILL = Leftover("file", "w1", "/var/lib/kubedrill-fault-x", "7")
UNDO = Leftover("unit", "w1", "kubedrill-undo-w1-kubelet-stop.timer", "active")
CORDON = Leftover("cordon", "w1", "cordoned")
SPACE = Leftover("namespace", "cluster", "kubedrill-x")
OFF = Leftover("unreachable", "w1", "could not be looked at", "no answer")
API = Leftover("api", "cluster", "no answer", "503")


def command(item: Leftover) -> str:
    assert isinstance(item.trace, NodeTrace)
    return item.trace.repair(item.what)


class Cluster:
    """A cluster with things left on it; a repair that is not in ``stuck`` takes its thing away."""

    def __init__(self, *left: Leftover) -> None:
        self.left, self.stuck, self.done = set(left), set[str](), list[str]()
        self.behind: dict[str, Leftover] = {}  # what shows once a thing is repaired
        self.refusal: KubedrillError | None = None  # why its node cannot be used
        self.lines: list[str] = []

    def repair(self, kind: str) -> None:
        self.done.append(kind)
        if kind in self.stuck:
            raise StepFailed("it refused")
        self.left = {item for item in self.left if item.kind != kind}
        if kind in self.behind:
            self.left.add(self.behind.pop(kind))


class Hosts:
    """SSH and API of that cluster at once; entering and leaving do nothing."""

    settings = Settings()

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.inventory = SimpleNamespace(machines=(Node("w1", "10.0.0.2", ("worker",)),))

    def read(self, _node: Node, _argv: list[str], _seconds: float) -> None:
        if self.cluster.refusal:
            raise self.cluster.refusal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def change(self, _node: str, line: str, _seconds: float) -> None:
        kinds = [
            item.kind
            for item in self.cluster.left
            if isinstance(item.trace, NodeTrace) and command(item) == line
        ]
        self.cluster.repair(kinds[0])

    def forget(self, _node: Node) -> None: ...

    def reachable(self, _node: str) -> bool:
        return True

    def resume(self, _node: Node) -> None: ...

    def on(self, _node: Node) -> None:
        self.cluster.repair("unreachable")

    def cordon(self, _node: str, on: bool) -> None:
        assert on is False
        self.cluster.repair("cordon")

    def delete(self, objects: list[dict[str, Any]]) -> None:
        self.cluster.repair(objects[0]["kind"].lower())

    def wait_namespace_gone(self, _name: str) -> None: ...

    def get_raw(self, _path: str) -> str:
        self.cluster.repair("api")
        return "ok"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    node = Node("w1", "10.0.0.2", ("worker",))
    inventory: Any = SimpleNamespace(
        name="test",
        path="inv",
        nodes=(node,),
        node=lambda _name: node,
        control_planes=(Node("cp1", "10.0.0.1", ("control_plane",)),),
    )
    settings = Settings.model_validate(
        {"timeouts": {"api_up": 1, "node_boot": 1, "namespace_gone": 1}}
    )

    def healed(cluster: Cluster, *, dry_run: bool = False) -> Any:
        for name in ("Hosts", "ReadOnlyHosts", "Power", "ClusterLease"):
            monkeypatch.setattr(module, name, lambda *_: Hosts(cluster))
        monkeypatch.setattr(
            module, "ClusterApi", SimpleNamespace(connect=lambda *_: Hosts(cluster))
        )
        monkeypatch.setattr(module, "scan", lambda *_: sorted(cluster.left))
        return heal(inventory, settings, cluster.lines.append, dry_run=dry_run)

    return healed


def test_a_clean_cluster_is_not_touched(run: Any) -> None:
    cluster = Cluster()
    result = run(cluster)
    assert (result.detected, result.left, cluster.done) == ([], [], [])


def test_a_node_that_is_off_is_switched_on_though_it_cannot_be_woken(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Hosts, _node: Node) -> None:
        raise StepFailed("domain is not running")

    monkeypatch.setattr(Hosts, "resume", refuse)
    cluster = Cluster(OFF)
    assert run(cluster).left == []
    cluster = Cluster(OFF)
    cluster.stuck = {"unreachable"}
    assert run(cluster).failed == {OFF: "domain is not running; it refused"}


def test_a_dry_run_lists_and_touches_nothing(run: Any) -> None:
    cluster = Cluster(TABLE, CORDON)
    assert set(run(cluster, dry_run=True).left) == {TABLE, CORDON}
    assert cluster.done == []


def test_everything_is_put_back_nodes_before_the_cluster(run: Any) -> None:
    cluster = Cluster(SPACE, CORDON, FILL, UNDO, TABLE)
    result = run(cluster)
    assert result.left == []
    assert cluster.done == ["table", "unit", "file", "cordon", "namespace"]


def test_all_others_are_put_back_though_one_fails_and_it_is_named(run: Any) -> None:
    cluster = Cluster(TABLE, CORDON, SPACE)
    cluster.stuck = {"table"}
    result = run(cluster)
    assert result.left == [TABLE]
    assert result.failed == {TABLE: "it refused"}
    assert {"cordon", "namespace"} <= set(cluster.done)


def test_what_a_node_without_power_and_a_dead_api_hid_is_found_later(run: Any) -> None:
    cluster = Cluster(OFF)
    cluster.behind = {"unreachable": TABLE, "table": API, "api": CORDON}
    result = run(cluster)
    assert result.left == []
    assert set(result.detected) == {OFF, TABLE, API, CORDON}


def test_files_stay_while_the_undo_that_may_need_them_failed(run: Any) -> None:
    cluster = Cluster(FILL, UNDO)
    cluster.stuck = {"unit"}
    result = run(cluster)
    assert set(result.left) == {FILL, UNDO}
    assert "an undo on this node failed" in result.failed[FILL]


def test_power_comes_first_then_nodes_then_the_cluster() -> None:
    expected = [
        "unreachable",
        *("table", "frozen", "paused", "unit", "qdisc", "aside", "file"),
        *("service", "manifest", "parked"),
        *("api", "cordon", "taint", "pod", "namespace"),
        *("watchdog", "process"),
    ]
    kinds = [kind for _, kind in sorted((trace.stage, kind) for kind, trace in TRACES.items())]
    assert [kind for kind in kinds if kind in expected] == expected


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    parked, place = tmp_path / "parked", tmp_path / "manifests"
    parked.mkdir()
    place.mkdir()
    monkeypatch.setattr(static_pods, "PARKED", str(parked))
    monkeypatch.setattr(static_pods, "MANIFESTS", str(place))
    return parked, place


def sh(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


def test_a_parked_manifest_comes_back_and_its_folder_goes(folders: tuple[Path, Path]) -> None:
    parked, place = folders
    (parked / "etcd.yaml").write_text("kind: Pod\n")
    for _ in range(2):  # safe to repeat
        assert sh(command(Leftover("manifest", "cp1", "etcd"))).returncode == 0
    assert (place / "etcd.yaml").read_text() == "kind: Pod\n"
    assert not parked.exists()


def test_a_manifest_in_place_is_never_overwritten(folders: tuple[Path, Path]) -> None:
    parked, place = folders
    (parked / "etcd.yaml").write_text("old\n")
    (place / "etcd.yaml").write_text("new\n")
    done = sh(command(Leftover("parked", "cp1", "etcd.yaml")))
    assert done.returncode == 1
    assert "differs" in done.stderr
    assert (place / "etcd.yaml").read_text() == "new\n"
    (parked / "etcd.yaml").write_text("new\n")
    assert sh(command(Leftover("parked", "cp1", "etcd.yaml"))).returncode == 0
    assert not (parked / "etcd.yaml").exists()


def test_a_manifest_without_a_copy_is_a_failure_that_says_so(folders: tuple[Path, Path]) -> None:
    assert folders[0].is_dir()
    done = sh(command(Leftover("manifest", "cp1", "etcd")))
    assert done.returncode == 1
    assert "no copy" in done.stderr


def test_what_was_kept_aside_gets_its_place_back_but_for_data_that_are_of_no_use(
    tmp_path: Path,
) -> None:
    certificate, data = tmp_path / "apiserver.crt", tmp_path / "member"
    certificate.write_text("expired\n")
    (tmp_path / "apiserver.crt.kubedrill-fault").write_text("good\n")
    (tmp_path / "member.kubedrill-fault").mkdir()
    (tmp_path / "member.kubedrill-fault/snap").touch()
    for saved in (certificate, data):
        for _ in range(2):  # safe to repeat
            assert sh(command(Leftover("aside", "cp1", f"{saved}.kubedrill-fault"))).returncode == 0
    assert certificate.read_text() == "good\n"
    assert (data / "snap").exists()
    (tmp_path / "member.kubedrill-fault").mkdir()
    both = sh(command(Leftover("aside", "cp1", f"{data}.kubedrill-fault")))
    assert "both there" in both.stderr
    (tmp_path / "kubedrill-fault-added").touch()
    removed = sh(command(Leftover("aside", "cp1", f"{data}.kubedrill-fault")))
    assert (removed.returncode, "removed from etcd already" in removed.stderr) == (1, True)


def test_an_undo_is_disarmed_only_after_it_succeeded() -> None:
    line = command(UNDO)
    fails = sh(f"systemctl() {{ echo $1 $2; [ $1 != start ]; }}; {line}")
    assert (fails.returncode, fails.stdout) == (1, "start --wait\n")
    works = sh(f"systemctl() {{ echo $*; }}; {line}")
    assert works.returncode == 0
    assert "stop kubedrill-undo-w1-kubelet-stop.timer" in works.stdout


def test_names_from_a_node_cannot_run_anything() -> None:
    bad = "/x/kubedrill-fault; echo y"
    done = sh(f'rm() {{ printf %s "$3"; }}; {command(Leftover("file", "w1", bad))}')
    assert done.stdout == bad


def test_the_api_is_not_waited_for_where_no_control_plane_can_be_reached(run: Any) -> None:
    off = Leftover("unreachable", "cp1", "could not be looked at", "no answer")
    cluster = Cluster(off, API)
    cluster.stuck = {"unreachable"}
    result = run(cluster)
    assert result.failed[API] == "no control plane can be reached"
    assert "api" not in cluster.done


def test_a_reason_is_given_once(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Hosts, _node: Node) -> None:
        raise StepFailed("it refused")

    monkeypatch.setattr(Hosts, "resume", refuse)
    cluster = Cluster(OFF)
    cluster.stuck = {"unreachable"}
    assert run(cluster).failed == {OFF: "it refused"}


def test_the_others_are_healed_though_a_node_refuses(run: Any) -> None:
    cluster = Cluster(UNDO)
    cluster.refusal = ChangedHostKey("w1 shows another host key; compare it")
    assert run(cluster).left == []
    assert cluster.lines[0] == "refused   w1 shows another host key; compare it"


def test_a_node_that_is_off_is_no_refusal(run: Any) -> None:
    cluster = Cluster(UNDO)
    cluster.refusal = HostUnreachable("w1 is unreachable")
    assert run(cluster).left == []
    assert [line for line in cluster.lines if line.startswith("refused")] == []


def test_nothing_is_healed_with_an_inventory_that_is_wrong(run: Any) -> None:
    cluster = Cluster(UNDO)
    cluster.refusal = ConfigErrors("the inventory", ["w1: its SSH key does not exist"])
    with pytest.raises(ConfigErrors, match="inv has 1 mistake:\n  - w1: its SSH key does not"):
        run(cluster)
    assert cluster.done == []
