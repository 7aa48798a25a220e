"""Distributions by what their own documentation says of them; only Debian's were run live."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import distributions
from ansible_collections.kubedrill.kubeadm.plugins.modules import node_facts

ROLES = Path(__file__).resolve().parents[3] / "roles"

# os-release of the distributions' own images
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n'
TESTING = 'PRETTY_NAME="Debian GNU/Linux trixie/sid"\nVERSION_CODENAME=trixie\nID=debian\n'
UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n'
RHEL = 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\nPRETTY_NAME="Red Hat Enterprise Linux 9.4"\n'
STREAM = 'ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="10"\nPRETTY_NAME="CentOS Stream 10"\n'
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n# a comment\n'
ORACLE = 'ID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.5"\n'
SLES = 'ID="sles"\nID_LIKE="suse"\nVERSION_ID="15.6"\n'
LEAP = 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n'
TUMBLEWEED = 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\nVERSION_ID="20250101"\n'
OLD_RHEL = 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="8.10"\nPRETTY_NAME="RHEL 8.10"\n'
OLD_UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="20.04"\n'
FEDORA = 'ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora Linux 41"\n'
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n'
ARCH = 'ID=arch\nPRETTY_NAME="Arch Linux"\n'
ALPINE = 'ID=alpine\nVERSION_ID=3.20.3\nNAME="Alpine\n'


@pytest.mark.parametrize(
    ("text", "family", "supported"),
    [
        (DEBIAN, "debian", True),
        (TESTING, "debian", True),
        (UBUNTU, "debian", True),
        (RHEL, "redhat", True),
        (STREAM, "redhat", True),
        (ROCKY, "redhat", True),
        (ORACLE, "redhat", True),
        (SLES, "suse", True),
        (LEAP, "suse", True),
        (TUMBLEWEED, "suse", True),
        (OLD_RHEL, "redhat", False),
        (OLD_UBUNTU, "debian", False),
        (FEDORA, "redhat", False),
        (MINT, "debian", False),
        (ARCH, "", False),
        (ALPINE, "", False),
        ("", "", False),
    ],
)
def test_a_distribution_is_known_by_its_os_release(
    text: str, family: str, *, supported: bool
) -> None:
    distribution = distributions.parse_os_release(text)
    assert distribution["family"] == family
    assert distributions.is_supported(distribution) == supported
    assert distribution["name"]


def test_os_release_is_read_in_either_place(tmp_path: Path) -> None:
    assert distributions.read_os_release(tmp_path)["name"] == "an unknown Linux"
    (tmp_path / "usr" / "lib").mkdir(parents=True)
    (tmp_path / "usr" / "lib" / "os-release").write_text(SLES)
    assert distributions.read_os_release(tmp_path)["id"] == "sles"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text(UBUNTU)
    assert distributions.read_os_release(tmp_path)["name"] == "Ubuntu 24.04.1 LTS"


def test_all_supported_ones_are_named_with_their_releases() -> None:
    assert set(distributions.NAMES) == set(distributions.SUPPORTED)
    names = distributions.supported_names()
    assert "Debian 11 or 12 or 13, Ubuntu 22.04 or 24.04, RHEL 9 or 10" in names
    assert names.endswith("openSUSE Leap 15.6 or 16.0, openSUSE Tumbleweed")


PACKAGES = {
    "debian": {"conntrack", "ethtool", "iptables", "mount", "nftables", "socat"},
    "redhat": {"conntrack-tools", "ethtool", "iptables-nft", "util-linux", "nftables", "socat"},
    "suse": {"conntrack-tools", "ethtool", "iptables", "util-linux", "nftables", "socat"},
}


@pytest.mark.parametrize("family", [*PACKAGES, ""])
def test_packages_are_named_as_the_family_names_them(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_facts.shutil, "which", lambda *_, **__: None)
    programs = yaml.safe_load((ROLES / "host" / "vars" / "main.yml").read_text())["_host_programs"]
    missing = node_facts.missing_packages(programs, family)
    assert set(missing) == PACKAGES[family or "debian"]


@pytest.mark.parametrize(("text", "enforces"), [("1", True), ("0\n", False), (None, False)])
def test_selinux_is_read_from_its_file(tmp_path: Path, text: str | None, *, enforces: bool) -> None:
    if text is not None:
        (tmp_path / "sys" / "fs" / "selinux").mkdir(parents=True)
        (tmp_path / "sys" / "fs" / "selinux" / "enforce").write_text(text)
    assert node_facts.selinux_enforces(tmp_path) == enforces


def files_of_endpoint(**facts: Any) -> list[str]:
    """Files that the role api_endpoint writes on a control plane, by Ansible's own templating."""
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415 - takes a second
    from ansible.template import Templar, trust_as_template  # noqa: PLC0415

    role = ROLES / "api_endpoint"
    shared = yaml.safe_load((role / "vars" / "main.yml").read_text())
    for name in ("_api_endpoint_haproxy_files", "_api_endpoint_keepalived_files"):
        for file in shared[name]:
            file["content"] = ""
    task = yaml.safe_load((role / "tasks" / "main.yml").read_text())[0]

    def trusted(value: Any) -> Any:
        if isinstance(value, list):
            return [trusted(each) for each in value]
        if isinstance(value, dict):
            return {key: trusted(each) for key, each in value.items()}
        return trust_as_template(value) if isinstance(value, str) else value

    variables = {"ansible_facts": {"kubedrill_node": facts}, **trusted(shared)}
    templar = Templar(loader=DataLoader(), variables=variables)
    files = templar.template(trusted(task["kubedrill.kubeadm.node_files"]["files"]))
    return [file["dest"] for file in files]


@pytest.mark.parametrize(
    ("facts", "script", "unit"),
    [
        ({"family": "debian", "selinux": False}, "/etc/keepalived", False),
        ({}, "/etc/keepalived", False),
        ({"family": "", "selinux": False}, "/etc/keepalived", False),
        ({"family": "suse", "selinux": False}, "/etc/keepalived", True),
        ({"family": "redhat", "selinux": True}, "/usr/libexec/keepalived", True),
    ],
)
def test_the_balancer_s_files_are_where_the_family_has_them(
    facts: dict[str, Any], script: str, *, unit: bool
) -> None:
    expected = ["/etc/haproxy/haproxy.cfg", f"{script}/haproxy-alive"]
    expected += ["/etc/keepalived/keepalived.conf"]
    expected += ["/etc/systemd/system/haproxy.service.d/kubedrill.conf"] if unit else []
    assert files_of_endpoint(**facts) == expected


def test_what_node_facts_returns_has_family_and_selinux(monkeypatch: pytest.MonkeyPatch) -> None:
    returned: dict[str, Any] = {}
    module = SimpleNamespace(
        params={"network": "192.0.2.0/24", "virtual_address": "", "prefer": "", "programs": {}},
        exit_json=lambda **answer: returned.update(answer),
    )
    place = {"address": "192.0.2.11", "interface": "eth0", "mtu": 1500}
    monkeypatch.setattr(node_facts, "AnsibleModule", lambda **_: module)
    monkeypatch.setattr(node_facts, "node_address", lambda *_: place)
    monkeypatch.setattr(node_facts, "read_os_release", lambda: {"family": "suse"})
    node_facts.main()
    facts = returned["ansible_facts"]["kubedrill_node"]
    assert (facts["family"], facts["selinux"]) == ("suse", False)
