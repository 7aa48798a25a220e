"""Samples of the in-cluster prober: fetched later, on the harness's clock, each once."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Connection, ProbeSpec, Vantage
from kubedrill.cluster.api import ApiUnavailable
from kubedrill.probes.fetch import ClockMap, Exchange, Fetcher
from kubedrill.probes.sampler.sinks import MAX_FETCHED, MemorySink

if TYPE_CHECKING:
    from kubedrill.base.model import ClockOffset, Sample

AHEAD = 5_000_000_000_000  # the pod's machine was booted that much later
PROBES = {"p": ProbeSpec("p", "dns", "hello.", Vantage.INSIDE, Connection.NEW)}


class Record:
    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.clocks: list[ClockOffset] = []

    def sample(self, sample: Sample) -> None:
        self.samples.append(sample)

    def clock(self, clock: ClockOffset) -> None:
        self.clocks.append(clock)


class Pod:
    """The real sink behind a connection that can be cut.

    ``delays`` are ns of network for each way of an exchange.
    """

    def __init__(self) -> None:
        self.sink = self.start()
        self.ahead = AHEAD
        self.time = 10**15
        self.cut = False
        self.delays: deque[tuple[int, int]] = deque()

    def start(self) -> MemorySink:
        sink = MemorySink()
        sink.kernel = "another machine's"
        return sink

    def now(self) -> int:
        return self.time

    def get(self, path: str) -> str:
        if self.cut:
            raise ApiUnavailable("no answer")
        there, back = self.delays.popleft() if self.delays else (1000, 1000)
        self.time += there
        answer = self.sink.answer(path)
        assert answer is not None
        answer["now"] = self.time - self.ahead
        self.time += back
        return json.dumps(answer)

    def sample(self, seq: int, outcome: str = "ok") -> None:
        at = self.time - self.ahead
        self.sink.keep(("p", seq, at, at + 1, at + 2, outcome, ""))


def make() -> tuple[Pod, Record, Fetcher]:
    pod, record = Pod(), Record()
    return pod, record, Fetcher(pod.get, record, pod.now)


def test_times_are_converted() -> None:
    pod, record, fetcher = make()
    pod.sample(0)
    due = pod.time
    assert fetcher.fetch() == 1
    (clock,) = record.clocks
    assert abs(record.samples[0].due - due) <= clock.uncertainty
    assert clock.vantage == "inside"
    assert abs(clock.offset - AHEAD) <= clock.uncertainty == 1000


def test_the_uncertainty_covers_a_lopsided_network() -> None:
    clock = ClockMap()
    clock.add(Exchange(sent=0, got=100, remote=100 - AHEAD))  # all of the delay on the way there
    best = clock.best(100)
    assert abs(best.offset - AHEAD) <= best.uncertainty(100)


def test_an_old_exchange_gives_way_to_a_fresh_one_as_clocks_drift() -> None:
    clock = ClockMap()
    clock.add(Exchange(sent=0, got=100, remote=0))
    clock.add(Exchange(sent=0, got=1_000_000, remote=0))
    assert clock.best(1_000_000).got == 100
    later = 3600 * 10**9
    clock.add(Exchange(sent=later, got=later + 2_000_000, remote=later))
    assert clock.best(later + 2_000_000).sent == later


@pytest.mark.parametrize(("ahead", "offset"), [(0, 0), (AHEAD, AHEAD)])
def test_one_kernel_has_one_clock_unless_a_time_namespace_shifts_it(
    ahead: int, offset: int
) -> None:
    seen = Exchange(sent=10**15, got=10**15 + 2_000, remote=10**15 + 500 - ahead, same_clock=True)
    assert abs(seen.offset - offset) <= seen.uncertainty(seen.got)
    assert (seen.uncertainty(seen.got) == 0) == (ahead == 0)


def test_the_fastest_exchange_counts() -> None:
    pod, record, fetcher = make()
    pod.delays.extend([(9_000_000, 1_000_000), (2_000, 2_000)])
    pod.sample(0)
    fetcher.fetch()
    pod.sample(1)
    fetcher.fetch()
    assert record.clocks[-1].uncertainty == 2_000


def test_each_sample_comes_once() -> None:
    pod, record, fetcher = make()
    for seq in range(6):
        pod.sample(seq)
        if seq % 2:
            fetcher.fetch()
    assert [s.seq for s in record.samples] == list(range(6))
    assert fetcher.fetch() == 0


def test_an_outage_of_the_api_loses_nothing() -> None:
    pod, record, fetcher = make()
    pod.sample(0)
    fetcher.fetch()
    pod.cut = True
    for seq in range(1, MAX_FETCHED + 5):
        pod.sample(seq, "timeout")
        if seq % 500 == 0:
            with pytest.raises(StepFailed):
                fetcher.fetch()
    pod.cut = False
    while fetcher.fetch():
        pass
    assert [s.seq for s in record.samples] == list(range(MAX_FETCHED + 5))


def test_a_restarted_prober_counts_on() -> None:
    pod, record, fetcher = make()
    for seq in range(3):
        pod.sample(seq)
    fetcher.fetch()
    pod.sink = pod.start()
    pod.sample(0)
    pod.sample(1)
    fetcher.fetch()
    assert [s.seq for s in record.samples] == [0, 1, 2, 3, 4]


def test_what_was_due_after_the_end_is_left_out() -> None:
    pod, record, fetcher = make()
    pod.sample(0)
    fetcher.until = pod.time + 10_000
    pod.time += 1_000_000
    pod.sample(1)
    fetcher.fetch()
    assert [s.seq for s in record.samples] == [0]


def test_a_machine_s_clock_begins_anew_with_its_boot() -> None:
    pod, record, fetcher = make()
    pod.sample(0)
    fetcher.fetch()
    pod.delays.extend([(9_000_000, 9_000_000)] * 2)  # the former boot's was known more precisely
    pod.sink, pod.ahead = pod.start(), pod.time - 10**9
    pod.sample(0)
    due = pod.time
    fetcher.fetch()
    assert abs(record.samples[-1].due - due) <= record.clocks[-1].uncertainty
    assert [s.seq for s in record.samples] == [0, 1]


def test_samples_of_a_second_vantage_have_its_names_and_its_clock() -> None:
    pod, record, _ = make()
    second = replace(PROBES["p"], name="p-2", place="w1")
    fetcher = Fetcher(pod.get, record, pod.now, probes={"p": second})
    pod.sample(0)
    fetcher.fetch()
    assert [s.probe for s in record.samples] == ["p-2"]
    assert [clock.vantage for clock in record.clocks] == ["inside w1"]


def test_what_an_earlier_session_left_behind_is_dropped_and_numbers_begin_anew() -> None:
    pod, record, _ = make()
    step = 100_000_000
    since = pod.time + round(7.5 * step)  # the prober has counted to 7 when this session begins
    fetcher = Fetcher(pod.get, record, pod.now, since=since, probes=PROBES)
    begin = pod.time - AHEAD
    order = [*range(7), 9, 8, 7, 10]  # 7 was in flight as we began, and overtaken
    for seq in order:
        pod.sink.keep(
            ("p", seq, begin + seq * step, begin + seq * step + 1, begin + 12 * step, "ok", "")
        )
    pod.time += 20 * step
    while fetcher.fetch():
        pass
    assert [s.seq for s in record.samples] == [1, 0, 2]
    assert all(s.due >= since for s in record.samples)


def test_a_prober_that_is_new_counts_from_0_however_late_it_starts() -> None:
    pod, record, _ = make()
    fetcher = Fetcher(pod.get, record, pod.now, since=pod.time - 30 * 10**9, probes=PROBES)
    pod.sample(0)
    pod.sample(1)
    fetcher.fetch()
    assert [s.seq for s in record.samples] == [0, 1]


@pytest.mark.parametrize("answer", ["<html>", "[]", json.dumps({"samples": []})])
def test_another_program_on_the_port_is_no_prober(answer: str) -> None:
    def get(_path: str) -> str:
        return answer

    record: Any = Record()
    with pytest.raises(StepFailed, match="expected its samples"):
        Fetcher(get, record).fetch()


def test_a_bug_in_the_thread_is_not_silent() -> None:
    pod, record, fetcher = make()
    fetcher.start()

    def broken(_path: str) -> str:
        raise ZeroDivisionError

    fetcher._get = broken
    fetcher._thread.join(60)
    with pytest.raises(ZeroDivisionError):
        fetcher.check()
    with pytest.raises(ZeroDivisionError):
        fetcher.stop(1, "probes_ready")
    assert not record.samples
    assert pod.sink.answer("/clock")
