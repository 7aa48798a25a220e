"""A dry run: its plan, and the net that keeps it from touching anything."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kubedrill.base.errors import StepFailed, UsageError, WouldTouch
from kubedrill.base.model import Node, OutageLimit
from kubedrill.cli.drill import print_dry_run
from kubedrill.cluster.etcd import QUESTIONS
from kubedrill.cluster.hosts import CommandResult, Hosts
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.read_only import ReadOnlyClient, ReadOnlyHosts, ReadOnlyPower
from kubedrill.config import Settings
from kubedrill.core.leftovers import script
from kubedrill.core.progress import Silent
from kubedrill.drills import ALL
from kubedrill.faults import Partition
from kubedrill.faults.network import load
from kubedrill.faults.pods import pids
from kubedrill.runner import dry_run
from kubedrill.runner.dry_run import PlanningApi, plan_run
from kubedrill.runner.run import run_drills


def inventory() -> Inventory:
    nodes = (Node("cp1", "127.0.0.1", ("control_plane",)), Node("w1", "127.0.0.2", ("worker",)))
    return Inventory(Path("inv"), "test", nodes, {"cluster_kubernetes_version": "1.35.4"})


@pytest.mark.parametrize("drill", ALL.values(), ids=list(ALL))
def test_every_drill_has_steps_to_tell(drill: Any) -> None:
    steps = drill.steps
    assert len(steps) >= 2
    assert all("\n" not in step for step in steps)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    lines: list[Any] = []

    def run(_self: Hosts, _node: Any, argv: Any, *_: Any, **_options: Any) -> CommandResult:
        lines.append(argv)
        return CommandResult(0, "", "")

    monkeypatch.setattr(Hosts, "_run", run)
    return lines


@pytest.mark.parametrize(
    "argv",
    [
        ["systemctl", "stop", "kubelet"],
        ["systemd-run", "--unit=x", "true"],
        "etcdctl --endpoints=x move-leader 1f",
        ["/bin/sh", "-c", "nft -f - <<EOF"],
        ["/bin/sh", "-c", "mv /etc/kubernetes/manifests/etcd.yaml /x"],
        ["kill", "-STOP", "1"],
        ["kubectl", "uncordon", "w1"],
    ],
)
def test_what_changes_a_node_is_not_sent(argv: Any, sent: list[Any]) -> None:
    with (
        ReadOnlyHosts(inventory(), Settings()) as hosts,
        pytest.raises(WouldTouch, match="cp1: would run"),
    ):
        hosts.change("cp1", argv)
    assert sent == []


@pytest.mark.parametrize(
    "argv",
    [
        QUESTIONS,
        ["ip", "-json", "address", "show"],
        ["systemctl", "list-units", "kubedrill-undo*"],
        load("table inet kubedrill_fault {}\n", "--check"),
        "unshare --net tc qdisc add dev lo root netem delay 100ms 20ms",
        ["cat", "/etc/kubernetes/admin.conf"],
        script(Node("cp1", "", ("control_plane",))),
        pids(**{"io.kubernetes.container.name": "kube-proxy"}),
    ],
)
def test_questions_are_sent(argv: Any, sent: list[Any]) -> None:
    with ReadOnlyHosts(inventory(), Settings()) as hosts:
        assert hosts.read("cp1", argv).ok
    assert sent == [argv]


def test_faults_are_refused_by_the_net(sent: list[Any]) -> None:
    """Should a drill break something in its preparation: its injection does not get through."""
    assert sent == []
    with ReadOnlyHosts(inventory(), Settings()) as hosts:
        ctx: Any = SimpleNamespace(hosts=hosts, settings=Settings(), inventory=inventory())
        with pytest.raises(WouldTouch):
            Partition("w1", "all").heal(ctx)
    for verb in ("off", "on", "pause", "resume"):
        with pytest.raises(WouldTouch):
            getattr(ReadOnlyPower(inventory(), Settings()), verb)(inventory().node("w1"))


def test_the_api_is_only_read() -> None:
    client = ReadOnlyClient.__new__(ReadOnlyClient)
    client.seconds = 1.0
    with pytest.raises(WouldTouch, match="PATCH /api/v1/nodes/w1"):
        client.call_api("PATCH", "https://x/api/v1/nodes/w1")
    assert PlanningApi.client_class is ReadOnlyClient


class Plain:
    """A drill on a worker with the app; what it does is given."""

    name, title, proves, needs, duration_s = "plain", "Plain", "x", "x", 1

    def __init__(self, unavailable: str | None = None, prepare: Any = None) -> None:
        self._unavailable, self._prepare = unavailable, prepare

    def unavailable(self, _survey: Any) -> str | None:
        return self._unavailable

    def prepare(self, survey: Any) -> tuple[str, ...]:
        assert survey.dry_run
        if self._prepare:
            self._prepare(survey)
        pods = survey.cluster.api.pods(survey.app.namespace, survey.app.selector)
        return (survey.rng.choice(sorted(pod.spec.node_name for pod in pods)),)

    def outage_limits(self, ctx: Any) -> list[OutageLimit]:
        return [OutageLimit("app-*", 3.0, 1.5, (f"{ctx.target} goes",))]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A healthy cluster without the app; the list is what is wrong with it."""
    problems: list[str] = []
    pods = [SimpleNamespace(spec=SimpleNamespace(node_name=name)) for name in ("w1", "w2", "w3")]
    api = SimpleNamespace(
        plan_app=lambda _app: ("w1", "w2", "w3"),
        pods=lambda *_: pods,
        version=SimpleNamespace(get_code=lambda: SimpleNamespace(git_version="v1.35.4")),
    )

    @contextmanager
    def connect(*_: Any) -> Iterator[Any]:
        yield api

    monkeypatch.setattr(PlanningApi, "connect", connect)
    monkeypatch.setattr(dry_run, "connected", nullcontext)  # nobody is asked here
    monkeypatch.setattr(dry_run, "find_unfit", lambda _ctx: list(problems))
    monkeypatch.setattr(dry_run, "held_by", lambda _api: [])
    monkeypatch.setattr(dry_run, "LiveTimers", SimpleNamespace(read=lambda *_: None))
    return problems


