"""Each form of a secret is planted in each channel through its real writer, and none is found.

A channel is whatever a user reads, keeps or sends on. Where old runs are shown, the record or the
document that is read holds the secret as it was written before there was a redactor.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO, StringIO, TextIOWrapper
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from tests.servers import Handler, serve
from tests.unit.planted_secrets import FORMS

from kubedrill.base import redact
from kubedrill.base.document import NotRun, RunDocument
from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Check, Event, Header, OutageLimit, Span
from kubedrill.base.redact import GONE, Redactor
from kubedrill.base.results import VerdictKind
from kubedrill.base.waits import wait_for
from kubedrill.cli.terminal import Lines, Panel, verdict_line
from kubedrill.config import Settings
from kubedrill.diagnostics.collect import Archive, add_files
from kubedrill.drills import ALL
from kubedrill.history import store
from kubedrill.history.read import read_document
from kubedrill.history.store import History
from kubedrill.nightly import parts
from kubedrill.nightly.parts import run_part
from kubedrill.nightly.state import CellState, CycleState, PartState, Store
from kubedrill.notify.deliver import tell_cycle
from kubedrill.readiness.judge import Readiness
from kubedrill.readiness.model import Issue, Severity
from kubedrill.record.file import FORMAT, RecordWriter
from kubedrill.report import rebuild_report
from kubedrill.runner.dry_run import DrillPlan, DryRun
from kubedrill.site.write import write_site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# their packages have a command of the same name
cli_main: Any = import_module("kubedrill.cli.main")
cli_drill: Any = import_module("kubedrill.cli.drill")
cli_readiness: Any = import_module("kubedrill.cli.readiness")

RUN = "20260101T000000Z-1"
DRILL = "node-drain"


def _header() -> Header:
    return Header(
        run=RUN,
        drill=DRILL,
        title="A drain",
        cluster="test",
        seed=1,
        started="2026-01-01T00:00:00+00:00",
        started_mono=1_000,
        tool_version="0.2.0",
        kubernetes="1.35.4",
        nodes=("cp1", "w1"),
        targets=("w1",),
        probes=(),
    )


def _parts(text: str) -> tuple[Span, Event, Check, OutageLimit]:
    return (
        Span("pod", "web-1", text, 2_000, 3_000, {"log": text, "deep": [{"x": text}]}),
        Event("ansible", "w1", text, 2_500, {"message": text}),
        Check(text, False, text, text, "steps-succeeded"),
        OutageLimit("app-*", 1.0, 0.5, (text,)),
    )


def _write_record(folder: Path, texts: list[str]) -> Path:
    """A record as a run writes it."""
    path = folder / RUN / "record" / f"{DRILL}.jsonl"
    with RecordWriter(path) as writer:
        writer.header(_header())
        for text in texts:
            span, event, check, limit = _parts(text)
            writer.span(span)
            writer.event(event)
            writer.check(check)
            writer.limit(limit)
        writer.end(9_000, "error", texts[0])
    return path


def _old_record(folder: Path, texts: list[str]) -> Path:
    """A record as it was written before there was a redactor, with an Ansible log beside it."""
    path = folder / RUN / "record" / f"{DRILL}.jsonl"
    path.parent.mkdir(parents=True)
    lines: list[Any] = [["header", {"format": FORMAT, **asdict(_header())}]]
    for text in texts:
        span, event, check, limit = _parts(text)
        lines += [
            ["span", span.lane, span.subject, span.name, span.start, span.end, span.data],
            ["event", event.lane, event.subject, event.name, event.at, event.data],
            ["check", asdict(check)],
            ["limit", asdict(limit)],
        ]
    lines.append(["end", 9_000, "error", texts[0]])
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    path.with_suffix(".1.ansible.log").write_text(
        f"TASK [Look] ***\n{_joined(texts)}\n", encoding="utf-8"
    )
    return path


def _joined(texts: list[str]) -> str:
    """All in one text, that of a key which is cut last: it has no end."""
    return "\n---\n".join(_in_order(texts))


def _in_order(texts: list[str]) -> list[str]:
    return sorted(texts, key=lambda text: "BEGIN" in text and "END" not in text)


def record(tmp_path: Path, texts: list[str], _make: Any) -> str:
    return _write_record(tmp_path, texts).read_text(encoding="utf-8")


def report_of_an_old_record(tmp_path: Path, texts: list[str], _make: Any) -> str:
    run = _old_record(tmp_path, texts).parents[1]
    rebuild_report(run)
    (verdict := run / "verdict.json").write_text(verdict.read_text(encoding="utf-8"), "utf-8")
    files = [path for path in run.rglob("*") if path.is_file() and path.parent.name != "record"]
    names = {path.name for path in files}
    assert {"verdict.json", "junit.xml", "index.html", f"{DRILL}.1.ansible.log.html"} <= names
    return "".join(path.read_text(encoding="utf-8") for path in files)


def report_of_what_was_not_run(tmp_path: Path, texts: list[str], _make: Any) -> str:
    run = _write_record(tmp_path, ["nothing"]).parents[1]
    rebuild_report(run)
    document = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    document["not_run"] = _not_run(texts)
    (run / "verdict.json").write_text(json.dumps(document), encoding="utf-8")
    rebuild_report(run)
    names = ("verdict.json", "junit.xml", "index.html")
    return "".join((run / name).read_text(encoding="utf-8") for name in names)


def _not_run(texts: list[str]) -> list[dict[str, Any]]:
    return [
        {"name": f"drill-{number}", "reason": text, "missing": False}
        for number, text in enumerate(texts)
    ]


def _old_document(tmp_path: Path, texts: list[str]) -> Path:
    """A run whose verdict.json an older kubedrill wrote."""
    run = _write_record(tmp_path, ["nothing"]).parents[1]
    rebuild_report(run)
    path = run / "verdict.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for drill in document["drills"]:
        drill["reason"] = texts[0]
        (check,) = drill["checks"]
        drill["checks"] = [check | {_actual(check): text} for text in texts]
    document["not_run"] = _not_run(texts)
    path.write_text(json.dumps(document), encoding="utf-8")
    return run


def _actual(check: dict[str, Any]) -> str:
    return "actual" if "actual" in check else "found"


def history(tmp_path: Path, texts: list[str], _make: Any) -> str:
    file = tmp_path / "history.db"
    with History.open(f"sqlite:///{file}", create=True) as database:
        database.add([read_document(_old_document(tmp_path, texts))])
    with sqlite3.connect(file) as connection:
        return "\n".join(connection.iterdump())


def _old_history(tmp_path: Path, texts: list[str]) -> str:
    """A database that an older kubedrill filled; returns its URL."""
    url = f"sqlite:///{tmp_path / 'history.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "clean_document", lambda document: document)
        with History.open(url, create=True) as database:
            database.add([_old_run(tmp_path, texts)])
    return url


def _old_run(tmp_path: Path, texts: list[str]) -> RunDocument:
    run = read_document(_write_and_judge(tmp_path))
    [drill] = run.drills
    [check] = drill.checks
    checks = tuple(check.model_copy(update={"actual": text}) for text in texts)
    [limit] = drill.predicted
    drill = drill.model_copy(
        update={
            "reason": texts[0],
            "checks": checks,
            "predicted": (limit.model_copy(update={"because": tuple(texts)}),),
            "host_facts": {"deep": [texts[0]]},
        }
    )
    not_run = tuple(map(NotRun.model_validate, _not_run(texts)))
    return run.model_copy(update={"drills": (drill,), "not_run": not_run})


def _call(*argv: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", output := StringIO())
        assert cli_main.run(list(argv)) == 0
    return output.getvalue()


def export_of_an_old_history(tmp_path: Path, texts: list[str], _make: Any) -> str:
    """What the commands write of it: lines, a list, trends, and the site with its own."""
    database = ("--database", _old_history(tmp_path, texts))
    file = tmp_path / "runs.jsonl"
    outputs = [
        _call("history", *database, "export", str(file)),
        _call("history", *database, "export", "-"),
        _call("history", *database, "list", "-o", "json"),
        _call("history", *database, "list"),
        _call("history", *database, "trends", "-o", "json"),
        _call("site", *database, "--to", str(tmp_path / "site")),
    ]
    pages = [path.read_text("utf-8") for path in (tmp_path / "site").rglob("*") if path.is_file()]
    return "".join([*outputs, file.read_text("utf-8"), *pages])


def old_history_that_was_exported_and_imported(tmp_path: Path, texts: list[str], _make: Any) -> str:
    """The database's own bytes after the command that cleans it, those of removed rows too."""
    database = ("--database", _old_history(tmp_path, texts))
    _call("history", *database, "export", str(tmp_path / "runs.jsonl"))
    output = _call("history", *database, "import", "--replace", str(tmp_path / "runs.jsonl"))
    return output + (tmp_path / "history.db").read_bytes().decode("utf-8", errors="replace")


