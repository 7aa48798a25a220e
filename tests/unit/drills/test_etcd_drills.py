"""Replacing an etcd member and restoring etcd: what is told of the writes.

The etcd part: tests/unit/faults.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from fake_context import fake_context
from kubernetes.client import ApiException

from kubedrill.base.errors import StepFailed
from kubedrill.base.waits import wait_for
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.core.ledger import Ledger, Writing, check_ledger
from kubedrill.drills import etcd_quorum_restored
from kubedrill.drills.etcd_quorum_restored import DRILLS, _report, _write


class Api:
    """ConfigMaps of one namespace.

    ``answers`` are what each write does in turn, "ok" when they run out.
    """

    def __init__(self, *answers: str) -> None:
        self.answers, self.maps = list(answers), list[str]()
        self.core = self

    def create_namespaced_config_map(
        self, _namespace: str, body: Any, _request_timeout: float
    ) -> None:
        answer = self.answers.pop(0) if self.answers else "ok"
        if answer != "refused":
            self.maps.append(body["metadata"]["name"])
        if answer == "refused":
            raise ApiException(status=403, reason="Forbidden")
        if answer == "silent":
            raise ApiUnavailable("no answer")

    def list_namespaced_config_map(self, _namespace: str) -> Any:
        return SimpleNamespace(
            items=[
                SimpleNamespace(metadata=SimpleNamespace(name=name))
                for name in [*self.maps, "kube-root-ca.crt"]
            ]
        )


def ledger(*answers: str) -> tuple[Ledger, Api]:
    api: Any = Api(*answers)
    return Ledger(api), api


def test_only_what_was_acknowledged_can_be_lost() -> None:
    book, api = ledger("ok", "silent", "refused", "ok")
    assert [book.write() for _ in range(4)] == [True, False, False, True]
    assert (sorted(book.acknowledged), book.unknown, list(book.refused)) == ([0, 3], {1}, [2])
    assert book.lost() == []
    api.maps.remove("entry-000001")  # unknown: it may be there or not
    assert book.lost() == []
    api.maps.remove("entry-000003")
    assert book.lost() == [3]
    ctx = fake_context()
    check_ledger(ctx, book)
    assert ctx.checks["no acknowledged API write is lost"] == (
        False,
        "1 of 2 lost: entries 3, 1 unknown, 1 refused",
    )


def test_no_acknowledged_write_at_all_proves_nothing() -> None:
    book, _ = ledger("silent")
    book.write()
    ctx = fake_context()
    check_ledger(ctx, book)
    assert ctx.checks["no acknowledged API write is lost"][0] is None


def test_writing_goes_on_until_it_is_left() -> None:
    book, _ = ledger()
    with Writing(book, interval_s=0.001):
        wait_for(
            "writes",
            lambda: len(book.acknowledged) > 2 or None,
            seconds=30,
            setting="api_up",
            poll_s=0.01,
        )
    count = len(book.acknowledged)
    assert book.lost() == []
    assert len(book.acknowledged) == count


@pytest.mark.parametrize(
    ("there", "before_ok", "point_ok"),
    [
        ({0, 1}, True, True),
        (
            {0, 1, 2, 3},
            True,
            False,
        ),  # nothing after the snapshot is lost: it is not what was restored
        ({0}, False, True),  # a write before the snapshot is lost
    ],
)
def test_the_recovery_point_is_told_and_what_is_older_must_be_there(
    there: set[int], before_ok: bool, point_ok: bool
) -> None:
    book, api = ledger()
    for _ in range(4):
        book.write()
    api.maps[:] = [f"entry-{number:06d}" for number in there]
    ctx = fake_context()
    _report(ctx, book, {0, 1}, 2.5, 61.0)
    assert ctx.checks["what was written before the snapshot is there"][0] is before_ok
    assert ctx.checks["recovery point"][0] is point_ok
    assert "2.5 s" in ctx.checks["recovery point"][1]
    assert ctx.checks["recovery time"] == (
        True,
        "61 s from the loss to the first acknowledged write",
    )


def test_without_one_acknowledged_write_nothing_is_broken() -> None:
    book, _ = ledger(*["silent"] * etcd_quorum_restored.ENTRIES)
    with pytest.raises(StepFailed, match="none of 20 writes"):
        _write(book)


def test_the_snapshot_is_of_a_member_that_is_not_lost_and_its_data_count_once_it_serves(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api: Any = Api()
    api.apply = lambda _objects: None
    api.etcd_members = list
    api.wait = lambda _what, missing, setting: missing()  # noqa: ARG005
    ctx = fake_context("cp1", "cp2", inventory=make_inventory(), api=api)
    monkeypatch.setattr(etcd_quorum_restored, "pause", lambda _s: None)
    monkeypatch.setattr(etcd_quorum_restored, "read_list", lambda _hosts, _node: [])
    saved: list[str] = []

    def snapshot(_ctx: Any, node: str) -> Any:
        assert node == "cp3"
        saved[:] = api.maps
        return SimpleNamespace(keys=1, revision=2)

    def restore(_fault: Any, _ctx: Any, _snapshot: Any, _members: Any) -> None:
        api.maps[:] = saved

    monkeypatch.setattr(etcd_quorum_restored, "take_snapshot", snapshot)
    monkeypatch.setattr(etcd_quorum_restored.QuorumGone, "restore", restore)
    DRILLS[0].run(ctx)
    assert ctx.log[0] == "undo: the ledger"
    (fault,) = ctx.faults
    assert (fault.lost, fault.nodes) == (("cp1", "cp2"), ("cp1", "cp2", "cp3"))
    assert fault.restored
    assert [(name, ok) for name, (ok, _) in ctx.checks.items()] == [
        ("what was written before the snapshot is there", True),
        ("recovery point", True),
        ("recovery time", True),
    ]
