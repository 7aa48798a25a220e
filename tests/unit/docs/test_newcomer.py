"""What a newcomer types and reads: commands there are, and figures that agree everywhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kubedrill.bundle import toolchain
from kubedrill.bundle.modules_source import modules_items
from kubedrill.bundle.recipes import order
from kubedrill.bundle.releases import STANDARD as RELEASES
from kubedrill.bundle.releases import SUPPORTED, find_release
from kubedrill.cli.exit_codes import meanings
from kubedrill.cli.main import run
from kubedrill.cli.terminal import part_s
from kubedrill.drills import ALL, STANDARD
from kubedrill.local import doctor
from kubedrill.nightly.plan_file import load_plan

ROOT = Path(__file__).parents[3]
EN_DASH = "\u2013"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]
TARGETS = set(
    re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)


def text(name: str) -> str:
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    targets = re.findall(r"(?:`|^ {4,})make ([a-z-]+)", content, re.MULTILINE)
    assert set(targets) <= TARGETS
    playbooks = set(re.findall(r"kubedrill\.kubeadm\.([a-z_]+)\b", content))
    known = {path.stem for path in ROOT.glob("playbooks/*.yml")}
    roles = {path.name for path in ROOT.glob("roles/*")}
    assert playbooks <= known | roles | {"motd"}  # CONTRIBUTING.md's example


def test_the_readme_has_the_statuses_of_a_drill() -> None:
    readme = text("README.md")
    statuses = meanings("drill")
    assert ", ".join(f"{code} {statuses[code]}" for code in (0, 1, 3, 4)) in readme
    for code in statuses:
        assert f"| {code} | " in readme


def test_the_report_of_the_readme_is_what_its_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record = tmp_path / "reports" / "demo" / "record"
    record.mkdir(parents=True)
    for name in ("good.jsonl", "bad.jsonl"):
        shutil.copy(ROOT / "tests" / "records" / name, record)
    assert run(["report", "demo"]) == 1
    captured = capsys.readouterr()
    assert " ".join(captured.err.split()) in text("README.md")
    assert captured.out.endswith("reports/demo/index.html\n")


def test_memory_and_disk_agree() -> None:
    machine = (
        f"2 cores, {doctor.GOOD_MEMORY // doctor.GB} GB of memory and "
        f"{doctor.GOOD_DISK // doctor.GB} GB of free disk"
    )
    for name in ("README.md", "docs/tutorial/first-cluster.md"):
        assert machine in text(name)
    assert doctor.GOOD_DISK >= toolchain.NEEDED_DISK + doctor.NEEDED_DISK - 2 * doctor.GB
    caches = {
        size
        for name in ("README.md", "docs/tutorial/first-cluster.md", "docs/how-to/bundles.md",
                     "docs/how-to/troubleshooting.md", "harness/kubedrill/bundle/toolchain.py")
        for size in re.findall(r"(\d+) GB (?:of caches|for Go's caches)|caches(?: take)? (\d+) GB",
                               text(name))
    }  # fmt: skip
    assert len({one or other for one, other in caches}) == 1


FASTEST, SLOWEST = 17, 40
"""Minutes that the first build of both releases takes on two cores: idle, and beside other work."""
CLUSTER = 5
"""Minutes for the nodes and the installation."""


def test_the_time_of_the_first_build_agrees() -> None:
    readme = text("README.md").replace(EN_DASH, "-")
    assert f"{FASTEST}-27 min, up to {SLOWEST} min beside other work" in readme
    for name in (
        "docs/tutorial/first-cluster.md",
        "docs/how-to/bundles.md",
        "docs/how-to/install-kubedrill.md",
    ):
        assert f"{FASTEST} to 27 minutes" in text(name)
    parts = order([item for v in RELEASES for item in modules_items(find_release(v))])
    estimate_s = sum(part_s(part.title) for part in parts)
    assert FASTEST * 60 <= estimate_s <= SLOWEST * 60


@pytest.mark.parametrize("path", sorted((ROOT / "deploy/plans").glob("*.yml")), ids=str)
def test_a_plan_allows_a_first_build_on_busy_cores(path: Path) -> None:
    if "topologies:" not in path.read_text(encoding="utf-8"):
        return  # a configuration
    assert load_plan(path, set(SUPPORTED)).limits.up >= (SLOWEST + CLUSTER) * 60


def test_the_time_of_the_standard_drills_agrees() -> None:
    seconds = sum(ALL[name].duration_s for name in STANDARD)
    most = round(seconds / 60)
    assert f"12-{most} min" in text("README.md").replace(EN_DASH, "-")
    assert f"12 to {most} minutes" in text("docs/tutorial/first-drill.md")
