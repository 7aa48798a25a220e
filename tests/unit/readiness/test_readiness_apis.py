"""Deprecated APIs and refused flags: found, counted, and named with who uses them."""

import json
from dataclasses import replace

import pytest
from ready_cluster import PLANES, issues_of, static_pod

from kubedrill.readiness.apis import deprecated_apis, uses_of_object
from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import Answer, ApiServer, ApiUse, DeprecatedApi, Snapshot, Trial
from kubedrill.readiness.trials import (
    flag_words,
    gate_settings,
    kubelet_settings,
    static_pod_settings,
)

FLOW = "flowcontrol.apiserver.k8s.io"


def metric(name: str, value: int, **labels: str) -> str:
    text = ",".join(f'{key}="{label}"' for key, label in labels.items())
    return f"{name}{{{text}}} {value}\n"


FLOWS = {"group": FLOW, "resource": "flowschemas", "subresource": "", "version": "v1beta3"}
DEPRECATED, TOTAL = "apiserver_requested_deprecated_apis", "apiserver_request_total"
METRICS = (
    "# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been "
    "requested\n"
    "# TYPE apiserver_requested_deprecated_apis gauge\n"
    + metric(
        DEPRECATED,
        1,
        group="",
        removed_release="",
        resource="endpoints",
        subresource="",
        version="v1",
    )
    + metric(DEPRECATED, 1, removed_release="1.36", **FLOWS)
    + metric(TOTAL, 12, code="200", verb="LIST", **FLOWS)
    + metric(TOTAL, 2, code="404", verb="LIST", **FLOWS)
    + metric(TOTAL, 7, code="200", verb="LIST", group="apps", resource="deployments", version="v1")
)
USE = ApiUse(f"{FLOW}/v1beta3", "flowschemas", "batch", "helm", "2025-01-01T00:00:00Z")


def asked(snapshot: Snapshot, *items: DeprecatedApi) -> Snapshot:
    return replace(
        snapshot, api_servers={name: Answer(ApiServer("v1.35.4", items)) for name in PLANES}
    )


def test_the_metric_is_read_with_the_counts_of_its_requests() -> None:
    endpoints, flows = deprecated_apis(METRICS)
    assert (endpoints.group_version, endpoints.resource, endpoints.removed_release) == (
        "v1",
        "endpoints",
        "",
    )
    assert (flows.group_version, flows.removed_release) == (f"{FLOW}/v1beta3", "1.36")
    assert flows.requests == {"LIST": 14}


@pytest.mark.parametrize(
    ("removed", "severity"),
    [("1.32", "blocker"), ("1.36", "blocker"), ("1.37", "warning"), ("", "info")],
)
def test_removed_by_the_target_blocks_and_later_warns(
    ready: Snapshot, removed: str, severity: str
) -> None:
    snapshot = asked(ready, DeprecatedApi(FLOW, "v1beta3", "flowschemas", removed, {"LIST": 4}))
    (issue,) = [
        f
        for f in judge(replace(snapshot, uses=Answer((USE,)))).findings
        if f.rule == "deprecated-apis"
    ]
    assert issue.severity == severity
    assert f"{FLOW}/v1beta3 flowschemas is used by helm (batch)" in issue.actual
    assert "cp1, cp2, cp3" in issue.actual
    assert "LIST 12" in issue.actual  # of the three servers together


def test_a_reader_that_wrote_nothing_is_told_as_nameless(ready: Snapshot) -> None:
    (issue,) = issues_of(
        asked(ready, DeprecatedApi(FLOW, "v1beta3", "flowschemas", "1.36")), "deprecated-apis"
    )
    assert "the API does not say who" in issue.actual


def test_objects_written_by_a_beta_version_are_named_though_nobody_asked_since(
    ready: Snapshot,
) -> None:
    (issue,) = issues_of(replace(ready, uses=Answer((USE,))), "stored-apis")
    assert "helm (batch)" in issue.actual


def test_who_wrote_an_object_is_in_managed_fields_and_in_the_last_applied_manifest() -> None:
    metadata = {
        "name": "batch",
        "namespace": "shop",
        "managedFields": [
            {"apiVersion": f"{FLOW}/v1beta3", "manager": "helm", "time": "t"},
            {"apiVersion": f"{FLOW}/v1", "manager": "kubectl"},
        ],
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps(
                {"apiVersion": f"{FLOW}/v1beta3"}
            )
        },
    }
    uses = list(uses_of_object(metadata, "flowschemas", {f"{FLOW}/v1beta3"}))
    assert [use.manager for use in uses] == ["helm", "last-applied-configuration"]
    assert uses[0].name == "shop/batch"
    broken = {
        "name": "x",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "not JSON"},
    }
    assert list(uses_of_object(broken, "flowschemas", {f"{FLOW}/v1beta3"})) == []


