"""Each node over SSH: services, kernel settings, versions, certificates, files and their modes."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography import x509

if TYPE_CHECKING:
    from kubedrill.base.model import Node
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory

pytestmark = pytest.mark.node

CERTIFICATE_DAYS = 30
"""Fewer than this left means that nobody renews them; kubeadm's last a year, an upgrade renews
them."""

CLOCK_S = 0.5
"""Seconds that clocks may differ; etcd warns at 1 s, certificates and leases suffer beyond."""

KUBECONFIGS = (
    "admin.conf",
    "super-admin.conf",
    "controller-manager.conf",
    "scheduler.conf",
    "kubelet.conf",
)
CRASHED = 128
"""From here on an exit code of a shell is a signal's number and this."""

SECRET_MARKS = "PRIVATE KEY-----|client-key-data:"
SECRET_PLACES = "/etc /var/lib/kubelet/pki /opt/kubedrill /root /home"


@pytest.mark.parametrize("service", ["containerd", "kubelet"])
def test_services_run_and_start_at_boot(ti: Any, service: str) -> None:
    assert ti.service(service).is_running
    assert ti.service(service).is_enabled


@pytest.mark.parametrize("service", ["haproxy", "keepalived"])
def test_the_balancer_runs_on_control_planes_and_starts_at_boot(
    control_plane: Node, inventory: Inventory, hosts: Hosts, service: str
) -> None:
    unit = hosts.testinfra(control_plane).service(service)
    if inventory.external:
        assert not unit.is_running
        return
    assert unit.is_running
    assert unit.is_enabled


def list_table(ti: Any, table: str) -> str:
    """Rules of a table of the packet filter.

    An nft before 1.1, such as Debian 12's, crashes once kube-proxy's newer one has made its tables.
    That one is asked then: it is in a container that shares the node's network.
    """
    command = f"nft list table {table}"
    result = ti.run(command)
    if result.rc >= CRASHED:
        ctr = "/usr/local/bin/ctr --namespace k8s.io"
        kube_proxy = 'labels."io.kubernetes.container.name"==kube-proxy'
        labelled = ti.check_output(f"{ctr} containers ls -q '{kube_proxy}'").split()
        tasks = [line.split() for line in ti.check_output(f"{ctr} tasks ls").splitlines()]
        (running,) = (task[0] for task in tasks if task[0] in labelled and task[-1] == "RUNNING")
        result = ti.run(f"{ctr} tasks exec --exec-id kubedrill-rules {running} {command}")
    assert result.rc == 0, result.stderr
    return str(result.stdout)


def test_untranslated_packets_to_services_never_leave_the_node(ti: Any) -> None:
    rules = list_table(ti, "ip service-network")
    assert "drop" in rules  # a pod that is refused ends, and waits out the kubelet's back-off
    assert "hook output priority filter" in rules
    assert "hook forward priority filter" in rules


def test_no_service_has_failed(ti: Any) -> None:
    failed = ti.check_output("systemctl list-units --failed --plain --no-legend --no-pager")
    assert failed == ""


def test_packets_are_forwarded(ti: Any) -> None:
    assert ti.sysctl("net.ipv4.ip_forward") == 1
    assert ti.sysctl("fs.inotify.max_user_instances") >= 128


def test_no_swap_unless_it_is_the_containers_host_s(ti: Any) -> None:
    in_container = ti.run("systemd-detect-virt --container --quiet").rc == 0
    swaps = ti.file("/proc/swaps").content_string.splitlines()[1:]
    assert in_container or swaps == []


def test_programs_have_the_asked_version(ti: Any, version: str) -> None:
    assert ti.check_output("kubelet --version") == f"Kubernetes {version}"
    assert ti.check_output("kubeadm version -o short") == version


def test_containerd_is_2_or_newer(ti: Any) -> None:
    """Kubernetes 1.36 drops containerd 1."""
    match = re.search(r"v?(\d+)\.\d+\.\d+", ti.check_output("containerd --version"))
    assert match is not None
    assert int(match.group(1)) >= 2


def test_the_kubelet_does_not_serve_strangers(ti: Any) -> None:
    config = yaml.safe_load(ti.file("/var/lib/kubelet/config.yaml").content_string)
    assert config["authentication"]["anonymous"]["enabled"] is False
    assert config["authorization"]["mode"] == "Webhook"
    assert config.get("readOnlyPort", 0) == 0


