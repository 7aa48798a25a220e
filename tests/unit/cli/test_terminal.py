import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from kubedrill.base.errors import StepFailed
from kubedrill.base.printable import printable
from kubedrill.base.results import VerdictKind
from kubedrill.base.waits import wait_for
from kubedrill.cli import cluster
from kubedrill.cli.main import run
from kubedrill.cli.terminal import QUIET_S, Build, Lines, Panel, make_progress, verdict_line
from kubedrill.cluster.playbooks import TaskEvent


def console(*, tty: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=tty, width=120)


def test_plain_lines_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert type(make_progress(console(tty=False))) is Lines


def test_plain_lines_under_ci_even_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert type(make_progress(console(tty=True))) is Lines
    monkeypatch.delenv("CI")
    assert isinstance(make_progress(console(tty=True)), Panel)


def test_lines_tell_availability_when_it_changes_only() -> None:
    out = console(tty=False)
    lines = Lines(out)
    healthy, broken = {"app-new": (10, 10)}, {"app-new": (4, 10)}
    for latest in (healthy, healthy, broken, broken, healthy):
        lines.availability(latest)
    text = out.file.getvalue()
    assert text.count("app-new 4/10") == 1
    assert text.count("all answer") == 1


def test_brackets_in_messages_are_kept() -> None:
    out = console(tty=False)
    Lines(out).note("w1", "found [red]nothing[/red] [dim]")
    assert "[red]nothing[/red] [dim]" in out.file.getvalue()


def test_panel_shows_the_drill_the_step_and_each_probe() -> None:
    out = console(tty=True)
    with Panel(out) as panel:
        panel.drill("node-drain", "Drain", 1, 2)
        panel.step("w1", "drain: inject")
        panel.availability({"app-new": (5, 10), "dns": (0, 0)})
        drawn = Console(file=io.StringIO(), width=120)
        drawn.print(panel._draw())
    text = drawn.file.getvalue()
    assert "[1/2] node-drain: Drain" in text
    assert "w1: drain: inject" in text
    assert "50.0%" in text
    assert "no data" in text


@pytest.mark.parametrize("verdict", ["PASS", "not run"])
def test_the_end_of_a_drill_is_told_with_its_reason(verdict: Any) -> None:
    out = console(tty=False)
    Lines(out).done("node-drain", verdict, "because")
    assert f"{verdict}: node-drain: because" in out.file.getvalue()


def test_escape_sequences_of_a_record_are_shown_and_not_obeyed() -> None:
    line = verdict_line(VerdictKind.FAIL, "w1\x1b[2J\r", "\x9b1A\u202eSSAP").plain
    assert line == "FAIL         w1\\x1b[2J\\r: \\x9b1A\\u202eSSAP"
    assert printable("two\nlines\tand more") == "two\nlines\tand more"


def test_escape_sequences_in_an_error_are_shown_and_not_obeyed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise StepFailed("\x1b]0;PASS\x07")

    monkeypatch.setattr("kubedrill.cli.options.load_settings", fail)
    assert run(["drill"]) == 4
    assert "\\x1b]0;PASS\\x07" in capsys.readouterr().err


def test_lines_say_what_goes_on_where_nothing_was_printed_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = console(tty=False)
    now = [1000.0]
    monkeypatch.setattr("kubedrill.cli.terminal.time.monotonic", lambda: now[0])
    lines = Lines(out, {"node-drain": 60, "failover-vip": 100})
    lines.drill("node-drain", "Drain", 1, 2)
    lines.step("w1", "drain")
    now[0] += 20
    lines._tell_alive()
    assert "still" not in out.file.getvalue()
    now[0] += QUIET_S - 20
    lines._tell_alive()
    text = out.file.getvalue()
    assert "[1/2] node-drain: Drain; about 3 min left" in text
    assert f"still at w1: drain, for {QUIET_S} s; about 3 min left" in text
    lines.drill("failover-vip", "Failover", 2, 2)
    assert "[2/2] failover-vip: Failover; about 2 min left" in out.file.getvalue()


