"""Whose certificates are renewed, and why a renewal must not begin: functions of the live state."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.filter import certificate_plan

NOW, HOUR, DAY = 1_800_000_000, 3600, 86400
PLANES = ("cp1", "cp2", "cp3")
ALL = {"when_left": "", "fresh": "1h"}
SOON = {"when_left": "30d", "fresh": "1h"}


def certificate(age: int = 300 * DAY, left: int = 65 * DAY) -> dict[str, int]:
    return {"issued": NOW - age, "expires": NOW + left}


def make_state(**more: Any) -> dict[str, Any]:
    return {
        "certificates": {"pki/apiserver.crt": certificate(), "admin.conf": certificate()},
        "missing": ["super-admin.conf"],
        "unusable": {},
        "authorities": {"pki/ca": {"expires": NOW + 3000 * DAY, "key": True}},
        "down": {},
        "outdated": {},
        "begun": False,
        "version": "1.36.3",
        "now": NOW,
        **more,
    }


def make_cluster(**nodes: dict[str, Any]) -> dict[str, Any]:
    def node(name: str) -> dict[str, Any]:
        plane = name in PLANES
        return {"ready": True, "control_plane": plane, "upgrading_to": "", **nodes.get(name, {})}

    return {"nodes": {name: node(name) for name in (*PLANES, "w1", *nodes)}}


def refusals(
    states: dict[str, Any] | None = None, cluster: Any = None, **expected: Any
) -> list[str]:
    states = {name: make_state() for name in PLANES} if states is None else states
    return certificate_plan.refusals(
        states,
        make_cluster() if cluster is None else cluster,
        {
            "machines": {name: {"versions": {"etcd": "3"}} for name in states},
            "errors": {},
            "control_planes": list(PLANES),
            "settings": ALL,
            "api": "the API does not answer through the virtual address: timeout",
            **expected,
        },
    )


def test_all_are_renewed_as_kubeadm_does_it() -> None:
    assert certificate_plan.steps(make_state(), ALL) == {"renew": True, "restart": True}


def test_a_node_that_an_interrupted_run_has_renewed_is_not_renewed_again() -> None:
    young = {"pki/apiserver.crt": certificate(HOUR - 1), "admin.conf": certificate(HOUR - 1)}
    state = make_state(certificates=young)
    assert certificate_plan.steps(state, ALL) == {"renew": False, "restart": False}
    assert certificate_plan.steps(state, {**ALL, "fresh": "0s"})["renew"]
    young["admin.conf"] = certificate(HOUR)
    assert certificate_plan.steps(state, ALL)["renew"]


@pytest.mark.parametrize(("left", "renew"), [(30 * DAY, False), (30 * DAY - 1, True), (-DAY, True)])
def test_a_timer_renews_only_what_expires_soon(left: int, renew: bool) -> None:
    state = make_state()
    state["certificates"]["admin.conf"] = certificate(left=left)
    assert certificate_plan.steps(state, SOON)["renew"] is renew


def test_one_that_is_made_to_expire_soon_is_not_renewed_all_the_time() -> None:
    short = make_state(certificates={"admin.conf": certificate(age=60, left=10 * DAY)})
    assert not certificate_plan.steps(short, SOON)["renew"]


@pytest.mark.parametrize("more", [{"begun": True}, {"outdated": {"etcd": "started before"}}])
def test_servers_of_renewed_files_are_finished_without_renewing_them_again(
    more: dict[str, Any],
) -> None:
    state = make_state(certificates={"admin.conf": certificate(60)}, **more)
    assert certificate_plan.steps(state, ALL) == {"renew": False, "restart": True}


def test_a_pair_that_a_power_cut_tore_apart_is_renewed() -> None:
    state = make_state(
        certificates={"admin.conf": certificate(60)}, begun=True, unusable={"pki/a.crt": "x"}
    )
    assert certificate_plan.steps(state, ALL) == {"renew": True, "restart": True}


def test_the_plan_tells_each_node_s_part() -> None:
    fresh = {"admin.conf": certificate(60, 365 * DAY)}
    states = {
        "cp1": make_state(certificates=fresh),
        "cp2": make_state(certificates=fresh, begun=True),
        "cp3": make_state(),
        "cp4": make_state(certificates=fresh, outdated={"etcd": "started before"}),
    }
    assert certificate_plan.plan_lines(states, ALL) == [
        "cp1: nothing to do, the first (admin.conf) expires on 2028-01-15 08:00 UTC",
        "cp2: finish what an earlier run began",
        "cp3: renew 2 certificates, the first (pki/apiserver.crt) expires on 2027-03-21 08:00 UTC",
        "cp4: restart with the certificates that are there: etcd started before",
    ]


def test_a_healthy_cluster_is_not_refused() -> None:
    assert refusals() == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"authorities": {"pki/ca": {"expires": NOW + DAY, "key": False}}},
            "cp1 has no /etc/kubernetes/pki/ca.key: its certificates are signed by an authority",
        ),
        (
            {"authorities": {"pki/ca": {"expires": NOW, "key": True}}},
            "/etc/kubernetes/pki/ca.crt on cp1 ran out on 2027-01-15 08:00 UTC",
        ),
        (
            {"authorities": {"pki/ca": {"expires": 0, "key": True}}},
            "/etc/kubernetes/pki/ca.crt on cp1 cannot be read",
        ),
        (
            {"certificates": {"scheduler.conf": certificate(left=0)}},
            "on cp1, certificates have run out",
        ),
        ({"missing": ["pki/etcd/peer.crt"]}, "cp1 has no /etc/kubernetes/pki/etcd/peer.crt"),
        ({"unusable": {"admin.conf": "torn"}}, "/etc/kubernetes/admin.conf on cp1: torn"),
        ({"down": {"etcd": "does not run"}}, "etcd on cp1 does not run: repair it first"),
    ],
)
def test_what_is_wrong_with_a_node_is_named_before_anything_is_touched(
    more: dict[str, Any], reason: str
) -> None:
    states = {**{name: make_state() for name in PLANES}, "cp1": make_state(**more)}
    (actual,) = refusals(states)
    assert reason in actual


def test_what_expired_is_listed_with_what_to_do() -> None:
    state = make_state()
    state["certificates"] = {"admin.conf": certificate(left=0), "pki/a.crt": certificate(left=-DAY)}
    (actual,) = refusals({**{name: make_state() for name in PLANES}, "cp2": state})
    assert "admin.conf (2027-01-15 08:00 UTC), pki/a.crt (2027-01-14 08:00 UTC)" in actual
    assert "kubeadm certs renew all" in actual


def test_a_node_that_an_earlier_run_was_killed_at_may_be_down_torn_and_not_ready() -> None:
    half = make_state(begun=True, unusable={"pki/a.crt": "torn"}, down={"etcd": "does not run"})
    states = {**{name: make_state() for name in PLANES}, "cp2": half}
    assert refusals(states, make_cluster(cp2={"ready": False})) == []


def test_all_mistakes_come_at_once() -> None:
    states = {"cp1": make_state(missing=["admin.conf"], down={"etcd": "does not run"})}
    actual = refusals(
        states,
        make_cluster(
            cp9={"control_plane": True},
            w1={"ready": False},
            cp3={"upgrading_to": "1.36.3"},
        ),
        machines={
            "cp1": {"versions": {"etcd": "3"}},
            "cp2": {"trouble": "unreachable", "why": "no route"},
            "cp3": {"versions": {"etcd": "3"}},
            "cp4": {"versions": {}},
        },
        errors={"cp3": "containerd does not answer"},
        control_planes=[*PLANES, "cp4"],
        settings={"when_left": "a month", "fresh": "1"},
    )
    assert [re.split(r"[:,]", line)[0] for line in actual] == [
        "certificates_renew_when_left",
        "certificates_fresh",
        "cp2 cannot be reached over SSH (no route)",
        "cp3",
        "cp4 has not joined the cluster",
        "cp1 has no /etc/kubernetes/admin.conf",
        "etcd on cp1 does not run",
        "node cp3 is in the middle of an upgrade to 1.36.3",
        "the cluster is already broken",
        "control plane cp9 of the cluster is not in the inventory",
        "control plane cp4 of the inventory is not in the cluster",
    ]


def test_no_answer_of_the_api_is_a_refusal_but_for_the_only_control_plane_s_own() -> None:
    (actual,) = refusals(cluster={})
    assert actual == "the API does not answer through the virtual address: timeout"
    alone = {"cp1": make_state(begun=True)}
    assert refusals(alone, {}, control_planes=["cp1"]) == []
    assert refusals(alone, {}, control_planes=["cp1", "cp2"]) != []


@pytest.mark.parametrize("text", ["", "30", "d", "30 days", "-1d", "1h30m", None])
def test_what_is_no_length_of_time_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is no length of time, such as 30d"):
        certificate_plan.seconds(text)
