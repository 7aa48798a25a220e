"""What `kubedrill init` writes in a checkout; tests/unit/installed has the wheel's."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from kubedrill.base.project import ROOT
from kubedrill.cli.main import run


def test_ansible_cfg_names_the_checkout_s_collection(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path)]) == 0
    config, original = (ConfigParser(interpolation=None) for _ in range(2))
    config.read(tmp_path / "ansible.cfg")
    original.read(ROOT / "ansible.cfg")
    collections = Path(config["defaults"].pop("collections_path"))
    assert (collections / "ansible_collections/kubedrill/kubeadm/galaxy.yml").is_file()
    original["defaults"].pop("collections_path")
    assert config == original
    assert "collections/ holds links" not in (tmp_path / "ansible.cfg").read_text()
