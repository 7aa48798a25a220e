"""The watch against a real HTTP server that answers as an API server, and fails at times."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from servers import Handler, serve, until, write_kubeconfig

from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.hosts import Hosts
from kubedrill.config import Settings, Timeouts
from kubedrill.load.autoscaler_watch import AutoscalerWatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCALERS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
PODS = "/api/v1/namespaces/shop/pods?labelSelector=app=web"
DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/web"


def scaler(desired: int) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 3}
    return {
        "items": [
            {"metadata": {"name": "web"}, "spec": spec, "status": {"desiredReplicas": desired}}
        ]
    }


def pods(*names: str) -> dict[str, Any]:
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"items": [{"metadata": {"name": name}, "status": ready} for name in names]}


class _Api(Handler):
    answers: dict[str, Any]
    failing: threading.Event
    refused: threading.Event

    def answer(self) -> None:
        failing = self.failing.is_set()
        status = 503 if failing else 200 if self.path in self.answers else 404
        self.send_json(status, json.dumps(self.answers.get(self.path, {})).encode())
        if failing:
            self.refused.set()


@pytest.fixture
def served() -> Iterator[Any]:
    answers = {
        SCALERS: scaler(1),
        PODS: pods("a"),
        DEPLOYMENT: {"spec": {"selector": {"matchLabels": {"app": "web"}}}},
    }
    with serve(
        _Api, answers=answers, failing=threading.Event(), refused=threading.Event()
    ) as handler:
        yield handler


@pytest.fixture
def watch(served: Any, tmp_path: Path, make_inventory: Any) -> Iterator[AutoscalerWatch]:
    path = write_kubeconfig(tmp_path, served.url)
    settings = Settings(timeouts=Timeouts(scale_down=0.2))
    inventory = make_inventory()
    with Hosts(inventory, settings) as hosts, ClusterApi(path, inventory, hosts, settings) as api:
        yield AutoscalerWatch(api, "shop")


def test_changes_are_seen_and_an_api_that_fails_stops_nothing(
    served: Any, watch: AutoscalerWatch
) -> None:
    with watch:
        assert watch.ready_pods() == 1, "the first look is before the load"
        served.failing.set()
        assert served.refused.wait(60)
        served.answers.update({SCALERS: scaler(2), PODS: pods("a", "b")})
        served.failing.clear()
        until("the second pod to be seen", lambda: watch.ready_pods() == 2)
        assert "web: 2 pods wanted, 1 before the load" in watch.wait_scaled_down()
        served.answers.update({SCALERS: scaler(1), PODS: pods("a")})
        until("the scale-down to be seen", lambda: watch.ready_pods() == 1)
        assert watch.wait_scaled_down() == ""
    observations = watch.observations()["web"]
    assert [observation.desired for observation in observations if observation.desired != 1] != []
    assert all(one.asked < one.answered <= other.asked for one, other in pairwise(observations))


def test_a_namespace_without_an_autoscaler_is_kept_apart(
    served: Any, watch: AutoscalerWatch
) -> None:
    served.answers[SCALERS] = {"items": []}
    with watch:
        assert watch.observations() == {}
        assert watch.ready_pods() is None
        assert watch.wait_scaled_down() == ""
