from dataclasses import replace
from typing import Any

import pytest
from fakes import live_timers

from kubedrill.base.model import OutageLimit
from kubedrill.cluster.timers import LiveTimers, Timer
from kubedrill.config.limits import Limits
from kubedrill.core.limits import expected_limits
from kubedrill.core.predictions import (
    Expected,
    Loss,
    balancer,
    failed_check,
    goodbye,
    loss_expected,
    only_plane_swapped,
    planned_work,
    takeover,
)


def node_loss(timers: LiveTimers, limits: Limits, loss: Loss) -> list[OutageLimit]:
    return expected_limits(limits, loss_expected(timers, loss))


def timer(name: str, value: float, unit: str = "s") -> Timer:
    return Timer(name, value, "test", unit)


@pytest.fixture
def timers() -> LiveTimers:
    return live_timers(
        node_monitor_grace=timer("node-monitor-grace-period", 50),
        node_monitor_period=timer("node-monitor-period", 5),
        lease_duration=timer("lease duration", 40),
        lease_renew=timer("lease renewal", 10),
        status_update=timer("status update", 10),
        toleration=timer("toleration", 300),
        leader_lease=timer("leader lease", 15),
        leader_renew=timer("leader renew", 10),
        leader_retry=timer("leader retry", 2),
        etcd_heartbeat=timer("heartbeat-interval", 0.1),
        etcd_election=timer("election-timeout", 1),
        vrrp_advert=timer("advert_int", 0.3),
        vrrp_priority={"cp1": 110, "cp2": 105, "cp3": 100},
        vrrp_version=3,
        haproxy_inter=timer("inter", 0.5),
        haproxy_fall=timer("fall", 2, ""),
        haproxy_rise=timer("rise", 2, ""),
        haproxy_check=timer("timeout check", 0.5),
        proxy_min_sync=timer("minSyncPeriod", 1),
    )


def by_probes(budgets: Any) -> Any:
    return {budget.probes: budget for budget in budgets}


def test_worker_with_app_pods_costs_the_app_grace_plus_period_plus_sync(timers: LiveTimers) -> None:
    result = by_probes(node_loss(timers, Limits(app_outage_s=60), Loss("w1", app_pods=2)))
    assert result["app-*"].predicted_s == 56
    assert result["app-*"].limit_s == 60
    assert result["api-*"].predicted_s == 0
    assert result["dns*"].predicted_s == 0
    assert any("node-monitor-grace-period 50 s" in line for line in result["app-*"].because)


def test_holder_of_the_address_costs_vrrp_takeover_and_the_balancers_checks_side_by_side(
    timers: LiveTimers,
) -> None:
    result = by_probes(node_loss(timers, Limits(), Loss("cp1", holds_vip=True, control_plane=True)))
    # takeover 3 x 0.3 + (256 - 105) / 256 x 0.3 = 1.08; balancer 0.5 + 2 x 0.5 = 1.5
    assert result["app-*"].predicted_s == pytest.approx(1.077, abs=0.001)
    assert result["api-*"].predicted_s == pytest.approx(1.5)
    assert any("slowest counts" in line for line in result["api-*"].because)


def test_behind_a_balancer_every_node_is_on_the_way_to_the_app_and_none_holds_an_address(
    timers: LiveTimers,
) -> None:
    slow = replace(timers, port_fall=timer("fall", 6, ""))
    result = by_probes(node_loss(slow, Limits(), Loss("w1", passes_node_ports=True)))
    assert result["app-*"].predicted_s == pytest.approx(0.5 + 6 * 0.5)
    assert result["api-*"].predicted_s == 0


def test_skew_is_of_the_next_in_line_not_of_the_lost_one(timers: LiveTimers) -> None:
    lost_cp2 = by_probes(node_loss(timers, Limits(), Loss("cp2", holds_vip=True)))[
        "app-*"
    ].predicted_s
    lost_cp1 = by_probes(node_loss(timers, Limits(), Loss("cp1", holds_vip=True)))[
        "app-*"
    ].predicted_s
    assert lost_cp2 < lost_cp1


def test_etcd_leader_costs_an_election(timers: LiveTimers) -> None:
    slow = replace(timers, etcd_election=timer("election-timeout", 5))
    result = by_probes(node_loss(slow, Limits(), Loss("cp2", leads_etcd=True, control_plane=True)))
    assert result["api-*"].predicted_s == 10


def test_planned_work_predicts_nothing_and_keeps_the_configured_counts() -> None:
    result = by_probes(
        expected_limits(
            Limits(app_max_failed=0, api_outage_s=1), planned_work("preStop", "untouched")
        )
    )
    assert (result["app-*"].predicted_s, result["app-*"].max_failed) == (0, 0)
    assert (result["api-*"].limit_s, result["api-*"].because) == (1, ("untouched",))


def test_the_only_control_plane_is_away_while_it_is_upgraded(timers: LiveTimers) -> None:
    assert only_plane_swapped(timers, ["cp1", "cp2"]) is None
    away = only_plane_swapped(timers, ["cp1"])
    budgets = by_probes(
        expected_limits(
            Limits(), planned_work("drained first", "taken out of the balancer first", away)
        )
    )
    assert (budgets["app-*"].predicted_s, budgets["api-*"].predicted_s) == (0, 31.5)
    assert budgets["api-*"].because[0].startswith("there is no API server but cp1's: 30 s at most")


def test_losing_the_active_controller_manager_too_adds_its_lease(timers: LiveTimers) -> None:
    result = by_probes(node_loss(timers, Limits(), Loss("cp1", dns_pods=1, leads_controllers=True)))
    assert result["dns*"].predicted_s == 15 + 2 + 56
    assert any("leader lease 15 s" in line for line in result["dns*"].because)


def test_a_holder_that_says_goodbye_costs_the_skew_only(timers: LiveTimers) -> None:
    assert goodbye(timers, "cp1").seconds == pytest.approx((256 - 105) / 256 * 0.3)
    assert takeover(timers, "cp1").seconds - goodbye(timers, "cp1").seconds == pytest.approx(0.9)


def test_a_balancer_that_is_gone_costs_keepalived_s_check_and_the_skew(timers: LiveTimers) -> None:
    checked = replace(
        timers,
        check_interval=timer("interval", 1),
        check_timeout=timer("timeout", 2),
        check_fall=timer("fall", 3, ""),
    )
    assert failed_check(checked, "cp1").seconds == pytest.approx(
        1 + 3 * 2 + goodbye(timers, "cp1").seconds
    )


def test_expectations_become_budgets_with_the_reason_where_nothing_is_expected(
    timers: LiveTimers,
) -> None:
    expected = Expected(api=(balancer(timers, "cp1"), goodbye(timers, "cp1")), app_why="rules stay")
    result = by_probes(expected_limits(Limits(api_outage_s=4), expected))
    assert (result["app-*"].predicted_s, result["app-*"].because) == (0, ("rules stay",))
    assert (result["api-*"].predicted_s, result["api-*"].limit_s) == (1.5, 4)
