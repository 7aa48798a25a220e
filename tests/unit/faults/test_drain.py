from types import SimpleNamespace
from typing import Any

import pytest
from fakes import api_pod as pod

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.api import ApiUnavailable, Eviction
from kubedrill.cluster.context import Cluster
from kubedrill.cluster.undo_timer import forget_line
from kubedrill.config import Settings
from kubedrill.faults import Drain, drain_node
from kubedrill.faults.drain import must_leave

MIRROR = {"kubernetes.io/config.mirror": "x"}


class Cordoned:
    """One node in memory.

    ``answers`` are what each eviction of a pod gets in turn, the last one for ever.
    """

    def __init__(self, pods: Any, answers: Any = None) -> None:
        self.pod_list, self.answers, self.cordoned = pods, answers or {}, []
        self.commands: list[Any] = []

    def nodes(self) -> Any:
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=name), spec=SimpleNamespace(unschedulable=None)
            )
            for name in ("w1", "w2")
        ]

    def pods(self, node: Any) -> Any:
        assert node == "w1"
        return list(self.pod_list)

    def evict(self, pod: Any) -> Any:
        answers = self.answers.setdefault(pod.metadata.name, [Eviction("done")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        if answer.outcome == "done":
            self.pod_list.remove(pod)
        return answer

    def cordon(self, node: Any, on: bool = True) -> None:  # noqa: ARG002
        self.cordoned.append(on)

    def node(self, name: Any) -> Any:  # noqa: ARG002
        return SimpleNamespace(
            spec=SimpleNamespace(unschedulable=bool(self.cordoned and self.cordoned[-1]))
        )

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


BLOCKED = Eviction("blocked", "PodDisruptionBudget shop/web (allows 0 now): Cannot evict pod")


def test_daemonsets_mirrors_and_finished_pods_stay() -> None:
    assert must_leave(pod("web"))
    assert must_leave(pod("bare", owner=""))
    assert not must_leave(pod("proxy", owner="DaemonSet"))
    assert not must_leave(pod("etcd", owner="Node", annotations=MIRROR))
    assert not must_leave(pod("job", phase="Succeeded"))


def test_a_429_means_later_not_no() -> None:
    cluster = Cordoned([pod("web")], {"web": [BLOCKED, BLOCKED, Eviction("done")]})
    assert drain_node(context(cluster), "w1", 30, "evict") == []
    assert cluster.pod_list == []


def test_an_api_server_that_restarts_does_not_end_the_drain() -> None:
    cluster = Cordoned([pod("web")], {"web": [ApiUnavailable("503"), Eviction("done")]})
    assert drain_node(context(cluster), "w1", 30, "evict") == []


def test_a_blocked_drain_names_the_pod_and_the_budget_and_uncordons() -> None:
    cluster = Cordoned([pod("web"), pod("proxy", owner="DaemonSet")], {"web": [BLOCKED]})
    with pytest.raises(StepFailed) as error:
        Drain("w1", 0.1, "evict_blocked").inject(context(cluster))
    assert "pod shop/web: PodDisruptionBudget shop/web (allows 0 now)" in str(error.value)
    assert "proxy" not in str(error.value)
    assert cluster.cordoned == [True, False]


def test_a_pod_that_is_ending_is_waited_for_and_named_but_not_evicted_again() -> None:
    cluster = Cordoned([pod("slow", ending=True)], {"slow": [AssertionError("evicted twice")]})
    (blocker,) = drain_node(context(cluster), "w1", 0.1, "evict")
    assert str(blocker) == "pod shop/slow: is still ending: its grace period is longer"


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
