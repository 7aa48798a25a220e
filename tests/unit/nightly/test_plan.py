"""A plan's mistakes, all at once and with their lines; the cells it makes.

The inventory of a cell.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kubedrill.base.errors import ConfigErrors, StepFailed
from kubedrill.bundle.releases import SUPPORTED
from kubedrill.cluster.inventory import Inventory
from kubedrill.nightly.cells import cells_of
from kubedrill.nightly.cluster import free_network, write_inventory
from kubedrill.nightly.plan import Limits, Plan
from kubedrill.nightly.plan_file import load_plan

ROOT = Path(__file__).resolve().parents[3]
VERSIONS = {"1.34.4", "1.35.4", "1.36.1", "1.36.3"}
BAD = """\
nam: x
topologies:
  2+2:
  3+2: {confg: a}
  1+1: {config: nowhere.yml}
versions:
  - 1.34.4 → 1.36.3
  - 1.36.3 -> 1.35.4
  - 1.36.9
  - 1.36
drills:
  before: [cluster-upgrade, pod-kiled]
  during: [pod-killed]
limits:
  up: soon
  down: 5m
  down: 6m
skip:
  - {}
"""


def load(tmp_path: Path, text: str) -> Plan:
    path = tmp_path / "plan.yml"
    path.write_text(text)
    return load_plan(path, VERSIONS)


def test_a_number_in_base_60_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"line 3: .*1:30 is a number in base 60"):
        load(tmp_path, "topologies: {1+1: }\nlimits:\n  up: 1:30\n")


def test_a_cold_bundle_fits_into_the_default_limit_of_up() -> None:
    nightly = load_plan(ROOT / "deploy" / "plans" / "nightly.yml", VERSIONS)
    assert Limits().up == nightly.limits.up == 60 * 60


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path, BAD)
    notes = caught.value.mistakes
    for line, words in [
        (1, "nam: no such setting"),
        (3, "2 control planes keep no majority"),
        (4, "no such setting; known here: config"),
        (5, "no such file: .*nowhere.yml"),
        (7, "1.34.4 → 1.36.3 skips a minor version"),
        (8, "1.36.3 → 1.35.4 is no upgrade"),
        (9, "Kubernetes 1.36.9 has no bundle and none can be built; there is: 1.34.4"),
        (10, "versions.3: expected versions such as"),
        (12, "drills.before.0: this drill upgrades the cluster"),
        (12, "no such drill; did you mean pod-killed"),
        (13, "drills.during.0: this drill upgrades nothing"),
        (15, "limits.up: expected a duration such as 90s, 15m or 2h, found 'soon'"),
        (17, "down is given twice, first in line 16"),
        (19, "leaves out every cell"),
    ]:
        assert any(re.match(f"line {line}: .*{words}", each) for each in notes), (
            line,
            words,
            notes,
        )
    assert len(notes) == 14


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "line 1: is not YAML"),
        ("- a", "holds a list"),
        ("versions: [1.35.4]", "line 1: topologies: is missing"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigErrors, match=re.escape(expected)):
        load(tmp_path, text)


def test_the_matrix_has_a_cell_for_each_topology_path_and_upgrade(tmp_path: Path) -> None:
    plan = load(
        tmp_path,
        "topologies: {1+1: , 3+2: }\nversions: [1.36.1 → 1.36.3, [1.34.4, 1.35.4, 1.36.3], "
        "1.36.3]\n"
        "drills: {before: [pod-killed], after: [app-rollout]}\n"
        "skip: [{topology: 1+1, versions: 1.34.4 → 1.35.4 → 1.36.3}]\n",
    )
    assert [cell.key for cell in cells_of(plan)] == [
        "1+1_1.36.1-1.36.3_cluster-upgrade",
        "1+1_1.36.3",
        "3+2_1.36.1-1.36.3_cluster-upgrade",
        "3+2_1.34.4-1.35.4-1.36.3_cluster-upgrade",
        "3+2_1.36.3",
    ]


def test_a_plan_without_anything_to_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="nothing would be drilled"):
        cells_of(load(tmp_path, "topologies: {1+1: }\nversions: [1.36.3]\n"))


def test_each_cluster_gets_addresses_of_its_own(tmp_path: Path) -> None:
    plan = load(tmp_path, "topologies: {3+2: }\nversions: [1.35.4 → 1.36.3]\n")
    inventory = write_inventory(tmp_path, cells_of(plan)[0], "night-1", "172.31.97.0/24")
    nodes = yaml.safe_load((inventory / "hosts.yml").read_text())["cluster"]["children"]
    variables = yaml.safe_load((inventory / "group_vars" / "cluster.yml").read_text())
    assert nodes["control_planes"]["hosts"]["cp3"]["ansible_host"] == "172.31.97.13"
    assert nodes["workers"]["hosts"]["w2"]["ansible_host"] == "172.31.97.22"
    assert "/.vagrant/night-1/" in nodes["workers"]["hosts"]["w2"]["ansible_ssh_private_key_file"]
    assert variables["cluster_virtual_address"] == "172.31.97.10"
    assert variables["cluster_kubernetes_version"] == "1.35.4"
    assert variables["drills_allowed"] is True
    assert variables["control_plane_takes_pods"] is False


@pytest.mark.parametrize(
    ("topology", "names", "takes_pods"),
    [
        ("1+1", "cp1 w1", True),
        ("3+2", "cp1 cp2 cp3 w1 w2", False),
        ("3+3", "cp1 cp2 cp3 w1 w2 w3", False),
    ],
)
def test_a_topology_is_its_nodes(
    tmp_path: Path, topology: str, names: str, takes_pods: bool
) -> None:
    plan = load(tmp_path, f"topologies: {{{topology}: }}\nversions: [1.35.4 → 1.36.3]\n")
    (cell,) = cells_of(plan)
    folder = write_inventory(tmp_path, cell, "night-1", "172.31.97.0/24")
    result = Inventory.load(folder)
    assert " ".join(node.name for node in result.nodes) == names
    assert len({node.address for node in result.nodes}) == len(result.nodes)
    variables = yaml.safe_load((folder / "group_vars" / "cluster.yml").read_text())
    assert variables["control_plane_takes_pods"] is takes_pods


def test_a_cluster_behind_a_balancer_is_a_topology(tmp_path: Path) -> None:
    plan = load(tmp_path, "topologies: {3+2: , 3+2+lb: }\nversions: [1.35.4 → 1.36.3]\n")
    plain, cell = cells_of(plan)
    assert (cell.key, cell.planes, cell.workers) == ("3+2+lb_1.35.4-1.36.3_cluster-upgrade", 3, 2)
    assert (plain.balancer, cell.balancer) == (False, True)
    result = Inventory.load(write_inventory(tmp_path, cell, "night-1", "172.31.97.0/24"))
    assert (result.external, result.endpoint_address) == (True, "172.31.97.10")
    assert [(node.name, node.address) for node in result.load_balancers] == [
        ("lb1", "172.31.97.10")
    ]
    assert result.load_balancers[0].host_vars["ansible_user"] == "vagrant"
    assert len(result.nodes) == 5


@pytest.mark.parametrize("name", ["3+2+vip", "3+2+lb+lb", "2+2+lb", "3+lb"])
def test_a_topology_that_is_none_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigErrors, match=rf"line 3: topologies\.{re.escape(name)}: "):
        load(tmp_path, f"versions: [1.35.4]\ntopologies:\n  {name}:\n")


def test_networks_of_kept_clusters_and_of_this_host_are_left_alone() -> None:
    routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    routes += "br-1\t00611FAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"  # 172.31.97.0/24
    assert free_network("172.31.96.0/22", {"172.31.96.0/24"}, routes) == "172.31.98.0/24"
    with pytest.raises(StepFailed, match=r"every network of .* is in use"):
        free_network("172.31.96.0/23", {"172.31.96.0/24"}, routes)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "deploy" / "plans").glob("nightly*.yml")), ids=lambda path: path.name
)
def test_the_plans_that_come_along_are_good(path: Path) -> None:
    assert cells_of(load_plan(path, set(SUPPORTED)))


def test_the_documentation_lists_every_setting() -> None:
    text = (ROOT / "docs" / "reference" / "plan.md").read_text()
    names = [*Plan.model_fields, *(f"limits.{name}" for name in Limits.model_fields)]
    assert [
        name for name in names if f"| `{name}` |" not in text and name not in ("limits", "drills")
    ] == []


def test_the_old_name_of_the_diagnostics_limit_works_with_a_warning(tmp_path: Path) -> None:
    text = "topologies: {3+2: }\nversions: [1.36.3]\n"
    with pytest.warns(FutureWarning, match="limits.artefacts is deprecated"):
        plan = load(tmp_path, f"{text}limits: {{artefacts: 5m}}\n")
    assert plan.limits.diagnostics == 300
