"""The plugin as users meet it: pytest in a child process, on a suite of their own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kubedrill.drills import STANDARD

SUITE = """
import pytest

@pytest.mark.node
def test_each(kubedrill_node):
    assert kubedrill_node.address.startswith("10.0.0.")

def test_planes(kubedrill_control_plane, kubedrill_inventory):
    assert kubedrill_control_plane in kubedrill_inventory.control_planes

def test_plain():
    pass
"""
STRANGER = """
import pytest

@pytest.fixture(params=["left", "right"])
def node(request):
    return request.param

@pytest.fixture
def worker():
    return "a bee"

def test_its_own_node(node):
    assert node in ("left", "right")

def test_its_own_worker(worker):
    assert worker == "a bee"
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
cluster_node_network=10.0.0.0/24
cluster_kubernetes_version=1.35.4
drills_allowed=true
"""
PYTEST_ANSIBLE = ("-p", "pytest_ansible.plugin", "-p", "no:pytest11.testinfra")
ACCEPTANCE = ("--pyargs", "kubedrill.acceptance")
ROOT = Path(__file__).resolve().parents[3]


def run(directory: Path, *options: str, suite: str = SUITE) -> str:
    (directory / "test_suite.py").write_text(suite, encoding="utf-8")
    (directory / "hosts.ini").write_text(HOSTS, encoding="utf-8")
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "--strict-markers",
        "-v",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:pytest-ansible",
        *options,
    ]
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_each_node_of_the_inventory_is_a_test_of_its_own(tmp_path: Path) -> None:
    output = run(tmp_path, "--kubedrill-inventory", "hosts.ini")
    for name in ("test_each[a]", "test_each[w]", "test_planes[a]", "test_plain"):
        assert f"::{name} PASSED" in output
    assert "4 passed" in output


def test_without_an_inventory_it_says_what_to_do_and_skips_nothing(tmp_path: Path) -> None:
    output = run(tmp_path)
    assert "these tests need a cluster: add --kubedrill-inventory PATH" in output
    assert "skipped" not in output
    assert "passed" not in output


def test_an_inventory_with_mistakes_lists_them(tmp_path: Path) -> None:
    (tmp_path / "bad.ini").write_text("[control_planes]\na\n", encoding="utf-8")
    output = run(tmp_path, "--kubedrill-inventory", "bad.ini")
    assert "host a has no ansible_host" in output
    assert "host a is in group control_planes, but not in group cluster" in output


def test_a_suite_that_uses_the_same_words_is_left_alone(tmp_path: Path) -> None:
    output = run(tmp_path, suite=STRANGER)
    assert "3 passed" in output
    output = run(tmp_path, "--inventory", "hosts.ini", suite=STRANGER)
    assert "unrecognized arguments: --inventory" in output


def test_the_plugin_works_beside_pytest_ansible_and_xdist(tmp_path: Path) -> None:
    beside = (*PYTEST_ANSIBLE, "-p", "xdist", "-n", "1")
    suite = SUITE + "def test_theirs(ansible_adhoc):\n    assert ansible_adhoc().options\n"
    output = run(tmp_path, *beside, "--kubedrill-inventory", "hosts.ini", suite=suite)
    assert "5 passed" in output
    output = run(tmp_path, *beside, "--inventory", "hosts.ini", suite=suite)
    assert "5 passed" in output, "their option serves both"
    output = run(tmp_path, *beside, suite=suite)
    assert "add --kubedrill-inventory PATH" in output, "their default is nobody's cluster"


@pytest.mark.parametrize("other", [(), PYTEST_ANSIBLE])
@pytest.mark.parametrize("where", [ACCEPTANCE, (str(ROOT / "tests/acceptance"),)])
def test_the_acceptance_suite_takes_the_short_option_by_its_package_and_by_its_path(
    where: tuple[str, ...], other: tuple[str, ...], tmp_path: Path
) -> None:
    output = run(tmp_path, *other, *where, "--inventory", "hosts.ini", "--collect-only", "-q")
    assert "test_services_run_and_start_at_boot[a-containerd]" in output
    assert "error" not in output.lower()


@pytest.mark.parametrize(
    ("options", "collected"), [((), False), (("-m", "node"), False), (("-m", "cis"), True)]
)
def test_controls_of_the_cis_benchmark_are_collected_only_where_they_are_named(
    options: tuple[str, ...], collected: bool, tmp_path: Path
) -> None:
    where = (*ACCEPTANCE, *options, "--collect-only", "-q")
    output = run(tmp_path, *where, "--inventory", "hosts.ini")
    assert ("1.2.15 the API server offers no profiles" in output) == collected
    assert ("test_services_run_and_start_at_boot" in output) != collected
    assert "error" not in output.lower()


def test_no_drill_is_run_unless_it_is_named(tmp_path: Path) -> None:
    def collect(*options: str) -> list[str]:
        drills = (*ACCEPTANCE, "-m", "drill", "--collect-only", "-q")
        output = run(tmp_path, *drills, "--inventory", "hosts.ini", *options)
        return re.findall(r"test_drill\[(.+?)\]", output)

    assert collect() == ["NOTSET"], "pytest's word for no parameter at all"
    assert collect("--drills", "node-drain,pod-killed") == ["node-drain", "pod-killed"]
    assert tuple(collect("--drills", "standard")) == STANDARD
    assert set(STANDARD) < set(collect("--drills", "all"))