def import_of_an_old_export(tmp_path: Path, texts: list[str], _make: Any) -> str:
    (tmp_path / "old.jsonl").write_text(
        _old_run(tmp_path, texts).model_dump_json() + "\n", encoding="utf-8"
    )
    database = ("--database", f"sqlite:///{tmp_path / 'history.db'}")
    output = _call("history", *database, "import", str(tmp_path / "old.jsonl"))
    return output + (tmp_path / "history.db").read_bytes().decode("utf-8", errors="replace")


def site(tmp_path: Path, texts: list[str], _make: Any) -> str:
    """The site of a history that an older kubedrill filled, and of an old cycle."""
    run = read_document(_write_and_judge(tmp_path))
    drills = tuple(drill.model_copy(update={"reason": texts[0]}) for drill in run.drills)
    not_run = tuple(map(NotRun.model_validate, _not_run(texts)))
    old = run.model_copy(update={"drills": drills, "not_run": not_run})
    _old_cycle(tmp_path / "nightly", texts)
    write_site([old], tmp_path / "site", tmp_path)
    return (tmp_path / "site" / "data.js").read_text(encoding="utf-8")


def _write_and_judge(tmp_path: Path) -> Path:
    run = _write_record(tmp_path, ["nothing"]).parents[1]
    rebuild_report(run)
    return run


