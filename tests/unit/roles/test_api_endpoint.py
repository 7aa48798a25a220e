"""The balancer's configuration for both kinds of endpoint.

What predictions are made of is read back from it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from kubedrill.cluster.balancers import node_ports_apart, parse_haproxy

ROLE = Path(__file__).resolve().parents[3] / "roles" / "api_endpoint"
NAMES = {"cp1": 11, "cp2": 12, "cp3": 13, "w1": 21, "w2": 22}


def render(planes: int = 3, template: str = "haproxy.cfg.j2", **values: Any) -> str:
    """As Ansible renders it: blocks leave no empty lines, an undefined variable is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML
    )
    address = {name: {"address": f"10.0.0.{last}"} for name, last in NAMES.items()}
    given = {
        **yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8")),
        "cluster_api_port": 8443,
        "groups": {"control_planes": list(NAMES)[:planes], "workers": ["w1", "w2"]},
        "hostvars": {
            name: {"ansible_facts": {"kubedrill_node": result}} for name, result in address.items()
        },
        **values,
    }
    return environment.get_template(template).render(given)


def test_on_control_planes_it_passes_the_api_only() -> None:
    text = render(cluster_endpoint_kind="virtual_address")
    assert re.findall(r"^    server (.+)$", text, re.MULTILINE) == [
        "cp1 10.0.0.11:6443",
        "cp2 10.0.0.12:6443",
        "cp3 10.0.0.13:6443",
    ]
    assert "node-ports" not in text
    assert node_ports_apart(text) == (text, "")


def test_what_leaves_the_cluster_is_neither_balanced_nor_a_peer() -> None:
    text = render(cluster_endpoint_kind="external", api_endpoint_leave_out=["cp1", "w2"])
    api, ports = node_ports_apart(text)
    assert re.findall(r"^    server (\S+)", api, re.MULTILINE) == ["cp2", "cp3"]
    assert re.findall(r"^    server (\S+)", ports, re.MULTILINE) == [
        "node-cp2",
        "node-cp3",
        "node-w1",
    ]
    text = render(cluster_endpoint_kind="virtual_address", api_endpoint_leave_out=["cp1", "cp2"])
    assert "fall 20" in text, "the one that is left is given time"


def test_priorities_are_those_of_an_inventory_without_what_leaves() -> None:
    rest = {"cluster_virtual_address": "10.0.0.10", "inventory_hostname": "cp3"}
    facts = {"kubedrill_node": {"address": "10.0.0.13", "interface": "eth1"}}
    rest.update(ansible_facts=facts, _api_endpoint_alive_s=1, _api_endpoint_alive_script="x")
    text = render(template="keepalived.conf.j2", api_endpoint_leave_out=["cp1"], **rest)
    assert "priority 140" in text
    assert re.findall(r"^        (10\.0\.0\.1[123])$", text, re.MULTILINE) == ["10.0.0.12"]
    assert "vrrp_check_unicast_src" in text, "adverts count when a peer sent them"


def test_outside_the_cluster_it_passes_node_ports_of_every_node_too() -> None:
    api, ports = node_ports_apart(render(cluster_endpoint_kind="external"))
    assert "bind :8443" in api
    assert "bind :30000-32767" in api
    nodes = [f"node-{name} 10.0.0.{last}" for name, last in NAMES.items()]
    assert re.findall(r"^    server (.+)$", ports, re.MULTILINE) == nodes, (
        "no port: the one that the client asked"
    )
    assert "check port 10256" in ports
    assert "shutdown-sessions" not in ports, "kube-proxy restarts in an upgrade, and cuts nobody"
    assert "observe" not in ports, "a port that nobody serves must not take its nodes out"


def test_a_site_may_keep_node_ports_to_itself() -> None:
    assert "node-ports" not in render(cluster_endpoint_kind="external", api_endpoint_node_ports="")


@pytest.mark.parametrize(("planes", "fall"), [(1, 20), (3, 4)])
def test_its_timers_are_read_back_apart(planes: int, fall: int) -> None:
    text = render(planes, cluster_endpoint_kind="external", api_endpoint_check_fall=4)
    api, ports = node_ports_apart(text)
    assert parse_haproxy(api) == {"inter": 0.5, "fall": fall, "rise": 1, "check": 0.5}
    assert parse_haproxy(ports)["fall"] == 3


@pytest.mark.parametrize(
    ("interval_ms", "fast_ms", "check_s"), [(500, 200, 0.5), (3000, 1200, 3.0), (100, 40, 0.5)]
)
def test_a_slow_machine_is_not_asked_more_often_when_it_fails_and_has_as_long_to_answer(
    interval_ms: int, fast_ms: int, check_s: float
) -> None:
    text = render(
        cluster_endpoint_kind="virtual_address", api_endpoint_check_interval_ms=interval_ms
    )
    assert f" inter {interval_ms}ms fastinter {fast_ms}ms downinter {interval_ms}ms " in text
    assert parse_haproxy(text)["check"] == check_s
