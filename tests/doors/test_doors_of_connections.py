"""Hosts that cannot be used: each command names all of them first, in one answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from doorkit import LONGEST, NEVER

from kubedrill.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """\
cluster:
  children:
    control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}
    workers:
      hosts:
        w1: {ansible_host: 127.0.0.2, ansible_ssh_private_key_file: absent/key}
        w2: {ansible_host: 127.0.0.3, ansible_become_method: su}
        w3: {ansible_host: 127.0.0.4, ansible_ssh_extra_args: -o Nonsense=yes}
        w4: {ansible_host: no-such-host.invalid}
        w5: {ansible_host: 127.0.0.6, ansible_ssh_common_args: "-o 'Port 1"}
        w6: {ansible_host: 127.0.0.7, ansible_ssh_common_args: "-o 'ProxyCommand=exit 3'"}
  vars:
    cluster_virtual_address: 127.0.0.9
    cluster_node_network: 127.0.0.0/24
    cluster_kubernetes_version: 1.35.4
    drills_allowed: true
    ansible_user: drill
    ansible_port: 1
    ansible_become_password: correct horse
"""
OF_THE_INVENTORY = (
    "w1: its SSH key absent/key does not exist; correct its path",
    "w2: ansible_become_method is 'su'; expected sudo",
    "w3: OpenSSH refuses its arguments or configuration: command-line: line 0: Bad configuration",
    'w5: ansible_ssh_common_args is "-o \'Port 1": No closing quotation; close its quotes',
)
OF_THE_NETWORK = (
    "cp1 (drill@127.0.0.1:1) is unreachable: nothing listens on port 1; is sshd running",
    "w4 (drill@no-such-host.invalid:1): the name no-such-host.invalid does not resolve",
    "w6 (drill@127.0.0.7:1 through its ProxyCommand)",
)
LIST = "7 of 7 hosts of hosts.yml cannot be used:"
QUICKLY = "timeouts: {ssh_connect: 2}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    (tmp_path / "kubedrill.yml").write_text(QUICKLY)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "status", "head", "says"),
    [
        ("drill node-drain", 4, LIST, OF_THE_INVENTORY + OF_THE_NETWORK),
        ("drill node-drain --dry-run", 4, LIST, OF_THE_INVENTORY + OF_THE_NETWORK),
        ("heal", 2, "hosts.yml has 4 mistakes:", OF_THE_INVENTORY),
        ("heal --dry-run", 2, "hosts.yml has 4 mistakes:", OF_THE_INVENTORY),
        ("diagnostics", 3, LIST, OF_THE_INVENTORY + OF_THE_NETWORK),
        ("doctor", 4, "missing: host cp1, host w1, host w2", ("host w4: w4 (drill@no-such-host",)),
    ],
)
def test_all_hosts_that_cannot_be_used(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    line: str,
    status: int,
    *,
    head: str,
    says: tuple[str, ...],
) -> None:
    assert run([*line.split(), "-i", "hosts.yml"]) == status
    captured = capsys.readouterr()
    answer = " ".join((captured.out + captured.err).split())
    for words in (head, *says):
        assert words in answer
    assert [words for words in (*NEVER, "correct horse", "paramiko") if words in answer] == []
    assert len(answer) < LONGEST
    assert not list(folder.glob("reports/*/"))


def test_readiness_names_them_first_and_knows_the_rest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["readiness", "--upgrade-to", "1.36.3", "-o", "json", "-i", str(folder / "hosts.yml")]
    assert run(argv) == 3
    captured = capsys.readouterr()
    errors = " ".join(captured.err.split())
    for words in (LIST.replace("hosts.yml", argv[-1]), *OF_THE_INVENTORY, *OF_THE_NETWORK):
        assert words in errors
    assert json.loads(captured.out)["verdict"] == "unknown"


def test_nodes_of_vagrant_that_are_not_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = INVENTORY.replace("ansible_user: drill", "vm_memory_mb: 2048\n    ansible_user: drill")
    (folder / "hosts.yml").write_text(text)
    assert run(["drill", "node-drain", "-i", "hosts.yml"]) == 4
    answer = " ".join(capsys.readouterr().err.split())
    assert "nothing listens on port 1; run `kubedrill up`, which starts it" in answer
    assert "w1: its SSH key absent/key does not exist; run `kubedrill up`, which makes it" in answer


def test_heal_goes_on_without_a_host_that_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts = "control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}"
    workers = INVENTORY[INVENTORY.index("        w1:") : INVENTORY.index("  vars:")]
    assert hosts in INVENTORY
    (folder / "hosts.yml").write_text(
        INVENTORY.replace(workers, "        w1: {ansible_host: 127.0.0.2}\n")
    )
    assert run(["heal", "--dry-run", "-i", "hosts.yml"]) == 4
    answer = " ".join(capsys.readouterr().out.split())
    assert "left: cp1: could not be looked at" in answer
    assert "left: w1: could not be looked at" in answer


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("hosts", "[cluster:children]\ncontrol_planes\n", "undefined group 'control_planes'"),
        ("hosts.yml", "- a\n- b\n", "it should be a dictionary"),
        ("hosts.yml", "just words\n", "it should be a dictionary"),
    ],
)
def test_an_inventory_that_ansible_cannot_read(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, says: str
) -> None:
    (folder / name).write_text(text)
    assert run(["drill", "node-drain", "-i", name]) == 2
    answer = " ".join(capsys.readouterr().err.split())
    assert says in answer
    assert [words for words in (*NEVER, "<<<", "_datatag") if words in answer] == []
