"""The plugin as users meet it: pytest in a child process, on a suite of their own."""

import subprocess
import sys
from pathlib import Path

SUITE = """
import pytest

@pytest.mark.node
def test_each(node):
    assert node.address.startswith("10.0.0.")

def test_planes(control_plane, inventory):
    assert control_plane in inventory.control_planes

def test_plain():
    pass
"""
HOSTS = """
[control_planes]
a ansible_host=10.0.0.1
[workers]
w ansible_host=10.0.0.2
[cluster:children]
control_planes
workers
[cluster:vars]
cluster_virtual_address=10.0.0.10
cluster_kubernetes_version=1.35.4
"""


def run(directory: Path, *options: str) -> str:
    (directory / "test_suite.py").write_text(SUITE, encoding="utf-8")
    (directory / "hosts.ini").write_text(HOSTS, encoding="utf-8")
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "--strict-markers",
        "-v",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    return subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False).stdout


def test_each_node_of_the_inventory_is_a_test_of_its_own(tmp_path: Path) -> None:
    output = run(tmp_path, "--inventory", "hosts.ini")
    for name in ("test_each[a]", "test_each[w]", "test_planes[a]", "test_plain"):
        assert f"::{name} PASSED" in output
    assert "4 passed" in output


def test_without_an_inventory_it_says_what_to_do_and_skips_nothing(tmp_path: Path) -> None:
    output = run(tmp_path)
    assert "these tests need a cluster: add --inventory PATH" in output
    assert "skipped" not in output
    assert "passed" not in output


def test_an_inventory_with_mistakes_lists_them(tmp_path: Path) -> None:
    (tmp_path / "bad.ini").write_text("[control_planes]\na\n", encoding="utf-8")
    output = run(tmp_path, "--inventory", "bad.ini")
    assert "a: has no ansible_host" in output
    assert "not in group cluster: a" in output
