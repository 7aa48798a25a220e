"""kill -9 of a whole harness, for real: what it had seen is on disk, and nothing of it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from kubedrill.base.results import VerdictKind
from kubedrill.base.waits import wait_for
from kubedrill.record import RecordWriter, now, read_record
from kubedrill.verdict import judge

sys.path.insert(0, str(Path(__file__).parent))
from test_sampler import answer_more, lines, server_thread, until

NS = 1_000_000_000
HARNESS = """
import sys, time
from pathlib import Path
from kubedrill.config import Settings
from kubedrill.base.model import Connection, Header, ProbeSpec, Span, Vantage
from kubedrill.probes import ProbeSession, Targets
from kubedrill.probes.standard import control_probe
from kubedrill.record import RecordWriter, now

path, url = Path(sys.argv[1]), sys.argv[2]
app = ProbeSpec("app", "http", url, Vantage.OUTSIDE, Connection.NEW, 0.02, 60)
specs = (app, control_probe(Settings()))
with RecordWriter(path) as writer:
    writer.header(Header("r", "d", "T", "c", 1, "2026", now(), "0", "v1", ("w1",), ("w1",), specs))
    targets = Targets(url, url, url, "hello.", "10.96.0.9", "10.96.0.10")
    with ProbeSession(specs, path, api=None, settings=Settings(), targets=targets):
        writer.span(Span("fault", "w1", "power cut", now(), None))
        print("drilling", flush=True)
        sys.stdin.read()
"""


def started(path: Path, port: int) -> subprocess.Popen[str]:
    """A harness in the middle of a fault."""
    command = [sys.executable, "-c", HARNESS, str(path), f"http://127.0.0.1:{port}/"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "drilling\n"
    return process


def test_nothing_is_lost_but_the_last_second_and_nobody_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    with server_thread() as server:
        harness = started(path, server.port)
        helpers = psutil.Process(harness.pid).children(recursive=True)
        assert {Path(helper.cmdline()[2]).name for helper in helpers} == {"sampler", "control"}
        until(path, 100)
        os.kill(harness.pid, signal.SIGKILL)
        killed = now()
        harness.communicate()
        wait_for(
            "the helpers to end with the harness",
            lambda: (
                not any(
                    helper.is_running() and helper.status() != psutil.STATUS_ZOMBIE
                    for helper in helpers
                )
            ),
            seconds=60,
            setting="probes_ready",
            poll_s=0.05,
        )
        written = [line for line in lines(path) if line[:2] == ["sample", "app"]]
        assert len(written) >= sum(at < killed - NS for at in server.answered)
    record = read_record(path)
    assert (record.ended, record.spans[0].end) == ("", None)
    verdict = judge(record)
    assert verdict.verdict is VerdictKind.INCONCLUSIVE
    assert "the record stops without an end: the harness was killed" in {
        f.text for f in verdict.findings
    }


def test_all_of_it_killed_at_once_leaves_whole_lines(tmp_path: Path) -> None:
    """As when the host's memory runs out: the sampler has no chance to write what it has."""
    path = tmp_path / "record.jsonl"
    with server_thread() as server:
        harness = started(path, server.port)
        processes = [
            *psutil.Process(harness.pid).children(recursive=True),
            psutil.Process(harness.pid),
        ]
        until(path, 100)
        answer_more(server, 70)  # 1.4 s at 50 Hz
        for process in processes:
            process.kill()
        killed = time.monotonic_ns()
        harness.communicate()
        psutil.wait_procs(processes[:-1], timeout=60)
        written = [line for line in lines(path) if line[:2] == ["sample", "app"]]
        assert len(written) >= sum(at < killed - NS for at in server.answered)
    with RecordWriter(path) as writer:  # what looks at it later may go on writing
        writer.end(now(), "error", "killed")
    assert read_record(path).ended == "error"
