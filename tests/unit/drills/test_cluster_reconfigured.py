"""Settings that change under traffic: what counts as changed, and what is put back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context
from kubernetes.client import ApiException

from kubedrill.drills import ALL, cluster_reconfigured, find_drills
from kubedrill.drills.cluster_reconfigured import choose, question, read_settings

DRILL = ALL["cluster-reconfigured"]
CHANGED = "every program runs with the new settings"
PUT_BACK = "every program runs with its former settings again"


class Cluster:
    """Nodes that run what the playbook was last asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, inventory: Any) -> None:
        names = [node.name for node in inventory.nodes]
        self.before = {f"event-ttl on {name}": "" for name in names[:3]}
        self.before |= {f"terminated-pod-gc-threshold on {name}": "" for name in names[:3]}
        self.before |= {f"imageGCHighThresholdPercent on {name}": "85" for name in names}
        self.stays: set[str] = set()
        self.runs: list[dict[str, Any]] = []
        self.ends: BaseException | None = None
        self.ctx = fake_context(*names, inventory=inventory, api=self)
        monkeypatch.setattr(cluster_reconfigured, "read_settings", lambda _ctx: self._settings())
        monkeypatch.setattr(cluster_reconfigured, "run_playbook_step", self._run)
        monkeypatch.setattr(cluster_reconfigured, "wait_whole", lambda _api: None)

    def _settings(self) -> dict[str, str]:
        running = dict(self.before)
        changes = [run for run in self.runs if run]
        if changes:
            expected, _ = choose(self.before, {})
            now = expected if self.runs[-1] else self.before
            running = {name: expected[name] if name in self.stays else now[name] for name in now}
            if self.runs[-1]:
                running |= {name: self.before[name] for name in self.stays}
        return running

    def _run(self, _ctx: Any, playbook: str, variables: dict[str, Any], _title: str) -> None:
        assert playbook == "reconfigure.yml"
        self.runs.append(variables)
        if self.ends:
            raise self.ends

    def run(self) -> dict[str, tuple[bool | None, str]]:
        DRILL.run(self.ctx)
        return dict(self.ctx.checks)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, make_inventory: Any) -> Cluster:
    return Cluster(monkeypatch, make_inventory())


def test_it_is_run_by_its_name_only_with_the_limits_of_planned_work() -> None:
    assert find_drills(["cluster-reconfigured"]) == [DRILL]
    assert DRILL.limits == ALL["cluster-maintained"].limits


def test_three_settings_are_changed_seen_and_put_back(cluster: Cluster) -> None:
    checks = cluster.run()
    assert [ok for ok, _ in checks.values()] == [True, True]
    assert cluster.ctx.seen == {"cluster": True}
    assert cluster.runs == [
        {
            "cluster_kubeadm": {
                "api_server": {"event-ttl": "2h0m0s"},
                "controller_manager": {"terminated-pod-gc-threshold": "9000"},
                "kubelet": {"imageGCHighThresholdPercent": 86},
            }
        },
        {},
    ]
    assert cluster.ctx.log[-1] == "answering *"


@pytest.mark.parametrize(
    "setting",
    ["event-ttl on cp1", "terminated-pod-gc-threshold on cp2", "imageGCHighThresholdPercent on w1"],
)
def test_one_program_that_runs_as_before_fails_and_is_no_evidence(
    cluster: Cluster, setting: str
) -> None:
    cluster.stays = {setting}
    checks = cluster.run()
    assert checks[CHANGED][0] is False
    assert checks[CHANGED][1].startswith(f"{setting} is ")
    assert checks[PUT_BACK][0] is False
    assert cluster.ctx.seen == {"cluster": False}


def test_settings_of_the_inventory_are_kept_and_other_values_are_chosen() -> None:
    before = {"event-ttl on cp1": "2h0m0s", "imageGCHighThresholdPercent on cp1": "86"}
    inventory = {"api_server": {"profiling": False}, "kubelet": {"maxPods": 99}}
    expected, variables = choose(before, inventory)
    assert expected == {
        "event-ttl on cp1": "3h0m0s",
        "imageGCHighThresholdPercent on cp1": "87",
    }
    settings = variables["cluster_kubeadm"]
    assert settings["api_server"] == {"profiling": False, "event-ttl": "3h0m0s"}
    assert settings["kubelet"] == {"maxPods": 99, "imageGCHighThresholdPercent": 87}
    assert inventory == {"api_server": {"profiling": False}, "kubelet": {"maxPods": 99}}


def test_a_change_that_was_interrupted_is_put_back_by_the_undo(cluster: Cluster) -> None:
    cluster.ends = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        cluster.run()
    cluster.ends = None
    cluster.ctx.undos.unwind()
    assert cluster.runs[-1] == {}


def test_settings_that_only_ansible_reads_are_no_reason_to_lose_them() -> None:
    def reason(**variables: Any) -> str | None:
        inventory = SimpleNamespace(vars=variables)
        return DRILL.unavailable(SimpleNamespace(cluster=SimpleNamespace(inventory=inventory)))  # type: ignore[arg-type]

    assert reason() is None
    assert reason(cluster_kubeadm={}) is None
    assert "a template" in str(reason(cluster_kubeadm=None))


def test_what_cannot_be_read_is_not_set(make_inventory: Any) -> None:
    def get_raw(path: str) -> str:
        if "/w1/" in path:
            raise ApiException(status=502)
        return '{"kubeletconfig": {"imageGCHighThresholdPercent": 85}}'

    hosts = SimpleNamespace(read=lambda *_, **__: SimpleNamespace(stdout="2h0m0s\n"))
    api = SimpleNamespace(get_raw=get_raw)
    ctx = fake_context("cp1", inventory=make_inventory(), api=api, hosts=hosts)
    settings = read_settings(ctx)
    assert settings["event-ttl on cp3"] == "2h0m0s"
    assert settings["imageGCHighThresholdPercent on cp1"] == "85"
    assert settings["imageGCHighThresholdPercent on w1"] == ""


def test_what_a_process_has_as_its_argument_is_read(tmp_path: Any) -> None:
    import subprocess  # noqa: PLC0415 - here only

    proc = tmp_path / "7"
    proc.mkdir()
    (proc / "cmdline").write_bytes(b"kube-apiserver\0--event-ttl=2h\0--event-ttl-x=3\0")
    command = question("kube-apiserver", "event-ttl").replace("/proc/", f"{tmp_path}/")
    command = f"pgrep() {{ echo 7; }}; {command}"
    assert subprocess.check_output(["sh", "-c", command], text=True) == "2h\n"
