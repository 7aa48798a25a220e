"""What `-o json` prints follows the schemas of the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from kubedrill.base.model import OutageLimit
from kubedrill.cli.documents import SCHEMAS, plan_document
from kubedrill.cli.main import run
from kubedrill.drills import ALL, STANDARD
from kubedrill.history.report import SCHEMAS as HISTORY_SCHEMAS
from kubedrill.local.doctor import HostCheck
from kubedrill.runner.dry_run import DrillPlan, DryRun

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def validated(name: str, text: str) -> Any:
    document = json.loads(text)
    schema = json.loads((REFERENCE / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


@pytest.mark.parametrize("name", [*SCHEMAS, *HISTORY_SCHEMAS])
def test_every_document_names_its_format(name: str) -> None:
    schema = json.loads((REFERENCE / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert schema["properties"]["schema"]["const"] == 1
    assert schema["additionalProperties"] is False


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "-o", "json"]) == 0
    drills = validated("list", capsys.readouterr().out)["drills"]
    assert [drill["name"] for drill in drills] == list(ALL)
    assert {drill["name"] for drill in drills if drill["standard"]} == set(STANDARD)
    assert all(drill["steps"] for drill in drills)


@pytest.mark.parametrize(("state", "code"), [("warn", 0), ("missing", 2)])
def test_doctor(
    state: Any, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [HostCheck("cpus", state, "1", "2 or more", "give it one more")]
    monkeypatch.setattr("kubedrill.cli.host.examine", lambda: checks)
    assert run(["doctor", "-o", "json"]) == code
    document = validated("doctor", capsys.readouterr().out)
    assert document["ready"] is (code == 0)
    assert document["checks"][0]["fix"] == "give it one more"


def test_a_dry_run(make_inventory: Any) -> None:
    cluster: Inventory = make_inventory()
    limit = OutageLimit("app-*", 1.0, 0.25, ("pods leave first",), max_failed=0)
    plans = [
        DrillPlan(ALL["node-drain"], None, ("w2",), (limit,), ("cp2: would lead etcd",)),
        DrillPlan(ALL["pod-killed"], "needs 2 workers"),
    ]
    dry_run = DryRun(7, "1.35.4", "the sample application", ["cp1 is not ready"], ("w1",), plans)
    document = validated("dry-run", plan_document(dry_run, cluster).text())
    assert document["seed"] == 7
    assert document["problems"] == ["cp1 is not ready"]
    drained, unavailable = document["drills"]
    assert drained["outage_limits"][0]["max_failed"] == 0
    assert drained["first"] == ["cp2: would lead etcd"]
    assert unavailable["unavailable"] == "needs 2 workers"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shell_s_script(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    assert "_KUBEDRILL_COMPLETE" in capsys.readouterr().out


def test_a_path_s_old_option_works_and_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = f"sqlite:///{tmp_path}/history.db"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    assert run(["history", "--database", database, "import", "empty.jsonl"]) == 0
    for option, warning in (("--to", ""), ("--output", "'--output' is deprecated")):
        capsys.readouterr()
        assert run(["site", "--database", database, option, f"site{option}"]) == 0
        assert (tmp_path / f"site{option}").is_dir()
        assert warning in capsys.readouterr().err
