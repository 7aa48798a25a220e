"""Root by sudo, with a password or without, which no command, log or error shows."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.model import Node
from kubedrill.cluster.become import Become
from kubedrill.cluster.hosts import Hosts, SudoRefused, command_line
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.ssh_options import SshOptions
from kubedrill.config import Settings, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = Settings(timeouts=Timeouts(ssh_connect=60, ssh_command=60))
SECRET = "correct horse; $(id) 'battery'"
SUDO = """#!/bin/sh
# As sudo(8): -n asks nobody, -S takes the password from the input, three times.
echo "$*" >>"$PLACE/lines"
ask=
while [ $# -gt 0 ]; do
  case "$1" in
    -n) ask=nobody; shift ;;
    -S) ask=input; shift ;;
    -p) shift 2 ;;
    --) shift; break ;;
  esac
done
case "$(cat "$PLACE/mode")" in
  free) exec "$@" ;;
  stranger) echo "drill is not in the sudoers file." >&2; exit 1 ;;
esac
if [ "$ask" = nobody ]; then echo "sudo: a password is required" >&2; exit 1; fi
echo "We trust you have received the usual lecture." >&2
for _ in 1 2 3; do
  IFS= read -r given || { echo "sudo: no password was provided" >&2; exit 1; }
  if [ "$given" = "$(cat "$PLACE/password")" ]; then exec "$@"; fi
  echo "Sorry, try again." >&2
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1
"""


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A sudo that is "free", needs the "password", or knows the user not at all."""
    program = tmp_path / "bin" / "sudo"
    program.parent.mkdir()
    program.write_text(SUDO.replace("$PLACE", str(tmp_path)))
    program.chmod(0o755)
    (tmp_path / "password").write_text(SECRET)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def set_mode(mode: str) -> Path:
        (tmp_path / "mode").write_text(mode)
        return tmp_path / "lines"

    return set_mode


def hosts_of(server: Any, **values: object) -> Hosts:
    server.trust(server.host_key)
    variables = {
        "ansible_port": server.port,
        "ansible_user": "drill",
        "ansible_ssh_private_key_file": str(server.key_file),
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={server.known_hosts}",
        **values,
    }
    node = Node("a", "127.0.0.1", ("worker",), variables)
    return Hosts(Inventory(Path("x"), "x", (node,), {}), SETTINGS)


@pytest.mark.parametrize("mode", ["free", "password"])
@pytest.mark.parametrize("stdin", ["", "one\ntwo\n", f"{SECRET}\n"])
def test_a_command_gets_its_input_and_no_password(
    server: Any, sudo: Callable[[str], Path], mode: str, stdin: str
) -> None:
    lines = sudo(mode)
    with hosts_of(server, ansible_become_password=SECRET) as hosts:
        assert hosts.change("a", "cat; echo end", stdin=stdin).stdout == f"{stdin}end\n"
        assert hosts.read("a", ["printf", "%s|", "a b", "$HOME"]).stdout == "a b|$HOME|"
        assert hosts.read("a", "exit 3", check=False).rc == 3
    assert SECRET not in lines.read_text()


@pytest.mark.parametrize(
    "values",
    [
        {"ansible_become_pass": SECRET},
        {"ansible_sudo_pass": SECRET},
        {"ansible_become_method": "ansible.builtin.sudo", "ansible_become_password": SECRET},
    ],
)
def test_every_name_of_the_password(
    server: Any, sudo: Callable[[str], Path], values: dict[str, str]
) -> None:
    sudo("password")
    with hosts_of(server, **values) as hosts:
        assert hosts.read("a", ["echo", "root"]).stdout == "root\n"


@pytest.mark.parametrize("executable", [False, True])
def test_the_password_in_a_file(
    server: Any,
    sudo: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    executable: bool,
) -> None:
    sudo("password")
    file = tmp_path / "secret"
    file.write_text(f'#!/bin/sh\ncat "{tmp_path}/password"\n' if executable else f"{SECRET}\n")
    file.chmod(0o700 if executable else 0o600)
    monkeypatch.setenv("ANSIBLE_BECOME_PASSWORD_FILE", str(file))
    with hosts_of(server) as hosts:
        assert hosts.read("a", ["echo", "root"]).stdout == "root\n"
    file.write_text("#!/bin/sh\n" if executable else "")
    with (
        hosts_of(server) as hosts,
        pytest.raises(ConfigErrors, match=f"become_password_file {file}: it gives no password"),
    ):
        hosts.read("a", ["true"])


@pytest.mark.parametrize(
    "case",
    [
        ("password", None, "a password is required; set ansible_become_password, in a vault"),
        ("password", "wrong", "sudo refused the password of drill: correct ansible_become_pass"),
        ("stranger", SECRET, "drill is not in the sudoers file.; let drill become root by sudo"),
        ("stranger", None, "drill is not in the sudoers file.; let drill become root by sudo"),
    ],
)
def test_why_nobody_became_root(
    server: Any,
    sudo: Callable[[str], Path],
    caplog: pytest.LogCaptureFixture,
    case: tuple[str, str | None, str],
) -> None:
    mode, password, says = case
    sudo(mode)
    caplog.set_level(logging.DEBUG)
    values = {} if password is None else {"ansible_become_password": password}
    with hosts_of(server, **values) as hosts, pytest.raises(SudoRefused) as caught:
        hosts.change("a", ["cat"], stdin="the file's contents\n", check=False)
    assert (
        str(caught.value) == f"a (drill@127.0.0.1:{server.port}): {caught.value}".split(": ", 1)[1]
    )
    assert says in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text


def test_sudo_that_is_not_there(server: Any) -> None:
    values = {"ansible_become_exe": "/absent/sudo"}
    with (
        hosts_of(server, **values) as hosts,
        pytest.raises(SudoRefused, match="/absent/sudo is not installed"),
    ):
        hosts.read("a", ["true"])


def test_a_command_of_root_that_speaks_of_sudo_is_no_refusal(
    server: Any, sudo: Callable[[str], Path]
) -> None:
    sudo("free")
    with hosts_of(server) as hosts:
        result = hosts.read("a", "echo 'visudo: all is well' >&2; exit 1", check=False)
    assert (result.rc, result.stderr) == (1, "visudo: all is well\n")


def test_the_password_is_in_no_command_and_not_shown() -> None:
    node = Node("a", "h", ("worker",), {"ansible_become_password": SECRET, "ansible_user": "me"})
    options = SshOptions.of(node)
    assert options.become == Become(password=SECRET)
    assert SECRET not in command_line(["id"], 5, options.become) + repr(options) + str(options)
