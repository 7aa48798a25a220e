"""Records that are cut, mixed up, changed or incomplete."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from mutantkit import Called, Lines, healthy, on_folder, on_lines, on_record
from recordkit import Kit, at, write

from kubedrill.base.model import STEADY, Event, Span

if TYPE_CHECKING:
    from pathlib import Path

INCONCLUSIVE, PASS, FAIL, REFUSED = (
    Called.INCONCLUSIVE,
    Called.PASS,
    Called.FAIL,
    Called.REFUSED,
)


@on_lines(INCONCLUSIVE, "the record stops without an end: the harness was killed")
def cut_short(lines: Lines) -> Lines:
    """The harness was killed in the middle of the run."""
    return lines[: len(lines) // 2]


@on_lines(INCONCLUSIVE, "the record stops without an end: the harness was killed")
def end_is_missing(lines: Lines) -> Lines:
    """Only the last line was lost."""
    return lines[:-1]


@on_folder(REFUSED, "expected whole lines, as the record has an end")
def cut_after_its_end(directory: Path) -> None:
    """The lines were sorted so that the end came before the samples, and the last one was cut."""
    path = write(healthy().record(), directory / "record" / "failover-vip.jsonl")
    first, *rest = path.read_bytes().splitlines(keepends=True)
    lines = sorted(rest, key=lambda line: line.startswith(b'["sample"'))
    path.write_bytes(b"".join([first, *lines])[:-20])


@on_folder(REFUSED, "line 1: found")
def cut_in_its_first_line(directory: Path) -> None:
    """The disk was full after 100 bytes."""
    path = write(healthy().record(), directory / "record" / "failover-vip.jsonl")
    path.write_bytes(path.read_bytes()[:100])


@on_folder(REFUSED, "expected a JSON array")
def bits_flipped(directory: Path) -> None:
    """A line in the middle was damaged on its way."""
    path = write(healthy().record(), directory / "record" / "failover-vip.jsonl")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'["sample","dns-pod",50,', b'["sample","dns-pod",\x00\xff,', 1))


@on_lines(PASS, "not one request failed")
def reordered(lines: Lines) -> Lines:
    """Harmless: the lines after the header stand in any order; their times say what was when."""
    rest = lines[1:]
    random.Random(3).shuffle(rest)  # noqa: S311 - a test
    return [lines[0], *rest]


@on_lines(REFUSED, "expected the first line to be")
def header_is_not_first(lines: Lines) -> Lines:
    """The lines were sorted by somebody's tool."""
    return sorted(lines, key=str, reverse=True)


@on_record(FAIL, "API writes out for 4.9")
def steady_state_told_after_the_fault(kit: Kit) -> None:
    """What the fault cost is declared to lie before the steady state, from which on a drill is
    judged.
    """
    kit.fail("api-write", 6.0, 11.0)
    kit.events.append(Event(STEADY, "probes", "every probe is answered", at(12)))


@on_record(PASS, "not one request failed")
def failures_before_the_steady_state(kit: Kit) -> None:
    """Harmless: the app was still being rolled out, and nothing had been broken yet."""
    kit.fail("app-nodeport-new", 0.5, 2.6, every=3)
    kit.events.append(Event(STEADY, "probes", "every probe is answered", at(3)))


@on_record(INCONCLUSIVE, "off their schedule")
def times_are_swapped(kit: Kit) -> None:
    """Two stretches of a probe's answers were given each other's numbers, which would move an
    outage elsewhere.
    """
    kit.ticks["api-write"] = [
        replace(s, seq=s.seq + (40 if s.seq < 100 else -40)) if 60 <= s.seq < 140 else s
        for s in kit.ticks["api-write"]
    ]


@on_record(INCONCLUSIVE, "probe api-write lost 15 requests")
def gap_after_the_steady_state(kit: Kit) -> None:
    """The first requests after the steady state, all of which failed, were left out."""
    kit.fail("api-write", 2.0, 3.5).drop("api-write", 2.0, 3.5)
    kit.events.append(Event(STEADY, "probes", "every probe is answered", at(2)))


