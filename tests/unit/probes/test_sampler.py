"""The sampler as a process: its ticks, its file, its ends."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.probes.sampler.kinds import Spec
from kubedrill.probes.sampler.sinks import MAX_FETCHED, FileSink, MemorySink
from kubedrill.probes.sampler.ticks import Sample, Ticker
from kubedrill.record import sample_lines

sys.path.insert(0, str(Path(__file__).parent))
from probed_servers import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
NS = 1_000_000_000


@contextmanager
def server_thread(mode: str = "ok") -> Iterator[Server]:
    """Serve from a thread, for samplers that are processes."""
    result: list[Server] = []
    up, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        async with serving(mode) as server:
            result.append(server)
            up.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert up.wait(60)
    yield result[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(5)


@contextmanager
def sampler(tmp_path: Path, config: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "sampler", str(path)],
        cwd=ROOT / "harness/kubedrill/probes",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines(path: Path) -> list[Any]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def until(path: Path, count: int) -> list[Any]:
    deadline = time.monotonic() + 60
    while len(result := lines(path)) < count:
        assert time.monotonic() < deadline, f"{len(result)} samples after 60 s"
        threading.Event().wait(0.02)
    return result


def answer_more(server: Server, count: int) -> None:
    """Wait until a server has given so many more answers."""
    expected, deadline = len(server.answered) + count, time.monotonic() + 30
    while len(server.answered) < expected:
        assert time.monotonic() < deadline, (
            f"{len(server.answered)} of {expected} answers after 30 s"
        )
        threading.Event().wait(0.02)


def http(port: int, name: str = "p", **more: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/"
    return {
        "name": name,
        "kind": "http",
        "target": url,
        "reuse": True,
        "interval_s": 0.02,
        "timeout_s": 60,
        **more,
    }


def test_ticks_are_absolute_and_phases_spread(tmp_path: Path) -> None:
    record = tmp_path / "r.jsonl"
    with server_thread() as server:
        config = {"record": str(record), "probes": [http(server.port, "a"), http(server.port, "b")]}
        with sampler(tmp_path, config) as process:
            result = until(record, 60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    ends = sorted(
        lines(record), key=lambda s: s[2]
    )  # on a busy machine answers overtake one another
    assert len(ends) >= len(result)
    due = {name: [s[3] for s in ends if s[1] == name] for name in "ab"}
    for name in "ab":
        assert {b - a for a, b in zip(due[name], due[name][1:], strict=False)} == {NS // 50}, (
            "a tick drifted"
        )
        assert [s[2] for s in ends if s[1] == name] == list(range(len(due[name]))), (
            "a tick is missing"
        )
    assert due["b"][0] - due["a"][0] == NS // 100
    assert all(
        s[0] == "sample" and s[6] == "ok" and s[7] == "hello-1" and s[3] <= s[4] <= s[5]
        for s in ends
    )


def test_the_loop_is_open(tmp_path: Path) -> None:
    """Against a server that never answers, a closed loop would ask once per timeout.

    10 times too seldom.
    """
    record = tmp_path / "r.jsonl"
    with server_thread("hang") as server:
        config = {"record": str(record), "probes": [http(server.port, timeout_s=0.2)]}
        with sampler(tmp_path, config) as process:
            until(record, 20)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    result = lines(record)
    assert {s[6] for s in result} == {"timeout"}
    by_seq = sorted(result, key=lambda s: s[2])
    overlaps = sum(later[4] < earlier[5] for earlier, later in pairwise(by_seq))
    assert overlaps > len(by_seq) / 2, "a request was sent while the one before it hung"
    assert sorted(s[2] for s in result) == list(range(len(result))), (
        "what was in flight at the end is recorded too"
    )


def test_kill_9_loses_at_most_the_last_second(tmp_path: Path) -> None:
    record = tmp_path / "r.jsonl"
    with server_thread() as server:
        with sampler(tmp_path, {"record": str(record), "probes": [http(server.port)]}) as process:
            until(record, 50)
            answer_more(
                server, 70
            )  # 1.4 s, which a sampler that writes less often than it should has not written
            process.kill()
            killed = time.monotonic_ns()
            process.wait()
        assert record.read_bytes().endswith(b"\n")
        assert len(lines(record)) >= sum(at < killed - NS for at in server.answered), (
            "lost more than a second"
        )


def test_the_sampler_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    record = tmp_path / "r.jsonl"
    with server_thread() as server:
        config = {"record": str(record), "parent": True, "probes": [http(server.port)]}
        with sampler(tmp_path, config) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
            assert process.wait(60) == 0


def test_a_bug_ends_it_loudly(tmp_path: Path) -> None:
    config = {
        "record": str(tmp_path / "r"),
        "probes": [{**http(1), "kind": "tcp", "target": "127.0.0.1:x"}],
    }
    with sampler(tmp_path, config) as process:
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert "ValueError" in process.stderr.read()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_ends_it_loudly(tmp_path: Path) -> None:
    with (
        server_thread() as server,
        sampler(tmp_path, {"record": "/dev/full", "probes": [http(server.port)]}) as process,
    ):
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert "No space left" in process.stderr.read()


@pytest.mark.parametrize(
    "config", [{}, {"probes": [], "record": "x"}, {"probes": [{"kind": "x"}], "record": "x"}]
)
def test_bad_configuration(tmp_path: Path, config: dict[str, Any]) -> None:
    with sampler(tmp_path, config) as process:
        assert process.wait(60) == 2


def test_late_ticks_are_told() -> None:
    """A stalled host fires late; the sample says when it was due and when it fired."""

    async def main() -> list[Sample]:
        samples: list[Sample] = []
        async with serving() as server:
            ticker = Ticker([Spec(**http(server.port))], samples.append)
            ticker.start()
            while not samples:  # noqa: ASYNC110 - a list cannot be awaited
                await asyncio.sleep(0.005)
            time.sleep(0.2)  # noqa: ASYNC251 - the stall: nothing in this process runs
            while len(samples) < 11:  # noqa: ASYNC110 - a list cannot be awaited
                await asyncio.sleep(0.005)
            await ticker.stop()
        return samples

    samples = asyncio.run(main())
    late = [(s[3] - s[2]) / NS for s in samples]
    assert max(late) > 0.15
    assert [s[1] for s in sorted(samples, key=lambda s: s[1])] == list(range(len(samples))), (
        "no tick is left out"
    )


def sample(seq: int) -> Sample:
    return ("p", seq, 1, 2, 3, "ok", "")


def test_file_sink_writes_lines_that_are_read_by_column(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    events = [
        ("p", seq, 1, 2, 3, "ok", word)
        for seq, word in enumerate(["", "hello-1", 'a"b', "\N{SNOWMAN}", "\\", "\n"])
    ]
    sink = FileSink(str(path))
    for one in events:
        sink.keep(one)
    sink.close()
    assert lines(path) == [["sample", *one] for one in events]
    assert sample_lines.parse(path.read_bytes(), len(events)) is not None


def test_memory_sink_keeps_until_acknowledged() -> None:
    sink = MemorySink()
    for seq in range(5):
        sink.keep(sample(seq))
    first = sink.answer("/samples?after=0")
    again = sink.answer("/samples?after=0")
    assert first is not None
    assert again is not None
    assert first["samples"] == again["samples"], "an answer that got lost can be fetched again"
    assert first["next"] == 5
    sink.keep(sample(5))
    later = sink.answer(f"/samples?boot={sink.boot}&after=5")
    assert later is not None
    assert [s[1] for s in later["samples"]] == [5]
    assert later["next"] == 6
    assert sink.answer("/other") is None


def test_memory_sink_answers_in_portions() -> None:
    sink = MemorySink()
    for seq in range(MAX_FETCHED + 10):
        sink.keep(sample(seq))
    first = sink.answer("/samples?after=0")
    assert first is not None
    assert len(first["samples"]) == MAX_FETCHED
    rest = sink.answer(f"/samples?boot={sink.boot}&after={first['next']}")
    assert rest is not None
    assert len(rest["samples"]) == 10
