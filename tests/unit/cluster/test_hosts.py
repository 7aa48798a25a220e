import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from kubedrill.base.errors import ConfigErrors, DeadlineExceeded, StepFailed, UsageError
from kubedrill.base.model import Node
from kubedrill.base.waits import wait_for
from kubedrill.cluster import hosts as hosts_module
from kubedrill.cluster.become import Become
from kubedrill.cluster.hosts import CommandResult, Hosts, HostUnreachable, command_line
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.ssh_connect import Connection
from kubedrill.config import Settings, Timeouts

SETTINGS = Settings(timeouts=Timeouts(ssh_connect=60, ssh_command=60))
"""Deadlines that no test waits for: a handshake of two keys on a crowded machine may take
seconds."""


def inventory(server: Any, **more: object) -> Inventory:
    values = {
        "ansible_port": server.port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(server.key_file),
        "ansible_ssh_common_args": (
            f"-o UserKnownHostsFile={server.known_hosts} -o StrictHostKeyChecking=yes"
        ),
        **more,
    }
    return Inventory(Path("x"), "x", (Node("a", "127.0.0.1", ("control_plane",), values),), {})


@pytest.fixture
def hosts(server: Any) -> Iterator[Hosts]:
    server.trust(server.host_key)
    with Hosts(inventory(server), SETTINGS) as opened:
        yield opened


def test_output_errors_and_code_come_back(hosts: Hosts) -> None:
    result = hosts.read("a", "echo out; echo err >&2; exit 3", check=False)
    assert (result.rc, result.stdout, result.stderr, result.ok) == (3, "out\n", "err\n", False)


def test_words_are_passed_as_they_are(hosts: Hosts) -> None:
    assert hosts.read("a", ["printf", "%s|", "a b", "$HOME", "'"]).stdout == "a b|$HOME|'|"


def test_input_reaches_the_command(hosts: Hosts) -> None:
    assert hosts.read("a", ["tr", "a-z", "A-Z"], stdin="loud").stdout == "LOUD"


def test_much_output_on_both_streams_does_not_block(hosts: Hosts) -> None:
    result = hosts.read(
        "a", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' y >&2"
    )
    assert (len(result.stdout), len(result.stderr)) == (3_000_000, 3_000_000)


def test_one_connection_serves_many_commands(hosts: Hosts, server: Any) -> None:
    before = server.sessions
    for _ in range(5):
        hosts.read("a", ["true"])
    assert server.sessions == before + 1


def test_a_connection_that_died_is_replaced(hosts: Hosts, server: Any) -> None:
    hosts.read("a", ["true"])
    server.drop()
    assert hosts.read("a", ["echo", "back"]).stdout == "back\n"