def plans(seed: int, *drills: Any) -> Any:
    return plan_run(drills, inventory(), Settings(), seed=seed)


def test_the_same_seed_plans_the_same_targets_with_their_budgets(cluster: list[str]) -> None:
    result = [plans(seed, Plain()).plans[0] for seed in range(12)]
    assert [plan.targets for plan in result] == [
        plans(seed, Plain()).plans[0].targets for seed in range(12)
    ]
    assert len({plan.targets for plan in result}) > 1
    assert result[0].limits[0].because == (f"{result[0].targets[0]} goes",)
    assert cluster == []


def test_one_drill_that_cannot_be_planned_does_not_hide_the_others(cluster: list[str]) -> None:
    def fail(_survey: Any) -> None:
        raise StepFailed("etcd's members do not agree")

    def touch(survey: Any) -> None:
        survey.cluster.note("cp2", "would be made to lead etcd")
        raise WouldTouch("cp1: would run move-leader")

    cluster.append("node w2 is not Ready")
    result = plans(
        1, Plain("needs power control"), Plain(prepare=fail), Plain(prepare=touch), Plain()
    )
    assert result.problems == ["node w2 is not Ready"]
    unavailable, failed, touching, good = result.plans
    assert unavailable.unavailable == "needs power control"
    assert "do not agree" in failed.unavailable
    assert touching.targets == ()
    assert "would be made to lead" in touching.first[0]
    assert "would run move-leader" in touching.first[1]
    assert good.targets


def test_the_application_is_told_with_what_keeps_it_from_being_drilled(
    cluster: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = SimpleNamespace(
        description="deployment/web in namespace shop (kustomize /shop)",
        unfit=lambda: ["Service web is another's"],
    )
    monkeypatch.setattr(dry_run, "read_app", lambda _settings: SimpleNamespace(on=lambda _api: app))
    result = plans(1)
    print_dry_run(result, inventory())
    notes = capsys.readouterr().out
    assert "the application: deployment/web in namespace shop (kustomize /shop)" in notes
    assert "a run would be ABORTED: Service web is another's" in notes
    assert cluster == []


def test_pods_of_an_application_that_is_not_deployed_are_planned_on_the_workers() -> None:
    api = PlanningApi.__new__(PlanningApi)
    node = SimpleNamespace(
        metadata=SimpleNamespace(name="w1"), spec=SimpleNamespace(unschedulable=False)
    )
    api.nodes, api.ready, api.inventory = lambda: [node], lambda _node: True, inventory()  # type: ignore[method-assign]
    app: Any = SimpleNamespace(
        name="web", namespace="shop", selector="tier=web,on in (a)", status=lambda: None
    )
    assert api.plan_app(app) == ("w1",)
    (pod,) = api.pods("shop", app.selector, "w1")
    assert (pod.metadata.name, pod.spec.node_name, pod.metadata.labels) == (
        "web-1",
        "w1",
        {"tier": "web"},
    )
    assert api.pods("shop", app.selector, "w2") == []


def test_an_application_that_cannot_be_rendered_stops_a_run_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Chart.yaml").touch()
    endpoints = {"outside": {"node_port": 30880}, "inside": {"service": "web", "port": 80}}
    app = {
        "namespace": "shop",
        "workload": "deployment/web",
        "endpoints": endpoints,
        "helm": {"chart": tmp_path},
    }
    settings = Settings.model_validate({"app": app, "reports_dir": tmp_path / "reports"})
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path / "cache"))
    allowed = Inventory(Path("inv"), "test", inventory().nodes, {"drills_allowed": True})
    with pytest.raises(UsageError, match=r"app\.helm needs helm"):
        run_drills(["node-drain"], allowed, settings, progress=Silent())
    with pytest.raises(UsageError, match=r"app\.helm needs helm"):
        plan_run([], allowed, settings, seed=1)
    assert not (tmp_path / "reports").exists()