@on_record(INCONCLUSIVE, "probe api-write lost 30 requests")
def front_is_missing_of_one_probe(kit: Kit) -> None:
    """Other probes were asked before the steady state; the first three seconds of one are gone."""
    kit.drop("api-write", 0, 3)
    kit.events.append(Event(STEADY, "probes", "every probe is answered", at(1)))


@on_record(FAIL, "API writes out for 2.4")
def second_steady_state(kit: Kit) -> None:
    """An outage before the fault lies between two steady states, of which the last would count."""
    kit.fail("api-write", 1.5, 4.0)
    for moment in (1.0, 4.2):
        kit.events.append(Event(STEADY, "probes", "every probe is answered", at(moment)))


@on_record(INCONCLUSIVE, "the record asks for probes.cooldown_s of '300', expected seconds")
def calm_asked_for_in_words(kit: Kit) -> None:
    """The calm that the run asked for is a text, so that no calm is too short."""
    asked = {"warmup_s": 2.0, "cooldown_s": "300"}
    kit.events.append(Event(STEADY, "probes", "every probe is answered", at(0.5), asked))


@on_record(INCONCLUSIVE, "probe api-write has 1 gap in its samples, the longest 2.1 s")
def gap(kit: Kit) -> None:
    """Two seconds of a probe's samples are missing."""
    kit.drop("api-write", 8, 10)


@on_record(INCONCLUSIVE, "probe api-write has 1 gap in its samples, the longest 1.7 s")
def gap_in_an_outage(kit: Kit) -> None:
    """The API failed twice for 0.7 s, with 1.6 s of samples missing in between.

    It may have been one outage.
    """
    kit.fail("api-write", 6, 9).drop("api-write", 6.7, 8.3)


@on_record(
    INCONCLUSIVE, "probe api-write lost 3 requests: fired, but neither answered nor timed out"
)
def failures_are_left_out(kit: Kit) -> None:
    """Three requests in a row were never written down; they may have failed."""
    kit.drop("api-write", 8, 8.3)


@on_record(INCONCLUSIVE, "probe api-write lost 20 requests")
def front_is_missing(kit: Kit) -> None:
    """The first two seconds of a probe are missing: it counted from 20."""
    kit.drop("api-write", 0, 2)


@on_lines(REFUSED, "times, expected each once")
def lines_are_doubled(lines: Lines) -> Lines:
    """Each sample stands twice, so that traffic looks like twice as much."""
    samples = [line for line in lines if line[0] == "sample"]
    return [*lines[:-1], *samples, lines[-1]]


@on_lines(REFUSED, "a second header")
def two_records_in_one_file(lines: Lines) -> Lines:
    """Two runs were put into one file."""
    return [*lines, *lines]


@on_lines(REFUSED, "found record format 2, expected 1")
def record_of_another_version(lines: Lines) -> Lines:
    """The record was made by a kubedrill whose lines mean something else."""
    lines[0][1]["format"] = 2
    return lines


@on_lines(REFUSED, "a second end line")
def ended_twice(lines: Lines) -> Lines:
    """A record that was aborted was given another end."""
    return [*lines, ["end", at(21), "aborted", ""]]


@on_record(INCONCLUSIVE, "probe api-write has only 200 samples, expected 500 or more")
def traffic_below_the_floor(kit: Kit) -> None:
    """There was less traffic than the run was to have."""
    kit.header = replace(kit.header, min_samples=500)


@on_lines(REFUSED, "at: expected ")
def time_beyond_all_clocks(lines: Lines) -> Lines:
    """Something happened later than any clock can tell."""
    return [*lines[:-1], ["event", "kubelet", "w1", "started", 1 << 63, {}], lines[-1]]


@on_lines(REFUSED, "start: expected 0 or more, found -1")
def time_before_all_clocks(lines: Lines) -> Lines:
    """A fault began before the clock did."""
    return [["span", *li[1:4], -1, *li[5:]] if li[0] == "span" else li for li in lines]


@on_lines(REFUSED, "min_samples: expected 1 or more, found 0")
def floor_is_taken_away(lines: Lines) -> Lines:
    """The floor of traffic was set to nothing."""
    lines[0][1]["min_samples"] = 0
    return lines


