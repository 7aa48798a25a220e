"""A broken release: what is patched, what puts it back, and how it is told."""

import json
import shlex
from types import SimpleNamespace
from typing import Any

import pytest
from fault_nodes import Nodes, context, refused

from kubedrill.base.errors import KubedrillError, UsageError
from kubedrill.cluster.undo_timer import forget_line
from kubedrill.faults import BadRollout
from kubedrill.faults.rollout import BREAKS

CONTAINER = {
    "name": "hello",
    "image": "docker.io/kubedrill/hello:v1",
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
}


class Cluster(Nodes):
    """A Deployment, and the patches that it was given."""

    def __init__(self, max_unavailable: Any = 0, **more: Any) -> None:
        super().__init__(**more)
        self.patches: list[dict[str, Any]] = []
        self.max_unavailable = max_unavailable
        self.apps, self.client = (
            self,
            SimpleNamespace(sanitize_for_serialization=lambda _container: CONTAINER),
        )

    def read_namespaced_deployment(self, _name: str, _namespace: str) -> Any:
        update = (
            None
            if self.max_unavailable is None
            else SimpleNamespace(max_unavailable=self.max_unavailable)
        )
        template = SimpleNamespace(spec=SimpleNamespace(containers=[CONTAINER]))
        return SimpleNamespace(
            spec=SimpleNamespace(
                strategy=SimpleNamespace(type="Recreate", rolling_update=update), template=template
            )
        )

    def patch_namespaced_deployment(self, name: str, _namespace: str, body: dict[str, Any]) -> None:
        self.commands.append((name, "patched"))
        self.patches.append(body["spec"]["template"]["spec"]["containers"][0])


@pytest.mark.parametrize("wrong", BREAKS)
def test_the_rollback_is_armed_before_the_release_and_is_the_same_as_the_heal(
    make_inventory: Any, wrong: str
) -> None:
    cluster = Cluster()
    ctx, fault = context(cluster, make_inventory()), BadRollout("shop", "hello", wrong)
    fault.heal(ctx)  # nothing was released
    assert cluster.commands == []
    fault.inject(ctx)
    assert [name for name, _ in cluster.commands] == ["cp1", "cp1", "hello"]
    armed = shlex.split(shlex.split(cluster.commands[1][1])[-1])
    undo = json.loads(armed[armed.index("-p") + 1])["spec"]["template"]["spec"]["containers"][0]
    fault.heal(ctx)
    assert cluster.patches == [{"name": "hello", **BREAKS[wrong]}, undo]
    for part in BREAKS[wrong]:
        assert undo[part] == CONTAINER.get(part)  # a command that was not there is taken away again
    assert cluster.commands[-1] == ("cp1", forget_line("kubedrill-undo-cp1-rollout"))


def test_nothing_is_released_where_the_rollback_cannot_be_armed(make_inventory: Any) -> None:
    cluster = Cluster(answers={"systemd-run": refused("no")})
    with pytest.raises(KubedrillError, match="nothing was broken"):
        BadRollout("shop", "hello", "crash loop").inject(context(cluster, make_inventory()))
    assert cluster.patches == []


@pytest.mark.parametrize(
    ("unavailable", "reason"),
    [(0, None), ("0%", None), (1, "may miss 1 pods"), ("25%", "may miss 25%"), (None, "Recreate")],
)
def test_a_deployment_that_gives_up_pods_first_is_left_alone(
    make_inventory: Any, unavailable: Any, reason: Any
) -> None:
    result = BadRollout("shop", "hello", "never ready").available(
        context(Cluster(unavailable), make_inventory())
    )
    assert result is None if reason is None else reason in str(result)


def pod(*, waiting: str = "", running: bool = False, ready: bool = False) -> Any:
    state = SimpleNamespace(
        waiting=SimpleNamespace(reason=waiting) if waiting else None, running=running or None
    )
    statuses = [SimpleNamespace(state=state, ready=ready)]
    return SimpleNamespace(
        metadata=SimpleNamespace(name="hello-new"),
        status=SimpleNamespace(container_statuses=statuses),
    )


def listing(*pods: Any) -> Any:
    """A cluster whose API lists these pods."""
    return SimpleNamespace(api=SimpleNamespace(pods=lambda _namespace, _selector: list(pods)))


def test_the_symptom_is_that_of_this_break_and_of_no_healthy_pod() -> None:
    image, crash, never = (BadRollout("shop", "hello", wrong) for wrong in BREAKS)
    healthy = pod(running=True, ready=True)
    for fault in (image, crash, never):
        assert fault.symptom(listing(healthy, pod(waiting="ContainerCreating"))) == ""
    assert (
        image.symptom(listing(healthy, pod(waiting="ImagePullBackOff")))
        == "pod hello-new: ImagePullBackOff"
    )
    assert (
        crash.symptom(listing(healthy, pod(waiting="CrashLoopBackOff")))
        == "pod hello-new: CrashLoopBackOff"
    )
    assert crash.symptom(listing(healthy, pod(waiting="ImagePullBackOff"))) == ""
    assert never.symptom(listing(healthy, pod(running=True))) == "pod hello-new: running, not ready"


def test_unknown_breaks_are_refused() -> None:
    with pytest.raises(
        UsageError, match="no broken release 'slow'; expected one of: image missing, crash loop"
    ):
        BadRollout("shop", "hello", "slow")
