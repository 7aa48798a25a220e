"""Two runs on one cluster, against an API server in memory that keeps resource versions."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiException

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.processes import (
    describe_process,
    process_started,
)
from kubedrill.base.errors import StepFailed, Unsafe
from kubedrill.base.waits import wait_for
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.runner import lease_holder
from kubedrill.runner.lease import ClusterLease


class Leases:
    """The coordination API with one Lease in it."""

    def __init__(self) -> None:
        self.body: dict[str, Any] | None = None
        self.version = 0
        self.down = False
        self.reads: list[Any] = []  # called before each read

    def read_namespaced_lease(self, _name: str, _namespace: str) -> Any:
        if self.down:
            raise ApiUnavailable("no answer")
        for happens in self.reads:
            happens()
        if self.body is None:
            raise ApiException(status=404)
        spec, meta = self.body["spec"], self.body["metadata"]
        return SimpleNamespace(
            metadata=SimpleNamespace(
                annotations=meta["annotations"], resource_version=str(self.version)
            ),
            spec=SimpleNamespace(
                holder_identity=spec["holderIdentity"],
                lease_duration_seconds=spec["leaseDurationSeconds"],
                acquire_time=datetime.fromisoformat(spec["acquireTime"]),
                renew_time=datetime.fromisoformat(spec["renewTime"]),
            ),
        )

    def create_namespaced_lease(self, _namespace: str, body: dict[str, Any]) -> None:
        if self.body is not None:
            raise ApiException(status=409)
        self._write(body)

    def replace_namespaced_lease(self, _name: str, _namespace: str, body: dict[str, Any]) -> None:
        if body["metadata"]["resourceVersion"] != str(self.version):
            raise ApiException(status=409)
        self._write(body)

    def delete_namespaced_lease(self, _name: str, _namespace: str, body: dict[str, Any]) -> None:
        assert body["preconditions"]["resourceVersion"] == str(self.version)
        self.body = None

    def _write(self, body: dict[str, Any]) -> None:
        self.body, self.version = body, self.version + 1

    def another(self, ago_s: float = 0.0, **annotations: str) -> None:
        """Another host's run writes its Lease, renewed so many seconds ago."""
        moment = (datetime.now(UTC) - timedelta(seconds=ago_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": "eve@far (process 7)", "leaseDurationSeconds": 60}
        times = {"acquireTime": moment, "renewTime": moment}
        self._write({"metadata": {"annotations": annotations}, "spec": {**spec, **times}})


def make(leases: Leases, watch_s: float = 0.0) -> ClusterLease:
    api: Any = SimpleNamespace(coordination=leases)
    return ClusterLease(api, "test", watch_s=watch_s, renew_s=600)


def test_it_names_this_process_while_held_and_leaves_nothing() -> None:
    leases = Leases()
    with make(leases):
        assert leases.body is not None
        assert f"(process {os.getpid()})" in leases.body["spec"]["holderIdentity"]
    assert leases.body is None


def test_a_run_of_another_host_is_refused_with_its_name_and_since_when() -> None:
    leases = Leases()
    leases.another(ago_s=5)
    with pytest.raises(
        Unsafe, match=r"eve@far \(process 7\) drills the cluster test since 20\d\d-"
    ) as error:
        make(leases).take()
    assert error.value.exit_code == 4
    assert "runs out at" in str(error.value)


def test_an_expired_lease_is_taken_over() -> None:
    leases = Leases()
    leases.another(ago_s=61)
    with make(leases) as mine:
        assert mine.lost == ""
        assert leases.body is not None
        assert str(os.getpid()) in leases.body["spec"]["holderIdentity"]


def test_a_holder_whose_clock_is_behind_is_seen_to_live() -> None:
    leases = Leases()
    leases.another(ago_s=3600)
    asked: list[int] = []

    def it_is_renewed_meanwhile() -> None:
        asked.append(1)
        if len(asked) == 2:
            leases.another(ago_s=3590)

    leases.reads.append(it_is_renewed_meanwhile)
    with pytest.raises(Unsafe, match="eve@far"):
        make(leases, watch_s=30).take()


def test_a_holder_that_died_on_this_host_blocks_nobody() -> None:
    done = subprocess.Popen([sys.executable, "-c", "pass"])
    done.wait()
    leases = Leases()
    place = describe_process()["kubedrill.io/place"]
    started = {"kubedrill.io/process-started": "1"}
    leases.another(
        ago_s=1, **{"kubedrill.io/place": place, "kubedrill.io/process": str(done.pid), **started}
    )
    make(leases).take()
    assert leases.body is not None
    assert "far" not in leases.body["spec"]["holderIdentity"]


def test_a_holder_of_another_user_whose_processes_are_hidden_may_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease_holder, "hides_others", lambda: True)
    leases = Leases()
    gone = {"kubedrill.io/process": "1", "kubedrill.io/process-started": "the past"}
    leases.another(ago_s=5, **{**describe_process(), **gone})
    with pytest.raises(Unsafe, match="eve@far"):
        make(leases).take()


def test_another_living_process_of_this_host_is_refused() -> None:
    pipe = subprocess.PIPE
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=pipe)
    leases = Leases()
    output = {
        "kubedrill.io/place": describe_process()["kubedrill.io/place"],
        "kubedrill.io/process": str(living.pid),
        "kubedrill.io/process-started": process_started(str(living.pid)),
    }
    leases.another(ago_s=1, **output)
    with pytest.raises(Unsafe):
        make(leases).take()
    living.communicate(b"\n")


