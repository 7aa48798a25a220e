"""The fault of a drain, against an API server in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from drained_api import DrainedApi, Unreliable, make_budget
from fakes import api_pod as pod

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.cluster.context import Cluster
from kubedrill.cluster.objects import to_json
from kubedrill.cluster.undo_timer import forget_line
from kubedrill.config import Settings
from kubedrill.faults import Drain, drain_node
from kubedrill.faults.drain import must_leave

MIRROR = {"kubernetes.io/config.mirror": "x"}
WEB = {"labels": {"app": "web"}}
BUDGET = make_budget("web", 1)


class Cordoned:
    """One node in memory; the n-th request has the n-th of the fates."""

    def __init__(self, pods: Any, *budgets: Any, fates: tuple[str, ...] = ()) -> None:
        self.objects = list(pods)
        self.server = DrainedApi(
            [to_json(pod) for pod in pods], list(budgets), daemon_sets={"shop/web-7c9"}
        )
        self.requests = Unreliable(self.server, fates)
        self.cordoned: list[bool] = []
        self.commands: list[Any] = []

    @property
    def pod_list(self) -> list[str]:
        self.server.tick()
        return [pod["metadata"]["name"] for pod in self.server.pods]

    def nodes(self) -> Any:
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=name), spec=SimpleNamespace(unschedulable=None)
            )
            for name in ("w1", "w2")
        ]

    def pods(self, node: Any) -> Any:
        assert node == "w1"
        return [pod for pod in self.objects if pod.metadata.name in self.pod_list]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.requests.ask(method, path, body)
        if method == "PATCH":
            self.cordoned.append(True)
        return answer

    def cordon(self, node: Any, on: bool = True) -> None:
        assert node == "w1"
        self.server.cordoned = on
        self.cordoned.append(on)

    def node(self, name: Any) -> Any:
        assert name == "w1"
        return SimpleNamespace(spec=SimpleNamespace(unschedulable=self.server.cordoned))

    def wait(self, what: Any, missing: Any, *, setting: Any) -> None:  # noqa: ARG002
        assert setting == "unschedulable_cleared"
        assert [missing() is None, missing() is None][1]

    # hosts
    def change(self, node: Any, argv: Any, **_options: Any) -> None:  # noqa: ARG002
        self.commands.append((len(self.cordoned), argv))


def context(cluster: Any, notes: list[str] | None = None) -> Any:
    inventory = SimpleNamespace(name="test", control_planes=(SimpleNamespace(name="cp1"),))

    def note(subject: str, text: str) -> None:
        if notes is not None:
            notes.append(f"{subject}: {text}")

    return Cluster(inventory, Settings(), cluster, cluster, None, note)


def test_daemonsets_mirrors_and_finished_pods_stay() -> None:
    assert must_leave(pod("web"))
    assert must_leave(pod("bare", owner=""))
    assert not must_leave(pod("proxy", owner="DaemonSet"))
    assert not must_leave(pod("etcd", owner="Node", annotations=MIRROR))
    assert not must_leave(pod("job", phase="Succeeded"))


def test_a_drain_empties_the_node() -> None:
    cluster, notes = Cordoned([pod("web"), pod("proxy", owner="DaemonSet")]), list[str]()
    fault = Drain("w1", 30)
    fault.inject(context(cluster, notes))
    assert cluster.pod_list == ["proxy"]
    assert notes == ["w1: cordoned", "w1: evicted shop/web"]
    assert fault.unaffected(context(cluster), "w1") is None


def test_an_api_server_that_restarts_does_not_end_the_drain() -> None:
    cluster = Cordoned([pod("web")], fates=("", "before", "", "after", "before"))
    assert drain_node(context(cluster), "w1", 30, "evict") == []
    assert cluster.pod_list == []


def test_an_api_server_that_does_not_answer_before_the_drain_lets_it_touch_nothing() -> None:
    cluster = Cordoned([pod("web")], fates=("before",))
    with pytest.raises(ApiUnavailable, match="connection refused"):
        drain_node(context(cluster), "w1", 30, "evict")
    assert cluster.cordoned == cluster.commands == []


def test_a_blocked_drain_names_the_pod_and_the_budget_and_uncordons() -> None:
    cluster = Cordoned([pod("web", **WEB), pod("proxy", owner="DaemonSet")], BUDGET)
    with pytest.raises(StepFailed) as error:
        Drain("w1", 0.1, "evict_blocked").inject(context(cluster))
    assert (
        "pod shop/web: PodDisruptionBudget shop/web (minAvailable 1: 1 of 1 pods healthy, 1 must "
        "stay, allows 0 now) has refused its eviction for 0 s: The disruption budget web needs 1 "
        "healthy pods"
    ) in str(error.value)
    assert "proxy" not in str(error.value)
    assert cluster.cordoned == [True, False]


def test_a_drain_that_should_be_refused_says_what_the_refusal_was() -> None:
    fault = Drain("w1", 0.1, "evict_blocked", forbidden=True)
    fault.inject(context(Cordoned([pod("web", **WEB)], BUDGET)))
    assert "PodDisruptionBudget shop/web" in fault.refusal
    assert fault.unaffected(context(Cordoned([])), "w1") is None


def test_two_budgets_of_a_pod_end_the_drain_at_once_and_uncordon() -> None:
    cluster = Cordoned([pod("web", **WEB)], BUDGET, make_budget("other", 0))
    with pytest.raises(StepFailed, match="PodDisruptionBudgets shop/web, shop/other all cover it"):
        Drain("w1", 600).inject(context(cluster))
    assert cluster.cordoned == [True, False]


def test_a_pod_that_is_ending_is_waited_for_and_named_but_not_evicted_again() -> None:
    cluster = Cordoned([pod("slow", ending=True)])
    (blocker,) = drain_node(context(cluster), "w1", 0.1, "evict")
    assert str(blocker) == "pod shop/slow: has been ending for 0 s (grace period 30 s)"
    assert cluster.server.accepted == []


def test_the_undo_is_armed_before_the_cordon() -> None:
    cluster = Cordoned([])
    drain_node(context(cluster), "w1", 5, "evict")
    armed = [cordons for cordons, argv in cluster.commands if argv[0] == "systemd-run"]
    assert armed == [0]


def test_heal_disarms_and_may_be_called_twice() -> None:
    cluster = Cordoned([])
    fault, ctx = Drain("w1", 5), context(cluster)
    fault.inject(ctx)
    fault.heal(ctx)
    fault.heal(ctx)
    assert cluster.cordoned == [True, False]
    assert cluster.commands[-1][1] == forget_line("kubedrill-undo-w1")


def test_a_pod_without_a_controller_is_named_and_nothing_is_touched() -> None:
    cluster = Cordoned([pod("web"), pod("netshoot", owner="")])
    fault, ctx = Drain("w1", 5), context(cluster)
    assert "pod shop/netshoot; delete it, or give it a controller" in str(fault.available(ctx))
    with pytest.raises(StepFailed, match="what has no controller: pod shop/netshoot"):
        fault.inject(ctx)
    assert len(cluster.pod_list) == 2
    assert cluster.cordoned == cluster.commands == []


def test_pods_without_a_controller_that_stay_or_go_anyway_forbid_nothing() -> None:
    cluster = Cordoned(
        [
            pod("mirror", owner="", annotations=MIRROR),
            pod("done", owner="", phase="Succeeded"),
            pod("going", owner="", ending=True),
        ]
    )
    assert Drain("w1", 5).available(context(cluster)) is None


def test_local_data_is_named_before_the_cordon() -> None:
    cluster, notes = Cordoned([pod("cache", scratch=True), pod("web")]), list[str]()
    assert drain_node(context(cluster, notes), "w1", 30, "evict") == []
    assert notes[:2] == [
        "w1: a drain deletes the local data (emptyDir) of shop/cache",
        "w1: cordoned",
    ]
