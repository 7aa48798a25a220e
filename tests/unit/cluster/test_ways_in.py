"""What Ansible reaches, the harness reaches too: on real OpenSSH servers."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sshd import USER, Sshd, agent_of, make_key, needs_sshd

from kubedrill.base.errors import ConfigErrors, DeadlineExceeded
from kubedrill.base.model import Node
from kubedrill.cluster import hosts as hosts_module
from kubedrill.cluster.hosts import Hosts, HostUnreachable
from kubedrill.cluster.inventory import Inventory
from kubedrill.cluster.power import greets
from kubedrill.cluster.ssh_options import SshOptions
from kubedrill.config import Settings, Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_sshd
SETTINGS = Settings(timeouts=Timeouts(ssh_connect=60, ssh_command=60))
FORWARDS_ONLY = ("PermitTTY no", "ForceCommand /bin/false", "X11Forwarding no")


class Lab:
    """A bastion that only forwards, and a target on another port; their keys are known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = make_key(folder / "key")
        self.locked = make_key(folder / "locked", "correct horse")
        self.bastion = Sshd(folder, "bastion", self.key, *FORWARDS_ONLY)
        self.target = Sshd(folder, "target", self.key)
        self.agent_target = Sshd(folder, "agent-target", self.locked)
        self.known_hosts = folder / "known_hosts"
        self.trust_all()

    def trust_all(self) -> None:
        servers = (self.bastion, self.target, self.agent_target)
        self.known_hosts.write_text("".join(server.known for server in servers))

    def config(self, **target: object) -> Path:
        """An ssh_config with a bastion, and options for the target."""
        lines = [
            "Host bastion",
            "  HostName 127.0.0.1",
            f"  Port {self.bastion.port}",
            f"  User {USER}",
            f"  IdentityFile {self.key}",
            "Host cp*",
            "  HostName 127.0.0.1",
            *(f"  {name} {value}" for name, value in target.items()),
            "Host *",
            f"  UserKnownHostsFile {self.known_hosts}",
            "  IdentitiesOnly yes",
        ]
        path = self.folder / "ssh_config"
        path.write_text("\n".join(lines) + "\n")
        return path

    def close(self) -> None:
        for server in (self.bastion, self.target, self.agent_target):
            server.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def hosts_of(address: str, settings: Settings = SETTINGS, **values: object) -> Hosts:
    node = Node("cp1", address, ("control_plane",), dict(values))
    return Hosts(Inventory(Path("inventories/lab"), "lab", (node,), {}), settings)


def says_hello(hosts: Hosts) -> bool:
    with hosts:
        return hosts.read("cp1", ["echo", "hello"], sudo=False).stdout == "hello\n"


def test_all_of_a_way_may_stand_in_the_configuration_of_ssh(lab: Lab) -> None:
    config = lab.config(Port=lab.target.port, IdentityFile=lab.key, User=USER)
    assert says_hello(hosts_of("cp1.lab", ansible_ssh_common_args=f"-F {config}"))


def test_included_and_matched_parts_of_a_configuration_count(lab: Lab) -> None:
    (lab.folder / "included").write_text(
        f"Match host 127.0.0.1 user {USER}\n  IdentityFile {lab.key}\n"
    )
    config = lab.folder / "outer"
    inner = lab.config(Port=lab.target.port, User=USER)
    config.write_text(f"Include {inner}\nInclude {lab.folder}/included\n")
    assert says_hello(hosts_of("cp1", ansible_ssh_extra_args=f"-F {config}"))


@pytest.mark.parametrize(
    "way",
    [
        "-J {user}@bastion",
        "-o ProxyJump=bastion",
        "-o ProxyCommand='ssh -F {config} -W %h:%p bastion'",
        "-oProxyCommand='ssh -F {config} -W \"[%h]:%p\" -p {port} %r@bastion'",
    ],
)
def test_a_node_behind_a_bastion(lab: Lab, way: str) -> None:
    config = lab.config(Port=lab.target.port)
    before = lab.bastion.log.read_text().count("Accepted publickey")
    text = way.format(config=config, user=USER, port=lab.bastion.port)
    hosts = hosts_of(
        "cp1",
        ansible_user=USER,
        ansible_ssh_private_key_file=str(lab.key),
        ansible_ssh_common_args=f"-F {config} {text}",
    )
    assert says_hello(hosts)
    assert lab.bastion.log.read_text().count("Accepted publickey") == before + 1


def test_two_jump_hosts_one_after_the_other(lab: Lab) -> None:
    config = lab.config(Port=lab.target.port, IdentityFile=lab.key)
    before = lab.bastion.log.read_text().count("Accepted publickey")
    assert says_hello(
        hosts_of("cp1", ansible_ssh_common_args=f"-F {config} -J bastion,{USER}@bastion")
    )
    assert lab.bastion.log.read_text().count("Accepted publickey") == before + 2


def test_the_jump_host_ends_with_the_connection(lab: Lab) -> None:
    config = lab.config(Port=lab.target.port, IdentityFile=lab.key, ProxyJump="bastion")
    with hosts_of("cp1", ansible_ssh_common_args=f"-F {config}") as hosts:
        hosts.read("cp1", ["true"], sudo=False)
        process = hosts._connections["cp1"]._line.process
        assert process is not None
        assert process.poll() is None
    assert process.poll() is not None


def test_power_sees_a_server_behind_a_bastion(lab: Lab) -> None:
    config = lab.config(Port=lab.target.port, ProxyJump="bastion")
    values: dict[str, Any] = {"ansible_ssh_common_args": f"-F {config}"}
    assert greets(SshOptions.of(Node("cp1", "cp1", ("worker",), values)))


