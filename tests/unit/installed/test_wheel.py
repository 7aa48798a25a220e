"""A wheel in an empty folder does what a checkout does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kubedrill.drills import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Installed

pytestmark = pytest.mark.xdist_group("installed")


def test_it_says_its_version_and_lists_its_drills(installed: Installed) -> None:
    assert "kubedrill, version" in installed.run("kubedrill", "--version")
    listed = installed.run("kubedrill", "list")
    assert all(name in listed for name in ALL)


def test_everything_is_read_from_the_installation(installed: Installed) -> None:
    program = (
        "import json; from kubedrill.base import project as p; from kubedrill.bundle.images "
        "import SAMPLE_APP; from kubedrill.bundle.own_image import own_items; "
        "print(json.dumps([str(p.ROOT), str(p.PLAYBOOKS), str(SAMPLE_APP), "
        "str(p.state_folder()), own_items()[0].image]))"
    )
    root, playbooks, app, state, image = json.loads(installed.run("python", "-c", program))
    assert all(str(installed.venv) in path for path in (root, playbooks, app))
    assert state == str(installed.folder)
    assert image.startswith("docker.io/kubedrill/kubedrill:")


def test_init_writes_what_the_commands_read(installed: Installed) -> None:
    assert "1+1" in installed.run("kubedrill", "nightly", "--check")
    script = (
        "from kubedrill.cluster.inventory import Inventory; from pathlib import Path; "
        "print([n.host_vars['ansible_ssh_private_key_file'] "
        "for n in Inventory.load(Path('inventories/local')).nodes][0])"
    )
    key = installed.run("python", "-c", script).strip()
    assert key.endswith("/lab/inventories/local/../../.vagrant/kubedrill/cp1.key")
    assert ".vagrant/" in (installed.folder / ".gitignore").read_text()


def test_init_overwrites_nothing(installed: Installed) -> None:
    before = {path: path.read_bytes() for path in installed.folder.rglob("*") if path.is_file()}
    text = installed.run("kubedrill", "init", ".", code=2)
    assert "already has" in text
    assert "kubedrill.yml" in text
    assert {path: path.read_bytes() for path in before} == before


def test_ansible_runs_the_collection_s_playbooks(installed: Installed) -> None:
    playbook = ("kubedrill.kubeadm.preflight", "-i", "inventories/bare")
    text = installed.run("ansible-playbook", *playbook, code=2)
    assert "there is no bundle v1.35.4-amd64" in text
    assert "was not found" not in text


def test_init_s_ansible_cfg_leaves_the_collection_to_python_s_path(installed: Installed) -> None:
    text = (installed.folder / "ansible.cfg").read_text(encoding="utf-8")
    assert "collections" not in text
    assert "checkout" not in text
    assert "precedence = " in text
    assert "# The collection kubedrill.kubeadm is installed with kubedrill" in text


def test_pytest_finds_the_acceptance_suite(installed: Installed) -> None:
    suite = (
        "--pyargs",
        "kubedrill.acceptance",
        "-p",
        "no:pytest-ansible",
        "--inventory",
        "inventories/local",
    )
    text = installed.run("pytest", *suite, "--collect-only", "-q")
    assert "test_nodes.py::test_no_service_has_failed[cp1]" in text
    assert "error" not in text.lower()


def test_vagrant_gets_its_file_from_the_installation_and_keeps_its_state_here(
    installed: Installed,
) -> None:
    program = (
        "import json; from kubedrill.cluster.vagrant import vagrant_environment; "
        "from pathlib import Path; "
        "print(json.dumps(vagrant_environment(Path('inventories/local'), 'kubedrill')))"
    )
    environment = json.loads(installed.run("python", "-c", program))
    assert environment["VAGRANT_CWD"].endswith("/site-packages/kubedrill/project")
    assert environment["VAGRANT_DOTFILE_PATH"] == f"{installed.folder}/.vagrant/state-kubedrill"
    assert environment["KUBEDRILL_PYTHON"] == f"{installed.venv}/bin/python"
    assert environment["KUBEDRILL_STATE"] == str(installed.folder)


def test_the_collection_alone_can_be_built_and_installed(
    installed: Installed, copied: Path, tmp_path: Path
) -> None:
    """As where there is Ansible and no kubedrill: the wheel's collection is not looked for."""
    shown = installed.run(
        "ansible-galaxy", "collection", "build", copied, "--output-path", tmp_path
    )
    assert "Created collection" in shown
    [archive] = tmp_path.glob("kubedrill-kubeadm-*.tar.gz")
    options = ("--offline", "--force", "-p", tmp_path / "collections")
    installed.run("ansible-galaxy", "collection", "install", *options, archive)
    folder = tmp_path / "collections/ansible_collections/kubedrill/kubeadm"
    assert {"MANIFEST.json", "README.md", "meta", "playbooks", "plugins", "roles"} <= {
        path.name for path in folder.iterdir()
    }
    assert not {"harness", "tests", "setup.py", "Makefile"} & {p.name for p in folder.iterdir()}
    text = installed.run(
        "ansible-playbook",
        "kubedrill.kubeadm.preflight",
        "-i",
        "inventories/bare",
        code=2,
        ANSIBLE_COLLECTIONS_PATH=str(tmp_path / "collections"),
        ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="False",
    )
    assert "there is no bundle v1.35.4-amd64" in text