def test_pods_do_not_get_a_loopback_resolver(ti: Any) -> None:
    """A resolver on 127/8 in the kubelet's resolvConf makes CoreDNS find a loop and crash."""
    config = yaml.safe_load(ti.file("/var/lib/kubelet/config.yaml").content_string)
    path = config.get("resolvConf", "/etc/resolv.conf")
    for drop_in in ti.check_output(
        "ls /etc/kubernetes/kubelet.conf.d/*.conf 2>/dev/null || true"
    ).split():
        path = (yaml.safe_load(ti.file(drop_in).content_string) or {}).get("resolvConf", path)
    text = ti.file(path).content_string
    assert not re.search(r"^nameserver\s+(127\.|::1)", text, re.MULTILINE)


@pytest.mark.parametrize("name", KUBECONFIGS)
def test_kubeconfigs_are_root_s_alone(ti: Any, name: str) -> None:
    file = ti.file(f"/etc/kubernetes/{name}")
    if file.exists:
        assert (file.user, file.group, oct(file.mode)) == ("root", "root", "0o600")


def test_keys_and_manifests_are_root_s_alone(control_plane: Node, hosts: Hosts) -> None:
    listed = hosts.read(
        control_plane,
        "find /etc/kubernetes/pki /etc/kubernetes/manifests -type f "
        "! -name '*.crt' ! -name '*.pub' -printf '%m %u:%g %p\\n'",
    ).stdout
    files = [line.split(maxsplit=2) for line in listed.splitlines()]
    assert len([path for *_, path in files if path.endswith(".key")]) >= 8
    assert [line for line in files if line[:2] != ["600", "root:root"]] == []


def test_etcd_s_data_is_root_s_alone(control_plane: Node, hosts: Hosts) -> None:
    directory = hosts.testinfra(control_plane).file("/var/lib/etcd")
    assert directory.is_directory
    assert (directory.user, oct(directory.mode)) == ("root", "0o700")


def test_workers_have_no_keys_of_the_control_plane(worker: Node, hosts: Hosts) -> None:
    result = hosts.read(
        worker,
        "ls /etc/kubernetes/admin.conf /etc/kubernetes/pki/*.key /var/lib/etcd 2>/dev/null || true",
    ).stdout
    assert result == ""


def test_no_secret_can_be_read_by_everyone(node: Node, hosts: Hosts) -> None:
    command = (
        f"find {SECRET_PLACES} -xdev -type f -perm /o=r -size -1024k "
        f"-exec grep -lsE -- '{SECRET_MARKS}' {{}} + || true"
    )
    known = "/etc/ssl/certs/ssl-cert-snakeoil.pem"
    paths = [path for path in hosts.read(node, command).stdout.splitlines() if path != known]
    assert paths == []


def test_certificates_are_valid_for_a_month_at_least(node: Node, hosts: Hosts) -> None:
    names = (
        "/etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt "
        "/var/lib/kubelet/pki/kubelet-client-current.pem"
    )
    text = hosts.read(node, f"cat {names} 2>/dev/null || true").stdout
    certificates = x509.load_pem_x509_certificates(_certificates(text))
    assert len(certificates) >= (9 if node.is_control_plane else 2)
    enough = dt.datetime.now(dt.UTC) + dt.timedelta(days=CERTIFICATE_DAYS)
    late = [c.subject.rfc4514_string() for c in certificates if c.not_valid_after_utc < enough]
    assert late == []


def test_the_api_server_s_certificate_names_the_virtual_address(
    control_plane: Node, hosts: Hosts, inventory: Inventory
) -> None:
    text = hosts.read(control_plane, ["cat", "/etc/kubernetes/pki/apiserver.crt"]).stdout
    names = x509.load_pem_x509_certificate(text.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    addresses = {str(address) for address in names.value.get_values_for_type(x509.IPAddress)}
    assert {inventory.endpoint_address, control_plane.address} <= addresses


def test_the_clock_agrees_with_this_machine_s(node: Node, hosts: Hosts) -> None:
    hosts.read(node, ["true"])  # the connection stands, so that only the question is timed
    before = time.time()
    there = float(hosts.read(node, ["date", "+%s.%N"]).stdout)
    after = time.time()
    assert before - CLOCK_S <= there <= after + CLOCK_S


def test_nothing_of_a_fault_is_left(ti: Any) -> None:
    assert (
        ti.check_output(
            "systemctl list-units --all --plain --no-legend --no-pager 'kubedrill-undo*'"
        )
        == ""
    )


def _certificates(text: str) -> bytes:
    """Only the certificates of PEM text: kubelet-client-current.pem holds the key too."""
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    return "\n".join(blocks).encode()
