"""What is put back on a load balancer's host.

What was remembered, and nothing that a node of a cluster would lose.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.kubedrill.kubeadm.plugins.modules import node_reset

if TYPE_CHECKING:
    from pathlib import Path


class Ended(Exception):
    """The module's answer."""


class Module:
    """Runs nothing; its answer ends it, as AnsibleModule's does."""

    check_mode = False

    def __init__(self, **params: Any) -> None:
        self.params, self.ran = params, []

    def run_command(self, argv: list[str]) -> tuple[int, str, str]:
        self.ran.append(argv)
        return 0, "", ""

    def exit_json(self, **answer: Any) -> None:
        raise Ended(answer)


def remember(folder: Path, files: dict[str, Any], name: str = "baseline.json") -> None:
    state = folder / "state"
    state.mkdir()
    services = {"haproxy.service": {"enabled": "disabled", "active": "inactive"}}
    (state / name).write_text(json.dumps({"files": files, "services": services, "directories": []}))
    (state / "packages.json").write_text('["haproxy"]')


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, file in (("STATE", ""), ("BASELINE", "baseline.json"), ("PACKAGES", "packages.json")):
        monkeypatch.setattr(node_reset, name, tmp_path / "state" / file)
    monkeypatch.setattr(node_reset, "TRACES", (str(tmp_path / "containerd"),))
    (tmp_path / "containerd").mkdir()
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, module: Module) -> dict[str, Any]:
    monkeypatch.setattr(node_reset, "AnsibleModule", lambda **_: module)
    with pytest.raises(Ended) as caught:
        node_reset.main()
    answer: dict[str, Any] = caught.value.args[0]
    return answer


@pytest.mark.parametrize("name", ["baseline.json", "found.json"])
def test_only_what_was_remembered_is_put_back(
    host: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ours, packaged = host / "haproxy.cfg", host / "other.cfg"
    remember(host, {str(ours): {"content": "theirs\n", "mode": 0o640}, str(packaged): None}, name)
    ours.write_text("ours\n")
    packaged.write_text("ours too\n")
    module = Module(
        member=False, leave=False, pod_network="10.244.0.0/16", bundles=str(host / "bundles")
    )
    answer = run(monkeypatch, module)
    assert (answer["changed"], answer["packages"]) == (True, ["haproxy"])
    assert ours.read_text() == "theirs\n"
    assert not packaged.exists()
    assert not (host / "state").exists()
    assert (host / "containerd").is_dir(), "another program's state on a host that is no node"
    assert {tuple(argv[:2]) for argv in module.ran} == {
        ("systemctl", verb) for verb in ("stop", "disable", "daemon-reload", "reset-failed")
    }


def test_a_host_that_has_nothing_of_ours_is_left_alone(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = Module(
        member=False, leave=False, pod_network="10.244.0.0/16", bundles=str(host / "bundles")
    )
    assert run(monkeypatch, module) == {"changed": False, "removed": [], "packages": []}
    assert module.ran == []


def test_swap_is_turned_on_again_in_each_way_it_was_turned_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_reset, "FSTAB", tmp_path / "fstab")
    monkeypatch.setattr(node_reset, "SWAP_UNITS", tmp_path / "swap-units.json")
    reset = node_reset.Reset(module := Module())  # type: ignore[arg-type]
    reset.swap()
    assert module.ran == [], "nothing was turned off"
    (tmp_path / "fstab").write_text("#kubedrill#   /dev/sda2 none swap sw 0 0\n")
    (tmp_path / "swap-units.json").write_text('["dev-zram0.swap", "zramswap.service"]')
    reset.swap()
    assert (tmp_path / "fstab").read_text() == "  /dev/sda2 none swap sw 0 0\n"
    commands = [" ".join(argv) for argv in module.ran]
    assert "swapon --all" in commands
    assert commands.index("systemctl unmask -- dev-zram0.swap") < commands.index(
        "systemctl daemon-reload"
    )
    assert commands[-1] == "systemctl start -- dev-zram0.swap zramswap.service"
