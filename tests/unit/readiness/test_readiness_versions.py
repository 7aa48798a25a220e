"""The version skew policy, and the bundle of the target."""

from dataclasses import replace
from typing import Any

import pytest
from ready_cluster import BUNDLE, issues_of, node, pod, static_pod, with_host, with_node, with_pods

from kubedrill.base.errors import UsageError
from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import Answer, ApiServer, Snapshot, Version


def servers(snapshot: Snapshot, *versions: str) -> Snapshot:
    answers = {f"cp{i}": Answer(ApiServer(version, ())) for i, version in enumerate(versions, 1)}
    return replace(snapshot, api_servers=answers)


@pytest.mark.parametrize(
    ("running", "to", "words"),
    [
        ("v1.35.4", (1, 36, 3), ""),
        ("v1.36.1", (1, 36, 3), ""),
        ("v1.36.3", (1, 36, 3), ""),
        ("v1.34.4", (1, 36, 3), "skips a minor version"),
        ("v1.36.3", (1, 36, 1), "downgrade"),
        ("v1.36.3", (1, 35, 4), "downgrade"),
        ("v1.9.11", (1, 10, 0), ""),
    ],
)
def test_one_minor_version_at_a_time_and_never_back(
    ready: Snapshot, running: str, to: tuple[int, int, int], words: str
) -> None:
    snapshot = replace(servers(ready, running, running, running), target=Version(*to))
    issues = issues_of(snapshot, "version-path")
    assert len(issues) == (3 if words else 0)
    assert all(words in finding.actual and finding.severity == "blocker" for finding in issues)


def test_the_skip_names_the_release_between(ready: Snapshot) -> None:
    issues = issues_of(servers(ready, "v1.34.4", "v1.35.4", "v1.35.4"), "version-path")
    assert [finding.subject for finding in issues] == ["API server on cp1"]
    assert "1.35" in issues[0].action


@pytest.mark.parametrize(
    ("kubelet", "rule_says"),
    [
        ("v1.35.4", ""),
        (
            "v1.36.3",
            "never newer than any API server",
        ),  # a half-done upgrade: worker before its control planes
        ("v1.37.0", "newer than v1.36.3"),
        ("v1.34.9", "2 minor versions behind"),
        ("v1.33.1", "3 minor versions behind"),
        ("v1.32.0", "4 minor versions older"),
    ],
)
def test_every_kubelet_is_held_to_the_skew_policy(
    ready: Snapshot, kubelet: str, rule_says: str
) -> None:
    issues = issues_of(with_node(ready, node("w2", kubelet=kubelet)), "kubelet-skew")
    assert len(issues) == (1 if rule_says else 0)
    for finding in issues:
        assert rule_says in f"{finding.actual} {finding.expected}"
        assert finding.subject == "kubelet on w2"


def test_api_servers_two_minor_versions_apart_are_told(ready: Snapshot) -> None:
    issues = issues_of(servers(ready, "v1.34.4", "v1.36.3", "v1.36.3"), "version-path")
    assert "API servers" in {finding.subject for finding in issues}
    issues = issues_of(servers(ready, "v1.35.4", "v1.36.3", "v1.36.3"), "version-path")
    assert issues == []


def test_a_proxy_or_scheduler_of_another_release_is_named(ready: Snapshot) -> None:
    proxy = pod(
        "kube-proxy-x",
        "w1",
        owner="DaemonSet",
        namespace="kube-system",
        image="registry.k8s.io/kube-proxy:v1.31.0",
    )
    proxy.metadata.labels = {"k8s-app": "kube-proxy"}
    old = static_pod("kube-scheduler", "cp9", tag="v1.34.0")
    issues = issues_of(with_pods(ready, proxy, old), "component-skew")
    assert {f.subject: f.severity.value for f in issues} == {
        "kube-proxy on w1": "blocker",
        "kube-scheduler on cp9": "blocker",
    }


def test_the_proxy_and_scheduler_of_the_target_and_of_three_or_one_releases_before_are_fine(
    ready: Snapshot,
) -> None:
    proxies = [
        pod(
            f"p{tag}",
            "w1",
            owner="DaemonSet",
            namespace="kube-system",
            image=f"registry.k8s.io/kube-proxy:{tag}",
        )
        for tag in ("v1.33.1", "v1.36.3")
    ]
    for proxy in proxies:
        proxy.metadata.labels = {"k8s-app": "kube-proxy"}
    target = static_pod("kube-scheduler", "cp9", tag="v1.36.3")
    assert issues_of(with_pods(ready, *proxies, target), "component-skew") == []
    newer = static_pod("kube-scheduler", "cp9", tag="v1.36.4")
    assert len(issues_of(with_pods(ready, newer), "component-skew")) == 1