@pytest.mark.parametrize(("carried_over", "severity"), [(True, "blocker"), (False, "warning")])
def test_a_refused_flag_blocks_where_kubeadm_would_write_it_again(
    ready: Snapshot, carried_over: bool, severity: str
) -> None:
    trial = Trial(
        "kube-apiserver",
        ("cp1", "cp2"),
        "--cloud-config",
        False,
        "unknown flag: --cloud-config",
        carried_over,
    )
    (issue,) = issues_of(replace(ready, trials=Answer((trial,))), "flags")
    assert issue.severity == severity
    assert issue.subject == "kube-apiserver on cp1, cp2"
    assert "--cloud-config is refused by v1.36.3" in issue.actual


@pytest.mark.parametrize(
    ("component", "flag", "output", "warns"),
    [
        ("kube-apiserver", "--old", "Flag --old has been deprecated", True),
        ("kube-apiserver", "--fine", "", False),
        ("kubelet", "feature gate Old", "Warning: setting GA feature gate", True),
        (
            "kubelet",
            "--node-ip",
            "Flag --node-ip has been deprecated, use the config file",
            False,
        ),  # said of nearly all
    ],
)
def test_what_the_target_warns_of(
    ready: Snapshot, component: str, flag: str, output: str, warns: bool
) -> None:
    trial = Trial(component, ("cp1",), flag, accepted=True, output=output, carried_over=True)
    issues = issues_of(replace(ready, trials=Answer((trial,))), "flags")
    assert [finding.severity.value for finding in issues] == (["warning"] if warns else [])
    assert all(flag in finding.actual for finding in issues)


def test_a_program_that_cannot_be_run_here_is_unknown(ready: Snapshot) -> None:
    (issue,) = issues_of(
        replace(ready, missing_programs=("etcd: Exec format error",)), "flags-tried"
    )
    assert issue.severity == "unknown"


def test_settings_come_from_pods_with_what_kubeadm_would_write_again() -> None:
    pods = [
        static_pod(
            "kube-apiserver",
            "cp1",
            ("--profiling=false", "--feature-gates=A=true,B=false", "--v", "2"),
        )
    ]
    kubeadm = {"apiServer": {"extraArgs": [{"name": "feature-gates", "value": "A=true,B=false"}]}}
    settings = {setting.word: setting for setting in static_pod_settings(pods, kubeadm)}
    assert set(settings) == {
        "--profiling=false",
        "--feature-gates=A=true",
        "--feature-gates=B=false",
        "--v=2",
    }
    assert settings["--feature-gates=A=true"].carried_over
    assert settings["--feature-gates=A=true"].title == "feature gate A"
    assert not settings["--profiling=false"].carried_over
    assert next(
        static_pod_settings(pods, {"apiServer": {"extraArgs": {"profiling": "false"}}})
    ).carried_over


def test_a_kubelets_gates_are_asked_of_the_program_that_knows_all_gates() -> None:
    settings = list(
        kubelet_settings("w1", ["--config=/c", "--v=2"], {"featureGates": {"Old": True}})
    )
    assert [(setting.program, setting.word) for setting in settings] == [
        ("kubelet", "--config=/c"),
        ("kubelet", "--v=2"),
        ("kube-apiserver", "--feature-gates=Old=true"),
    ]
    assert (
        next(gate_settings("kube-proxy", "x", {"Off": False})).word == "--feature-gates=Off=false"
    )


def test_a_flag_that_kubeadm_takes_out_of_the_kubelets_does_not_block() -> None:
    words = ["--node-ip=10.0.0.1", "--pod-infra-container-image=registry.k8s.io/pause:3.10"]
    assert [setting.carried_over for setting in kubelet_settings("w1", words, {})] == [True, False]


def test_a_flag_at_the_end_never_swallows_the_next_word() -> None:
    assert list(
        flag_words(["x", "--bare", "--etcd-servers", "https://a", "-v", "2", "--last"])
    ) == [
        "--bare",
        "--etcd-servers=https://a",
        "--last",
    ]
