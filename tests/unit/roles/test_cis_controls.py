"""Controls of the acceptance suite against what each security_profile configures, and the docs."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from role_templates import ROOT, render

from kubedrill.acceptance import cis

PARTS = {
    cis.API_SERVER: "apiServer",
    cis.CONTROLLER_MANAGER: "controllerManager",
    cis.SCHEDULER: "scheduler",
}
KUBEADM = {"enable-admission-plugins": "NodeRestriction"}
"""What kubeadm gives API servers by itself."""
KUBELET = {
    "eventRecordQPS": 50,
    "makeIPTablesUtilChains": True,
    "podPidsLimit": -1,
    "rotateCertificates": True,
    "streamingConnectionIdleTimeout": "4h0m0s",
}
"""A kubelet's defaults."""
MENDED = {
    *("1.2.3", "1.2.9", "1.2.15", "1.2.16", "1.2.17", "1.2.18", "1.2.19", "1.2.27", "1.2.29"),
    *("1.2.30", "1.3.1", "1.3.2", "1.4.1", "3.2.1", "4.2.12", "4.2.13", "4.2.14"),
}


def failing(profile: str) -> set[str]:
    text = render("control_plane", "init.yaml.j2", security_profile=profile)
    documents = {each["kind"]: each for each in yaml.safe_load_all(text)}
    cluster, kubelet = documents["ClusterConfiguration"], documents["KubeletConfiguration"]
    actual: dict[str, dict[str, Any]] = {}
    for component, part in PARTS.items():
        given = {each["name"]: each["value"] for each in cluster.get(part, {}).get("extraArgs", ())}
        actual[component] = {**KUBEADM, **given}
    settings = {**KUBELET, **kubelet}
    return {
        control.number
        for control in cis.ARGUMENTS
        if not control.accepts(actual[control.component].get(control.name, ""))
    } | {
        control.number
        for control in cis.SETTINGS
        if not control.accepts(settings.get(control.name))
    }


def test_hardened_mends_what_baseline_fails() -> None:
    assert failing("hardened") == set()
    assert failing("baseline") == MENDED


def test_the_audit_policy_records_no_body_and_drops_what_is_nobody_s_doing() -> None:
    policy = yaml.safe_load(
        render("control_plane", "audit-policy.yaml.j2", security_profile="hardened")
    )
    level = cis.audit_level
    for group, resource in (("", "secrets"), ("apps", "deployments"), ("", "pods/exec")):
        assert level(policy, "create", group, resource) == "Metadata"
    assert level(policy, "update", "coordination.k8s.io", "leases") == "None"
    assert {rule["level"] for rule in policy["rules"]} == {"None", "Metadata"}


def test_a_body_or_a_gap_in_an_audit_policy_is_noticed() -> None:
    bodies = {"rules": [{"level": "RequestResponse", "resources": [{"resources": ["secrets"]}]}]}
    assert cis.audit_level(bodies, "create", "", "secrets") == "RequestResponse"
    assert cis.audit_level(bodies, "create", "", "pods") == "None"
    one = {"rules": [{"level": "None", "users": ["a"]}, {"level": "Request", "verbs": ["get"]}]}
    assert cis.audit_level(one, "get", "", "pods") == "Request"
    assert cis.audit_level(one, "list", "", "pods") == "None"


@pytest.mark.parametrize("weak", ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_X", "A_RC4_"])
def test_weak_ciphers_are_noticed(weak: str) -> None:
    assert not cis.has_strong_suites(["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", weak])


def test_the_table_of_the_docs_has_each_control_once() -> None:
    controls = (*cis.ARGUMENTS, *cis.SETTINGS, *cis.FILES, *cis.PODS)
    tests = (ROOT / "harness/kubedrill/acceptance/test_cis.py").read_text(encoding="utf-8")
    single = [each.replace("_", ".") for each in re.findall(r"def test_(\d+_\d+_\d+)", tests)]
    page = (ROOT / "docs/how-to/harden.md").read_text(encoding="utf-8")
    page, _, missing = page.partition("## Not yet covered")
    rows = re.findall(r"^\| (\d+\.\d+\.\d+) \|", page, re.MULTILINE)
    assert sorted(rows) == sorted({*single, *(control.number for control in controls)})
    assert not {*re.findall(r"\d+\.\d+\.\d+", missing.partition("Neither")[0])} & {*rows}
