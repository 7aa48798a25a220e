from types import SimpleNamespace
from typing import Any

from fault_nodes import Nodes, context, refused

from kubedrill.faults import ContainerKill, PodKill


class Api(Nodes):
    """A namespace with two pods of a controller and one without."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.core, self.calls = self, []
        self.uid, self.restarts = "a", 0

    def pods(self, namespace: str, selector: str = "", node: str = "") -> list[Any]:
        assert (namespace, node) in (("shop", ""), ("shop", "w1"))
        owners = [SimpleNamespace(controller=True)]
        every = [("web-1", owners), ("web-2", owners), ("alone", None)]
        mine = every[:2] if selector else every
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=name, uid=self.uid, owner_references=owner),
                status=SimpleNamespace(
                    container_statuses=[
                        SimpleNamespace(name="hello", restart_count=self.restarts),
                        SimpleNamespace(name="beside", restart_count=0),
                    ]
                ),
            )
            for name, owner in mine
        ]

    def delete_namespaced_pod(self, *args: Any, **kwargs: Any) -> None:
        self.calls.append((args, kwargs))

    delete_collection_namespaced_pod = delete_namespaced_pod


def test_one_pod_and_all_pods_are_deleted_without_grace(make_inventory: Any) -> None:
    api = Api()
    ctx = context(api, make_inventory())
    PodKill("shop", pod="web-1").inject(ctx)
    PodKill("shop", selector="app=web").inject(ctx)
    assert api.calls == [
        (("web-1", "shop"), {"grace_period_seconds": 0}),
        (("shop",), {"label_selector": "app=web", "grace_period_seconds": 0}),
    ]


def test_a_pod_that_nobody_replaces_is_left_alone(make_inventory: Any) -> None:
    ctx = context(Api(), make_inventory())
    assert PodKill("shop", pod="web-2").available(ctx) is None
    assert PodKill("shop", selector="app=web").available(ctx) is None
    assert (
        PodKill("shop", pod="alone").available(ctx)
        == "nobody would replace alone: no controller owns it"
    )
    assert PodKill("shop", pod="web-9").available(ctx) == "there is no pod shop/web-9"


def test_a_container_is_found_by_its_pod_and_name(make_inventory: Any) -> None:
    nodes = Api()
    fault = ContainerKill("w1", "shop", "web-1", "hello")
    fault.inject(context(nodes, make_inventory()))
    (line,) = nodes.lines("w1")
    for label in ("container.name", "pod.name", "pod.namespace"):
        assert f'labels."io.kubernetes.{label}"==' in line
    assert "kill -KILL $pid" in line
    absent = Nodes({"tasks ls": refused("")})
    assert (
        fault.available(context(absent, make_inventory()))
        == "w1 runs no container shop/web-1/hello"
    )
