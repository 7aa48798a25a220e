"""The order of things in one drill, with a cluster in memory.

What is undone, recorded, and never touched.
"""

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Leaves, Node, OutageLimit, Record
from kubedrill.base.results import VerdictKind
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.context import Cluster
from kubedrill.config import Settings
from kubedrill.core import recovery
from kubedrill.core.progress import Silent
from kubedrill.faults import PowerCut
from kubedrill.faults.base import Effect
from kubedrill.record import read_record
from kubedrill.runner import drill_run
from kubedrill.runner.context import RunContext
from kubedrill.runner.lease import ClusterLease
from kubedrill.runner.replay import RecordedChoice, Replay
from kubedrill.runner.signals import Stop, stop_on_signals
from kubedrill.verdict import judge


class Session:
    """Probes that all answer."""

    def __init__(self, *_args: Any, **_options: Any) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def latest(self) -> dict[str, tuple[int, int]]:
        return {"app-new": (10, 10)}


class Quiet:
    def __init__(self, *_args: Any, **_options: Any) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None: ...


class Drill:
    """A drill whose run is given by the test."""

    leaves = Leaves.UNCHANGED
    name, title, proves, needs, duration_s = "test-drill", "Test", "nothing", "nothing", 1
    takes_quorum = restores_etcd = False
    vantages = 1
    evidence = "nothing is broken"

    def __init__(self, run: Any, unavailable: str | None = None) -> None:
        self._run, self._unavailable = run, unavailable

    def unavailable(self, _survey: Any) -> str | None:
        return self._unavailable

    def prepare(self, _survey: Any) -> tuple[str, ...]:
        return ("w1",)

    def outage_limits(self, _ctx: Any) -> list[OutageLimit]:
        return [OutageLimit("app-*", 1.0, 0.0)]

    def run(self, ctx: Any) -> None:
        self._run(ctx)


