"""A node's own addresses are never asked through the proxy of its environment."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import direct, upgrade_cluster
from ansible_collections.kubedrill.kubeadm.plugins.modules import preflight_node

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = Path(__file__).resolve().parents[3] / "roles"


class Handler(BaseHTTPRequestHandler):
    """Answers 200, as a healthy etcd does."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback, and a proxy in the environment that answers nobody."""
    for name in (*direct.PROXIES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:9")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_loopback_is_asked_directly(url: str) -> None:
    assert direct.http_status(f"{url}/health", timeout=3) == 200
    assert direct.http_status(f"{url}/missing", timeout=3) == 404
    assert direct.http_status("http://127.0.0.1:9/", timeout=3) == 0
    assert upgrade_cluster.http_ok(f"{url}/health")
    assert not upgrade_cluster.http_ok(f"{url}/missing")


def test_programs_of_the_upgrade_ask_no_proxy(url: str) -> None:
    assert upgrade_cluster.run(["sh", "-c", "echo $NO_PROXY:$no_proxy"], env=None) == "*:*\n", url


@pytest.mark.usefixtures("url")
def test_proxies_are_named_without_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "10.0.0.0/24")
    result = preflight_node.surroundings()["proxy"]
    assert result == {
        "variables": "HTTPS_PROXY, https_proxy, http_proxy",
        "no_proxy": "10.0.0.0/24",
    }


def tasks(result: Any) -> Iterator[dict[str, Any]]:
    for task in result or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def test_tasks_that_ask_the_api_or_etcd_ask_no_proxy() -> None:
    for path in sorted(ROLES.glob("*/tasks/*.yml")):
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if "ansible.builtin.uri" in task:
                assert task["ansible.builtin.uri"]["use_proxy"] is False, task["name"]
            command = task.get("ansible.builtin.command") or task.get("ansible.builtin.shell")
            if "bin/kubectl" in str(command) or "kubectl -n" in str(command):
                environment = task.get("environment", {})
                assert direct.NO_PROXY.items() <= environment.items(), task["name"]
    for name in ("upgrade", "rollback"):
        text = (ROLES / name / "vars" / "main.yml").read_text(encoding="utf-8")
        argv = yaml.safe_load(text)[f"_{name}_kubectl"]
        assert argv[:4] == ["env", "NO_PROXY=*", "no_proxy=*", "kubectl"]
