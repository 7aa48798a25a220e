"""A namespace of kubedrill's own goes without waiting for its pods' grace period."""

from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.cluster.api import ClusterApi
from kubedrill.config import Settings


class Core:
    """A namespace that outlives its deletion for some polls, as with finalizers."""

    def __init__(self, looks: int) -> None:
        self.looks, self.calls = looks, list[Any]()

    def delete_namespace(self, name: str) -> None:
        self.calls.append(f"delete {name}")
        if not self.looks:
            raise ApiException(status=404)

    def delete_collection_namespaced_pod(self, name: str, grace_period_seconds: int) -> None:
        self.calls.append(f"end the pods of {name} within {grace_period_seconds} s")

    def read_namespace(self, name: str) -> Any:
        self.calls.append(f"read {name}")
        if not self.looks:
            raise ApiException(status=404)
        self.looks -= 1
        left = SimpleNamespace(status="True", message="1 pod left")
        return SimpleNamespace(status=SimpleNamespace(phase="Terminating", conditions=[left]))


def api_with(core: Core, seconds: float = 30) -> ClusterApi:
    api = ClusterApi.__new__(ClusterApi)
    api.core, api.settings = core, Settings()
    api.settings = api.settings.model_copy(
        update={"timeouts": api.settings.timeouts.model_copy(update={"namespace_gone": seconds})}
    )
    return api


def test_its_pods_end_after_nothing_new_can_start_there() -> None:
    core = Core(looks=1)
    api_with(core).remove_namespace("mine")
    assert core.calls == [
        "delete mine",
        "end the pods of mine within 1 s",
        "read mine",
        "read mine",
    ]


def test_one_that_is_not_there_is_gone() -> None:
    core = Core(looks=0)
    api_with(core).remove_namespace("mine")
    assert core.calls == ["delete mine", "read mine"]


def test_one_that_stays_is_told_with_what_is_left_in_it() -> None:
    with pytest.raises(DeadlineExceeded, match="1 pod left"):
        api_with(Core(looks=1000), seconds=0.01).remove_namespace("mine")