def test_an_image_without_a_version_is_unknown_and_not_fine(ready: Snapshot) -> None:
    (issue,) = issues_of(
        with_pods(ready, static_pod("kube-scheduler", "cp9", tag="latest")), "component-skew"
    )
    assert issue.severity == "unknown"


def test_another_upgrade_under_way_blocks_but_this_one_goes_on(ready: Snapshot) -> None:
    marked = node("w1")
    marked.metadata.annotations = {"kubedrill/upgrading-to": "1.36.1"}
    (issue,) = issues_of(with_node(ready, marked), "unfinished-upgrade")
    assert "upgrade_to=1.36.1" in issue.action
    marked.metadata.annotations = {"kubedrill/upgrading-to": "1.36.3"}
    assert issues_of(with_node(ready, marked), "unfinished-upgrade") == []


@pytest.mark.parametrize(
    ("version", "severity"), [("", "warning"), ("v1.37.0", "warning"), ("garbage", "unknown")]
)
def test_kubeadm_that_is_missing_newer_or_odd(ready: Snapshot, version: str, severity: str) -> None:
    (finding,) = issues_of(with_host(ready, "w1", kubeadm=version), "kubeadm-version")
    assert finding.severity == severity


@pytest.mark.parametrize("text", ["1.36", "latest", "", "one.two.three"])
def test_a_version_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="expected one such as"):
        Version.parse(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"faults": ("bin/kubelet: missing",), "parts": ()}, "bin/kubelet: missing"),
        ({"parts": tuple(p for p in BUNDLE.parts if p.name != "runc")}, "lacks runc"),
        (
            {"required_images": ("registry.k8s.io/etcd:3.6.8-0",)},
            "lacks registry.k8s.io/etcd:3.6.8-0",
        ),
    ],
)
def test_a_bundle_that_is_not_whole_blocks(
    ready: Snapshot, changes: dict[str, Any], words: str
) -> None:
    (issue,) = issues_of(replace(ready, bundle=Answer(replace(BUNDLE, **changes))), "bundle")
    assert words in issue.actual
    assert issue.severity == "blocker"
    assert issue.action == "kubedrill bundle build --kubernetes 1.36.3"


def test_an_image_on_some_nodes_only_is_named_with_its_users_and_the_nodes(ready: Snapshot) -> None:
    mine = with_pods(ready, pod("tool-a", "w1", app="tool", image="shop/tool:3"))
    here = with_host(mine, "w1", images=frozenset({"docker.io/shop/tool:3"}))
    (issue,) = issues_of(here, "images")
    assert issue.severity == "warning"
    assert issue.subject == "image docker.io/shop/tool:3"
    assert "Deployment shop/tool" in issue.actual
    assert "not on w2" in issue.actual  # the control planes' taint keeps it away from there
    everywhere = with_host(here, "w2", images=frozenset({"docker.io/shop/tool:3"}))
    assert issues_of(everywhere, "images") == []
    assert [f.severity.value for f in judge(everywhere).findings if f.rule == "images"] == ["info"]
    silent = replace(everywhere, hosts={**everywhere.hosts, "w2": Answer(error="silent")})
    assert [
        f for f in judge(silent).findings if f.rule == "images"
    ] == []  # nobody says that it is on w2


def test_an_image_that_may_not_be_pulled_blocks(ready: Snapshot) -> None:
    tool = pod("tool-a", "w1", app="tool", image="shop/tool:3")
    tool.spec.containers[0].image_pull_policy = "Never"
    (issue,) = issues_of(with_pods(ready, tool), "images")
    assert issue.severity == "blocker"


def test_a_node_that_does_not_list_its_images_is_unknown(ready: Snapshot) -> None:
    (issue,) = issues_of(with_host(ready, "w2", images=None), "images")
    assert (issue.severity, issue.subject) == ("unknown", "images of w2")


def test_an_image_of_the_bundle_comes_with_it(ready: Snapshot) -> None:
    assert issues_of(with_host(ready, "w2", images=frozenset()), "images") == []
