"""Drills against an application of the user's own.

What is not run and why, and whose limits count.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context

from kubedrill.base.model import Connection
from kubedrill.config import Settings
from kubedrill.core.context import DrillContext
from kubedrill.drills import ALL
from kubedrill.probes import Targets, standard_probes

APP = {
    "namespace": "shop",
    "workload": "statefulset/web",
    "deployed": True,
    "endpoints": {"outside": {"node_port": 30880}, "inside": {"service": "web", "port": 80}},
}
RELEASES = ("app-rollout", "rollout-image-missing", "rollout-crash-loop", "rollout-never-ready")


def survey(versions: tuple[str, ...], **objectives: Any) -> DrillContext:
    settings = Settings.model_validate({"app": {**APP, "objectives": objectives}})
    cluster: Any = SimpleNamespace(settings=settings, api=None)
    app: Any = SimpleNamespace(
        versions=versions,
        description="statefulset/web in namespace shop",
        namespace="shop",
        selector="a=b",
    )
    nobody: Any = None
    return DrillContext(cluster, app, nobody, nobody)


@pytest.mark.parametrize("name", RELEASES)
def test_what_releases_a_second_version_is_not_run_and_says_why(name: str) -> None:
    reason = ALL[name].unavailable(survey(()))
    assert reason == (
        "needs two versions to release, which only the sample application has; "
        "the app is statefulset/web in namespace shop"
    )


def test_the_sample_application_is_released() -> None:
    assert ALL["app-rollout"].unavailable(survey(("v1", "v2"))) is None


@pytest.mark.parametrize(
    "name", ["app-rollout", "node-drain", "failover-vip", "etcd-quorum-lost", "game-day"]
)
def test_its_objectives_are_the_limits_of_every_drill(name: str) -> None:
    limits = survey((), outage_s=7, max_failed=9).limits(ALL[name])
    assert (limits.app_outage_s, limits.app_max_failed) == (7, 9)


@pytest.mark.parametrize(("objectives", "ok"), [({}, False), ({"replaced_s": 300}, True)])
def test_how_long_its_pods_may_stay_on_a_dead_node_is_its_owners_choice(
    objectives: dict[str, float], ok: bool
) -> None:
    one = survey((), **objectives)
    saved = SimpleNamespace(
        key="node.kubernetes.io/unreachable", effect="NoExecute", toleration_seconds=300
    )
    api = SimpleNamespace(
        pods=lambda *_: [SimpleNamespace(spec=SimpleNamespace(tolerations=[saved]))],
        wait=lambda *_, **_options: None,
    )
    ctx = fake_context("w1", app=one.app, settings=one.cluster.settings, api=api)
    ALL["failover-worker"].run(ctx)
    assert [result for result, _ in ctx.checks.values()] == [ok]


def test_its_probes_take_any_good_answer_at_the_name_that_it_has() -> None:
    asked = (("kind", "http-status"), ("host", "shop.example"), ("verify", False))
    targets = Targets(
        "https://10.0.0.9/x",
        "http://10.96.0.7:80/",
        "https://api",
        "web.",
        "10.96.0.7",
        "10.96.0.10",
        asked,
    )
    probes = {spec.name: spec for spec in standard_probes(targets, Settings())}
    outside, inside = probes["app-nodeport-reused"], probes["app-service-new"]
    assert (outside.kind, outside.host, outside.verify) == ("http-status", "shop.example", False)
    assert (outside.target, outside.connection) == ("https://10.0.0.9/x", Connection.REUSED)
    assert (inside.kind, inside.host, inside.verify) == ("http", "", True)
