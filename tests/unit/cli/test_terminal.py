import io
from typing import Any

import pytest
from rich.console import Console

from kubedrill.base.errors import StepFailed
from kubedrill.base.printable import printable
from kubedrill.base.results import VerdictKind
from kubedrill.cli.main import run
from kubedrill.cli.terminal import Lines, Panel, make_progress, verdict_line


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
