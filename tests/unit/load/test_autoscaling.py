"""What is told of an autoscaler: bounds as wide as the looks, and nothing hidden."""

from __future__ import annotations

from kubedrill.base.model import NS
from kubedrill.load.autoscaler_watch import Observation, find_excess, observe
from kubedrill.load.autoscaling import LoadPhase, account

OLD = ("a", "b", "c")


def observation(
    at: float,
    desired: int,
    pods: tuple[str, ...],
    ready: tuple[str, ...] | None = None,
    **more: object,
) -> Observation:
    """Make a look that was asked at a second and answered a tenth later."""
    names = frozenset(pods if ready is None else ready)
    begin = int(at * NS)
    end, there = begin + NS // 10, frozenset(pods)
    return Observation(begin, end, desired, 3, 6, there, names, **more)  # type: ignore[arg-type]


def load(rate: float, begun: float, ended: float) -> LoadPhase:
    return LoadPhase(rate, int(begun * NS), int(ended * NS))


GREW = [
    observation(0, 3, OLD),
    observation(100, 3, OLD),
    observation(130, 4, OLD, metrics="cpu 300m of 250m a pod", share=1.2),
    observation(131, 4, (*OLD, "d"), OLD),
    observation(140, 4, (*OLD, "d"), OLD),
    observation(142, 4, (*OLD, "d")),
]
STEPS = [load(50, 1, 99), load(100, 99, 180)]


def test_a_scale_up_is_reported_with_bounds_from_the_step_that_caused_it() -> None:
    after = [
        observation(180, 4, (*OLD, "d")),
        observation(250, 3, (*OLD, "d")),
        observation(260, 3, (*OLD, "d"), OLD),
        observation(262, 3, OLD),
    ]
    result = account("web", [*GREW, *after], STEPS, {"d": 143 * NS, "a": NS}, 300 * NS)
    (up,) = result.ups
    assert (up.before, up.after, up.rates) == (3, 4, (100,))
    assert up.decided_s == (1.0, 31.1), (
        "from the last look that did not show it to the first that did"
    )
    (pod,) = up.pods
    assert (pod.name, pod.ready_s, pod.answered_s) == ("d", (41.0, 43.1), (44.0, 44.0))
    assert result.down is not None
    assert (result.down.to, result.down.decided_s, result.down.gone_s) == (
        3,
        (0.0, 70.1),
        (80.0, 82.1),
    )


def test_steps_shorter_than_the_metrics_lag_all_may_be_the_cause() -> None:
    steps = [load(10, 1, 40), load(25, 75, 95), load(50, 95, 115), load(100, 115, 160)]
    (up,) = account("web", [GREW[0], observation(128, 3, OLD), *GREW[2:]], steps, {}, 160 * NS).ups
    assert up.rates == (25, 50, 100)
    assert up.decided_s == (13.0, 55.1), (
        "from the last of them at the least, from the first at the most"
    )


def test_no_scale_up_is_reported_with_what_the_autoscaler_saw() -> None:
    observations = [
        observation(0, 3, OLD),
        observation(1, 3, OLD, metrics="cpu 90m of 250m a pod", share=0.36),
        observation(2, 3, OLD),
    ]
    result = account("web", observations, STEPS, {}, 3 * NS)
    assert result.down is None
    seen = "3 pods wanted before the load; it saw cpu 90m of 250m a pod at most"
    assert result.lines == (f"no scale-up happened: {seen}",)
    gap = account("web", observations, STEPS, {}, 300 * NS)
    unknown = "no answer about it for 298 s: what happened then is not known"
    assert gap.lines == (unknown, f"no scale-up was seen: {seen}"), (
        "a watch that died has seen nothing"
    )
    blind = account(
        "web",
        [observation(0, 3, OLD), observation(2, 3, OLD, problem="ScalingActive: no metrics")],
        STEPS,
        {},
        1,
    )
    assert "it had no metrics" in blind.lines[0]
    assert "it complained: ScalingActive: no metrics" in blind.lines


def test_what_did_not_happen_is_reported_as_such() -> None:
    result = account("web", GREW[:-1], STEPS, {}, 300 * NS)
    assert result.ups[0].pods[0].ready_s is None
    assert result.down is not None
    assert result.down.decided_s is None
    text = " ".join(result.lines)
    assert "d: was not seen ready, no answer of it was seen" in text
    assert "wanted not within 120 s" in text
    assert "no answer named its pod" in text, "an order service of before the header"
    assert account("web", [], STEPS, {}, 0).lines == (
        "not known: the API answered no question about it",
    )


def test_two_scale_ups_have_pods_of_their_own_and_the_maximum_is_reported() -> None:
    pods = (*OLD, "d", "e", "f")
    observations = [*GREW, observation(150, 6, (*OLD, "d")), observation(151, 6, pods)]
    result = account("web", observations, STEPS, {}, 200 * NS)
    assert [[pod.name for pod in up.pods] for up in result.ups] == [["d"], ["e", "f"]]
    assert "it reached its maximum of 6 pods" in result.lines


def test_it_is_up_until_the_last_added_pod_is_gone() -> None:
    assert find_excess(GREW) == "4 pods wanted, 3 before the load"
    assert find_excess([*GREW, observation(200, 3, (*OLD, "d"))]) == "4 pods, 3 wanted"
    assert find_excess([*GREW, observation(200, 3, OLD)]) is None
    assert find_excess([]) is None


def test_a_look_is_made_from_the_api_s_objects() -> None:
    scaler = {
        "metadata": {"name": "web"},
        "spec": {
            "minReplicas": 3,
            "maxReplicas": 6,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"averageValue": "250m"}},
                },
                {
                    "type": "Resource",
                    "resource": {"name": "memory", "target": {"averageUtilization": 80}},
                },
                {"type": "External", "external": {}},
            ],
        },
        "status": {
            "desiredReplicas": 4,
            "currentMetrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "current": {"averageValue": "312m"}},
                },
                {
                    "type": "Resource",
                    "resource": {"name": "memory", "current": {"averageUtilization": 40}},
                },
            ],
            "conditions": [
                {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"},
                {
                    "type": "ScalingActive",
                    "status": "False",
                    "reason": "FailedGetResourceMetric",
                    "message": "none",
                },
            ],
        },
    }

    def pod(name: str, ready: str, **more: str) -> dict[str, object]:
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        return {"metadata": {"name": name, **more}, "status": status}

    pods = [pod("a", "True"), pod("b", "Unknown"), pod("c", "True", deletionTimestamp="now")]
    result = observe(scaler, pods, 1, 2)
    assert (result.desired, result.least, result.most) == (4, 3, 6)
    assert (result.pods, result.ready) == ({"a", "b", "c"}, {"a"})
    assert result.metrics == "cpu 312m of 250m a pod, memory 40% of 80% a pod"
    assert result.share == 1.248
    assert result.problem == "ScalingActive: FailedGetResourceMetric: none"
    bare = {
        "metadata": {"name": "web"},
        "spec": {"maxReplicas": 2},
        "status": {"currentMetrics": None},
    }
    assert (observe(bare, [], 1, 2).share, observe(bare, [], 1, 2).least) == (None, 1)