def test_a_key_with_a_passphrase_that_the_agent_holds(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {
        "ansible_port": lab.agent_target.port,
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={lab.known_hosts} -F none",
    }
    alone = tmp_path / "locked"  # without its public half beside it
    alone.write_text(lab.locked.read_text())
    alone.chmod(0o600)
    other = make_key(tmp_path / "other")
    with agent_of(tmp_path, (other, ""), (lab.locked, "correct horse")) as place:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        assert says_hello(hosts_of("127.0.0.1", **values))
        named = {**values, "ansible_ssh_private_key_file": str(alone)}
        assert says_hello(hosts_of("127.0.0.1", **named))
        monkeypatch.delenv("SSH_AUTH_SOCK")
        arguments = f"{values['ansible_ssh_common_args']} -o IdentityAgent={place}"
        assert says_hello(hosts_of("127.0.0.1", **{**named, "ansible_ssh_common_args": arguments}))
    with pytest.raises(ConfigErrors, match=f"no agent holds it; run: ssh-add {alone}"):
        says_hello(hosts_of("127.0.0.1", **named))


def test_only_named_identities_are_offered_where_the_configuration_says_so(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = lab.config(Port=lab.agent_target.port)
    with agent_of(tmp_path, (lab.locked, "correct horse")) as place:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(place))
        with pytest.raises(HostUnreachable, match="refused no key, as there is none"):
            says_hello(hosts_of("cp1", ansible_ssh_common_args=f"-F {config}"))
        config = lab.config(Port=lab.agent_target.port, IdentityFile=f"{lab.locked}.pub")
        assert says_hello(hosts_of("cp1", ansible_ssh_common_args=f"-F {config}"))


def test_an_agent_that_hangs_takes_no_longer_than_its_deadline(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubedrill.cluster.ssh_keys.AGENT_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "silent"))
        config = lab.config(Port=lab.target.port)
        with pytest.raises(HostUnreachable, match=f"no key of the agent at {tmp_path}/silent: "):
            says_hello(hosts_of("cp1", ansible_ssh_common_args=f"-F {config}"))


@pytest.mark.parametrize(
    "line", ["127.0.0.1 {key}", "127.0.0.* {key}", "[127.0.0.1]:* {key}", "|hashed"]
)
def test_known_hosts_are_read_as_openssh_reads_them(lab: Lab, tmp_path: Path, line: str) -> None:
    file, key = tmp_path / "known", lab.target.known.split(" ", 1)[1].strip()
    file.write_text(lab.target.known if line == "|hashed" else line.format(key=key) + "\n")
    if line == "|hashed":
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
        assert "127.0.0.1" not in file.read_text()
    arguments = f"-F none -o UserKnownHostsFile={file}"
    values: dict[str, Any] = {"ansible_port": lab.target.port, "ansible_ssh_common_args": arguments}
    assert says_hello(hosts_of("127.0.0.1", ansible_ssh_private_key_file=str(lab.key), **values))
    file.write_text(f"{file.read_text()}@revoked * {key}\n")
    with pytest.raises(HostUnreachable, match="its host key is not in"):
        says_hello(hosts_of("127.0.0.1", ansible_ssh_private_key_file=str(lab.key), **values))


def test_a_bastion_that_refuses_is_named_with_its_own_words(lab: Lab, tmp_path: Path) -> None:
    config = lab.config(Port=lab.target.port, IdentityFile=lab.key)
    wrong = make_key(tmp_path / "wrong")
    text = config.read_text().replace(
        f"  IdentityFile {lab.key}\nHost", f"  IdentityFile {wrong}\nHost"
    )
    config.write_text(text)
    with pytest.raises(
        HostUnreachable, match=r"through bastion\) is unreachable: .*Permission denied"
    ):
        says_hello(hosts_of("cp1", ansible_ssh_common_args=f"-F {config} -J bastion"))


def test_an_unknown_bastion_asks_nobody(lab: Lab) -> None:
    config = lab.config(Port=lab.target.port, IdentityFile=lab.key, ProxyJump="bastion")
    lab.known_hosts.write_text(lab.target.known)
    try:
        with pytest.raises(HostUnreachable, match="Host key verification failed"):
            says_hello(hosts_of("cp1", ansible_ssh_common_args=f"-F {config}"))
    finally:
        lab.trust_all()


def test_every_call_keeps_its_deadline_also_through_a_bastion_that_hangs(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts_module, "GRACE_S", 0.2)
    monkeypatch.setattr(hosts_module, "REUSED_S", 0.5)
    config = lab.config(Port=lab.target.port, IdentityFile=lab.key, ProxyJump="bastion")
    quick = Settings(timeouts=Timeouts(ssh_connect=5, ssh_command=60))
    with hosts_of("cp1", quick, ansible_ssh_common_args=f"-F {config}") as hosts:
        hosts.read("cp1", ["true"], sudo=False)
        hosts.settings = Settings(timeouts=Timeouts(ssh_connect=0.5))
        lab.bastion.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            with pytest.raises((DeadlineExceeded, HostUnreachable)):
                hosts.read("cp1", ["true"], 0.3, sudo=False)
            with pytest.raises((DeadlineExceeded, HostUnreachable)):
                hosts.change("cp1", ["cat"], 0.3, stdin="x" * 3_000_000)
            assert time.monotonic() - began < 20
        finally:
            lab.bastion.signal(signal.SIGCONT)
