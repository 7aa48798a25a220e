from types import SimpleNamespace
from typing import Any

import pytest

from kubedrill.base.errors import KubedrillError
from kubedrill.cluster.leases import Leader, election_timers, parse_election
from kubedrill.core.predictions import leader_handover
from kubedrill.drills.leader_takeover import DRILLS, Watch


def test_the_takeover_s_bounds_lie_between_the_last_old_and_the_first_new_answer() -> None:
    watch = Watch("cp1_a")
    assert not watch.see("cp1_a", asked=110.0, answered=110.1)
    assert not watch.see("cp1_a", asked=113.0, answered=113.2)
    assert watch.see("cp2_b", asked=113.5, answered=113.6)
    assert watch.bounds(before=100.0, after=101.0) == pytest.approx((12.0, 13.6))
    assert watch.new == "cp2_b"


def test_nobody_is_not_a_new_leader_but_the_same_node_with_a_new_process_is() -> None:
    watch = Watch("cp1_a")
    assert not watch.see("", asked=1.0, answered=1.1)
    assert watch.last_old == 1.0
    assert watch.see("cp1_c", asked=2.0, answered=2.1)


def test_timers_come_from_the_flags_and_else_are_kubernetes_defaults() -> None:
    default = parse_election({})
    assert (default.lease.value, default.renew.value, default.retry.value) == (15, 10, 2)
    assert default.takeover_s == pytest.approx(15 + 2 * 2.2 * 2)
    fast = parse_election(
        {"leader-elect-lease-duration": "6s", "leader-elect-retry-period": "500ms"}
    )
    assert fast.takeover_s == pytest.approx(6 + 2 * 2.2 * 0.5)
    because = leader_handover(fast).because
    assert "leader-elect-lease-duration 6 s (flag --leader-elect-lease-duration)" in because
    assert any(
        "leader-elect-renew-deadline 10 s (default of Kubernetes" in line for line in because
    )


def test_flags_are_read_from_the_component_s_own_static_pod() -> None:
    asked = []

    def pods(namespace: str, selector: str) -> list[Any]:
        asked.append((namespace, selector))
        command = ["kube-scheduler", "--leader-elect=true", "--leader-elect-lease-duration=9s"]
        return [
            SimpleNamespace(
                spec=SimpleNamespace(containers=[SimpleNamespace(command=command, args=None)])
            )
        ]

    api: Any = SimpleNamespace(pods=pods)
    assert election_timers(api, "kube-scheduler").lease.value == 9
    assert asked == [("kube-system", "component=kube-scheduler")]
    none: Any = SimpleNamespace(pods=lambda *_: [])
    with pytest.raises(KubedrillError, match="no pod with the label component=kube-scheduler"):
        election_timers(none, "kube-scheduler")


def test_a_node_s_name_may_have_an_underscore_or_dots() -> None:
    assert Leader("node_1.example_6b1f", 3).node == "node_1.example"
    assert Leader("", 0).node == ""


def lease(holder: str) -> Any:
    spec = SimpleNamespace(spec=SimpleNamespace(holder_identity=holder, lease_transitions=1))
    return SimpleNamespace(
        coordination=SimpleNamespace(read_namespaced_lease=lambda *_a, **_k: spec)
    )


def test_without_a_leader_there_is_nothing_to_drill() -> None:
    survey: Any = SimpleNamespace(cluster=SimpleNamespace(api=lease("")))
    scheduler, controllers = DRILLS
    assert "needs a kube-scheduler that holds its lease" in str(scheduler.unavailable(survey))
    survey.cluster.api = lease("cp2_x")
    assert controllers.among(survey) == ["cp2"]
