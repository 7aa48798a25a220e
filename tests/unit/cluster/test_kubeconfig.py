import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.hosts import CommandResult, HostUnreachable
from kubedrill.cluster.kubeconfig import (
    fetch_admin_conf,
    through_virtual_address,
    write_client_cert,
    write_private,
)
from kubedrill.cluster.virtual_address import has_address

PARTS = {"ca": "CA", "crt": "CERTIFICATE", "key": "KEY"}
ENCODED = {name: base64.b64encode(text.encode()).decode() for name, text in PARTS.items()}
CONFIG = yaml.safe_dump(
    {
        "clusters": [
            {
                "cluster": {
                    "server": "https://cp1:6443",
                    "certificate-authority-data": ENCODED["ca"],
                },
                "name": "k",
            }
        ],
        "users": [
            {
                "user": {
                    "client-certificate-data": ENCODED["crt"],
                    "client-key-data": ENCODED["key"],
                },
                "name": "u",
            }
        ],
    }
)


class Answers:
    """Hosts of which each gives a canned answer."""

    def __init__(self, **answers: CommandResult | HostUnreachable) -> None:
        self.answers = answers

    def read(self, node: Any, *_: Any, **_options: Any) -> CommandResult:
        answer = self.answers[node.name]
        if isinstance(answer, HostUnreachable):
            raise answer
        return answer


def test_any_control_plane_serves(make_inventory: Any) -> None:
    hosts = Answers(
        cp1=HostUnreachable("cp1 is off"),
        cp2=CommandResult(1, "", "cat: no"),
        cp3=CommandResult(0, CONFIG, ""),
    )
    assert fetch_admin_conf(make_inventory(), hosts) == CONFIG  # type: ignore[arg-type]


def test_when_none_serves_each_answer_is_told(make_inventory: Any) -> None:
    hosts = Answers(
        cp1=HostUnreachable("cp1 is off"),
        cp2=CommandResult(1, "", "cat: no"),
        cp3=CommandResult(0, "", ""),
    )
    with pytest.raises(StepFailed) as caught:
        fetch_admin_conf(make_inventory(), hosts)  # type: ignore[arg-type]
    assert "  - cp1 is off\n  - cp2: cat: no\n  - cp3: it is empty\n" in str(caught.value)


def test_the_server_is_the_virtual_address_and_nothing_else_changes() -> None:
    before = yaml.safe_load(CONFIG)
    after = yaml.safe_load(through_virtual_address(CONFIG, "https://10.0.0.10:8443"))
    assert after["clusters"][0]["cluster"].pop("server") == "https://10.0.0.10:8443"
    before["clusters"][0]["cluster"].pop("server")
    assert after == before


def test_credentials_are_private_and_written_once(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    write_private(path, CONFIG)
    for _ in range(2):
        paths = write_client_cert(path)
    assert [p.read_text(encoding="utf-8") for p in paths] == list(PARTS.values())
    assert {oct(p.stat().st_mode & 0o777) for p in (path, *paths)} == {"0o600"}


def test_an_existing_file_is_never_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.touch(0o644)
    with pytest.raises(FileExistsError):
        write_private(path, CONFIG)


def test_addresses_are_compared_as_addresses() -> None:
    listed = '[{"addr_info": [{"local": "172.31.77.101"}, {"local": "fe80::1"}]}, {}]'
    assert has_address(listed, "172.31.77.101")
    assert has_address(listed, "fe80:0::1")
    assert not has_address(listed, "172.31.77.10")