def test_an_outage_of_the_api_does_not_lose_it_and_leaves_it_to_expire() -> None:
    leases = Leases()
    with make(leases) as mine:
        leases.down = True
        mine.renew()
        assert mine.lost == ""
        leases.down = False
        before = leases.version
        mine.renew()
        assert (mine.lost, leases.version) == ("", before + 1)
        leases.down = True
    assert leases.body is not None


def test_a_restored_snapshot_without_it_gets_it_again() -> None:
    leases = Leases()
    with make(leases) as mine:
        leases.body = None
        mine.renew()
        assert leases.body is not None


def test_one_that_was_taken_over_says_by_whom_and_is_left_alone() -> None:
    leases = Leases()
    with make(leases) as mine:
        leases.another()
        mine.renew()
        assert mine.lost == "eve@far (process 7)"
    assert leases.body is not None


def test_two_that_take_it_at_once_make_one_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    leases = Leases()
    create = leases.create_namespaced_lease

    def beaten(namespace: str, body: dict[str, Any]) -> None:
        leases.another()
        create(namespace, body)

    monkeypatch.setattr(leases, "create_namespaced_lease", beaten)
    with pytest.raises(Unsafe, match="eve@far"):
        make(leases).take()


def test_an_api_that_is_down_at_the_start_is_asked_again_before_anything_is_touched() -> None:
    leases = Leases()
    leases.down = True
    with make(leases) as mine:
        assert not mine.held
        mine.ensure()
        leases.down = False
        mine.ensure()
        assert mine.held
        leases.another()
        mine.renew()
        with pytest.raises(Unsafe, match="taken over by eve@far"):
            mine.ensure()


def test_it_is_taken_by_itself_as_soon_as_the_api_answers() -> None:
    leases = Leases()
    leases.down = True
    api: Any = SimpleNamespace(coordination=leases)
    with ClusterLease(api, "test", renew_s=0.02) as mine:
        leases.down = False
        wait_for("the lease", lambda: mine.held or None, seconds=30, setting="api_up", poll_s=0.02)
        assert leases.body is not None
    assert leases.body is None


def test_another_s_that_is_found_when_the_api_answers_is_left_alone_and_refused() -> None:
    leases = Leases()
    leases.down = True
    with make(leases) as mine:
        leases.down = False
        leases.another()
        mine._keep()
        assert not mine.held
        with pytest.raises(Unsafe, match="eve@far"):
            mine.require()
    assert leases.body is not None
    assert leases.body["spec"]["holderIdentity"] == "eve@far (process 7)"


def test_nothing_is_drilled_without_it() -> None:
    leases = Leases()
    leases.down = True
    with make(leases) as mine:
        with pytest.raises(Unsafe, match="kube-system/kubedrill could not be taken"):
            mine.require()
        leases.down = False
        mine.require()
        assert mine.held


def test_a_call_that_took_it_but_broke_off_needs_no_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    leases = Leases()
    create = leases.create_namespaced_lease

    def break_off(namespace: str, body: dict[str, Any]) -> None:
        create(namespace, body)
        raise ApiUnavailable("the connection broke")

    monkeypatch.setattr(leases, "create_namespaced_lease", break_off)
    with make(leases, watch_s=3600) as mine:
        assert not mine.held
        mine.ensure()
        assert mine.held


def test_a_restored_snapshot_with_that_of_a_process_that_died_here_gets_it_again() -> None:
    leases = Leases()
    with make(leases) as mine:
        dead = {**describe_process(), "kubedrill.io/process-started": "1"}
        leases.another(**dead)
        mine.renew()
        assert mine.lost == ""
        assert leases.body is not None
        assert str(os.getpid()) in leases.body["spec"]["holderIdentity"]


def test_an_api_that_refuses_is_told_in_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    leases = Leases()

    def forbid(*_: Any) -> None:
        raise ApiException(status=403, reason="Forbidden")

    monkeypatch.setattr(leases, "create_namespaced_lease", forbid)
    with pytest.raises(
        StepFailed, match="refused the lease kube-system/kubedrill with 403: Forbidden"
    ):
        make(leases).ensure()