def _cycle(texts: list[str]) -> CycleState:
    cells = [
        CellState(
            key=f"cell-{number}",
            topology="3+2",
            versions=("1.35.4",),
            during="",
            cluster="night-1",
            verdict=VerdictKind.FAIL,
            reason=text,
            parts=[PartState(name="up", started="x", result="failed", reason=text, log="up.log")],
            interruptions=[text],
            left=text,
        )
        for number, text in enumerate(texts)
    ]
    return CycleState(
        cycle="20260301T020000Z", plan="nightly", plan_path="p", digest="d", cells=cells,
        stopped=texts, outcome=texts[0],
    )  # fmt: skip


def _old_cycle(root: Path, texts: list[str]) -> Path:
    folder = root / "20260301T020000Z"
    folder.mkdir(parents=True)
    (folder / "cycle.json").write_text(_cycle(texts).model_dump_json(), encoding="utf-8")
    return folder


def cycle_state(tmp_path: Path, texts: list[str], _make: Any) -> str:
    store = Store(tmp_path / "c", _cycle(texts))
    store.save()
    return (tmp_path / "c" / "cycle.json").read_text(encoding="utf-8")


class _Hook(Handler):
    bodies: list[str]

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self.bodies.append(self.rfile.read(length).decode())
        self.answer()

    def answer(self) -> None:
        self.send_json(200, b"{}")


