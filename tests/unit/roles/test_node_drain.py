"""The module node_drain, whose process is this one, against an API server on loopback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from drained_api import NODE, DrainedApi, DrainedHandler, make_budget, make_pod
from servers import serve

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.draining import Draining
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.evictable_pods import is_closed
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import KubeApi
from ansible_collections.kubedrill.kubeadm.plugins.modules import node_drain

if TYPE_CHECKING:
    from pathlib import Path


class Ended(Exception):
    """The module ended, with this result."""


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, api: DrainedApi, check: bool = False, **more: Any
) -> dict[str, Any]:
    """Run the module; its result has ``failed`` where it failed."""
    results: list[dict[str, Any]] = []

    def end(result: dict[str, Any]) -> None:
        results.append(result)
        raise Ended

    class Module:
        def __init__(self, argument_spec: dict[str, Any], supports_check_mode: bool) -> None:
            assert supports_check_mode
            defaults = {name: option.get("default") for name, option in argument_spec.items()}
            self.params = {**defaults, **given}
            assert set(given) <= set(argument_spec)
            self.check_mode = check

        def exit_json(self, **result: Any) -> None:
            end(result)

        def fail_json(self, **result: Any) -> None:
            end({**result, "failed": True})

    with serve(DrainedHandler, api=api) as handler:
        config = {
            "clusters": [{"cluster": {"server": handler.url}}],
            "users": [{"user": {"token": "t"}}],
        }
        (folder / "config.json").write_text(json.dumps(config))
        kubectl = ["sh", "-c", f"cat {folder}/config.json"]
        given = {"node": NODE, "kubectl": kubectl, "retry_delay": 0.1, **more}
        monkeypatch.setattr(node_drain, "AnsibleModule", Module)
        with pytest.raises(Ended):
            node_drain.main()
    return results[0]


def test_it_reports_what_it_evicted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = DrainedApi([make_pod("web", grace=0)])
    assert run(monkeypatch, tmp_path, api) == {"changed": True, "evicted": ["shop/web"]}
    assert run(monkeypatch, tmp_path, api) == {"changed": False, "evicted": []}


def test_check_mode_reads_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = DrainedApi([make_pod("web"), make_pod("proxy", owner="DaemonSet")])
    result = run(monkeypatch, tmp_path, api, check=True)
    assert result == {"changed": True, "evicted": ["shop/web"]}
    empty = run(monkeypatch, tmp_path, DrainedApi(), check=True)
    assert empty == {"changed": True, "evicted": []}, "it would cordon the node"
    done = run(monkeypatch, tmp_path, DrainedApi(cordoned=True), check=True)
    assert done == {"changed": False, "evicted": []}
    assert {method for method, _ in api.asked} == {"GET"}
    refused = run(monkeypatch, tmp_path, DrainedApi([make_pod("bare", owner="")]), check=True)
    assert refused["failed"]
    assert "what has no controller" in refused["msg"]


def test_check_mode_names_a_budget_that_no_time_would_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api = DrainedApi([make_pod("web-1")], [make_budget("web", 1)])
    result = run(monkeypatch, tmp_path, api, check=True)
    assert result["failed"]
    (blocker,) = result["blockers"]
    assert blocker == (
        "pod shop/web-1: PodDisruptionBudget shop/web (minAvailable 1: 1 of 1 pods healthy, 1 must "
        "stay, allows 0 now) lets none of its pods go"
    )
    assert {method for method, _ in api.asked} == {"GET"}
    for pods, least, elsewhere in (
        ([make_pod("web-1")], 1, 1),  # one more pod is on another node
        ([make_pod("web-1", ready=False)], 1, 0),  # it may recover, or go as it is not healthy
        ([make_pod("proxy", owner="DaemonSet")], 1, 0),  # it stays
    ):
        api = DrainedApi(pods, [make_budget("web", least)], {"web": elsewhere})
        assert "failed" not in run(monkeypatch, tmp_path, api, check=True)


def test_a_budget_that_has_not_counted_since_its_change_is_not_judged() -> None:
    status = {"currentHealthy": 2, "expectedPods": 2, "disruptionsAllowed": 0}
    assert is_closed({"metadata": {"generation": 2}, "status": {**status, "observedGeneration": 2}})
    old = {"metadata": {"generation": 3}, "status": {**status, "observedGeneration": 2}}
    recovering = {"metadata": {}, "status": {**status, "expectedPods": 3}}
    assert not is_closed(old)
    assert not is_closed(recovering)
    assert not is_closed({"metadata": {}})


def test_the_local_data_of_a_pod_refuses_it_unless_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api = DrainedApi([make_pod("cache", scratch=True, grace=0)])
    result = run(monkeypatch, tmp_path, api)
    assert result["failed"]
    assert not result["timed_out"]
    assert "local data (emptyDir) of shop/cache" in result["msg"]
    assert not api.cordoned
    assert run(monkeypatch, tmp_path, api, delete_emptydir_data=True)["evicted"] == ["shop/cache"]


def test_its_deadline_names_what_blocks_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = DrainedApi([make_pod("web-1")], [make_budget("web", 1)])
    result = run(monkeypatch, tmp_path, api, timeout=1)
    assert result["failed"]
    assert result["timed_out"]
    assert result["changed"], "the node is cordoned"
    (blocker,) = result["blockers"]
    assert blocker.startswith("pod shop/web-1: PodDisruptionBudget shop/web (minAvailable 1")
    assert len(api.refused) > 5


def test_a_refusal_for_good_is_no_deadline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = DrainedApi([make_pod("web-1")], [make_budget("a", 0), make_budget("b", 0)])
    result = run(monkeypatch, tmp_path, api, timeout=60)
    assert result["failed"]
    assert not result["timed_out"]
    assert "PodDisruptionBudgets shop/a, shop/b all cover it" in result["msg"]


def test_a_request_has_no_more_time_than_the_drain(monkeypatch: pytest.MonkeyPatch) -> None:
    class Api(KubeApi):
        def __init__(self) -> None:
            self.timeout = 0.0

    class Never(Draining):
        def __init__(self) -> None:
            self.pause = 30.0

        def try_round(self) -> bool:
            timeouts.append(api.timeout)
            return False

    seconds, timeouts, api = [0.0], list[float](), Api()
    monkeypatch.setattr(node_drain.time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(node_drain.time, "sleep", lambda time: seconds.append(seconds.pop() + time))
    assert not node_drain.wait(api, Never(), 65, 0.5)
    assert timeouts == [10, 10, 5, 1]
    assert seconds == [65], "the pause that the API asks for is kept, and the deadline too"
