"""Controls of the CIS Kubernetes Benchmark: collected with ``-m cis`` only (docs/how-to/harden.md).

What a control does not apply to is skipped with the reason.
"""

from __future__ import annotations

import ssl
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
from kubernetes.client import ApiException

from kubedrill.acceptance import cis
from kubedrill.cluster.etcd import ETCDCTL

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts

pytestmark = pytest.mark.cis

ANSWER_S = 5
FORBIDDEN, UNAUTHORIZED = 403, 401
BODIES = ("Request", "RequestResponse")


@pytest.mark.parametrize("control", cis.ARGUMENTS, ids=str)
def test_static_pod(control: cis.Argument, control_plane: Node, hosts: Hosts) -> None:
    actual = cis.read_arguments(hosts, control_plane, control.component).get(control.name, "")
    assert control.accepts(actual), (
        f"--{control.name} of {control.component} is {actual!r}, expected {control.expected}"
    )


@pytest.mark.parametrize("control", cis.SETTINGS, ids=str)
def test_kubelet(control: cis.Setting, node: Node, hosts: Hosts) -> None:
    actual = cis.read_kubelet_settings(hosts, node).get(control.name)
    assert control.accepts(actual), f"{control.name} is {actual!r}, expected {control.expected}"


@pytest.mark.parametrize("control", cis.FILES, ids=str)
def test_files(control: cis.Files, node: Node, hosts: Hosts) -> None:
    if control.control_planes_only and not node.is_control_plane:
        pytest.skip("not applicable: a worker has no such files")
    places, _, name = control.places.partition(" -name ")
    command = ["find", *places.split(), "-type", "f", *(["-name", name] if name else [])]
    listed = hosts.read(node, [*command, "-printf", "%m %p\n"], check=False).stdout.splitlines()
    assert listed, f"no file below {control.places}"
    modes = [line.split(maxsplit=1) for line in listed]
    assert [(path, mode) for mode, path in modes if int(mode, 8) & ~cis.PRIVATE] == []


def request_as_stranger(address: str, path: str) -> int:
    """Return the status of a request without credentials to one API server."""
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    url = f"https://{address}:6443{path}"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S, context=unverified) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


def test_1_2_1_strangers_see_health_and_nothing_else(control_plane: Node) -> None:
    for path in sorted(cis.HEALTH_PATHS):
        assert request_as_stranger(control_plane.address, path) == 200, path
    for path in ("/api", "/version", "/api/v1/namespaces/kube-public/configmaps/cluster-info"):
        assert request_as_stranger(control_plane.address, path) == UNAUTHORIZED, path


def test_1_2_11_images_are_fetched_for_every_pod() -> None:
    pytest.skip("not applicable: images come with the release bundle, and no registry is asked")


def test_1_2_28_secrets_are_encrypted_in_etcd(control_plane: Node, hosts: Hosts) -> None:
    """Counted on the node: what is not encrypted must not leave it."""
    get = f"{ETCDCTL} get --prefix /registry/secrets/"
    mark = cis.ENCRYPTED
    command = f"{get} --keys-only | grep -c ^/; {get} --print-value-only | grep -ac '^{mark}'"
    secrets, encrypted = hosts.read(control_plane, command, check=False).stdout.split()
    assert int(secrets) > 0
    assert encrypted == secrets
    configuration = cis.read_named_file(hosts, control_plane, "encryption-provider-config")
    for rule in configuration["resources"]:
        assert next(iter(rule["providers"][0])) in cis.STRONG_PROVIDERS


def test_1_2_28_every_control_plane_has_the_same_key(api: ClusterApi, hosts: Hosts) -> None:
    """Their checksums: the key itself must not leave its node."""
    planes = api.inventory.control_planes
    paths = {
        node.name: cis.read_arguments(hosts, node, cis.API_SERVER)["encryption-provider-config"]
        for node in planes
    }
    sums = {hosts.read(node, ["sha256sum", paths[node.name]]).stdout.split()[0] for node in planes}
    assert len(sums) == 1


def test_3_2_1_requests_are_recorded(control_plane: Node, hosts: Hosts) -> None:
    path = cis.read_arguments(hosts, control_plane, cis.API_SERVER)["audit-log-path"]
    size, mode = hosts.read(control_plane, ["stat", "-c", "%s %a", path]).stdout.split()
    assert int(size) > 0
    assert mode == "600"


def test_3_2_2_the_audit_policy_covers_what_matters(control_plane: Node, hosts: Hosts) -> None:
    policy = cis.read_named_file(hosts, control_plane, "audit-policy-file")
    assert policy, "the API server has no audit policy"
    for group, resource in (
        ("", "secrets"),
        ("", "configmaps"),
        ("", "serviceaccounts/token"),
        ("authentication.k8s.io", "tokenreviews"),
    ):
        level = cis.audit_level(policy, "create", group, resource)
        assert level == "Metadata", f"{resource}: {level}, where a body holds secrets"
    for verb, group, resource in (
        ("patch", "", "pods"),
        ("update", "apps", "deployments"),
        ("create", "", "pods/exec"),
        ("create", "", "pods/portforward"),
        ("get", "", "pods/proxy"),
        ("get", "", "services/proxy"),
    ):
        level = cis.audit_level(policy, verb, group, resource)
        assert level in {"Metadata", *BODIES}, f"{verb} {resource}: {level}"


def test_5_1_7_no_kubeconfig_of_system_masters_is_left(control_plane: Node, hosts: Hosts) -> None:
    assert not hosts.testinfra(control_plane).file("/etc/kubernetes/super-admin.conf").exists


@pytest.mark.parametrize("control", cis.PODS, ids=str)
def test_pods(control: cis.Pod, api: ClusterApi) -> None:
    """In a namespace without labels; 5.2.1, a policy that is in force, is all of these."""
    container = {"name": "x", "image": "example.invalid/x", **control.container}
    pod = {"metadata": {"name": "cis"}, "spec": {"containers": [container], **control.spec}}
    with pytest.raises(ApiException) as caught:
        api.core.create_namespaced_pod("default", pod, dry_run="All")
    assert caught.value.status == FORBIDDEN
    assert "violates PodSecurity" in str(caught.value.body)


def test_5_2_11_no_windows_host_process() -> None:
    pytest.skip("not applicable: no node runs Windows")


def test_5_6_2_pods_run_under_a_seccomp_profile(node: Node, hosts: Hosts) -> None:
    assert cis.read_kubelet_settings(hosts, node).get("seccompDefault") is True