def test_a_connection_that_dies_under_a_command_is_named(
    hosts: Hosts, server: Any, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"

    def drop() -> None:
        wait_for(
            "the command to run",
            lambda: mark.exists() or None,
            seconds=60,
            setting="ssh_command",
            poll_s=0.02,
        )
        server.drop()

    dropping = threading.Thread(target=drop)
    dropping.start()
    with pytest.raises(HostUnreachable, match="the SSH connection broke"):
        hosts.read("a", f"touch {mark}; sleep 60")
    dropping.join()
    assert hosts.read("a", ["echo", "back"]).stdout == "back\n"


def once_too_slow(session: Any) -> Any:
    calls = iter([True])

    def slow(*args: Any) -> Any:
        if next(calls, False):
            raise paramiko.SSHException("Timeout opening channel.")
        return session(*args)

    return slow


def test_a_slow_connection_is_replaced_without_ending_what_others_run_on_it(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, go = tmp_path / "mark", tmp_path / "go"
    actual: list[CommandResult] = []
    line = f"touch {mark}; until [ -e {go} ]; do sleep 0.02; done; echo done"
    other = threading.Thread(target=lambda: actual.append(hosts.read("a", line)))
    other.start()
    wait_for(
        "the command to run",
        lambda: mark.exists() or None,
        seconds=60,
        setting="ssh_command",
        poll_s=0.02,
    )
    monkeypatch.setattr(Connection, "session", once_too_slow(Connection.session))
    assert hosts.read("a", ["echo", "mine"]).stdout == "mine\n"
    go.touch()
    other.join()
    assert [result.stdout for result in actual] == ["done\n"]


def test_a_command_that_takes_too_long_is_ended_on_the_node(hosts: Hosts, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(
        DeadlineExceeded, match=r"waited 0.3 s \(timeouts.ssh_command\) for a to run"
    ):
        hosts.read("a", f"sleep 20; touch {mark}", 0.3)
    assert not mark.exists()


def test_a_server_that_never_answers_the_request_to_run_a_command(
    hosts: Hosts, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_module, "GRACE_S", 0.1)
    server.answering.clear()
    try:
        with pytest.raises(DeadlineExceeded, match=r"waited 0.3 s .*; its SSH server did not"):
            hosts.read("a", ["true"], 0.3)
    finally:
        server.answering.set()
    monkeypatch.undo()
    assert hosts.read("a", ["echo", "back"]).stdout == "back\n"


def test_check_names_host_command_and_words(hosts: Hosts) -> None:
    with pytest.raises(StepFailed, match=r"a: .*ended with 2, expected 0: no such thing"):
        hosts.read("a", "echo no such thing >&2; exit 2")


def test_an_unknown_host_key_is_refused(hosts: Hosts, server: Any) -> None:
    server.known_hosts.write_text("", encoding="utf-8")
    with pytest.raises(HostUnreachable, match="host key is not in"):
        hosts.read("a", ["true"])


def test_another_host_key_is_refused(hosts: Hosts, server: Any) -> None:
    server.trust(paramiko.RSAKey.generate(2048))
    with pytest.raises(HostUnreachable, match="shows another host key"):
        hosts.read("a", ["true"])
    assert hosts.reachable("a") is False


def test_a_key_that_the_node_does_not_know(server: Any, tmp_path: Path) -> None:
    server.trust(server.host_key)
    paramiko.RSAKey.generate(2048).write_private_key_file(str(tmp_path / "other.key"))
    wrong = inventory(server, ansible_ssh_private_key_file=str(tmp_path / "other.key"))
    with (
        Hosts(wrong, SETTINGS) as hosts,
        pytest.raises(HostUnreachable, match=r"refused .*other.key"),
    ):
        hosts.read("a", ["true"])


@pytest.fixture
def locked(server: Any, tmp_path: Path) -> Path:
    """The key that the server knows, with a passphrase, and its public half beside it."""
    server.trust(server.host_key)
    file = tmp_path / "locked"
    server.allowed.write_private_key_file(str(file), password="correct horse")
    public = f"{server.allowed.get_name()} {server.allowed.get_base64()} me@here\n"
    file.with_name("locked.pub").write_text(public, encoding="utf-8")
    return file


def test_a_key_with_a_passphrase_that_no_agent_has(
    server: Any, locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with (
        Hosts(inventory(server, ansible_ssh_private_key_file=str(locked)), SETTINGS) as hosts,
        pytest.raises(ConfigErrors, match=f"no agent holds it; run: ssh-add {locked}"),
    ):
        hosts.read("a", ["true"])


def test_the_keys_of_two_known_hosts_files_count(server: Any, tmp_path: Path) -> None:
    server.trust(server.host_key)
    (tmp_path / "first").write_text("", encoding="utf-8")
    files = f"{tmp_path / 'first'} {server.known_hosts}"
    both = inventory(server, ansible_ssh_common_args=f"-o 'UserKnownHostsFile={files}'")
    with Hosts(both, SETTINGS) as hosts:
        assert hosts.reachable("a")


def test_nobody_listens(server: Any) -> None:
    with (
        Hosts(inventory(server, ansible_port=1), SETTINGS) as hosts,
        pytest.raises(HostUnreachable, match="nothing listens on port 1; is sshd running"),
    ):
        hosts.read("a", ["true"])


def test_a_port_that_accepts_and_says_nothing(server: Any) -> None:
    settings = Settings(timeouts=Timeouts(ssh_connect=0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = inventory(server, ansible_port=silent.getsockname()[1])
        with (
            Hosts(mute, settings) as hosts,
            pytest.raises(HostUnreachable, match=r"in 0.2 s \(timeouts.ssh_connect"),
        ):
            hosts.read("a", ["true"])


def test_a_missing_key_or_known_hosts_file_is_the_inventory_s_mistake(
    server: Any, tmp_path: Path
) -> None:
    absent = tmp_path / "absent"
    with (
        Hosts(inventory(server, ansible_ssh_private_key_file=str(absent)), SETTINGS) as hosts,
        pytest.raises(ConfigErrors, match=r"SSH key .* does not exist"),
    ):
        hosts.read("a", ["true"])
    with (
        Hosts(
            inventory(server, ansible_ssh_common_args=f"-o UserKnownHostsFile={absent}"), SETTINGS
        ) as hosts,
        pytest.raises(HostUnreachable, match=f"host key is not in {absent}"),
    ):
        hosts.read("a", ["true"])


def test_an_unknown_name_is_a_usage_error(hosts: Hosts) -> None:
    with pytest.raises(UsageError, match="expected one of: a"):
        hosts.read("b", ["true"])


def test_testinfra_uses_the_same_connection(hosts: Hosts, server: Any, tmp_path: Path) -> None:
    hosts.read("a", ["true"])
    before = server.sessions
    host = hosts.testinfra("a")
    (tmp_path / "file").write_text("größer\n", encoding="utf-8")
    assert host.file(str(tmp_path / "file")).content_string == "größer\n"
    assert host.run("printf %s; echo err >&2; exit 3", "a 'b'").stdout == "a 'b'"
    assert host.run("exit 3").rc == 3
    assert server.sessions == before
    assert hosts.testinfra("a") is host


def test_commands_become_root_only_where_they_have_to() -> None:
    assert command_line("id -u", 5).endswith("timeout -k 5 5 sh -c 'id -u'")
    assert command_line(["id"], 5, Become()).startswith("sudo -n -- ")


def test_commands_find_programs_in_usr_local_whatever_the_path_of_sudo(hosts: Hosts) -> None:
    path = hosts.read("a", "echo $PATH").stdout.strip().split(":")
    assert path[:4] == ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"]


def test_host_key_checking_is_never_turned_off(server: Any) -> None:
    server.known_hosts.write_text("", encoding="utf-8")
    arguments = f"-o UserKnownHostsFile={server.known_hosts} -o StrictHostKeyChecking=no"
    try:
        with (
            Hosts(inventory(server, ansible_ssh_common_args=arguments), SETTINGS) as hosts,
            pytest.raises(HostUnreachable, match="its host key is not in"),
        ):
            hosts.read("a", ["true"])
    finally:
        server.trust(server.host_key)
