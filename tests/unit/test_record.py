"""Records survive a kill, two writers at once, and files from elsewhere are refused by name."""

import json
import multiprocessing
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kubedrill.base.errors import UsageError
from kubedrill.base.model import (
    Check,
    ClockOffset,
    Connection,
    Event,
    Header,
    OutageLimit,
    ProbeSpec,
    Sample,
    Span,
    Vantage,
)
from kubedrill.record import RecordWriter, read_record, read_run
from kubedrill.record.sample_lines import parse, split

SPEC = ProbeSpec("p", "http", "http://x", Vantage.OUTSIDE, Connection.NEW)
HEADER = Header(
    "r", "d", "Title", "c", 1, "2026", 5, "0.1.0", "v1.35.4", ("cp1",), ("cp1",), (SPEC,)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record" / "d.jsonl"


def sample(seq: int, probe: str = "p") -> Sample:
    return Sample(
        probe,
        seq,
        seq * 100,
        seq * 100 + 1,
        seq * 100 + 2,
        "ok",
        "pod-\N{LATIN SMALL LETTER E WITH ACUTE}",
    )


def some(path: Path, samples: int = 3) -> Path:
    with RecordWriter(path) as writer:
        writer.header(HEADER)
        for seq in range(samples):
            writer.sample(sample(seq))
    return path


def test_what_is_written_is_read(path: Path) -> None:
    with RecordWriter(path) as writer:
        writer.header(HEADER)
        writer.limit(OutageLimit("*", 1.0, 0.5, ("because",), 3))
        writer.clock(ClockOffset("inside", 5, 7))
        writer.sample(sample(2))
        writer.sample(sample(1))
        writer.span(Span("fault", "cp1", "cut", 10, None, {"a": 1}))
        writer.event(Event("log", "cp1", "hello", 11, {}))
        writer.span(Span("fault", "cp1", "cut", 10, 20, {"b": 2}))
        writer.check(Check("healthy", None, "?", "yes"))
        writer.end(30, "completed", "")
    record = read_record(path)
    assert record.header == HEADER
    assert record.samples == (sample(1), sample(2))
    assert record.spans == (Span("fault", "cp1", "cut", 10, 20, {"a": 1, "b": 2}),)
    assert record.spans[0].data == {"a": 1, "b": 2}
    assert record.events == (Event("log", "cp1", "hello", 11, {}),)
    assert record.clocks == (ClockOffset("inside", 5, 7),)
    assert record.limits == (OutageLimit("*", 1.0, 0.5, ("because",), 3),)
    assert record.checks == (Check("healthy", None, "?", "yes"),)
    assert (record.ended, record.ended_at) == ("completed", 30)


def test_cut_last_line_is_left_out_and_the_record_has_no_end(path: Path) -> None:
    whole = some(path).read_bytes()
    for cut in range(whole.index(b"\n") + 2, len(whole)):
        path.write_bytes(whole[:cut])
        record = read_record(path)
        assert record.ended == ""
        assert len(record.samples) in {0, 1, 2, 3}


def test_writer_removes_what_a_killed_writer_left(path: Path) -> None:
    path.write_bytes(some(path).read_bytes() + b'["sample","p",3,30')
    with RecordWriter(path) as writer:
        writer.sample(sample(4))
    assert [s.seq for s in read_record(path).samples] == [0, 1, 2, 4]


def append(path: Path, probe: str, count: int) -> None:
    with RecordWriter(path) as writer:
        for seq in range(count):
            writer.sample(sample(seq, probe))
            if seq % 50 == 0:
                writer.event(Event("log", probe, "x" * 300, seq))


def test_two_processes_append_whole_lines(path: Path) -> None:
    some(path, samples=0)
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=append, args=(path, name, 3000)) for name in ("p", "q")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    record = read_record(path)
    assert len(record.samples) == 6000
    assert len(record.events) == 120


