"""What a run, a night and an archive leave on the disk is for the user and the group alone."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit import test_no_secret_leaves as channels

from kubedrill.base.files import PRIVATE_FILE, make_private_folder, open_private, replace_file
from kubedrill.base.model import Check
from kubedrill.base.plan import RunPlan, write_plan
from kubedrill.base.redact import GONE, Redactor, redact
from kubedrill.cli.main import run
from kubedrill.cluster.hosts import CommandResult
from kubedrill.cluster.inventory import build_inventory
from kubedrill.cluster.kubeconfig import fetch_admin_conf
from kubedrill.config import DATABASE_VARIABLE, load_settings
from kubedrill.diagnostics.collect import Archive
from kubedrill.history.store import History
from kubedrill.nightly.parts import run_part
from kubedrill.orders.ledger_file import LedgerWriter
from kubedrill.probes.sampler.sinks import FileSink
from kubedrill.record import RecordWriter
from kubedrill.report import rebuild_report
from kubedrill.runner.run import new_directory
from kubedrill.site.write import write_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE = "postgresql://drills:planted-geheim@db.example/kubedrill"


@pytest.fixture
def _open_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def readable_by_others(folder: Path) -> list[str]:
    return [
        f"{path.relative_to(folder)}: {stat.filemode(path.stat().st_mode)}"
        for path in folder.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & stat.S_IRWXO
    ]


@pytest.mark.usefixtures("_open_umask")
def test_nothing_can_be_read_by_others_even_without_a_umask(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    directory = new_directory(reports, 1)
    write_plan(
        directory,
        RunPlan(run="r", cluster="c", seed=1, drills=["x"], tool_version="0", config_sha256="0"),
    )
    record = channels._old_record(reports, ["nothing"])
    record.unlink()
    record.with_suffix(".1.ansible.log").unlink()
    channels._write_record(reports, ["nothing"])
    (reports / channels.RUN / "record").chmod(0o750)
    (reports / channels.RUN).chmod(0o750)
    rebuild_report(reports / channels.RUN)
    FileSink(str(directory / "record" / "x.jsonl")).close()
    LedgerWriter(reports / "orders" / "l.jsonl").close()
    write_site([], reports / "site", reports)
    with History.open(f"sqlite:///{reports}/history/history.db", create=True) as history:
        history.runs()
    channels.cycle_state(reports / "nightly", ["nothing"], None)
    run_part([sys.executable, "-c", ""], reports / "up.log", mark="x", limit_s=60, heal_s=1)
    with Archive(reports / "nightly" / "d.tar.gz", Redactor()) as archive:
        archive.add("x", "y")
    assert len(list(reports.rglob("*"))) > 20
    assert readable_by_others(tmp_path) == []


@pytest.mark.usefixtures("_open_umask")
def test_files_have_their_modes_from_the_first_byte_on(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o750, 0o750]
    path = tmp_path / "a" / "file"
    path.touch(0o666)
    replace_file(path, "x")
    assert path.stat().st_mode & 0o777 == PRIVATE_FILE
    with open_private(tmp_path / "log", append=True) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == PRIVATE_FILE
    replace_file(path, "x", mode=0o644)
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_database_is_handed_over_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "up.log"
    code = "import os; print(len(os.environ['KUBEDRILL_HISTORY_DATABASE']))"
    argv = [sys.executable, "-c", code]
    run_part(argv, log, mark="x", limit_s=60, heal_s=1, database=DATABASE)
    assert log.read_text() == f"{len(DATABASE)}\n"
    assert load_settings().history.database.get_secret_value() == ""
    monkeypatch.setenv(DATABASE_VARIABLE, DATABASE)
    (tmp_path / "kubedrill.yml").write_text("history: {database: 'sqlite:///x.db'}\n")
    assert load_settings().history.database.get_secret_value() == DATABASE


def test_settings_never_show_the_database_s_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kubedrill.yml"
    path.write_text(yaml.safe_dump({"history": {"database": DATABASE}}))
    settings = load_settings(path)
    texts = [repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())]
    assert not [text for text in texts if "geheim" in text]
    assert redact("login with planted-geheim failed") == f"login with {GONE} failed"
    monkeypatch.chdir(tmp_path)
    for wrong in ([DATABASE], {"url": DATABASE}):
        path.write_text(yaml.safe_dump({"history": {"database": wrong}}))
        assert run(["history", "list"]) == 2
        shown = capsys.readouterr()
        assert "history.database" in shown.err
        assert "geheim" not in shown.out + shown.err


def _listing(**variables: Any) -> dict[str, Any]:
    common = {"ansible_host": "10.0.0.1", "cluster_kubernetes_version": "1.35.4", **variables}
    common |= {"cluster_virtual_address": "10.0.0.9", "cluster_api_port": 8443}
    networks = ("cluster_node_network", "cluster_pod_network", "cluster_service_network")
    common |= {name: f"10.{number}.0.0/16" for number, name in enumerate(networks)}
    return {
        "_meta": {"hostvars": {"cp1": common}},
        "all": {"children": ["cluster"]},
        "cluster": {"children": ["control_planes", "workers"]},
        "control_planes": {"hosts": ["cp1"]},
    }


def test_an_inventory_s_secrets_are_known_once_it_is_read(tmp_path: Path) -> None:
    variables = {"ansible_become_pass": "planted-1", "ansible_password": "cp1-is-public"}
    build_inventory(tmp_path, _listing(**variables, cluster_name="cp1-is-public"))
    assert redact("a planted-1 b cp1-is-public") == f"a {GONE} b cp1-is-public"


def test_the_environment_s_secrets_are_known_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_DEPLOY_TOKEN", "planted-22")
    build_inventory(tmp_path, _listing())
    assert redact("a planted-22 b") == f"a {GONE} b"


def test_a_kubeconfig_s_secrets_are_known_once_it_is_fetched(make_inventory: Any) -> None:
    user = {"client-key-data": "cGxhbnRlZC1rZXktZGF0YQ==", "token": "planted-333"}
    text = yaml.safe_dump({"clusters": [], "users": [{"name": "admin", "user": user}]})

    class Nodes:
        def read(self, *_: Any, **__: Any) -> CommandResult:
            return CommandResult(0, text, "")

    fetch_admin_conf(make_inventory(), Nodes())  # type: ignore[arg-type]
    assert redact("planted-333, cGxhbnRlZC1rZXktZGF0YQ==") == f"{GONE}, {GONE}"


def test_a_record_never_holds_what_is_known(tmp_path: Path) -> None:
    build_inventory(tmp_path, _listing(ansible_become_pass="planted-4444"))
    path = tmp_path / "x.jsonl"
    with RecordWriter(path) as writer:
        writer.check(Check("a", False, "sudo: planted-4444 is wrong", "b", "c"))
    assert "planted-4444" not in path.read_text()