def test_lines_pulse_while_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubedrill.cli.terminal.QUIET_S", 0)
    monkeypatch.setattr("kubedrill.cli.terminal._PULSE_S", 0.01)
    out = console(tty=False)
    with Lines(out) as lines:
        lines.step("w1", "drain")
        wait_for(
            "a pulse", lambda: "still at" in out.file.getvalue() or None, seconds=10, setting="x"
        )


def test_a_build_says_what_is_made_and_about_how_long_the_rest_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = console(tty=False)
    now = [1000.0]
    monkeypatch.setattr("kubedrill.cli.terminal.time.monotonic", lambda: now[0])
    lines = Lines(out)
    build = Build(lines)
    build.plan(4, ["go-kubernetes-1.36 v1.36.3", "image-x 1", "image-x 1"])
    assert "4 parts, 1 of them in the cache; about 6 min left" in out.file.getvalue()
    build.started("go-kubernetes-1.36 v1.36.3")
    now[0] += 340
    build.note("go-kubernetes-1.36 v1.36.3", "50 of 100 packages", 0.5)
    lines._tell_alive()
    text = out.file.getvalue()
    assert text.count("go-kubernetes-1.36 v1.36.3 …") == 1
    assert "still at go-kubernetes-1.36 v1.36.3 50 of 100 packages; about 6 min left" in text
    build.finished("go-kubernetes-1.36 v1.36.3", 680)
    build.started("image-x 1")
    build.finished("image-x 1", 1)
    build.started("image-x 1")
    build.finished("image-x 1", 1)
    last = out.file.getvalue().splitlines()[-1]
    assert "[4/4] image-x 1 in 1 s" in last
    assert "left" not in last
    assert "image-x 1 …" in out.file.getvalue()


def test_a_panel_shows_the_parts_of_a_build() -> None:
    panel = Panel(console(tty=True))
    build = Build(panel)
    build.plan(2, ["go-etcd v3"])
    build.note("go-etcd v3", "5 packages", 0.5)
    drawn = Console(file=io.StringIO(), width=120)
    drawn.print(panel._draw())
    text = drawn.file.getvalue()
    assert "go-etcd v3" in text
    assert "5 packages" in text
    assert "about" in text
    assert "2 parts, 1 of them in the cache" in text


def test_up_shows_what_begins_on_a_node_and_none_of_vagrants_details(
    make_inventory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "Bringing machine 'cp1' up with 'docker' provider...",
        "==> cp1: Creating and configuring docker networks...",
        "==> cp1: Creating the container...",
        "    cp1:   Name: kubedrill-cp1",
        "    cp1: Vagrant insecure key detected. Vagrant will automatically replace",
        "==> cp1: Machine booted and ready!",
        "==> cp1: Machine not provisioned because `--no-provision` is specified.",
    ]
    fake = SimpleNamespace(up=lambda report, **_: [report(line) for line in lines])
    monkeypatch.setattr(cluster, "VagrantCluster", lambda *_: fake)
    out = console(tty=False)
    progress = Lines(out, {"nodes": 60, "install": 120})
    cluster._nodes(make_inventory(), None, progress)
    texts = [line.split(" s  ", 1)[1].strip() for line in out.file.getvalue().splitlines()]
    assert texts == [
        "[1/2] nodes: those of inventories/test; about 3 min left",
        "cp1: Creating the container...",
        "cp1: Machine booted and ready!",
    ]


def test_up_shows_tasks_of_roles_but_not_the_check_of_their_arguments() -> None:
    out = console(tty=False)
    report = cluster._on_event(Lines(out))
    for task in ("Validating arguments against arg spec 'main' - Drains", "Drain the node"):
        report(TaskEvent("task", "cp1", task, "drain", 0))
    assert "Validating" not in out.file.getvalue()
    assert "drain: Drain the node" in out.file.getvalue()
