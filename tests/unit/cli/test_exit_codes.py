"""The one table of exit statuses: whole, documented, and kept where it can be tried."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from command_tree import commands

from kubedrill.base.errors import (
    ConfigErrors,
    DeadlineExceeded,
    KubedrillError,
    StepFailed,
    Unreachable,
    Unsafe,
)
from kubedrill.cli.exit_codes import ALWAYS, COMMANDS, OTHERS, meanings, status_of
from kubedrill.cli.main import run
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.ssh_connect import HostUnreachable

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "exit-codes.md"
INVENTORY = """\
cluster:
  children:
    control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}
    workers: {hosts: {w1: {ansible_host: 127.0.0.2}}}
  vars:
    cluster_virtual_address: 127.0.0.9
    cluster_node_network: 127.0.0.0/24
    cluster_kubernetes_version: 1.35.4
    drills_allowed: true
    ansible_port: 1
    ansible_ssh_common_args: -o UserKnownHostsFile=KNOWN -o StrictHostKeyChecking=yes
"""
QUICKLY = "timeouts: {ssh_connect: 1, api_up: 1, node_boot: 1, steady: 1}\n"
ASKING = [
    ["drill", "node-drain"],
    ["drill", "node-drain", "--dry-run"],
    ["heal"],
    ["heal", "--dry-run"],
    ["app", "status"],
    ["app", "rotate"],
    ["app", "remove"],
    ["app", "load", "--rates", "50", "--seconds", "60"],
    ["app", "traffic", "--seconds", "1"],
]
"""Commands that ask a cluster, and change nothing before that."""


COMMANDS_SHOWN = [path for path, command in commands() if not isinstance(command, click.Group)]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options that name a cluster of which nothing answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    known = tmp_path / "known_hosts"
    known.touch()
    (tmp_path / "hosts.yml").write_text(INVENTORY.replace("KNOWN", str(known)), encoding="utf-8")
    (tmp_path / "kubedrill.yml").write_text(QUICKLY, encoding="utf-8")
    return ["-i", str(tmp_path / "hosts.yml")]


def test_the_table_names_commands_that_there_are() -> None:
    assert set(COMMANDS) <= set(COMMANDS_SHOWN)


@pytest.mark.parametrize("command", COMMANDS_SHOWN)
def test_every_command_says_the_same_by_usage_and_by_what_could_not_be_asked(command: str) -> None:
    assert {0, 1, 2, 4} - set(meanings(command)) <= {1}
    if command != "doctor":  # whose host lacks what the others are refused for
        assert meanings(command)[2] == ALWAYS[2]


def test_the_documentation_has_the_table() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for code, meaning in {**OTHERS, **ALWAYS}.items():
        assert f"| {code} | {meaning} |" in text
    for command in COMMANDS:
        [row] = [line for line in text.splitlines() if f"`{command}`" in line and "|" in line]
        expected = meanings(command)
        assert [cell.strip() for cell in row.split("|")[2:7]] == [
            expected.get(code, "") for code in range(5)
        ]


@pytest.mark.parametrize(
    "error",
    [HostUnreachable("w1"), ApiUnavailable("no answer"), Unreachable("nobody"), Unsafe("no")],
)
@pytest.mark.parametrize("command", ["drill", "up", "app status", ""])
def test_what_could_not_be_asked_is_4_everywhere(error: KubedrillError, command: str) -> None:
    error.command = command
    assert status_of(error) == 4


@pytest.mark.parametrize(
    ("command", "code"),
    [("drill", 4), ("nightly", 4), ("readiness", 4), ("heal", 4), ("up", 1), ("bundle build", 1)],
)
def test_an_error_is_never_what_a_command_judges(command: str, code: int) -> None:
    for error in (StepFailed("no"), DeadlineExceeded("x", 1, "api_up")):
        error.command = command
        assert status_of(error) == code
    mistake = ConfigErrors("kubedrill.yml", ["x"])
    mistake.command = command
    assert status_of(mistake) == 2


@pytest.mark.parametrize("argv", ASKING, ids=" ".join)
def test_a_cluster_that_does_not_answer_is_4(
    argv: list[str], cluster: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*argv, *cluster]) == 4
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err


@pytest.mark.parametrize("command", COMMANDS_SHOWN)
def test_an_unknown_option_is_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err
