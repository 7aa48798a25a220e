"""Each mistake of the nodes, and of the cluster that they already are, is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

LIMITS = {
    "clock_skew_limit": 2.0,
    "memory_mib_control_plane": 1700,
    "memory_mib_worker": 700,
    "disk_mib": 4096,
    "disk_mib_upgrade": 2048,
    "kernel": "5.13",
}
DEBIAN = {"id": "debian", "version": "13", "name": "Debian GNU/Linux 13", "family": "debian"}
ARCH = {"id": "arch", "version": "", "name": "Arch Linux", "family": ""}
PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def fresh(name: str) -> dict[str, Any]:
    return {
        "arch": "amd64",
        "python": [3, 9],
        "kernel": "6.1.0-9",
        "distribution": DEBIAN,
        "hostname": name,
        "memory_mib": 2048,
        "disk_free_mib": 9000,
        "systemd": True,
        "missing_features": [],
        "foreign_files": [],
        "foreign_runtimes": [],
        "foreign_cluster": [],
        "foreign_ports": [22, 111],
        "macs": [f"02:00:00:00:00:{name}"],
        "addresses": [],
        "vip_held": False,
        "vip_mac": "",
        "versions": {},
        "security_profile": "",
        "kubelet_version": "",
        "joined": False,
        "node_ip": "",
        "ca": "",
        "api_ready": False,
        "etcd_member": False,
        "etcd_healthy": False,
        "root": True,
        "asked": 100.0,
        "time": 100.1,
        "answered": 100.2,
    }


def member(name: str, version: str = "1.35.4", **more: Any) -> dict[str, Any]:
    plane = name.startswith("cp")
    return {
        **fresh(name),
        "versions": dict.fromkeys(PARTS, version) if plane else {},
        "security_profile": "baseline" if plane else "",
        "kubelet_version": version,
        "joined": True,
        "ca": "same" if plane else "",
        "api_ready": plane,
        "etcd_member": plane,
        "etcd_healthy": plane,
        **more,
    }


def asked(**more: Any) -> dict[str, Any]:
    return {
        "purpose": "install",
        "check_mode": False,
        "addresses": dict.fromkeys(("cp1", "cp2", "cp3", "w1", "w2"), ""),
        "version": "1.35.4",
        "architecture": "amd64",
        "security_profile": "baseline",
        "virtual_address": "10.0.0.10",
        "api_port": 8443,
        "api_server_port": "",
        "control_planes": ["cp1", "cp2", "cp3"],
        "all_control_planes_seen": True,
        "again": {name: {"skipped": True} for name in ("cp1", "cp2", "cp3", "w1", "w2")},
        "limits": LIMITS,
        "accepted": {"files": [], "container_runtime": False, "distribution": False},
        **more,
    }


def nodes(make: Any = fresh, **changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {**make(name), **changes.get(name, {})} for name in ("cp1", "cp2", "cp3", "w1", "w2")
    }


def test_fresh_nodes_and_a_running_cluster_pass(node_rules: ModuleType) -> None:
    assert node_rules.node_mistakes(nodes(), asked()) == []
    assert node_rules.node_mistakes(nodes(member), asked()) == []
    assert node_rules.node_mistakes(nodes(member), asked(purpose="upgrade", version="1.36.3")) == []


@pytest.mark.parametrize("purpose", ["install", "upgrade"])
def test_a_cluster_keeps_its_security_profile(node_rules: ModuleType, purpose: str) -> None:
    expected = asked(
        security_profile="hardened",
        purpose=purpose,
        version="1.35.4" if purpose == "install" else "1.36.3",
    )
    (mistake,) = node_rules.node_mistakes(nodes(member), expected)
    assert mistake.startswith(
        "cp1, cp2, cp3 were installed with security_profile baseline, the inventory asks for "
        "hardened: set it to baseline"
    )
    hardened = {name: {"security_profile": "hardened"} for name in ("cp1", "cp2", "cp3")}
    assert node_rules.node_mistakes(nodes(member, **hardened), expected) == []
    assert node_rules.node_mistakes(nodes(), {**expected, "purpose": "install"}) == []


def test_what_an_administrator_accepts_passes(node_rules: ModuleType) -> None:
    stray = {"path": "/etc/kubernetes/manifests/a", "effect": "runs"}
    change = {"foreign_files": [stray], "foreign_runtimes": ["/usr/bin/dockerd"]}
    accepted = {"files": [stray["path"]], "container_runtime": True, "distribution": False}
    assert node_rules.node_mistakes(nodes(w1=change), asked(accepted=accepted)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"trouble": "unreachable", "why": "timed out"},
            "w1 cannot be reached over SSH (timed out)",
        ),
        ({"trouble": "no_root", "why": "a password is required"}, "w1: no sudo"),
        ({"trouble": "no_python", "why": "not found"}, "w1 has no Python 3"),
        ({"root": False}, "set ansible_become"),
        ({"arch": "arm64"}, "w1 is arm64, the bundle is for amd64"),
        ({"memory_mib": 512}, "w1 has 512 MiB of memory, a worker needs 700"),
        ({"disk_free_mib": 100}, "w1 has 100 MiB free under /var"),
        ({"kernel": "5.4.0-1"}, "w1 runs Linux 5.4.0-1, expected 5.13 or newer"),
        ({"trouble": "old_python", "why": "3.6"}, "w1 has Python 3.6, expected 3.9 or newer"),
        ({"python": [3, 8]}, "w1 has Python 3.8, expected 3.9 or newer"),
        (
            {"distribution": ARCH},
            "w1 runs Arch Linux: expected one of Debian 11 or 12",
        ),
        (
            {"node_ip": "10.0.0.21", "addresses": ["10.0.0.99"]},
            "w1 joined the cluster with the address 10.0.0.21, and has it no more (found: 10.0",
        ),
        ({"systemd": False}, "w1 does not run systemd"),
        ({"missing_features": ["the overlay filesystem"]}, "w1 lacks the overlay filesystem"),
        (
            {"foreign_files": [{"path": "/etc/kubernetes/manifests/a", "effect": "runs"}]},
            "w1: /etc/kubernetes/manifests/a is not kubedrill's, and runs: move it elsewhere",
        ),
        (
            {"foreign_runtimes": ["/usr/bin/dockerd"]},
            "w1 has another container runtime (/usr/bin/dockerd)",
        ),
        (
            {"foreign_cluster": ["/etc/kubernetes/kubelet.conf"]},
            "w1 is part of a cluster that kubedrill did not install (/etc/kubernetes/kubelet.conf)",
        ),
        (
            {"foreign_ports": [22, 2379, 6443, 8443, 10250]},
            "w1: another program listens at TCP 10250 (the kubelet), which the cluster needs",
        ),
        ({"time": 90.0}, "w1's clock is 10.0 s behind"),
        ({"time": 103.2}, "w1's clock is 3.0 s ahead"),
        ({"hostname": "cp1"}, "cp1 and w1 call themselves cp1"),
        ({"macs": ["02:00:00:00:00:cp1"]}, "cp1 and w1 are one machine"),
        ({"vip_mac": "02:ff"}, "virtual address 10.0.0.10 is in use by 02:ff"),
    ],
)
def test_one_wrong_node(node_rules: ModuleType, change: dict[str, Any], expected: str) -> None:
    (mistake,) = node_rules.node_mistakes(nodes(w1=change), asked())
    assert expected in mistake


def test_ports_that_a_control_plane_needs(node_rules: ModuleType) -> None:
    taken = nodes(cp1={"foreign_ports": [22, 2379, 6443, 8443, 30000]})
    (mistake,) = node_rules.node_mistakes(taken, asked())
    names = "2379 (etcd), 6443 (the API server), 8443 (the API's balancer)"
    assert mistake.startswith(f"cp1: another program listens at TCP {names}, which the cluster")
    (mistake,) = node_rules.node_mistakes(taken, asked(virtual_address=""))
    assert "8443" not in mistake, "the balancer is elsewhere"
    (mistake,) = node_rules.node_mistakes(taken, asked(api_server_port="7443"))
    assert "6443" not in mistake, "the API server is elsewhere"


def test_another_distribution_is_named_once_for_all_its_fresh_nodes(node_rules: ModuleType) -> None:
    other = {"distribution": ARCH}
    (mistake,) = node_rules.node_mistakes(nodes(cp1=other, w2=other), asked())
    assert mistake.startswith("cp1, w2 run Arch Linux: expected one of Debian")
    assert mistake.endswith("set preflight_accept_distribution to true")
    accepted = {**asked()["accepted"], "distribution": True}
    assert node_rules.node_mistakes(nodes(cp1=other), asked(accepted=accepted)) == []
    assert node_rules.node_mistakes(nodes(member, cp1=other), asked()) == [], "it runs already"


def test_a_control_plane_needs_more_memory_than_a_worker(node_rules: ModuleType) -> None:
    assert node_rules.node_mistakes(nodes(w1={"memory_mib": 1000}), asked()) == []
    assert (
        "a control plane needs 1700"
        in node_rules.node_mistakes(nodes(cp1={"memory_mib": 1000}), asked())[0]
    )


def test_a_slow_answer_is_no_clock_skew(node_rules: ModuleType) -> None:
    assert node_rules.clock_skew({"asked": 100.0, "time": 130.0, "answered": 160.0}) == 0


def test_the_virtual_address_may_be_on_one_of_the_nodes(node_rules: ModuleType) -> None:
    mine = {"vip_mac": "02:00:00:00:00:cp2"}
    assert node_rules.node_mistakes(nodes(member, w1=mine), asked()) == []
    assert (
        node_rules.node_mistakes(
            nodes(member, cp1={"vip_held": True}, w1={"vip_mac": "02:ff"}), asked()
        )
        == []
    )


def test_all_mistakes_of_all_nodes_at_once(node_rules: ModuleType) -> None:
    bad = nodes(
        cp1={"trouble": "unreachable", "why": "x"},
        cp2={"memory_mib": 1},
        w1={"disk_free_mib": 1, "arch": "arm64"},
    )
    assert len(node_rules.node_mistakes(bad, asked())) == 4


def test_an_install_refuses_another_running_version(node_rules: ModuleType) -> None:
    (mistake,) = node_rules.node_mistakes(nodes(member), asked(version="1.36.3"))
    assert "run Kubernetes 1.35.4, the inventory asks for 1.36.3" in mistake
    assert "upgrade.yml" in mistake


def test_nodes_of_two_clusters(node_rules: ModuleType) -> None:
    assert "2 clusters" in node_rules.node_mistakes(nodes(member, cp3={"ca": "other"}), asked())[0]


def test_a_broken_cluster_is_refused_but_a_killed_install_is_not(node_rules: ModuleType) -> None:
    down = {"api_ready": False}
    broken = nodes(member, cp1=down, cp2=down, cp3=down)
    (mistake,) = node_rules.node_mistakes(broken, asked())
    assert "the cluster is broken" in mistake
    assert "reset" not in mistake, "what is repaired must not be destroyed"
    half = nodes(fresh, cp1=member("cp1", api_ready=False))
    assert node_rules.node_mistakes(half, asked()) == []
    assert node_rules.node_mistakes(nodes(member, cp1=down), asked()) == []


@pytest.mark.parametrize(
    ("running", "target", "expected"),
    [
        ("1.34.4", "1.36.3", "skips a minor version: upgrade to 1.35 first"),
        ("1.36.3", "1.35.4", "is a downgrade"),
        ("1.36.3", "1.36.1", "is a downgrade"),
        ("1.9.0", "1.36.3", "skips a minor version: upgrade to 1.10 first"),
    ],
)
def test_skips_and_downgrades(
    node_rules: ModuleType, running: str, target: str, expected: str
) -> None:
    result = node_rules.node_mistakes(
        nodes(lambda name: member(name, running)), asked(purpose="upgrade", version=target)
    )
    assert len(result) == 1
    assert expected in result[0]


def test_a_half_upgraded_cluster_may_go_on(node_rules: ModuleType) -> None:
    mixed = nodes(member, cp1=member("cp1", "1.36.3", api_ready=False))
    assert node_rules.node_mistakes(mixed, asked(purpose="upgrade", version="1.36.3")) == []


def test_an_upgrade_needs_a_cluster(node_rules: ModuleType) -> None:
    result = node_rules.node_mistakes(nodes(), asked(purpose="upgrade", version="1.36.3"))
    assert result == ["there is no cluster on these nodes to upgrade: install it with site.yml"]
    result = node_rules.node_mistakes(
        nodes(member, w2=fresh("w2")), asked(purpose="upgrade", version="1.36.3")
    )
    assert result == ["w2 is not part of the cluster yet: install it with site.yml first"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"memory_mib": 100, "missing_features": ["the overlay filesystem"]}, []),
        (
            {"trouble": "unreachable", "why": "timed out"},
            ["lb1 cannot be reached over SSH (timed out)"],
        ),
        ({"root": False}, ["lb1: tasks do not run as root"]),
        ({"addresses": ["192.0.2.8"]}, ["lb1 has not the address 192.0.2.9 (found: 192.0.2.8)"]),
        ({"systemd": False}, ["lb1 does not run systemd"]),
        ({"distribution": ARCH}, ["lb1 runs Arch Linux: expected one of Debian"]),
        ({"joined": True}, ["lb1 is a node of a cluster"]),
        ({"macs": ["02:00:00:00:00:cp2"]}, ["lb1 is the same machine as cp2"]),
        (
            {"root": False, "joined": True},
            ["lb1: tasks do not run as root", "lb1 is a node of a cluster"],
        ),
    ],
)
def test_a_load_balancer_is_no_node(
    node_rules: ModuleType, change: dict[str, Any], expected: list[str]
) -> None:
    lb1 = {**fresh("lb1"), "addresses": ["127.0.0.1", "192.0.2.9"], **change}
    result = node_rules.balancer_mistakes({"lb1": lb1}, nodes(), "192.0.2.9")
    assert [mistake.startswith(words) for mistake, words in zip(result, expected, strict=True)] == [
        True
    ] * len(expected)


def test_check_mode_needs_nodes_that_have_joined(node_rules: ModuleType) -> None:
    assert node_rules.node_mistakes(nodes(member), asked(check_mode=True)) == []
    some = {**nodes(member), "w1": fresh("w1"), "w2": fresh("w2")}
    (mistake,) = node_rules.node_mistakes(some, asked(check_mode=True))
    assert mistake.startswith("w1, w2 have not joined the cluster, and --check only shows")
    trouble = nodes(member, w1={"trouble": "unreachable", "why": "?"})
    (mistake,) = node_rules.node_mistakes(trouble, asked(check_mode=True))
    assert "cannot be reached" in mistake


def test_an_address_that_is_set_is_one_of_the_node(node_rules: ModuleType) -> None:
    named = {"w1": "10.0.0.21", "w2": "10.0.0.22"}
    actual = nodes(w1={"addresses": ["10.0.0.99"]}, w2={"addresses": ["10.0.0.9", "10.0.0.22"]})
    (mistake,) = node_rules.node_mistakes(actual, asked(addresses=named))
    assert mistake == (
        "w1 has not the address 10.0.0.21 of cluster_node_address (found: 10.0.0.99): correct it"
    )


def test_two_holders_of_the_virtual_address(node_rules: ModuleType) -> None:
    held = nodes(member, cp1={"vip_held": True}, cp3={"vip_held": True})
    again = {name: {"node": node} for name, node in held.items()}
    (mistake,) = node_rules.node_mistakes(held, asked(again=again))
    assert mistake.startswith("virtual address 10.0.0.10 is held by cp1 and cp3 at once")
    assert "IP protocol 112" in mistake


@pytest.mark.parametrize("held", [[], ["cp3"]])
def test_an_address_that_moves_between_two_looks(node_rules: ModuleType, held: list[str]) -> None:
    before = nodes(member, cp1={"vip_held": True}, cp3={"vip_held": True})
    after = nodes(member, **{name: {"vip_held": True} for name in held})
    again: dict[str, Any] = {name: {"node": node} for name, node in after.items()}
    again["w2"] = {"node": {"trouble": "unreachable", "why": "?"}}
    assert node_rules.node_mistakes(before, asked(again=again)) == []


def test_without_a_virtual_address_nobody_can_have_taken_it(node_rules: ModuleType) -> None:
    assert node_rules.node_mistakes(nodes(), asked(virtual_address="")) == []
