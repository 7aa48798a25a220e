"""How commands end: exit codes and sentences, never a stack trace."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kubedrill.base.errors import StepFailed, Unsafe, UsageError
from kubedrill.base.model import Header, OutageLimit
from kubedrill.cli.drill import plan_lines
from kubedrill.cli.main import run
from kubedrill.drills import ALL
from kubedrill.record import RecordWriter
from kubedrill.runner.dry_run import DrillPlan

RECORDS = Path(__file__).parents[2] / "records"
INVENTORY = """\
cluster:
  children:
    control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}
    workers: {hosts: {w1: {ansible_host: 127.0.0.2}}}
"""
VARIABLES = (
    "cluster_virtual_address: 127.0.0.9\ncluster_node_network: 127.0.0.0/24\n"
    "cluster_kubernetes_version: 1.35.4\ndrills_allowed: "
)


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
        f"ansible_ssh_common_args: -o UserKnownHostsFile={tmp_path}/known_hosts "
        "-o StrictHostKeyChecking=yes\n"
    )
    return str(path)


def test_the_list_is_a_screenful_that_names_every_drill_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["list"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 120
    assert [out.split().count(name) for name in ALL] == [1] * len(ALL)
    for drill in ALL.values():
        [line] = [line for line in lines if drill.name in line.split()]
        assert line.endswith(drill.title) == drill.standard


@pytest.mark.parametrize("columns", ["1", "80", "100", "9" * 30, "wide"])
def test_the_list_fits_every_terminal(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert run(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 50
    assert all(len(line) <= 120 for line in lines)
    assert all(name in " ".join(lines).split() for name in ALL)


def test_the_long_list_has_a_line_for_each_drill_below_its_family(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["list", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for drill in ALL.values():
        [line] = [line for line in lines if drill.name in line.split()]
        assert line.endswith(drill.title)
        assert ("*" in line) == drill.standard
    assert lines[0] == "Releases"
    assert len(lines) < 2 * len(ALL)


def test_the_list_of_named_drills_tells_all_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    for drill in ALL.values():
        assert run(["list", drill.name]) == 0
        out = capsys.readouterr().out
        assert f"{drill.name}: {drill.title}" in out
        for text in (drill.proves, drill.evidence, drill.limits_because):
            assert text in out
        assert f"step {len(drill.steps)}  " in out


def test_the_list_refuses_a_mistyped_drill_and_as_json_has_those_that_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["list", "node-drian"]) == 2
    assert "Did you mean node-drain or " in capsys.readouterr().err
    assert run(["list", "game-day", "node-drain", "-o", "json"]) == 0
    drills = json.loads(capsys.readouterr().out)["drills"]
    assert [drill["name"] for drill in drills] == ["game-day", "node-drain"]


def test_unknown_drill_is_a_usage_error_before_the_inventory_is_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["drill", "falover", "-i", "/does/not/exist"]) == 2
    err = capsys.readouterr().err
    assert "no such drill: falover" in err
    assert "failover-vip" in err
    assert "Traceback" not in err


def test_the_length_of_a_game_day_is_a_mistake_beside_other_drills_and_so_is_a_pool_of_unknown_ones(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drill", "node-drain", "--minutes", "5", "-i", "/does/not/exist"]) == 2
    assert "--minutes is about game-day" in " ".join(capsys.readouterr().err.split())
    (elsewhere / "kubedrill.yml").write_text(
        "game_day: {drills: [kubelet-stoped, node-drain, x]}\n"
    )
    assert run(["drill", "game-day", "-i", "/does/not/exist"]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "has 2 mistakes" in err
    assert "did you mean kubelet-stopped?" in err


def test_drills_that_the_owner_did_not_allow_are_refused(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drill", "node-drain", "-i", inventory(elsewhere, "false")]) == 2
    assert "drills_allowed: true" in " ".join(capsys.readouterr().err.split())
    assert not (elsewhere / "reports").exists()


def test_a_cluster_that_cannot_be_reached_is_no_fail_and_leaves_no_empty_run(
    elsewhere: Path,
) -> None:
    assert run(["drill", "node-drain", "-i", inventory(elsewhere, "true")]) == 4
    assert list((elsewhere / "reports").iterdir()) == []


@pytest.mark.parametrize(
    "argv",
    [["report", "nope"], ["drill", "--seed", "x"], ["nonsense"], ["drill", "--config", "/no"]],
)
def test_usage_errors_end_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_record_from_elsewhere_is_refused(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = elsewhere / "reports" / "run1" / "record" / "x.jsonl"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"not": "a record"}) + "\n")
    assert run(["report", "run1"]) == 2
    assert "x.jsonl" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("record", "status"), [("good", 0), ("inconclusive", 3), ("bad", 1)])
def test_a_report_ends_with_the_verdict_of_its_run(
    record: str, status: int, elsewhere: Path
) -> None:
    folder = elsewhere / "reports" / "run1" / "record"
    folder.mkdir(parents=True)
    shutil.copy(RECORDS / f"{record}.jsonl", folder / "x.jsonl")
    assert run(["report", "run1"]) == status
    assert (elsewhere / "reports" / "latest").resolve() == folder.parent


def test_a_report_of_a_run_elsewhere_leaves_no_link_beside_it(elsewhere: Path) -> None:
    folder = elsewhere / "given" / "run1"
    (folder / "record").mkdir(parents=True)
    shutil.copy(RECORDS / "good.jsonl", folder / "record" / "x.jsonl")
    assert run(["report", str(folder)]) == 0
    assert (folder / "index.html").is_file()
    assert list(folder.parent.iterdir()) == [folder]


def test_down_never_touches_machines_that_vagrant_did_not_make(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["down", "-i", inventory(elsewhere, "true")]) == 2
    assert "kubedrill.kubeadm.reset" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StepFailed("no"), 4),  # 1 is FAIL, and a step that failed judged nothing
        (UsageError("what?"), 2),
        (Unsafe("stop"), 4),
        (KeyboardInterrupt(), 4),
        (OSError(28, "No space left on device", "reports/x"), 4),
    ],
)
def test_each_error_has_its_exit_code(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr("kubedrill.cli.options.load_settings", fail)
    assert run(["drill"]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_mistyped_drill_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "failover-vipp", "upgrade"]) == 2
    output = " ".join(capsys.readouterr().err.split())
    assert "Did you mean failover-vip or failover-worker instead of failover-vipp?" in output
    assert "Did you mean cluster-upgrade or upgrade-killed or " in output
    assert len(output) < 400


@pytest.mark.parametrize(
    ("allowed", "advice"),
    [
        ("false", "drills_allowed: true"),
        ("'no'", "drills_allowed: true"),
        ("'maybe'", "expected true or false"),
        ("[true]", "expected true or false"),
    ],
)
@pytest.mark.parametrize("argv", [["drill", "--dry-run"], ["heal"], ["replay", "run1"]])
def test_a_cluster_whose_owner_did_not_allow_drills_is_left_alone_by_every_command(
    argv: list[str], allowed: str, advice: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "reports" / "run1" / "record").mkdir(parents=True)
    assert run([*argv, "-i", inventory(elsewhere, allowed)]) == 2
    assert advice in " ".join(capsys.readouterr().err.split())


def test_a_replay_of_another_clusters_run_is_refused(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = Header(
        "run1", "node-drain", "", "far-away", 7, "", 0, "", "1.35.4", ("w1", "w9"), ("w9",), ()
    )
    writer = RecordWriter(elsewhere / "reports" / "run1" / "record" / "node-drain.jsonl")
    writer.header(header)
    writer.end(1, "completed")
    writer.close()
    assert run(["replay", "run1", "-i", inventory(elsewhere, "true")]) == 2
    output = " ".join(capsys.readouterr().err.split())
    assert "has 2 mistakes" in output
    assert "far-away" in output
    assert "target w9 is gone" in output


def test_heal_names_what_it_cannot_reach_and_knows_nothing_of_it(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "kubedrill.yml").write_text(
        "timeouts: {ssh_connect: 1, api_up: 1, node_boot: 1}\n"
    )
    assert run(["heal", "-i", inventory(elsewhere, "true")]) == 4
    captured = capsys.readouterr()
    out = " ".join(captured.out.split())
    assert "left: cp1: could not be looked at" in out
    assert "left: w1: could not be looked at" in out
    assert "left: cluster: the API does not answer" in out
    assert "3 found, 0 repaired, 3 left" in out
    assert "Traceback" not in captured.err


def test_a_plan_shows_targets_limits_and_steps_and_why_not() -> None:
    node_drain = ALL["node-drain"]
    limit = OutageLimit("app-*", 1.0, 0.0, ("pods leave the Service first",), max_failed=0)
    text = "\n".join(
        plan_lines(
            DrillPlan(node_drain, None, ("w2",), (limit,), ("cp2: would be made to lead etcd",))
        )
    )
    assert "targets  w2" in text
    assert (
        "app-* out for 1 s at most, 0 failed requests allowed; "
        "predicted 0.00 s: pods leave the Service first"
    ) in text
    assert "first    cp2: would be made to lead etcd" in text
    assert (
        "step 2   Arm the undo, cordon the worker, evict its pods through the Eviction API." in text
    )
    assert (
        "not available: needs 2 workers" in plan_lines(DrillPlan(node_drain, "needs 2 workers"))[1]
    )


STOPPED_AT_AN_IMPORT = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from kubedrill.cli import main
main(["list"])
"""


@pytest.mark.parametrize(
    "module",
    ["click", "rich.console", "kubedrill.cli.lazy", "kubedrill.cli.list_drills",
     "kubedrill.drills.node_drain"],
)  # fmt: skip
def test_ctrl_c_while_it_is_loaded_is_a_sentence(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_AN_IMPORT, module],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.strip() == "kubedrill: stopped"
