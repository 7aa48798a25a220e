"""The drain that modules and the harness share, against an API server in memory."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
from drained_api import (
    CANNOT,
    NODE,
    SEVERAL,
    DrainedApi,
    Unreliable,
    make_budget,
    make_pod,
    make_status,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.draining import (
    Blocker,
    Draining,
    DrainRefusedError,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import Answer

RETRY_S = 0.5
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"


@dataclass
class Clock:
    """Time that passes when a test says so."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds


@dataclass
class Run:
    """A drain of what an API has, in rounds of half a second."""

    api: DrainedApi
    fates: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.api.now = self.clock.now
        self.drain = Draining(
            Unreliable(self.api, self.fates),
            NODE,
            note=self.notes.append,
            now=self.clock.now,
            **{"delete_local_data": True, **self.options},
        )

    def until(self, seconds: float) -> list[Blocker]:
        """Drain for so long; what blocks it, [] when the node is empty."""
        while not self.drain.try_round() and self.clock.seconds < seconds:
            self.clock.seconds += RETRY_S
        return self.drain.blockers()


def eviction(pod: dict[str, Any]) -> str:
    metadata = pod["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/eviction"


def test_an_empty_node_is_cordoned_and_done_at_once() -> None:
    run = Run(DrainedApi())
    assert run.until(0) == []
    assert run.api.cordoned
    assert run.drain.cordoned
    assert run.notes == ["cordoned"]
    assert run.clock.seconds == 0


def test_a_node_that_was_cordoned_is_not_cordoned_by_it() -> None:
    run = Run(DrainedApi(cordoned=True))
    assert run.until(0) == []
    assert not run.drain.cordoned
    assert not [method for method, _ in run.api.asked if method == "PATCH"]


def test_what_stays_is_never_asked_for_and_what_ended_is_deleted() -> None:
    stays = [
        make_pod("proxy", owner="DaemonSet"),
        make_pod("etcd", owner="Node", mirror=True),
        make_pod("ended-mirror", owner="Node", mirror=True, phase="Failed"),
    ]
    goes = [
        make_pod("web"),
        make_pod("job", owner="Job", phase="Succeeded", grace=0),
        make_pod("once", owner="", phase="Failed", grace=0),
        make_pod("crashed", owner="DaemonSet", phase="Failed", grace=0),
    ]
    run = Run(DrainedApi([*stays, *goes]))
    assert run.until(60) == []
    assert run.api.pods == stays
    assert sorted(run.drain.evicted) == ["shop/crashed", "shop/job", "shop/once", "shop/web"]


def test_it_waits_until_the_pod_is_gone_and_takes_no_namesake_for_it() -> None:
    pod = make_pod("db-0", owner="StatefulSet", grace=20)
    run = Run(DrainedApi([pod]))
    run.until(19)
    assert run.api.pods == [pod]
    run.clock.seconds = 20.0
    run.api.tick()
    run.api.pods.append(make_pod("db-0", owner="StatefulSet", tolerates=True))
    assert run.until(20) == []
    assert len(run.api.accepted) == 1, "the new pod of the same name is another pod"


def test_what_was_evicted_is_not_evicted_again_though_a_list_is_older_than_that() -> None:
    api = DrainedApi([make_pod("web", grace=1)])
    run = Run(api)
    before = Answer(200, {"items": copy.deepcopy(api.pods)})
    run.until(0)
    api.answers[f"/api/v1/pods?fieldSelector=spec.nodeName%3D{NODE}"] = [before]
    assert run.until(10) == []
    assert len([path for method, path in api.asked if method == "POST"]) == 1


def test_a_pod_that_was_replaced_before_its_eviction_arrived_is_gone() -> None:
    pod = make_pod("db-0", owner="StatefulSet")
    api = DrainedApi([pod])
    run = Run(api)
    api.answers[eviction(pod)] = [make_status(409, "the UID does not match")]
    run.until(0)
    api.pods[:] = [make_pod("db-0", owner="StatefulSet", tolerates=True)]
    assert run.until(1) == []
    assert api.accepted == []


def test_pods_go_one_by_one_where_a_budget_wants_it_and_half_a_second_after_it_may() -> None:
    pods = [make_pod(f"web-{number}", grace=10) for number in range(3)]
    api = DrainedApi(pods, [make_budget("web", 3)], {"web": 1}, start_s=4.1)
    run = Run(api)
    assert run.until(300) == []
    # Each pod takes 10 s to end, its replacement 4.1 s to be healthy; the last one has to end.
    assert run.clock.seconds == pytest.approx(2 * 14.5 + 10)
    assert run.drain.evicted == ["shop/web-0", "shop/web-1", "shop/web-2"]


def test_pods_go_all_at_once_where_no_budget_is_in_the_way() -> None:
    run = Run(DrainedApi([make_pod(f"web-{number}", grace=10) for number in range(30)]))
    assert run.until(300) == []
    assert run.clock.seconds == 10


def test_a_budget_that_refuses_one_pod_is_not_asked_for_its_others_in_the_same_round() -> None:
    pods = [make_pod(f"web-{number}") for number in range(20)]
    api = DrainedApi(pods, [make_budget("web", 20)])
    run = Run(api)
    blockers = run.until(10)
    assert len(blockers) == 20
    assert len(api.refused) == 21, "one a round"
    assert {blocker.pod for blocker in blockers} == {f"shop/web-{number}" for number in range(20)}


def test_what_is_not_ready_goes_although_its_budget_refuses_its_ready_sibling() -> None:
    ready, broken, new = make_pod("a"), make_pod("z", ready=False), make_pod("y", phase="Pending")
    run = Run(DrainedApi([ready, broken, new], [make_budget("web", 1)], start_s=1000))
    (blocker,) = run.until(60)
    assert blocker.pod == "shop/a"
    assert run.api.accepted == [new["metadata"]["uid"], broken["metadata"]["uid"]]


def test_what_has_not_begun_to_run_does_not_wait_for_a_budget_that_refuses_a_broken_one() -> None:
    broken, new = make_pod("a", ready=False), make_pod("b", phase="Pending")
    run = Run(DrainedApi([broken, new], [make_budget("web", 1)]))
    (blocker,) = run.until(60)
    assert blocker.pod == "shop/a"


def test_a_blocked_drain_names_pod_budget_arithmetic_words_and_how_long() -> None:
    run = Run(DrainedApi([make_pod("web-1")], [make_budget("web", 3)], {"web": 2}))
    (blocker,) = run.until(42)
    assert str(blocker) == (
        "pod shop/web-1: PodDisruptionBudget shop/web (minAvailable 3: 3 of 3 pods healthy, 3 must "
        "stay, allows 0 now) has refused its eviction for 42 s: The disruption budget web needs 3 "
        "healthy pods and has 3 currently"
    )


def test_how_long_it_is_refused_counts_from_the_first_refusal_of_the_pod() -> None:
    pods = [make_pod("web-1", grace=10), make_pod("web-2", grace=10)]
    run = Run(DrainedApi(pods, [make_budget("web", 2)], {"web": 1}, start_s=1000))
    (blocker,) = run.until(30)
    assert blocker.pod == "shop/web-2"
    assert "for 30 s" in blocker.reason


def test_a_pod_that_does_not_end_is_named_with_its_grace_period_and_finalizers() -> None:
    slow, held = make_pod("slow", grace=600), make_pod("held", ending=True)
    held["metadata"]["finalizers"] = ["example.com/wait"]
    run = Run(DrainedApi([slow, held]))
    assert [str(blocker) for blocker in run.until(10)] == [
        "pod shop/slow: has been ending for 10 s (grace period 600 s)",
        "pod shop/held: has been ending for 10 s (grace period 30 s, finalizers example.com/wait)",
    ]
    assert run.api.accepted == [slow["metadata"]["uid"]], "the other one is on its way already"


@pytest.mark.parametrize(
    ("pods", "options", "reason"),
    [
        ([make_pod("bare", owner="")], {}, "no controller: pod shop/bare; delete it"),
        (
            [make_pod("cache", scratch=True)],
            {"delete_local_data": False},
            r"the local data \(emptyDir\) of shop/cache",
        ),
        ([make_pod("x", owner="DaemonSet", app="gone")], {}, "DaemonSet that is gone: shop/gone"),
    ],
    ids=["no controller", "local data", "no DaemonSet"],
)
def test_what_would_be_lost_refuses_the_drain_before_the_cordon(
    pods: list[Any], options: dict[str, Any], reason: str
) -> None:
    run = Run(DrainedApi([*pods, make_pod("web")]), options=options)
    with pytest.raises(DrainRefusedError, match=reason):
        run.until(10)
    assert not run.api.cordoned
    assert not run.drain.cordoned
    assert {method for method, _ in run.api.asked} == {"GET"}


def test_all_reasons_are_given_at_once() -> None:
    pods = [make_pod("bare", owner=""), make_pod("cache", scratch=True)]
    with pytest.raises(DrainRefusedError) as caught:
        Run(DrainedApi(pods), options={"delete_local_data": False}).until(1)
    assert len(caught.value.reasons) == 2


def test_force_takes_what_has_no_controller() -> None:
    pods = [make_pod("bare", owner=""), make_pod("x", owner="DaemonSet", app="gone")]
    run = Run(DrainedApi(pods), options={"force": True})
    assert run.until(60) == []
    assert run.api.pods == []


def test_local_data_is_named_before_the_cordon() -> None:
    run = Run(DrainedApi([make_pod("cache", scratch=True), make_pod("web")]))
    run.until(0)
    assert run.notes[:2] == [
        "a drain deletes the local data (emptyDir) of shop/cache",
        "cordoned",
    ]


def test_a_pod_without_a_controller_that_comes_before_the_cordon_is_seen_stops_the_drain() -> None:
    api = DrainedApi([make_pod("web")])
    run = Run(api)
    run.drain.check()
    api.pods.append(make_pod("bare", owner=""))
    (blocker,) = run.until(10)
    assert "no controller: pod shop/bare" in str(blocker)
    assert api.accepted == []


def test_what_the_scheduler_placed_just_before_the_cordon_goes_too() -> None:
    api = DrainedApi([make_pod("web-1")])
    run = Run(api)
    run.until(0)
    api.pods += [make_pod("late"), make_pod("tolerant", tolerates=True), make_pod("mine", owner="")]
    assert run.until(60) == []
    assert [pod["metadata"]["name"] for pod in api.pods] == ["tolerant", "mine"], (
        "the one would come back for ever, the other would be lost"
    )


def test_two_budgets_for_a_pod_are_named_and_not_asked_for_ever() -> None:
    """The API server answers 500, which elsewhere means later."""
    run = Run(DrainedApi([make_pod("web-1")], [make_budget("a", 0), make_budget("b", 0)]))
    (blocker,) = run.until(100)
    assert run.clock.seconds == 0
    assert str(blocker) == (
        f"pod shop/web-1: PodDisruptionBudgets shop/a, shop/b all cover it, leave one: {SEVERAL}"
    )


def test_two_budgets_are_named_though_one_of_them_refuses_another_pod() -> None:
    other = make_pod("a", app="api")
    both = make_pod("b", app="api")
    both["metadata"]["labels"]["tier"] = "back"
    second = make_budget("tier", 0, app="api")
    second["spec"]["selector"] = {"matchLabels": {"app": "api", "tier": "back"}}
    run = Run(DrainedApi([other, both], [make_budget("api", 2, app="api"), second]))
    (blocker,) = run.until(100)
    assert blocker.pod == "shop/b"
    assert run.clock.seconds == 0


def test_a_namespace_that_is_being_deleted_is_waited_for() -> None:
    pod = make_pod("web-1")
    api = DrainedApi([pod], terminating={"shop"})
    run = Run(api)
    (blocker,) = run.until(7)
    assert str(blocker) == (
        "pod shop/web-1: the API has refused its eviction for 7 s: namespace shop is being "
        "terminated"
    )
    pod["metadata"]["deletionTimestamp"] = "now"
    run.until(8)
    api.pods.clear()
    assert run.until(9) == []


@pytest.mark.parametrize("code", [400, 401, 403, 405, 422])
def test_a_refusal_for_good_ends_the_drain_and_has_the_api_s_words(code: int) -> None:
    pod = make_pod("web-1")
    api = DrainedApi([pod], answers={eviction(pod): [make_status(code, "you may not")]})
    (blocker,) = Run(api).until(100)
    assert str(blocker) == (f"pod shop/web-1: the API forbids its eviction ({code}): you may not")


@pytest.mark.parametrize("code", [429, 500, 503, 504])
def test_an_answer_that_means_later_is_asked_again_and_holds_up_no_other_pod(code: int) -> None:
    pods = [make_pod("a", grace=0), make_pod("b", grace=0)]
    later = make_status(code, "failed calling webhook")
    run = Run(DrainedApi(pods, answers={eviction(pods[0]): [later] * 4}))
    assert run.until(100) == []
    assert run.drain.evicted == ["shop/b", "shop/a"]


def test_a_webhook_s_failure_is_not_put_down_to_the_budget() -> None:
    pod = make_pod("a")
    failed = make_status(500, "failed calling webhook")
    api = DrainedApi([pod], [make_budget("web", 1)], answers={eviction(pod): [failed] * 99})
    (blocker,) = Run(api).until(3)
    assert blocker.reason == "the API has refused its eviction for 3 s: failed calling webhook"


def test_a_busy_api_is_left_alone_for_as_long_as_it_asks() -> None:
    pod = make_pod("a")
    busy = Answer(429, {"kind": "Status", "status": "Failure", "message": "busy"}, 3.0)
    run = Run(DrainedApi([pod], answers={eviction(pod): [busy]}))
    run.drain.try_round()
    assert run.drain.pause == 3
    run.drain.try_round()
    assert run.drain.pause == 0


def test_a_budget_s_own_advice_to_wait_10_s_is_not_followed() -> None:
    pod = make_pod("a")
    cause = ("DisruptionBudget", "The disruption budget a is still being processed by the server.")
    answer = make_status(429, CANNOT, cause)._replace(retry_after=10.0)
    run = Run(DrainedApi([pod], answers={eviction(pod): [answer]}))
    run.drain.try_round()
    assert run.drain.pause == 0


def test_an_api_that_never_answers_is_the_reason() -> None:
    run = Run(DrainedApi([make_pod("web")]), ["before"] * 100)
    assert run.until(5) == [Blocker("", "connection refused")]
    assert run.api.asked == []


def test_an_api_that_goes_away_meanwhile_is_named_beside_the_pods() -> None:
    run = Run(DrainedApi([make_pod("web", grace=100)]), [""] * 6 + ["before"] * 100)
    pod, problem = run.until(50)
    assert pod.pod == "shop/web"
    assert str(problem) == "the API did not answer at last: connection refused"


def test_a_node_that_there_is_not_is_named() -> None:
    api = DrainedApi()
    with pytest.raises(DrainRefusedError, match="nodes/other was answered with 404"):
        Draining(api, "other").try_round()


def test_budgets_that_cannot_be_read_hide_only_their_names() -> None:
    pods = [make_pod("a"), make_pod("b")]
    forbidden = make_status(403, "you may not list them")
    api = DrainedApi(pods, [make_budget("web", 2)], answers={BUDGETS: [forbidden] * 99})
    first, _ = Run(api).until(3)
    assert str(first) == (
        "pod shop/a: the API has refused its eviction for 3 s: The disruption budget web needs 2 "
        "healthy pods and has 2 currently"
    )


@pytest.mark.parametrize("cordoned", [False, True])
def test_an_answer_that_no_longer_allows_it_blocks_a_drain_that_has_begun(cordoned: bool) -> None:
    api = DrainedApi([make_pod("web")], cordoned=cordoned)
    run = Run(api)
    run.until(0)
    forbidden = make_status(403, "forbidden: no more")
    api.answers[f"/api/v1/pods?fieldSelector=spec.nodeName%3D{NODE}"] = [forbidden]
    (blocker,) = run.until(5)
    assert "was answered with 403: forbidden: no more" in str(blocker)


# what hypothesis looks for

APPS = ("web", "api", "db")


@st.composite
def clusters(draw: st.DrawFn) -> DrainedApi:
    """Pods of all kinds, budgets that let some, all or none of them go."""
    pods = [
        make_pod(
            f"pod-{number}",
            app=draw(st.sampled_from(APPS)),
            owner=draw(st.sampled_from(["ReplicaSet", "StatefulSet", "DaemonSet"])),
            phase=draw(st.sampled_from(["Running"] * 4 + ["Pending", "Succeeded"])),
            ready=draw(st.booleans()) or draw(st.booleans()),
            mirror=draw(st.integers(0, 9)) == 0,
            grace=draw(st.integers(0, 12)),
        )
        for number in range(draw(st.integers(0, 9)))
    ]
    budgets = [
        make_budget(app, draw(st.integers(0, 4))) | {"spec": _rule(app, draw(st.integers(0, 4)))}
        for app in draw(st.lists(st.sampled_from(APPS), unique=True))
    ]
    return DrainedApi(
        pods,
        budgets,
        {app: draw(st.integers(0, 3)) for app in APPS},
        {f"shop/{app}" for app in APPS},
        start_s=draw(st.integers(0, 30)) / 10,
    )


def _rule(app: str, least: int) -> dict[str, Any]:
    return {"minAvailable": least, "selector": {"matchLabels": {"app": app}}}


FATES = st.lists(st.sampled_from(["", "", "", "before", "after"]), max_size=60)
MANY = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@MANY
@given(clusters(), FATES, st.integers(0, 120))
def test_whatever_happens_a_drain_keeps_its_promises(
    api: DrainedApi, fates: list[str], seconds: int
) -> None:
    """The API in memory asserts that nothing is evicted twice."""
    before = {pod["metadata"]["uid"]: pod for pod in api.pods}
    least = {budget["metadata"]["name"]: budget["spec"]["minAvailable"] for budget in api.budgets}
    healthy = {app: api.healthy(app) for app in APPS}
    run = Run(api, fates)
    rounds = 0
    over = False
    while not over and run.clock.seconds <= seconds:
        asked, refused = len(api.asked), list(api.refused)
        over = run.drain.try_round()
        rounds += 1
        new = api.refused[len(refused) :]
        assert len(new) == len(set(new)), "a budget refuses once a round"
        for app, number in least.items():
            assert api.healthy(app) >= min(number, healthy[app]), f"{app} is disrupted too far"
        assert {method for method, _ in api.asked[asked:]} <= {"GET", "PATCH", "POST"}
        run.clock.seconds += RETRY_S
    assert over or rounds == 2 * seconds + 1, "it ends by the deadline"
    blockers = run.drain.blockers()
    assert bool(blockers) is not over
    for uid in api.accepted:
        pod = before[uid]
        assert "annotations" not in pod["metadata"], "a static pod's mirror stays"
        kind = pod["metadata"]["ownerReferences"][0]["kind"]
        assert kind != "DaemonSet" or pod["status"]["phase"] == "Succeeded"
    names = {f"shop/{pod['metadata']['name']}" for pod in before.values()}
    for blocker in blockers:
        assert not blocker.pod or blocker.pod in names
        if "refused" in blocker.reason and "connection" not in blocker.reason:
            assert "PodDisruptionBudget shop/" in blocker.reason


@MANY
@given(clusters(), FATES)
def test_a_drain_that_budgets_allow_sooner_or_later_ends(api: DrainedApi, fates: list[str]) -> None:
    for budget in api.budgets:  # one more than must stay is healthy, or will be
        app = budget["metadata"]["name"]
        budget["spec"]["minAvailable"] = max(0, api.healthy(app) - 1)
    run = Run(api, fates)
    blockers = run.until(300)
    stuck = {blocker.pod for blocker in blockers}
    broken = {  # never ready, and with no healthy pod to spare
        f"shop/{pod['metadata']['name']}"
        for pod in api.pods
        if pod["status"]["conditions"][0]["status"] == "False"
    }
    assert stuck <= broken