def message(tmp_path: Path, texts: list[str], _make: Any) -> str:
    """What a webhook gets, and the files beside the cycle, of a cycle of an older kubedrill."""
    folder = _old_cycle(tmp_path, texts)
    with serve(_Hook, bodies=[]) as hook, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBEDRILL_NOTIFY_URLS", hook.url.replace("http://", "json://"))
        tell_cycle(folder, [], Settings().notify, always=True)
        bodies = "".join(hook.bodies)
    files = "".join((folder / name).read_text("utf-8") for name in ("summary.md", "junit.xml"))
    assert bodies
    return bodies + files


def log_of_a_part(tmp_path: Path, texts: list[str], _make: Any) -> str:
    log = tmp_path / "up.1.log"
    argv = [sys.executable, "-c", "import sys; print(sys.argv[1])", _joined(texts)]
    ended = run_part(argv, log, mark="x", limit_s=60, heal_s=1)
    return log.read_text(encoding="utf-8") + ended.words


_PRINTS = """\
import json, pathlib, sys, time
for text in json.load(open(sys.argv[1])):
    print(text, "---", sep="\\n", flush=True)
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.05)
"""


def log_of_a_part_that_still_runs(tmp_path: Path, texts: list[str], _make: Any) -> str:
    """What the file holds before its part has ended, and the whole is looked at again."""
    log, words, end = (tmp_path / name for name in ("up.1.log", "words.json", "end"))
    words.write_text(json.dumps(_in_order(texts)), encoding="utf-8")
    lines = sum(text.count("\n") + 2 for text in texts)
    argv = [sys.executable, "-c", _PRINTS, str(words), str(end)]
    with ThreadPoolExecutor(1) as pool:
        part = pool.submit(run_part, argv, log, mark="x", limit_s=60, heal_s=1)
        try:
            return wait_for(
                "the part to print",
                lambda: text if (text := _text_of(log)).count("\n") == lines else None,
                seconds=60,
                setting="none",
                poll_s=0.05,
            )
        finally:
            end.touch()
            assert part.result().result == "ok"


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def archive(tmp_path: Path, texts: list[str], _make: Any) -> str:
    _old_record(tmp_path / "runs", texts)
    with Archive(tmp_path / "diagnostics.tar.gz", Redactor()) as result:
        for number, text in enumerate(texts):
            result.add(f"{number}.txt", text)
        add_files(result, [tmp_path / "runs" / RUN])
    with tarfile.open(tmp_path / "diagnostics.tar.gz") as tar:
        files = [tar.extractfile(member) for member in tar.getmembers()]
        return "".join(file.read().decode() for file in files if file)


def error(_tmp_path: Path, texts: list[str], _make: Any) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", output := StringIO())
        for text in texts:
            patch.setattr(cli_main.cli, "main", lambda text=text, **_: _raise(StepFailed(text)))
            cli_main.run([])
    return output.getvalue()


def _raise(mistake: Exception) -> None:
    raise mistake


def trace(_tmp_path: Path, texts: list[str], _make: Any) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", TextIOWrapper(output := BytesIO(), write_through=True))
        for text in texts:
            patch.setattr(cli_main.cli, "main", lambda text=text, **_: _raise(RuntimeError(text)))
            with pytest.raises(SystemExit):
                cli_main.main([])
        return output.getvalue().decode()


def terminal(_tmp_path: Path, texts: list[str], _make: Any) -> str:
    console = Console(file=(output := StringIO()), width=4000)
    for progress, text in product((Lines(console), Panel(console)), texts):
        progress.step("w1", text)
        progress.note("w1", text)
        progress.done(DRILL, "FAIL", text)
        console.print(getattr(progress, "_draw", str)())
    for text in texts:
        console.print(verdict_line(VerdictKind.FAIL, DRILL, text))
        cli_drill.print_verdicts(console, [], {"pod-killed": text}, {"pod-killed": text})
    return output.getvalue()


