import json
from dataclasses import replace
from typing import Any

from kubedrill.cluster.etcd import Member, leader, parse, problems


def answers(
    member_id: int = 1,
    leader_id: int = 1,
    names: tuple[str, ...] = ("cp1", "cp2", "cp3"),
    **more: Any,
) -> str:
    status = {
        "header": {"member_id": member_id, "revision": 9},
        "version": "3.6.6",
        "dbSize": 4096,
        "leader": leader_id,
    }
    lines = [
        [{"Endpoint": "https://127.0.0.1:2379", "Status": {**status, **more}}],
        {"members": [{"ID": i, "name": name} for i, name in enumerate(names)]},
        {"header": {}, "alarms": [{"memberID": 1, "alarm": 1}]}
        if more.get("full")
        else {"header": {}},
    ]
    return "\n".join(json.dumps(line) for line in lines) + "\n"


def healthy() -> list[Member]:
    return [parse(f"cp{i}", answers(member_id=i)) for i in (1, 2, 3)]


def test_three_members_with_one_leader_are_healthy() -> None:
    assert problems(healthy()) == []
    assert leader(healthy()) == "cp1"


def test_what_a_member_says_is_read() -> None:
    member = parse("cp2", answers(member_id=7, leader_id=7))
    assert (member.leads, member.version, member.db_bytes, member.revision) == (
        True,
        "3.6.6",
        4096,
        9,
    )


def test_a_member_that_does_not_answer() -> None:
    members = [*healthy()[:2], Member("cp3", error="cp3 is unreachable")]
    assert problems(members) == ["etcd on cp3: cp3 is unreachable"]
    assert leader(members) == "cp1"


def test_a_member_too_many_or_too_few() -> None:
    members = [parse(f"cp{i}", answers(member_id=i, names=("cp1", "cp2"))) for i in (1, 2, 3)]
    assert problems(members)[0] == "etcd on cp1 knows 2 members (cp1, cp2), expected 3"


def test_no_leader_learner_and_alarm() -> None:
    assert "etcd on cp1 has no leader" in problems(
        [parse("cp1", answers(leader_id=0, names=("cp1",)))]
    )
    assert any(
        "learner" in text
        for text in problems([parse("cp1", answers(names=("cp1",), isLearner=True))])
    )
    assert problems([parse("cp1", answers(names=("cp1",), full=True))]) == ["etcd alarm: NOSPACE"]


def test_members_that_disagree_have_no_leader() -> None:
    members = [replace(member, leader_id=i) for i, member in enumerate(healthy(), 1)]
    assert leader(members) is None
    assert "etcd members disagree about their leader" in problems(members)


def test_a_leader_that_does_not_answer_is_not_guessed() -> None:
    members = [replace(member, leader_id=9) for member in healthy()]
    assert leader(members) is None


def test_an_answer_cut_short_is_an_error_and_not_health() -> None:
    assert parse("cp1", "").error == "etcdctl printed 0 answers, expected 3"
