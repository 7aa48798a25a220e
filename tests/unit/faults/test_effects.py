"""What shows that a fault took hold, and what shows that it did nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fault_nodes import Nodes, context, ok, refused
from kubernetes.client import V1ObjectMeta, V1OwnerReference, V1Pod, V1PodStatus
from test_pods import Api
from test_traces import make

from kubedrill.faults import (
    ContainerKill,
    Drain,
    PodKill,
    PowerCut,
    QuorumGone,
    QuorumLoss,
    Reboot,
    Revoked,
    ServiceFault,
    Shutdown,
    TokenExpired,
    power,
)
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.traces import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_fault_states_its_evidence_and_its_shortest_duration(fault: Any) -> None:
    example = make(fault)
    assert len(example.evidence.split()) > 3
    assert example.least_s >= 0
    assert example.lasts in (True, False)


BY_QUESTION = [
    fault for fault in FAULTS if issubclass(fault, NodeFault) and fault is not ServiceFault
]


@pytest.mark.parametrize("fault", BY_QUESTION, ids=lambda fault: fault.__name__)
def test_a_node_is_asked_a_question_that_changes_nothing(fault: Any, make_inventory: Any) -> None:
    example, nodes = make(fault), Nodes()
    assert example.unaffected(context(nodes, make_inventory()), "cp1") is None
    assert nodes.changes == []
    (line,) = nodes.lines("cp1")
    denied = Nodes({line[:12]: refused("", rc=1)})
    assert example.unaffected(context(denied, make_inventory()), "cp1") == "it is as before"


STAT = "do cut"


def stopped(service: str, verb: str, before: str, after: str, make_inventory: Any) -> str | None:
    """What is said of a service whose processes were so before, and are so after."""
    nodes = Nodes({STAT: ok(before)})
    cluster, fault = context(nodes, make_inventory()), ServiceFault("cp2", service, verb)
    fault.inject(cluster)
    nodes.answers = {STAT: ok(after), "is-active": ok("active\n")}
    return fault.unaffected(cluster, "cp2")


@pytest.mark.parametrize(
    ("verb", "after", "reason"),
    [
        ("kill", "", None),
        ("kill", "71 S 900\n", None),  # the number is given to another process
        ("kill", "71 Z 500\n", None),  # it waits for its parent
        ("kill", "71 S 500\n", "process 71 is in state S"),
        ("freeze", "71 T 500\n", None),
        ("freeze", "", None),  # its liveness probe had it killed
        ("freeze", "71 S 500\n", "process 71 is in state S"),
        ("stop", "", None),
        ("stop", "71 S 500\n", "process 71 is in state S"),
    ],
)
def test_a_service_is_known_by_the_processes_that_it_had(
    verb: str, after: str, reason: str | None, make_inventory: Any
) -> None:
    assert stopped("etcd", verb, "71 S 500\n", after, make_inventory) == reason


def test_a_service_without_a_process_before_proves_nothing(make_inventory: Any) -> None:
    assert "nothing is known" in str(stopped("etcd", "kill", "", "", make_inventory))


@pytest.mark.parametrize(
    ("state", "runs"), [("inactive", False), ("failed", False), ("active", True)]
)
def test_a_unit_that_was_stopped_does_not_run(state: str, runs: bool, make_inventory: Any) -> None:
    cluster = context(Nodes({"is-active": ok(f"{state}\n")}), make_inventory())
    assert (ServiceFault("w1", "kubelet", "stop").unaffected(cluster, "w1") == "it runs") is runs


@pytest.mark.parametrize("fault", [PowerCut("w1"), make(Shutdown), Reboot("w1")])
def test_a_node_without_power_greets_nobody(
    fault: Any, make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = context(Nodes({"boot_id": ok("a 1")}), make_inventory())
    monkeypatch.setattr(power, "greets", lambda *_: False)
    assert fault.unaffected(cluster, fault.subject) is None
    monkeypatch.setattr(power, "greets", lambda *_: True)
    fault.before = "a 1"
    assert fault.unaffected(cluster, fault.subject) is not None


def test_a_node_that_answers_from_another_boot_was_restarted(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(power, "greets", lambda *_: True)
    cluster = context(Nodes({"boot_id": ok("a 2")}), make_inventory())
    fault = Reboot("w1", before="a 1")
    assert fault.unaffected(cluster, "w1") is None
    assert fault.unaffected(cluster, "w2") == "its SSH server greets"


def test_every_member_of_the_quorum_is_looked_at(make_inventory: Any) -> None:
    nodes = Nodes({STAT: ok("71 S 500\n")})
    cluster, fault = context(nodes, make_inventory()), QuorumLoss(("cp1", "cp2"))
    fault.inject(cluster)
    nodes.answers = {STAT: ok("71 T 500\n")}
    assert [fault.unaffected(cluster, node) for node in ("cp1", "cp2")] == [None, None]
    assert fault.unaffected(cluster, "cp3") == "its member is not part of this"


def test_only_the_lost_members_have_no_data(make_inventory: Any) -> None:
    fault = QuorumGone(("cp1", "cp2"), ("cp1", "cp2", "cp3"))
    cluster = context(Nodes({"[ -e": refused("")}), make_inventory())
    seen = [fault.unaffected(cluster, node) for node in ("cp1", "cp3")]
    assert seen == ["it has its data", None]


@pytest.mark.parametrize(
    "fault",
    [
        PodKill("shop", pod="web-1"),
        PodKill("shop", selector="app=web"),
        ContainerKill("w1", "shop", "web-1", "hello"),
    ],
)
@pytest.mark.parametrize("change", [{"uid": "b"}, {"restarts": 1}])
def test_a_container_that_died_is_another_one(
    fault: Any, change: dict[str, Any], make_inventory: Any
) -> None:
    api = Api()
    cluster = context(api, make_inventory())
    fault.inject(cluster)
    assert "web-1" in str(fault.unaffected(cluster, fault.subject))
    vars(api).update(change)
    if change == {"uid": "b"} or isinstance(fault, ContainerKill):
        assert fault.unaffected(cluster, fault.subject) is None
    else:  # the container beside it was not restarted, so the pod lives on
        assert "web-1" in str(fault.unaffected(cluster, fault.subject))


def test_where_no_container_was_there_none_can_have_died(make_inventory: Any) -> None:
    fault = PodKill("shop", pod="web-9")
    cluster = context(Api(), make_inventory())
    fault.inject(cluster)
    assert fault.unaffected(cluster, fault.subject) == "no container was there to kill"


def pod(kind: str) -> V1Pod:
    owner = V1OwnerReference(
        api_version="apps/v1", kind=kind, name="owner", uid="u", controller=True
    )
    return V1Pod(
        metadata=V1ObjectMeta(name="one", namespace="n", owner_references=[owner]),
        status=V1PodStatus(phase="Running"),
    )


@pytest.mark.parametrize(
    ("cordoned", "left", "reason"),
    [
        (True, "DaemonSet", None),
        (True, "ReplicaSet", "n/one is left"),
        (False, "DaemonSet", "it is not cordoned"),
    ],
)
def test_a_drained_node_is_cordoned_and_empty(
    cordoned: bool, left: str, reason: str | None
) -> None:
    node = SimpleNamespace(spec=SimpleNamespace(unschedulable=cordoned))
    api = SimpleNamespace(node=lambda _name: node, pods=lambda **_: [pod(left)])
    cluster: Any = SimpleNamespace(api=api)
    assert Drain("w1", 1).unaffected(cluster, "w1") == reason


def test_a_drain_that_had_to_be_refused_was_refused() -> None:
    nobody: Any = None
    assert Drain("w1", 1, forbidden=True).unaffected(nobody, "w1") == "nothing was refused"
    assert Drain("w1", 1, forbidden=True, refusal="budget").unaffected(nobody, "w1") is None


def test_what_was_deleted_is_not_there_any_more() -> None:
    for there, reason in (({}, "it is still there"), (None, None)):
        obj = {"kind": "RoleBinding"} if there is not None else None
        cluster: Any = SimpleNamespace(api=SimpleNamespace(read=lambda _obj, obj=obj: obj))
        assert Revoked("right").unaffected(cluster, "kubedrill-trust/client") == reason


def test_a_token_that_was_not_made_has_not_expired() -> None:
    nobody: Any = None
    assert TokenExpired().unaffected(nobody, "") == "it has not expired"
