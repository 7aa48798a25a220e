from pathlib import Path
from typing import Any

import pytest

from kubedrill.base.errors import ConfigErrors, UsageError
from kubedrill.base.model import Node
from kubedrill.cluster.ssh_options import SshOptions


def options(**host_vars: Any) -> SshOptions:
    return SshOptions.of(Node("a", "10.0.0.1", ("worker",), host_vars))


def test_ansible_s_variables_are_understood(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch()
    result = options(ansible_user="me", ansible_port="2222", ansible_ssh_private_key_file=str(key))
    assert (result.host, result.port, result.user, result.key_file) == ("10.0.0.1", 2222, "me", key)


@pytest.mark.parametrize(
    "arguments",
    [
        "-o UserKnownHostsFile=/k/h -o StrictHostKeyChecking=yes",
        "-oUserKnownHostsFile=/k/h",
        "-C -o 'UserKnownHostsFile /k/h'",
        '-o ControlMaster=auto -o UserKnownHostsFile="/k/h"',
    ],
)
def test_options_in_ssh_arguments_are_found_however_they_are_written(arguments: str) -> None:
    assert options(ansible_ssh_common_args=arguments).known_hosts == (Path("/k/h"),)


@pytest.mark.parametrize(
    "arguments",
    ['-o "UserKnownHostsFile=/k/h /k/i"', """-o 'UserKnownHostsFile "/k/h" "/k/i"'"""],
)
def test_several_files_of_known_hosts(arguments: str) -> None:
    result = options(ansible_ssh_common_args=arguments)
    assert result.known_hosts == (Path("/k/h"), Path("/k/i"))


def test_one_file_of_known_hosts_whose_path_has_a_blank(tmp_path: Path) -> None:
    file = tmp_path / "known hosts"
    file.touch()
    for value in (f"UserKnownHostsFile={file}", f'UserKnownHostsFile="{file}"'):
        assert options(ansible_ssh_common_args=f"-o '{value}'").known_hosts == (file,)


def test_the_first_of_two_options_counts_as_with_ssh() -> None:
    result = options(
        ansible_ssh_args="-o Port=1", ansible_ssh_extra_args="-o Port=2 -o HostKeyAlias=b"
    )
    assert (result.port, result.host_key_alias) == (1, "b")


@pytest.mark.parametrize("name", ["ANSIBLE_PRIVATE_KEY_FILE", "ANSIBLE_BECOME_PASSWORD_FILE"])
def test_home_of_an_unknown_user_in_ansible_settings(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "~nobody9/file")
    with pytest.raises(UsageError, match=f"{name} .* no home directory of nobody9 is known"):
        options()


def test_identity_of_an_unknown_users_home_is_no_file() -> None:
    result = options(ansible_ssh_common_args="-o IdentityFile=~nobody9/key")
    assert Path("~nobody9/key") in (result.key_file, *result.identities)


def test_passwords_are_not_shown() -> None:
    result = options(ansible_password="hunter2")
    assert result.password == "hunter2"
    assert "hunter2" not in repr(result)


@pytest.mark.parametrize(
    ("host_vars", "expected"),
    [
        ({"ansible_ssh_private_key_file": "/absent/key"}, "its SSH key /absent/key does not exist"),
        ({"ansible_ssh_private_key_file": "~nobody9/key"}, "a: its SSH key is .*without ~"),
        ({"ansible_ssh_common_args": "-F /absent"}, "refuses .*Can't open .*/absent"),
        ({"ansible_ssh_common_args": "-o Nonsense=1"}, "Bad configuration option: nonsense"),
        ({"ansible_become_method": "su"}, "ansible_become_method is 'su'; expected sudo"),
        ({"ansible_become_user": "admin"}, "ansible_become_user is 'admin'; expected root"),
        (
            {"ansible_ssh_common_args": "-o 'HostKeyAlias=a\nProxyCommand x'"},
            "a: the SSH argument 'HostKeyAlias=a",
        ),
        ({"ansible_ssh_args": "-o 'Port 22"}, "No closing quotation; close its quotes"),
        ({"ansible_ssh_common_args": "-o"}, "refuses its arguments .*no argument after keyword"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_tried(
    host_vars: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigErrors, match=expected.replace("(", r"\(")):
        options(**host_vars)