def _dry_run(texts: list[str]) -> DryRun:
    plans = [
        plan
        for text in texts
        for plan in (
            DrillPlan(ALL[DRILL], None, ("w2",), (_parts(text)[3],), (text,)),
            DrillPlan(ALL["pod-killed"], text),
        )
    ]
    return DryRun(7, "1.35.4", texts[0], texts, ("w1",), plans)


def dry_run(_tmp_path: Path, texts: list[str], make: Any) -> str:
    """Both of its outputs, by the command itself."""
    inventory = make(drills_allowed=True)
    outputs = []
    for kind in ("json", "table"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cli_drill, "load_inventory", lambda _path: inventory)
            patch.setattr(cli_drill, "plan_run", lambda *_, **__: _dry_run(texts))
            patch.setattr(sys, "stdout", output := StringIO())
            assert cli_main.run(["drill", DRILL, "--dry-run", "-o", kind]) == 4
        outputs.append(output.getvalue())
    json.loads(outputs[0])
    return "".join(outputs)


def readiness(_tmp_path: Path, texts: list[str], make: Any) -> str:
    issues = tuple(Issue("a-rule", Severity.BLOCKER, "pod web", text, text, text) for text in texts)
    result = Readiness("c", "i", "v1.36.3", datetime.now(UTC), issues, ("a-rule",), ())
    outputs = []
    for kind in ("json", "table"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cli_readiness, "gather", lambda *_: None)
            patch.setattr(cli_readiness, "judge", lambda _: result)
            patch.setattr(cli_readiness, "measured_upgrades", lambda *_: [])
            patch.setattr("kubedrill.cli.options.load_inventory", lambda _path: make())
            patch.setattr(sys, "stdout", output := StringIO())
            argv = ["readiness", "--upgrade-to", "1.36.3", "-o", kind]
            assert cli_main.run(argv) == 1, output.getvalue()
        outputs.append(output.getvalue())
    json.loads(outputs[0])
    return "".join(outputs)


CHANNELS: list[Callable[[Path, str, Any], str]] = [
    record,
    report_of_an_old_record,
    report_of_what_was_not_run,
    history,
    export_of_an_old_history,
    old_history_that_was_exported_and_imported,
    import_of_an_old_export,
    site,
    cycle_state,
    message,
    log_of_a_part,
    log_of_a_part_that_still_runs,
    archive,
    error,
    trace,
    terminal,
    dry_run,
    readiness,
]


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.__name__)
def test_no_secret_leaves(channel: Any, tmp_path: Path, make_inventory: Any) -> None:
    written = channel(tmp_path, [form.text for form in FORMS.values()], make_inventory)
    written = written.replace("\\[", "[").replace("\\]", "]")  # as Markdown has it
    assert written.count(GONE) >= len(FORMS)
    leaks = {name: form.leaks(written) for name, form in FORMS.items() if form.leaks(written)}
    assert leaks == {}


def _copy_as_it_is(log: Any, _environment: Any) -> tuple[subprocess.Popen[bytes], int]:
    read_end, write_end = os.pipe()
    process = subprocess.Popen(["cat"], stdin=read_end, stdout=log)
    os.close(read_end)
    return process, write_end


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.__name__)
def test_each_channel_is_cleaned_by_the_redactor_alone(
    channel: Any, tmp_path: Path, make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it each form is found: the channel shows what is planted."""
    monkeypatch.setattr(Redactor, "_clean", lambda _self, text: text)
    monkeypatch.setattr(Redactor, "clean_value", lambda _self, value: value)
    monkeypatch.setattr(redact, "_current", Redactor())
    monkeypatch.setattr(parts, "start_cleaning", _copy_as_it_is)  # it is a process of its own
    form = FORMS["github"]
    assert form.leaks(channel(tmp_path, [form.text], make_inventory)) == list(form.secrets)
