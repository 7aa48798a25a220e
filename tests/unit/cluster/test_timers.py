import pytest
from fakes import live_timers

from kubedrill.base.errors import KubedrillError
from kubedrill.cluster.balancers import parse_haproxy, parse_keepalived, parse_vrrp_script
from kubedrill.cluster.flags import parse_flags, seconds
from kubedrill.cluster.timers import LiveTimers, Timer

KEEPALIVED = """
global_defs {
    vrrp_version 3   # sub-second advertisements need it
}
vrrp_instance kubedrill {
    # advert_int 9
    advert_int 0.3
    priority 102
}
vrrp_instance other {
    advert_int 7
}
"""
HAPROXY = """
defaults
    timeout connect 2s
    timeout check 400
backend api
    default-server inter 500ms fall 2 rise 3  # inter 9s
    server cp1 172.31.77.11:6443 check
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [("40s", 40), ("1m30s", 90), ("250ms", 0.25), ("1.5h", 5400), ("7", 7), ("0.3", 0.3), (5, 5)],
)
def test_durations(text: str | float, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "5 s", "s5", "5x", "5s!"])
def test_what_is_no_duration_is_not_guessed(text: str) -> None:
    with pytest.raises(KubedrillError, match="is not a duration"):
        seconds(text)


def test_flags() -> None:
    result = parse_flags(["kube-controller-manager", "--a-b=1=2", "--leader-elect", "-v=2"])
    assert result == {"a-b": "1=2", "leader-elect": "true"}


def test_keepalived_s_first_instance_without_comments() -> None:
    assert parse_keepalived(KEEPALIVED) == {"vrrp_version": 3, "advert_int": 0.3, "priority": 102}


def test_keepalived_s_check_of_the_balancer() -> None:
    text = (
        'vrrp_script haproxy {\n  script "/x"\n  interval 2\n  fall 3 # rise 9\n  rise '
        "1\n}\nfall 9\n"
    )
    assert parse_vrrp_script(text) == {"interval": 2, "fall": 3}
    assert parse_vrrp_script(KEEPALIVED) == {}


def test_keepalived_rounds_what_version_2_cannot_say() -> None:
    assert parse_keepalived("vrrp_instance a {\n advert_int 0.3\n}\n") == {"advert_int": 1}


def test_haproxy_with_its_own_units() -> None:
    assert parse_haproxy(HAPROXY) == {"inter": 0.5, "fall": 2, "rise": 3, "check": 0.4}


def test_servers_without_settings_give_no_values() -> None:
    assert parse_haproxy("backend api\n server a 1.2.3.4:6443 check\n") == {}


def timers(version: int) -> LiveTimers:
    return live_timers(
        vrrp_advert=Timer("advert_int", 0.256, "test"),
        vrrp_priority={"cp1": 128, "cp2": 64, "cp3": 32},
        vrrp_version=version,
    )


def test_vrrp_takeover_is_three_adverts_and_the_skew_of_the_best_that_is_left() -> None:
    assert timers(3).vrrp_takeover_s("cp1") == pytest.approx(3 * 0.256 + 192 / 256 * 0.256)
    assert timers(3).vrrp_takeover_s("cp2") == pytest.approx(3 * 0.256 + 128 / 256 * 0.256)
    assert timers(2).vrrp_takeover_s("cp1") == pytest.approx(3 * 0.256 + 192 / 256)


def test_a_timer_says_where_it_was_read() -> None:
    assert str(Timer("fall", 2, "haproxy.cfg", "")) == "fall 2 (haproxy.cfg)"
    assert timers(3).describe("vrrp_advert") == ("advert_int 0.256 s (test)",)
