"""What an interrupted join left is removed; what lives is not."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.modules import kubeadm_join_token

PLANES = {"cp2": "10.0.0.12", "cp3": "10.0.0.13"}


class Cluster:
    """Answers kubectl and etcdctl, and records what is removed."""

    def __init__(self, **params: Any) -> None:
        self.params = {"nodes": ["cp2", "cp3", "w1"], "control_planes": PLANES, "interrupted": []}
        self.params.update(params)
        self.nodes: list[str] = ["cp1"]
        self.renewing: list[str] = []
        self.members: list[dict[str, Any]] = [member(1, "cp1", "10.0.0.11")]
        self.answering: list[str] = []
        self.removed: list[str] = []
        self.clock = itertools.count()

    def run_command(self, argv: list[str], **_: Any) -> tuple[int, str, str]:
        words = " ".join(argv[1:])
        if "get nodes" in words:
            return 0, "".join(f"node/{name}\n" for name in self.nodes), ""
        if "get leases" in words:
            now = next(self.clock)
            return 0, "".join(f"{n} {now if n in self.renewing else 0}\n" for n in self.nodes), ""
        if "member list" in words:
            return 0, json.dumps({"members": self.members}), ""
        if "endpoint health" in words:
            url = argv[argv.index("--endpoints") + 1]
            return (0, "healthy", "") if url in self.answering else (1, "", "refused")
        assert "delete node/" in words or "member remove" in words
        self.removed.append(next(word for word in argv if "node/" in word or word == argv[-1]))
        return 0, "", ""


def member(number: int, name: str, address: str, **more: Any) -> dict[str, Any]:
    urls = {"peerURLs": [f"https://{address}:2380"], "clientURLs": [f"https://{address}:2379"]}
    return {"ID": number, "name": name, **urls, **more}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    fake = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _: next(seconds))
    monkeypatch.setattr(kubeadm_join_token, "time", fake)


def clean(cluster: Cluster) -> None:
    kubeadm_join_token.remove_interrupted_joins(cluster)  # type: ignore[arg-type]


def test_what_is_dead_is_removed() -> None:
    cluster = Cluster()
    cluster.nodes += ["cp2", "w1", "other"]
    cluster.renewing += ["cp1", "other"]
    cluster.members += [
        member(2, "cp2", "10.0.0.12"),
        {**member(10, "", "10.0.0.13"), "clientURLs": [], "isLearner": True},
    ]
    clean(cluster)
    assert cluster.removed == ["node/cp2", "node/w1", "2", "a"]


def test_a_dead_member_does_not_block_its_name_at_another_address() -> None:
    cluster = Cluster()
    cluster.members.append(member(11, "cp2", "10.0.0.99"))
    clean(cluster)
    assert cluster.removed == ["b"]


def test_a_node_that_joined_meanwhile_is_not_removed() -> None:
    cluster = Cluster()
    cluster.nodes += ["cp2", "w1"]
    cluster.renewing += ["w1"]
    with pytest.raises(kubeadm_join_token.JoinTokenError) as caught:
        clean(cluster)
    assert cluster.removed == []
    text = str(caught.value)
    assert text.startswith("the kubelet of node w1 renewed its Lease just now, though the host")
    assert text.endswith("nothing was removed")


def test_a_member_that_answers_is_not_removed() -> None:
    cluster = Cluster()
    cluster.members += [member(2, "elsewhere", "10.0.0.12"), member(3, "cp3", "10.0.0.13")]
    cluster.answering += ["https://10.0.0.12:2379", "https://10.0.0.11:2379"]
    with pytest.raises(kubeadm_join_token.JoinTokenError) as caught:
        clean(cluster)
    assert cluster.removed == []
    expected = "the etcd member elsewhere at the address of cp2 answers, though the host"
    assert str(caught.value).startswith(expected)


def test_an_interrupted_join_is_removed_though_it_lives() -> None:
    cluster = Cluster(interrupted=["cp2"])
    cluster.nodes += ["cp2"]
    cluster.renewing += ["cp2"]
    cluster.members += [member(2, "cp2", "10.0.0.12")]
    cluster.answering += ["https://10.0.0.12:2379"]
    clean(cluster)
    assert cluster.removed == ["node/cp2", "2"]


def test_a_learner_is_removed_though_it_answers() -> None:
    cluster = Cluster()
    cluster.members += [member(2, "cp2", "10.0.0.12", isLearner=True)]
    cluster.answering += ["https://10.0.0.12:2379"]
    clean(cluster)
    assert cluster.removed == ["2"]