def test_killed_process_loses_only_what_was_not_flushed(path: Path) -> None:
    code = (
        "import os, signal\nfrom kubedrill.record import RecordWriter\nfrom kubedrill.base.model "
        "import *\n"
        f"w = RecordWriter({str(path)!r})\n"
        "w.header(Header('r','d','t','c',1,'2026',5,'0','v1',(),(),()))\n"
        "w.sample(Sample('p',0,1,1,2,'ok'))\nw.flush()\nw.event(Event('log','x','y',3))\n"
        "w.sample(Sample('p',1,1,1,2,'ok'))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    record = read_record(path)
    assert [s.seq for s in record.samples] == [0]
    assert len(record.events) == 1
    assert record.ended == ""


def test_waiting_samples_reach_the_disk_without_being_asked(path: Path) -> None:
    writer = RecordWriter(path)
    writer.header(HEADER)
    writer.sample(sample(0))
    for _ in range(1200):
        if len(read_record(path).samples) == 1:
            break
        writer._closed.wait(0.05)
    assert len(read_record(path).samples) == 1
    writer.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file"),
        ("hello\n", "line 1: found 'hello', expected a JSON array"),
        ('{"a": 1}\n', "line 1: found {'a': 1}"),
        ('["sample","p",1,1,1,2,"ok",""]\n', 'expected the first line to be ["header"'),
        ('["header",{"format":99,"tool_version":"7.0"}]\n', "found record format 99, expected 1"),
        ('["header",{"format":1,"colour":"red"}]\n', "cluster: is missing; seed: is missing"),
    ],
)
def test_files_from_elsewhere(path: Path, text: str, message: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_record(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_limit_of_before_is_read_by_its_old_word(path: Path) -> None:
    some(path, samples=1)
    line = '["budget",{"probes":"*","limit_s":1.0,"predicted_s":0.5,"because":[],"max_failed":3}]'
    path.write_text(f"{path.read_text()}{line}\n")
    assert read_record(path).limits == (OutageLimit("*", 1.0, 0.5, (), 3),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["header",{"format":1}]', "a second header"),
        ('["weather","sunny"]', "'weather'"),
        ('["sample","p",9,1,5,4,"ok",""]', "the answer came before the request"),
        ('["sample","p",9,1.5,5,6,"ok",""]', "due: expected a whole number, found 1.5"),
        ('["sample","p",9]', "line 3"),
        ('["sample","p",9,5,4,6,"ok",""]', "before its tick was due"),
        ('["sample","p",9,1,1.5,6,"ok",""]', "fired: expected a whole number"),
        ('["sample","p",true,1,2,6,"ok",""]', "seq: expected a whole number, found true"),
        ('["sample",["p"],9,1,2,6,"ok",""]', "probe: expected text"),
        ('["clock","inside",0,-5000000000]', "uncertainty: expected 0 or more"),
        ('["limit",null]', "line 3"),
        (
            '["limit",{"probes":"*","limit_s":Infinity,"predicted_s":1}]',
            "limit_s: expected a number that is not infinite, found inf",
        ),
        (
            '["limit",{"probes":"*","limit_s":1,"predicted_s":1,"max_failed":-1}]',
            "max_failed: expected 0 or more, found -1",
        ),
        (
            '["check",{"name":"a","ok":"yes","found":"b","expected":"c"}]',
            "ok: expected true or false, found 'yes'",
        ),
        ('["end",9,"finished",""]', "expected 'completed', 'aborted', 'interrupted' or 'error'"),
        ('["sample","p",0,1,1,2,"ok",""]', "sample 0 of probe p 2 times"),
        ('["sample","p",1,', "line 3"),
    ],
)
def test_foreign_lines_are_named(path: Path, line: str, message: str) -> None:
    some(path, samples=1)
    path.write_text(path.read_text() + line + '\n["event","log","x","y",1,{}]\n')
    with pytest.raises(UsageError) as caught:
        read_record(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('["limit",{"probes":"*","limit_s":1,"limit_s":60,"predicted_s":0}]', "'limit_s' twice"),
        ('["check",{"name":"a","ok":false,"ok":true,"actual":"","expected":""}]', "'ok' twice"),
        ('["span","fault","w1","off",5,null,{"a":1,"b":{"c":1,"c":2}}]', "'c' twice"),
        ('["sample","p",-1,1,1,2,"ok",""]', "seq: expected 0 or more, found -1"),
        ('["sample","p",true,1,1,2,"ok",""]', "seq: expected a whole number, found true"),
        ('["sample","p",1e0,1,1,2,"ok",""]', "seq: expected a whole number, found 1.0"),
        ('["limit",{"probes":"*","limit_s":true,"predicted_s":0}]', "limit_s: expected a number"),
        ('["limit",{"probes":"*","limit_s":1e999,"predicted_s":0}]', "limit_s: expected a number"),
        (
            '["limit",{"probes":"*","limit_s":Infinity,"predicted_s":0}]',
            "limit_s: expected a number",
        ),
        ('["limit",{"probes":"*","limit_s":NaN,"predicted_s":0}]', "limit_s: expected a number"),
        ('["limit",{"probes":"*","limit_s":"1:30","predicted_s":0}]', "limit_s: expected a number"),
        ('["limit",{"probes":"*","limit_s":1,"predicted_s":0,"max_failed":true}]', "max_failed"),
        ('["clock","inside",0,true]', "uncertainty: expected a whole number"),
        ('["end",true,"completed",""]', "at: expected a whole number"),
    ],
)
def test_what_readers_could_take_in_two_ways_is_refused(path: Path, line: str, words: str) -> None:
    some(path, samples=1)
    count = len(path.read_text().splitlines())
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UsageError) as caught:
        read_record(path)
    assert words in str(caught.value)
    assert f"line {count + 1}" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [{"format": True}, {"format": 1.0}, {"nodes": "w1"}, {"probes": {}}, {"seed": True}],
)
def test_a_header_of_other_types_is_refused(path: Path, change: dict[str, object]) -> None:
    first, *rest = some(path).read_text().splitlines()
    kind, header = json.loads(first)
    path.write_text("\n".join([json.dumps([kind, header | change]), *rest]) + "\n")
    with pytest.raises(UsageError):
        read_record(path)


