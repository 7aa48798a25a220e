"""Where kubedrill writes: devices, pipes, links, full disks, closed streams."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from doorkit import NEVER
from file_doors import line

from kubedrill.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator

KUBEDRILL = [sys.executable, "-m", "kubedrill.cli"]


@pytest.fixture(autouse=True)
def elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Path]:
    """A working folder with a history of one run; no answer holds a trace, no file is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    Path("runs.jsonl").write_text(line(), encoding="utf-8")
    assert run(["history", "import", "runs.jsonl"]) == 0
    capsys.readouterr()
    yield tmp_path
    captured = capsys.readouterr()
    assert [words for words in NEVER if words in captured.out + captured.err] == []
    assert [path for path in tmp_path.rglob(".*") if path.name != ".local"] == []


def test_an_export_goes_through_a_pipe_which_stays() -> None:
    os.mkfifo("pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text(encoding="utf-8")))
    reader.start()
    assert run(["history", "export", "pipe"]) == 0
    reader.join(10)
    assert '"run":"r1"' in read[0]
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_an_export_to_a_device_leaves_the_device() -> None:
    assert run(["history", "export", "/dev/null"]) == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_export_to_a_full_disk_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "export", "/dev/full"]) == 1
    assert "/dev/full cannot be written: No space left on device" in capsys.readouterr().err
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_an_export_to_a_link_writes_what_the_link_names() -> None:
    Path("file").write_text("old", encoding="utf-8")
    Path("link").symlink_to("file")
    assert run(["history", "export", "link"]) == 0
    assert Path("link").is_symlink()
    assert '"run":"r1"' in Path("file").read_text(encoding="utf-8")


def test_an_export_to_a_link_that_leads_nowhere_makes_what_it_names() -> None:
    Path("link").symlink_to("file")
    assert run(["history", "export", "link"]) == 0
    assert Path("link").is_symlink()
    assert Path("file").is_file()


@pytest.mark.parametrize(
    ("place", "reason", "status"),
    [
        ("loop", "Too many levels of symbolic links", 1),
        ("none/there/x", "No such file or directory", 1),
        ("runs.jsonl/x", "Not a directory", 1),
        ("/proc/x", "No such file or directory", 1),
        ("x" * 300, "File name too long", 1),
        (".", "directory", 2),
    ],
)
def test_an_export_that_cannot_be_written_is_a_sentence(
    place: str, reason: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("loop").symlink_to("loop")
    assert run(["history", "export", place]) == status
    assert reason in capsys.readouterr().err


def test_a_dash_is_standard_output_and_nothing_else_is_written_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["history", "export", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("{")
    assert captured.out.endswith("}\n")
    assert "1 runs written to standard output" in captured.err
    assert not Path("-").exists()


def in_shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which $K is kubedrill; its status is that of kubedrill."""
    return subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "K": " ".join(KUBEDRILL)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "status", "says"),
    [
        ("$K list --all | head -1; exit ${PIPESTATUS[0]}", 0, ""),
        ("$K list >&-", 0, ""),
        ("$K drill zzzz 2>&-", 2, ""),
        ("$K drill zzzz 2>&1 | true; exit ${PIPESTATUS[0]}", 2, ""),
        ("$K list > /dev/full", 4, "No space left on device"),
        ("PYTHONIOENCODING=ascii $K readiness --upgrade-to latest", 2, "latest"),
        ("$K history export - | $K history import -", 0, "1 was there already"),
    ],
)
def test_streams_that_are_closed_full_or_narrow(script: str, status: int, says: str) -> None:
    done = in_shell(script)
    answer = done.stdout + done.stderr
    assert done.returncode == status, answer
    assert says in answer
    assert [words for words in (*NEVER, "Exception ignored") if words in answer] == []