@on_lines(REFUSED, "the answer came before the request was sent")
def negative_latency(lines: Lines) -> Lines:
    """A request was answered before it was sent."""
    return _change_sample(lines, done=-5_000_000)


@on_lines(REFUSED, "the request was sent before its tick was due")
def negative_lateness(lines: Lines) -> Lines:
    """A request was sent before its tick was due."""
    return _change_sample(lines, fired=-50_000_000)


@on_lines(REFUSED, "the end of a span must not be before its start")
def negative_fault(lines: Lines) -> Lines:
    """A fault window ended before it began."""
    return [
        ["span", "fault", "cp1", "power cut", at(15), at(5), {}] if li[0] == "span" else li
        for li in lines
    ]


@on_lines(REFUSED, "uncertainty: expected 0 or more, found -5000000000")
def negative_uncertainty(lines: Lines) -> Lines:
    """A clock is more certain than certain, which would shorten each outage by 5 s."""
    return [
        ["clock", "inside", 0, -5_000_000_000] if line[0] == "clock" else line for line in lines
    ]


@on_lines(REFUSED, "limit_s: expected a number that is not infinite, found inf")
def limit_without_end(lines: Lines) -> Lines:
    """A limit allows an outage of any length."""
    return [
        ["limit", {**line[1], "limit_s": float("inf")}] if line[0] == "limit" else line
        for line in lines
    ]


@on_lines(REFUSED, "probes: expected ")
def limit_for_no_name(lines: Lines) -> Lines:
    """A limit is about probes without a name."""
    return [["limit", {**line[1], "probes": ""}] if line[0] == "limit" else line for line in lines]


@on_record(INCONCLUSIVE, "a request was answered 4.9 s after the record's end")
def samples_after_the_end(kit: Kit) -> None:
    """The record was ended, and requests went on for five seconds."""
    kit.ended_s = 15.0
    kit.spans = [Span("fault", "cp1", "power cut", at(5), at(10))]


@on_record(INCONCLUSIVE, "probe api-write has no samples")
def samples_of_an_earlier_run(kit: Kit) -> None:
    """All samples were taken before the record began.

    A prober that an earlier run had left behind.
    """
    kit.header = replace(kit.header, started_mono=at(30))
    kit.ended_s = 60.0
    kit.spans = [Span("fault", "cp1", "power cut", at(35), at(45))]


@on_record(PASS, "not one request failed")
def prober_of_an_earlier_run(kit: Kit) -> None:
    """Not broken: what an earlier run's prober had still to tell, failures too, is left out.

    The rest is this run's.
    """
    kit.fail("dns-pod", 0, 2).fail("api-write", 0, 2)
    kit.header = replace(kit.header, started_mono=at(2.5))


@on_record(
    INCONCLUSIVE, "the record tells of node x9, which its header does not list: another cluster's"
)
def spans_of_another_cluster(kit: Kit) -> None:
    """The timeline is about nodes that this cluster does not have."""
    kit.span("node", "x9", "Ready", 0, 20)


@on_folder(REFUSED, "found 'limit_s' twice in one object")
def limit_given_twice(directory: Path) -> None:
    """A limit stands twice in one object, and the last one would win."""
    path = write(healthy().record(), directory / "record" / "failover-vip.jsonl")
    path.write_text(path.read_text().replace('"limit_s":2.0', '"limit_s":2.0,"limit_s":20.0'))


@on_lines(REFUSED, "seq: expected 0 or more, found -5")
def negative_numbers(lines: Lines) -> Lines:
    """The first samples of a probe are numbered below 0, so that lost ones are not missed."""
    return [
        [*line[:2], line[2] - 5, *line[3:]] if line[:2] == ["sample", "dns-pod"] else line
        for line in lines
    ]


def _change_sample(lines: Lines, **moved: int) -> Lines:
    """Move a time of one sample (ns, from when it was fired)."""
    sample = next(line for line in lines if line[0] == "sample" and line[2] == 50)
    for name, by in moved.items():
        sample[{"due": 3, "fired": 4, "done": 5}[name]] = sample[4] + by
    return lines