@pytest.fixture
def problems(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    result: list[str] = []
    monkeypatch.setattr(recovery, "find_problems", lambda *_: list(result))
    monkeypatch.setattr(drill_run, "find_unfit", lambda _ctx: list(result))
    monkeypatch.setattr(recovery, "find_leftovers", lambda *_: [])
    monkeypatch.setattr(drill_run, "LiveTimers", SimpleNamespace(read=lambda *_: None))
    monkeypatch.setattr(drill_run, "Baseline", SimpleNamespace(read=lambda _ctx: None))
    monkeypatch.setattr(drill_run, "find_targets", lambda *_args, **_options: None)
    monkeypatch.setattr(drill_run, "choose_nodes", lambda *_: ["w2"])
    monkeypatch.setattr(drill_run, "standard_probes", lambda *_: ())
    monkeypatch.setattr(drill_run, "ProbeSession", Session)
    monkeypatch.setattr(drill_run, "Watchers", Quiet)
    return result


def bench(tmp_path: Path, stop: Stop | None = None, **timeouts: float) -> Any:
    limits = {"recovery": 0.1, **timeouts}
    settings = Settings.model_validate(
        {"probes": {"warmup_s": 0, "cooldown_s": 0}, "timeouts": limits}
    )
    inventory = SimpleNamespace(
        name="test", kubernetes_version="1.35.4", nodes=(), vars={}, external=False
    )
    api = SimpleNamespace(
        version=SimpleNamespace(get_code=lambda: SimpleNamespace(git_version="v1.36.3"))
    )
    nobody: Any = None
    cluster = Cluster(
        cast("Any", inventory), settings, cast("Any", api), nobody, nobody, lambda *_: None
    )
    deployed: list[str] = []
    where = SimpleNamespace(
        node_port="", service="", dns_name="", address="", asked_outside=(), asked_inside=()
    )
    app = SimpleNamespace(
        name="hello",
        deploy=lambda: deployed.append("v1"),
        endpoints=lambda: where,
        deployed=deployed,
    )
    no_api: Any = SimpleNamespace(coordination=None)
    lease = ClusterLease(no_api, "test")
    lease.held = True
    return RunContext(cluster, app, Silent(), stop or Stop(), 1, tmp_path, lease)


def record(tmp_path: Path) -> Record:
    return read_record(tmp_path / "record" / "test-drill.jsonl")


def checks(result: Record) -> dict[str, bool | None]:
    return {check.name: check.ok for check in result.checks}


def test_an_unhealthy_cluster_is_left_alone(tmp_path: Path, problems: list[str]) -> None:
    problems.append("node w1 is NotReady")
    touched: list[Any] = []
    at = bench(tmp_path)
    assert drill_run.run_drill(at, Drill(touched.append)) is None
    verdict = judge(record(tmp_path))
    assert verdict.verdict is VerdictKind.ABORTED
    assert "node w1 is NotReady" in verdict.reason
    assert touched == at.app.deployed == []


def test_a_drill_that_cannot_be_done_leaves_no_record(tmp_path: Path, problems: list[str]) -> None:
    assert problems == []
    assert (
        drill_run.run_drill(bench(tmp_path), Drill(None, unavailable="no power switch"))
        == "no power switch"
    )
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_a_node_that_does_not_answer_beforehand_aborts_the_drill_and_not_the_run(
    tmp_path: Path, problems: list[str]
) -> None:
    at = bench(tmp_path)

    def deploy() -> None:
        raise StepFailed("w1: the SSH connection broke" + "!" * len(problems))

    at.app.deploy = deploy  # type: ignore[method-assign]
    assert drill_run.run_drill(at, Drill(None)) is None
    verdict = judge(record(tmp_path))
    assert verdict.verdict is VerdictKind.ABORTED
    assert "w1: the SSH connection broke" in verdict.reason


@pytest.mark.parametrize(
    ("asked", "restores", "clients_expected"), [(1, 0, 1), (1, 1, 0), (0, 0, 0)]
)
def test_the_watch_ledger_is_kept_where_it_is_asked_for_and_revisions_only_go_forward(
    *,
    asked: int,
    restores: int,
    clients_expected: int,
    tmp_path: Path,
    problems: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert problems == []
    watched: list[Any] = []

    class Watching(Session):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            watched.append(options["watched"])

    monkeypatch.setattr(drill_run, "ProbeSession", Watching)
    at = bench(tmp_path)
    inventory: Any = at.cluster.inventory
    inventory.control_planes = (Node("cp1", "10.0.0.1", ("control_plane",)),)
    inventory.api_url = "https://10.0.0.9:8443"
    probes = at.cluster.settings.probes.model_copy(update={"watch_ledger": bool(asked)})
    settings = at.cluster.settings.model_copy(update={"probes": probes})
    at = replace(at, cluster=replace(at.cluster, settings=settings))
    drill = Drill(lambda _ctx: None)
    drill.restores_etcd = bool(restores)
    assert drill_run.run_drill(at, drill) is None
    clients = (
        {"cp1": "https://10.0.0.1:6443", "endpoint": "https://10.0.0.9:8443"}
        if clients_expected
        else {}
    )
    assert watched == [clients]
    assert record(tmp_path).header.watched == tuple(clients)


def test_a_step_that_fails_is_undone_and_fails_the_drill(
    tmp_path: Path, problems: list[str]
) -> None:
    undone: list[str] = []

    def run(ctx: Any) -> None:
        ctx.undos.add("cordon", lambda: undone.append("cordon"))
        raise StepFailed("the node said no" + "!" * len(problems))

    drill_run.run_drill(bench(tmp_path), Drill(run))
    result = record(tmp_path)
    assert undone == ["cordon"]
    assert (result.ended, result.reason) == ("error", "the node said no")
    assert checks(result)["every step succeeded"] is False
    assert checks(result)["healthy after"] is True
    assert judge(result).verdict is VerdictKind.FAIL


def test_a_cluster_that_stays_broken_fails_the_drill(tmp_path: Path, problems: list[str]) -> None:
    drill_run.run_drill(
        bench(tmp_path), Drill(lambda _ctx: problems.append("etcd on cp2: no answer"))
    )
    result = record(tmp_path)
    assert checks(result)["healthy after"] is False
    assert "etcd on cp2: no answer" in judge(result).reason


def test_probes_that_still_fail_when_the_cluster_is_healthy_are_given_time_to_end_it(
    tmp_path: Path, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = list(problems)

    class Recovering(Session):
        def latest(self) -> dict[str, tuple[int, int]]:
            return {"app-new": (9 if failing and failing.pop() else 10, 10)}

    monkeypatch.setattr(drill_run, "ProbeSession", Recovering)
    drill_run.run_drill(
        bench(tmp_path), Drill(lambda _ctx: failing.extend(["a request failed"] * 3))
    )
    assert failing == []


def test_probes_that_never_recover_are_left_to_the_verdict(
    tmp_path: Path, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Session):
        def latest(self) -> dict[str, tuple[int, int]]:
            return {"app-new": (9 if broken else 10, 10)}

    broken = list(problems)
    monkeypatch.setattr(drill_run, "ProbeSession", Failing)
    drill_run.run_drill(bench(tmp_path, steady=0.1), Drill(lambda _ctx: broken.append("for good")))
    assert record(tmp_path).ended == "completed"


def test_an_undo_that_fails_is_in_the_verdict(tmp_path: Path, problems: list[str]) -> None:
    def broken() -> None:
        raise StepFailed("power switch is stuck" + "!" * len(problems))

    drill_run.run_drill(
        bench(tmp_path), Drill(lambda ctx: ctx.undos.add("power off of w1", broken))
    )
    assert judge(record(tmp_path)).verdict is VerdictKind.FAIL
    assert "power off of w1: power switch is stuck" in judge(record(tmp_path)).reason


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_heals_keeps_the_record_and_is_passed_on(
    tmp_path: Path, problems: list[str], number: int
) -> None:
    undone: list[bool] = []

    def run(ctx: Any) -> None:
        ctx.undos.add("power off of w1", lambda: undone.append(not problems))
        os.kill(os.getpid(), number)

    with stop_on_signals() as stop, pytest.raises(KeyboardInterrupt):
        drill_run.run_drill(bench(tmp_path, stop), Drill(run))
    assert undone == [True]
    assert record(tmp_path).ended == "interrupted"
    assert judge(record(tmp_path)).verdict is VerdictKind.ABORTED


def test_a_mistake_of_the_harness_is_healed_recorded_and_shown(
    tmp_path: Path, problems: list[str]
) -> None:
    undone: list[bool] = []

    def run(ctx: Any) -> None:
        ctx.undos.add("cordon", lambda: undone.append(not problems))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drill_run.run_drill(bench(tmp_path), Drill(run))
    assert undone == [True]
    assert record(tmp_path).ended == "error"
    assert judge(record(tmp_path)).verdict is not VerdictKind.PASS


@dataclass
class Noop(Effect):
    """A fault that breaks nothing, whose effect is seen at once."""

    subject: str = "cluster"
    name: str = "nothing"

    evidence = "nothing is broken"
    least_s = 0.0

    def unaffected(self, _cluster: Any, _place: str) -> str | None: ...

    def available(self, _cluster: Any) -> str | None:
        return None

    def inject(self, cluster: Any) -> None:
        cluster.note(self.subject, "nothing was broken")

    def heal(self, _cluster: Any) -> None: ...


def test_a_fault_is_a_window_on_the_timeline_and_is_healed_once(
    tmp_path: Path, problems: list[str]
) -> None:
    healed: list[bool] = []

    class Fault(Noop):
        def heal(self, _ctx: Any) -> None:
            healed.append(not problems)

    def run(ctx: Any) -> None:
        with ctx.fault(Fault("w1")):
            assert len(ctx.undos) == 1
            ctx.cluster.note("w1", "seen")

    drill_run.run_drill(bench(tmp_path), Drill(run))
    result = record(tmp_path)
    assert healed == [True]
    (window,) = [span for span in result.spans if span.lane == "fault"]
    assert (window.subject, window.end is not None) == ("w1", True)
    assert result.ended == "completed"
    steady, *noted = result.events
    assert (steady.lane, steady.at < window.start) == ("steady", True)
    assert [(event.lane, event.subject, event.name) for event in noted] == [
        ("note", "w1", "nothing was broken"),
        ("evidence", "w1", "nothing is broken"),
        ("note", "w1", "seen"),
        ("evidence", "w1", "nothing is broken"),
    ]
    sights = [event.data for event in noted if event.lane == "evidence"]
    assert [sight["when"] for sight in sights] == ["begin", "end"]
    assert all(sight["expected"] == sight["seen"] == ["w1"] for sight in sights)
    assert window.data == {"evidence": "nothing is broken", "least_s": 0.0, "lasts": True}
    assert result.header.evidence == "nothing is broken"
    assert result.header.kubernetes == "1.36.3"  # what runs, not what the inventory asks for


def test_leftovers_fail_the_drill_by_name(
    tmp_path: Path, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_SETTLE_S", 0.0)
    monkeypatch.setattr(
        recovery,
        "find_leftovers",
        lambda *_: ["w1: service kubelet is failed" + "!" * len(problems)],
    )
    drill_run.run_drill(bench(tmp_path), Drill(lambda _ctx: None))
    verdict = judge(record(tmp_path))
    assert verdict.verdict is VerdictKind.FAIL
    assert "no leftovers: found w1: service kubelet is failed" in verdict.reason


def test_a_cluster_that_another_run_took_over_meanwhile_proves_nothing(
    tmp_path: Path, problems: list[str]
) -> None:
    at = bench(tmp_path)

    def run(_ctx: Any) -> None:
        at.lease.lost = "eve@far (process 7)" + "!" * len(problems)

    drill_run.run_drill(at, Drill(run))
    verdict = judge(record(tmp_path))
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    assert "nobody else drilled the cluster" in verdict.reason


@pytest.mark.parametrize("how", ["step", "fault", "wait"])
def test_a_drill_that_loses_the_lease_is_undone_and_aborted_with_the_holder(
    tmp_path: Path, problems: list[str], how: str
) -> None:
    at = bench(tmp_path)
    undone: list[str] = []

    def run(ctx: Any) -> None:
        ctx.undos.add("cordon", lambda: undone.append("cordon" + "!" * len(problems)))
        at.lease.lost = "eve@far (process 7)"
        if how == "step":
            with ctx.step("w1", "go on"):
                raise AssertionError
        elif how == "fault":
            with ctx.fault(Noop("w1")):
                raise AssertionError
        ctx.wait_answering("*", for_s=0, seconds=60, setting="steady")
        raise AssertionError

    drill_run.run_drill(at, Drill(run))
    result, verdict = record(tmp_path), judge(record(tmp_path))
    assert undone == ["cordon"]
    assert checks(result)["healthy after"] is True
    assert (result.ended, verdict.verdict) == ("aborted", VerdictKind.ABORTED)
    assert "taken over by eve@far (process 7)" in verdict.reason
    assert [span for span in result.spans if span.lane == "fault"] == []


def test_nothing_is_deployed_without_the_lease(tmp_path: Path, problems: list[str]) -> None:
    at = bench(tmp_path)

    def read(*_: Any) -> None:
        raise ApiUnavailable("no answer" + "!" * len(problems))

    leases: Any = SimpleNamespace(read_namespaced_lease=read)
    at = replace(at, lease=ClusterLease(SimpleNamespace(coordination=leases), "test"))
    drill_run.run_drill(at, Drill(None))
    assert at.app.deployed == []
    verdict = judge(record(tmp_path))
    assert verdict.verdict is VerdictKind.ABORTED
    assert "the lease kube-system/kubedrill could not be taken" in verdict.reason


class NodeFault(Noop):
    """A fault of one node that says why it cannot be made, if so."""

    why: str | None = None

    def available(self, _ctx: Any) -> str | None:
        return self.why


@pytest.fixture
def nodes(tmp_path: Path) -> Any:
    at = bench(tmp_path)
    listed = [
        SimpleNamespace(name=name, is_control_plane=name.startswith("cp"))
        for name in ("cp1", "cp2", "cp3", "w1")
    ]
    at.cluster.inventory.nodes = listed
    at.cluster.inventory.control_planes = listed[:3]
    at.cluster.inventory.path = "inv"
    return at


def test_a_second_fault_on_the_same_node_is_not_made(
    nodes: Any, tmp_path: Path, problems: list[str]
) -> None:
    seen: list[str] = []

    def run(ctx: Any) -> None:
        with ctx.fault(NodeFault("w1")):
            with ctx.fault(NodeFault("cp1")):
                seen.append("two nodes" + "!" * len(problems))
            with ctx.fault(NodeFault("w1")):
                seen.append("twice on one")

    drill_run.run_drill(nodes, Drill(run))
    result = record(tmp_path)
    assert seen == ["two nodes"]
    assert (result.ended, judge(result).verdict) == ("aborted", VerdictKind.ABORTED)
    assert "w1 has a fault already (nothing); one fault a node" in result.reason


def test_a_node_may_have_another_fault_after_its_first(
    nodes: Any, tmp_path: Path, problems: list[str]
) -> None:
    def run(ctx: Any) -> None:
        for _ in range(2 + len(problems)):
            with ctx.fault(NodeFault("w1")):
                pass

    drill_run.run_drill(nodes, Drill(run))
    assert record(tmp_path).ended == "completed"


def test_a_fault_that_cannot_be_made_now_aborts_before_it_is_made(
    nodes: Any, tmp_path: Path, problems: list[str]
) -> None:
    class Gone(NodeFault):
        why = "there is no pod w1"

        def inject(self, _ctx: Any) -> None:
            raise AssertionError(problems)

    def run(ctx: Any) -> None:
        with ctx.fault(Gone("w1")):
            pass

    drill_run.run_drill(nodes, Drill(run))
    assert judge(record(tmp_path)).verdict is VerdictKind.ABORTED
    assert "there is no pod w1" in record(tmp_path).reason


@pytest.mark.parametrize(("takes_quorum", "ended"), [(False, "aborted"), (True, "completed")])
def test_power_is_not_cut_where_etcd_would_lose_its_quorum_unless_the_drill_takes_it(
    nodes: Any, tmp_path: Path, problems: list[str], takes_quorum: bool, ended: str
) -> None:
    down = {"cp1": "", "cp2": "down", "cp3": ""}
    members = [
        SimpleNamespace(node=name, error=error, is_learner=False) for name, error in down.items()
    ]
    nodes.cluster.api.etcd_members = lambda: members

    class Cut(PowerCut):
        def available(self, _ctx: Any) -> None: ...

        inject = heal = available
        unaffected = Noop.unaffected
        least_s = 0.0

    def run(ctx: Any) -> None:
        with ctx.fault(Cut("cp1" + "!" * len(problems))):
            pass

    chosen = Drill(run)
    chosen.takes_quorum = takes_quorum
    drill_run.run_drill(nodes, chosen)
    result = record(tmp_path)
    assert result.ended == ended
    assert ("below quorum: 1 of 3 members" in result.reason) == (ended == "aborted")


def test_a_preparation_that_fails_leaves_a_record_that_can_be_read(
    tmp_path: Path, problems: list[str]
) -> None:
    drill = Drill(None)

    def prepare(_survey: Any) -> tuple[str, ...]:
        raise StepFailed("there is no worker to choose from" + "!" * len(problems))

    drill.prepare = prepare  # type: ignore[method-assign]
    drill_run.run_drill(bench(tmp_path), drill)
    result = record(tmp_path)
    assert (result.ended, result.reason, result.header.targets) == (
        "error",
        "there is no worker to choose from",
        (),
    )
    assert judge(result).verdict is not VerdictKind.PASS


def test_targets_of_a_repeated_run_that_cannot_be_had_leave_no_record(
    tmp_path: Path, problems: list[str]
) -> None:
    at = bench(tmp_path)
    again = replace(at, replay=Replay(1, (), {"test-drill": RecordedChoice(("w9",))}))
    missed = drill_run.run_drill(again, Drill(lambda _ctx: problems.append("touched")))
    assert missed is not None
    assert "targets in that run were w9" in missed
    assert problems == list(tmp_path.rglob("*.jsonl")) == []
