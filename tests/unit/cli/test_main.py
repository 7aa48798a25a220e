"""How commands end: exit codes and sentences, never a stack trace."""

import json
from pathlib import Path

import pytest

from harness.cli.main import run
from harness.drills import ALL
from harness.errors import Interrupted, StepFailed

INVENTORY = """\
cluster:
  children:
    control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}
    workers: {hosts: {w1: {ansible_host: 127.0.0.2}}}
"""
VARIABLES = "cluster_virtual_address: 127.0.0.9\ncluster_kubernetes_version: 1.35.4\ndrills_allowed: "


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def inventory(tmp_path: Path, allowed: str) -> str:
    path = tmp_path / "hosts.yml"
    path.write_text(INVENTORY)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "known_hosts").touch()
    (tmp_path / "group_vars" / "cluster.yml").write_text(
        f"{VARIABLES}{allowed}\nansible_port: 1\n"
        f"ansible_ssh_common_args: -o UserKnownHostsFile={tmp_path}/known_hosts -o StrictHostKeyChecking=yes\n"
    )
    return str(path)


def test_list_names_every_drill_and_what_it_proves(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"]) == 0
    out = capsys.readouterr().out
    for drill in ALL.values():
        assert drill.name in out
        assert drill.proves in out


def test_unknown_drill_is_a_usage_error_before_the_inventory_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "falover", "-i", "/does/not/exist"]) == 2
    err = capsys.readouterr().err
    assert "no such drill: falover" in err
    assert "failover-vip" in err
    assert "Traceback" not in err


def test_drills_that_the_owner_did_not_allow_are_refused(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "node-drain", "-i", inventory(elsewhere, "false")]) == 2
    assert "drills_allowed: true" in " ".join(capsys.readouterr().err.split())
    assert not (elsewhere / "reports").exists()


def test_a_cluster_that_cannot_be_reached_leaves_no_empty_run(elsewhere: Path) -> None:
    assert run(["drill", "node-drain", "-i", inventory(elsewhere, "true")]) == 1
    assert list((elsewhere / "reports").iterdir()) == []


@pytest.mark.parametrize(
    "argv", [["report", "nope"], ["drill", "--seed", "x"], ["nonsense"], ["drill", "--config", "/no"]]
)
def test_usage_errors_end_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_record_from_elsewhere_is_refused(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = elsewhere / "reports" / "run1" / "record" / "x.jsonl"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"not": "a record"}) + "\n")
    assert run(["report", "run1"]) == 2
    assert "x.jsonl" in " ".join(capsys.readouterr().err.split())


def test_down_never_touches_machines_that_vagrant_did_not_make(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["down", "-i", inventory(elsewhere, "true")]) == 2
    assert "reset.yml" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(StepFailed("no"), 1), (Interrupted("stop"), 4), (KeyboardInterrupt(), 4)])
def test_each_error_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("harness.cli.drill.load_settings", fail)
    assert run(["drill"]) == code
    assert "Traceback" not in capsys.readouterr().err
