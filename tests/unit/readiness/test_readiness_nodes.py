"""Nodes, disks, runtimes, certificates, etcd, and what the prediction is made of."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ready_cluster import (
    GB,
    NOW,
    certificate,
    etcd,
    issues_of,
    node,
    pod,
    with_host,
    with_node,
    with_pods,
)

from kubedrill.cluster.etcd import Member
from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import (
    Answer,
    Backups,
    Disk,
    EtcdFacts,
    EtcdSnapshot,
    Severity,
    Snapshot,
)
from kubedrill.readiness.rules import prediction


@pytest.mark.parametrize("status", ["False", "Unknown", "NotReady"])
def test_anything_but_ready_blocks(ready: Snapshot, status: str) -> None:
    (issue,) = issues_of(with_node(ready, node("w1", Ready=status)), "nodes-ready")
    assert issue.severity == "blocker"
    assert issue.subject == "node w1"


@pytest.mark.parametrize(("status", "severity"), [("True", "blocker"), ("Unknown", "unknown")])
def test_pressure(ready: Snapshot, status: str, severity: str) -> None:
    (issue,) = issues_of(with_node(ready, node("cp2", DiskPressure=status)), "nodes-ready")
    assert (issue.severity, issue.subject) == (severity, "node cp2")


def test_a_cordoned_node_is_a_warning(ready: Snapshot) -> None:
    cordoned = node("cp1")
    cordoned.spec.unschedulable = True
    (issue,) = issues_of(with_node(ready, cordoned), "nodes-ready")
    assert issue.severity == "warning"
    assert issue.action.startswith("kubectl uncordon cp1")


def test_inventory_and_cluster_have_the_same_nodes(ready: Snapshot) -> None:
    nodes = (*ready.nodes.get()[:-1], node("stranger"))
    issues = issues_of(replace(ready, nodes=Answer(nodes)), "nodes-registered")
    assert [finding.subject for finding in issues] == ["node w2", "node stranger"]


@pytest.mark.parametrize(
    ("runtime", "severity"),
    [
        ("containerd://1.7.27", "blocker"),
        ("cri-o://1.35.0", "unknown"),
        ("containerd://dev", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_runtime_that_the_new_kubelet_meets(
    ready: Snapshot, runtime: str, severity: str
) -> None:
    (issue,) = issues_of(with_node(ready, node("w1", runtime=runtime)), "runtime")
    assert issue.severity == severity


@pytest.mark.parametrize(
    ("configz", "severities"), [({}, ["blocker"]), ({"failCgroupV1": False}, [])]
)
def test_cgroup_v1(ready: Snapshot, configz: dict[str, Any], severities: list[str]) -> None:
    old = with_host(ready, "w1", cgroup=1)
    issues = issues_of(replace(old, kubelets={**ready.kubelets, "w1": Answer(configz)}), "cgroup")
    assert [finding.severity.value for finding in issues] == severities


def disks(free: int, total: int = 20 * GB) -> dict[str, Disk]:
    return {
        path: Disk(1, total, free) for path in ("/var/lib/containerd", "/usr/local/bin", "/opt/b")
    }


@pytest.mark.parametrize(
    ("free", "severities"),
    [
        (1_499_000_000, ["blocker"]),
        (1_501_000_000, ["warning"]),
        (3_400_000_000, ["warning"]),
        (3_501_000_000, []),
    ],
)
def test_room_on_the_disk(ready: Snapshot, free: int, severities: list[str]) -> None:
    """1.5 GB: two images of 50 MB that are not there, 200 MB unpacked; nine programs of 50 MB.

    A copy of them all.

    The warning begins where less than a tenth of the 20 GB would be left.
    """
    issues = issues_of(with_host(ready, "cp1", disks=disks(free)), "disk")
    assert [finding.severity.value for finding in issues] == severities


def test_a_bundle_that_is_on_the_node_takes_no_room(ready: Snapshot) -> None:
    tight = with_host(ready, "cp1", disks=disks(1_000_000_000, 2 * GB), has_bundle=True)
    (issue,) = issues_of(tight, "disk")
    assert issue.severity == "warning"


@pytest.mark.parametrize(
    ("days", "ca", "severity"),
    [
        (-1, False, "blocker"),
        (5, False, "warning"),
        (29, False, "warning"),
        (31, False, None),
        (31, True, "warning"),
    ],
)
def test_certificates(ready: Snapshot, days: int, ca: bool, severity: str | None) -> None:
    issues = issues_of(
        with_host(ready, "cp2", certificates=(certificate(days, "/etc/x.crt", ca=ca),)),
        "certificates",
    )
    assert [finding.severity.value for finding in issues] == ([severity] if severity else [])
    assert all(finding.subject == "certificate /etc/x.crt on cp2" for finding in issues)


def test_a_certificate_of_the_future_and_files_that_cannot_be_read(ready: Snapshot) -> None:
    later = replace(certificate(), not_before=NOW + timedelta(hours=2))
    (issue,) = issues_of(with_host(ready, "cp2", certificates=(later,)), "certificates")
    assert issue.severity == "blocker"
    said_none = issues_of(
        with_host(ready, "cp2", certificates=(), unreadable=("/etc/kubernetes/pki/x.crt",)),
        "certificates",
    )
    assert [finding.severity.value for finding in said_none] == ["unknown", "unknown"]


def with_etcd(snapshot: Snapshot, facts: EtcdFacts) -> Snapshot:
    return replace(snapshot, etcd={**snapshot.etcd, facts.member.node: Answer(facts)})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"alarms": ("NOSPACE",)}, "etcd alarm: NOSPACE"),
        ({"is_learner": True}, "is a learner"),
        ({"leader_id": 0}, "has no leader"),
        ({"member_names": ("cp1", "cp2")}, "knows 2 members"),
    ],
)
def test_etcd_that_is_not_whole_blocks(ready: Snapshot, fields: dict[str, Any], words: str) -> None:
    issues = issues_of(with_etcd(ready, etcd("cp3", **fields)), "etcd-members")
    assert any(words in finding.actual for finding in issues)
    assert {finding.severity.value for finding in issues} == {"blocker"}


@pytest.mark.parametrize(
    ("share", "severity"), [(0.79, None), (0.81, "warning"), (0.96, "blocker")]
)
def test_etcd_near_its_quota(ready: Snapshot, share: float, severity: str | None) -> None:
    size = int(share * 8 * 2**30)
    issues = issues_of(
        with_etcd(ready, etcd("cp1", db_bytes=size, in_use=size, quota=8 * 2**30)), "etcd-space"
    )
    assert [finding.severity.value for finding in issues] == ([severity] if severity else [])


def test_a_quota_that_etcd_does_not_tell_is_its_default(ready: Snapshot) -> None:
    (issue,) = issues_of(
        with_etcd(ready, etcd("cp1", db_bytes=2 * 2**30, in_use=2 * 2**30, quota=0)), "etcd-space"
    )
    assert issue.severity == "blocker"


def test_fragmentation_is_told_only_where_it_is_worth_a_pause(ready: Snapshot) -> None:
    (issue,) = issues_of(
        with_etcd(ready, etcd("cp1", db_bytes=400 * 2**20, in_use=100 * 2**20)), "etcd-space"
    )
    assert "75%" in issue.actual
    assert (
        issues_of(with_etcd(ready, etcd("cp1", db_bytes=40 * 2**20, in_use=2**20)), "etcd-space")
        == []
    )


def test_a_silent_member_is_unknown_once(ready: Snapshot) -> None:
    outcome = judge(replace(ready, etcd={**ready.etcd, "cp3": Answer(error="timeout")}))
    assert [f.rule for f in outcome.findings if f.severity is Severity.UNKNOWN] == ["reading"]
    assert "etcd-members" not in outcome.clean


@pytest.mark.parametrize(("hours", "expected"), [(1, []), (25, ["warning"]), (None, ["warning"])])
def test_the_age_of_the_latest_snapshot(
    ready: Snapshot, hours: int | None, expected: list[str]
) -> None:
    taken = None if hours is None else NOW - timedelta(hours=hours)
    latest = Answer(EtcdSnapshot("/snapshots", taken))
    issues = issues_of(replace(ready, etcd_snapshot=latest), "etcd-snapshot")
    assert [finding.severity.value for finding in issues] == expected


@pytest.mark.parametrize(
    ("taken", "proven", "expected"),
    [
        (1, 1, None),
        (1, 23, "never proven; the newest that was is 23.0 h old"),
        (1, None, "never proven; none was"),
        (25, 25, "25.0 h old"),
        (-3, -3, "dated 3.0 h ahead of this host"),
        (None, None, "none in /backups"),
    ],
)
def test_a_backup_is_fresh_and_proven(
    ready: Snapshot, taken: int | None, proven: int | None, expected: str | None
) -> None:
    times = [None if hours is None else NOW - timedelta(hours=hours) for hours in (taken, proven)]
    issues = issues_of(replace(ready, backups=Answer(Backups("/backups", *times))), "backup")
    assert [finding.severity.value for finding in issues] == (["warning"] if expected else [])
    assert all(str(expected) in finding.actual for finding in issues)


@pytest.mark.parametrize(
    ("count", "severity"), [(1, "warning"), (2, "blocker"), (3, None), (4, "warning")]
)
def test_how_many_control_planes(ready: Snapshot, count: int, severity: str | None) -> None:
    planes = [replace(ready.machines[0], name=f"cp{i}") for i in range(1, count + 1)]
    issues = issues_of(replace(ready, machines=(*planes, *ready.machines[3:])), "control-planes")
    assert [finding.severity.value for finding in issues] == ([severity] if severity else [])


def test_the_prediction_is_the_measured_run_for_the_measured_topology(ready: Snapshot) -> None:
    """benchmarks/results/upgrade.md measured 345 s for 3 control planes and 2 workers."""
    shortest, longest = prediction.seconds(ready)
    assert shortest < 345 < longest
    slow = with_pods(ready, pod("slow", "w1", app="x", termination_grace_period_seconds=130))
    assert prediction.seconds(slow) == (shortest, longest + 100)
    slower = with_pods(ready, pod("slow", "w1", app="x", termination_grace_period_seconds=9000))
    assert prediction.seconds(slower) == (shortest, longest + 150)


def test_an_unset_member_is_an_error_of_its_own() -> None:
    assert not Member("cp1", error="x").leads
