"""A part's output is cleaned on its way to the disk, and nobody waits for what cleans it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from nightlykit import PATIENCE_S, ROOT

from kubedrill.base import redact
from kubedrill.base.redact import GONE, Redactor, remember_secrets
from kubedrill.base.waits import wait_for
from kubedrill.nightly import parts
from kubedrill.nightly.part_log import start_cleaning
from kubedrill.nightly.parts import run_part

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": parts._python_path()}


def written(log: Path, *pieces: bytes) -> str:
    """What stands in the log when these pieces were written, and nobody writes any more."""
    with log.open("ab") as output:
        cleaner, pipe = start_cleaning(output, ENVIRONMENT)
    for piece in pieces:
        os.write(pipe, piece)
    os.close(pipe)
    assert cleaner.wait(PATIENCE_S) == 0
    return log.read_bytes().decode()


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((b"",), ""),
        ((b"a\nb\n",), "a\nb\n"),
        ((b"a\nb",), "a\nb"),
        ((b"\n\na\n\n",), "\n\na\n\n"),
        ((b"a\r10 %\r20 %", b"\nb\n"), "a\r10 %\r20 %\nb\n"),
        ((b"\xff\xfea\n",), "\ufffd\ufffda\n"),
        (("gr\u00fc".encode()[:-1], "gr\u00fc".encode()[-1:], b"n\n"), "gr\u00fcn\n"),
        ((b"pass", b"word: hun", b"ter2\nkept\n"), f"password: {GONE}\nkept\n"),
        ((b"- value: hunter2\n", b"  name: DB_PASS\n"), f"- value: {GONE}\n  name: DB_PASS\n"),
        ((b"data:\n  a: kept\n",), "data:\n  a: kept\n"),
    ],
)
def test_all_that_is_no_secret_comes_through(
    tmp_path: Path, pieces: tuple[bytes, ...], expected: str
) -> None:
    assert written(tmp_path / "log", *pieces) == expected


def test_what_stood_in_the_log_stays(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n", encoding="utf-8")
    assert written(tmp_path / "log", b"after\n") == "before\nafter\n"


def test_it_knows_what_this_process_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_current", Redactor())
    remember_secrets({"Geheimnis-17", "x" * 100_000})
    assert written(tmp_path / "log", b"it is Geheimnis-17\n") == f"it is {GONE}\n"


def test_a_line_without_end_is_no_memory_without_end(tmp_path: Path) -> None:
    text = written(tmp_path / "log", *[b"word " * 10_000] * 60)
    assert len(text.replace("\n", "")) == 3_000_000
    assert "\n" in text


def test_a_full_disk_does_not_stop_the_part(tmp_path: Path) -> None:
    with open("/dev/full", "ab", buffering=0) as output:  # noqa: PTH123 - a device
        cleaner, pipe = start_cleaning(output, ENVIRONMENT)
    for _ in range(100):
        os.write(pipe, b"line\n" * 10_000)
    os.close(pipe)
    assert cleaner.wait(PATIENCE_S) == 0
    assert list(tmp_path.iterdir()) == []


def test_who_is_asked_to_stop_still_has_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as output:
        cleaner, pipe = start_cleaning(output, ENVIRONMENT)
    os.write(pipe, b"begun\n")
    wait_for("the first line", lambda: _has(log, "begun"), seconds=PATIENCE_S, setting="none")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        cleaner.send_signal(number)
    os.write(pipe, b"healed\n")
    os.close(pipe)
    assert cleaner.wait(PATIENCE_S) == 0
    assert log.read_text(encoding="utf-8") == "begun\nhealed\n"


def _has(log: Path, text: str) -> bool | None:
    return (log.exists() and text in log.read_text(encoding="utf-8")) or None


_CYCLE = """
import sys
from pathlib import Path
from kubedrill.nightly.parts import run_part
run_part(sys.argv[2:], Path(sys.argv[1]), mark="x", limit_s=600, heal_s=1)
"""
_PART = """
import os, pathlib, sys, time
parent = os.getppid()
print("begun, password: hunter2", flush=True)
while os.getppid() == parent:
    time.sleep(0.05)
print("goes on, token: hunter3", flush=True)
pathlib.Path(sys.argv[1]).touch()
"""


def test_a_part_goes_on_after_its_cycle_was_killed_and_its_log_stays_clean(tmp_path: Path) -> None:
    log, ended = tmp_path / "log", tmp_path / "ended"
    part = [sys.executable, "-c", _PART, str(ended)]
    cycle = subprocess.Popen(
        [sys.executable, "-c", _CYCLE, str(log), *part], cwd=ROOT, env=ENVIRONMENT
    )
    wait_for("the part", lambda: _has(log, "begun"), seconds=PATIENCE_S, setting="none")
    cycle.kill()
    cycle.wait()
    wait_for("its end", lambda: ended.exists() or None, seconds=PATIENCE_S, setting="none")
    wait_for("its words", lambda: _has(log, "goes on"), seconds=PATIENCE_S, setting="none")
    assert log.read_text("utf-8") == f"begun, password: {GONE}\ngoes on, token: {GONE}\n"


def test_a_daemon_that_a_part_leaves_behind_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "LAST_LINES_S", 1.0)
    end = tmp_path / "end"
    daemon = f"(while [ ! -e {end} ]; do sleep 0.1; done) & echo done"
    ended = run_part(["/bin/sh", "-c", daemon], tmp_path / "log", mark="x", limit_s=60, heal_s=1)
    end.touch()
    assert (ended.result, ended.words) == ("ok", "done")
