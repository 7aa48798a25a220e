"""containerd's unit, with and without a proxy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles" / "containerd"
FACTS = {"kubedrill_node": {"can_raise_resources": True}}
CLUSTER = {
    "cluster_node_network": "10.0.0.0/24",
    "cluster_pod_network": "10.244.0.0/16",
    "cluster_service_network": "10.96.0.0/12",
    "cluster_endpoint_address": "10.0.0.10",
}


def render(**values: Any) -> str:
    """As Ansible renders it: an undefined variable is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML
    )
    environment.filters["unique"] = lambda items: list(dict.fromkeys(items))
    direct = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["_containerd_direct"]
    expression = environment.compile_expression(direct.strip().strip("{}"))
    given = {
        **yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()),
        "ansible_facts": FACTS,
        "_containerd_direct": expression(**{**CLUSTER, **values}),
        **values,
    }
    return environment.get_template("containerd.service.j2").render(given)


def test_without_a_proxy_nothing_is_said_of_one() -> None:
    text = render()
    assert "PROXY" not in text
    assert "\n\n\n" not in text
    assert "[Service]\nExecStart=/usr/local/bin/containerd\n" in text


@pytest.mark.parametrize(
    ("proxy", "written"),
    [
        ("http://192.0.2.80:3128", "http://192.0.2.80:3128"),
        ("http://me:p%40ss@proxy:80", "http://me:p%%40ss@proxy:80"),
        ('http://a"b\\c', 'http://a\\"b\\\\c'),
    ],
)
def test_a_proxy_is_for_what_is_outside_the_cluster(proxy: str, written: str) -> None:
    text = render(containerd_proxy=proxy, containerd_no_proxy=["registry.lab", "10.0.0.10"])
    lines = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
    assert lines[0] == f'"HTTP_PROXY={written}" "HTTPS_PROXY={written}"'
    networks = "10.0.0.0/24,10.244.0.0/16,10.96.0.0/12,10.0.0.10"
    expected = f"localhost,127.0.0.1,{networks},.svc,.cluster.local,registry.lab"
    assert lines[1] == f'"NO_PROXY={expected}"'


def test_without_an_address_of_the_api_there_is_no_empty_entry() -> None:
    assert ",," not in render(containerd_proxy="http://p", cluster_endpoint_address="")