def test_a_run_is_of_one_cluster(tmp_path: Path) -> None:
    some(tmp_path / "record" / "a.jsonl")
    assert len(read_run(tmp_path)) == 1
    with RecordWriter(tmp_path / "record" / "b.jsonl") as writer:
        writer.header(replace(HEADER, cluster="other"))
    with pytest.raises(UsageError, match=r"b\.jsonl is of run r on cluster other"):
        read_run(tmp_path)
    with pytest.raises(UsageError, match=r"has no record/\*\.jsonl"):
        read_run(tmp_path / "record")


def test_missing_file_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read a record there"):
        read_record(tmp_path / "nothing.jsonl")


def test_the_format_is_in_the_first_line(path: Path) -> None:
    first = json.loads(some(path).read_text().splitlines()[0])
    assert first[0] == "header"
    assert first[1]["format"] == 1


def plain(*samples: Sample) -> bytes:
    return b"".join(
        json.dumps(
            ["sample", s.probe, s.seq, s.due, s.fired, s.done, s.outcome, s.server],
            separators=(",", ":"),
        ).encode()
        + b"\n"
        for s in samples
    )


def test_what_writers_write_is_read_by_column(path: Path) -> None:
    some(path, samples=40)
    portions = parse(*split(path.read_bytes())[:2])
    assert portions is not None
    assert [(name, len(times[0])) for name, times, _, _ in portions] == [("p", 40)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b",7,", b',"7",'), (b",7,", b",007,"), (b",7,", b",0x7,"), (b",7,", b",7.0,"), (b",7,",
        b",+7,"),
        (b",7,", b",,"), (b",7,", b",true,"), (b",7,", b",null,"), (b'"ok"', b"ok"), (b'"ok"',
        b"5"),
        (b'"ok"', b'"ok""'), (b'"ok"', b'"\xff"'), (b'""]', b'"",1]'), (b'""]', b'""'),
        (b'["sample"', b'["samples"'), (b",701,", b",699,"),
    ],
)  # fmt: skip
def test_one_wrong_value_among_many_samples_is_named(
    path: Path, written: bytes, expected: bytes
) -> None:
    """What a reader of comma-separated values would take for a number or a word, and JSON does
    not.
    """
    some(path, 0)
    lines = [plain(Sample("p", n, n * 100, n * 100 + 1, n * 100 + 2, "ok")) for n in range(50)]
    assert written in lines[7]
    lines[7] = lines[7].replace(written, expected, 1)
    with path.open("ab") as file:
        file.writelines(lines)
    with pytest.raises(UsageError, match=r"d\.jsonl, line 9: found"):
        read_record(path)


def test_other_lines_may_stand_among_samples_and_words_may_hold_anything(path: Path) -> None:
    notes = [
        Sample("p", n, n * 100, n * 100 + 1, n * 100 + 2, "ok", word)
        for n, word in enumerate(ODD_WORDS)
    ]
    some(path, 0)
    with path.open("ab") as file:
        for one in notes:
            file.write(plain(one))
            file.write(b'["event","log","cp1","hello",5,{}]\n')
    record = read_record(path)
    assert list(record.samples) == notes
    assert len(record.events) == len(notes)


ODD_WORDS = ["", "a", "a,b", 'a"b', "a b", "\N{SNOWMAN}", "\\", "]", "\n", ',0x7,"', "true"]
