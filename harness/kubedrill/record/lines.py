"""Turns the lines of a record into a :class:`Record`, and refuses what is not one."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import MISSING, fields, replace
from typing import TYPE_CHECKING, Any

from kubedrill.base import before
from kubedrill.base.errors import UsageError
from kubedrill.base.model import (
    Check,
    ClockOffset,
    Connection,
    Event,
    Header,
    Leaves,
    OutageLimit,
    ProbeSpec,
    Record,
    Span,
    Vantage,
)
from kubedrill.record.columns import Columns
from kubedrill.record.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubedrill.record.sample_lines import Portion

FORMAT = 1  # raised when a line changes its meaning; a reader refuses other formats
ENDINGS = ("completed", "aborted", "interrupted", "error")


class _ByProbe(dict[str, Columns]):
    def __missing__(self, probe: str) -> Columns:
        return self.setdefault(probe, Columns(probe))


class RecordBuilder:
    """Takes parsed lines one by one, then gives the record, sorted by time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header: Header | None = None
        self._samples: dict[str, Columns] = _ByProbe()
        self._spans: dict[tuple[str, str, str, int], Span] = {}
        self._events: list[Event] = []
        self._clocks: list[ClockOffset] = []
        self._limits: list[OutageLimit] = []
        self._checks: list[Check] = []
        self._end: tuple[int | None, str, str] | None = None
        self._take: dict[str, Callable[..., None]] = {
            "header": self._take_header,
            "sample": self._take_sample,
            "span": self._take_span,
            "event": self._take_event,
            "clock": self._take_clock,
            "limit": self._take_limit,
            "budget": self._take_limit,  # what "limit" was called before 0.2
            "check": lambda data: self._checks.append(_check(data)),
            "end": self._take_end,
        }

    def add(self, number: int, line: Any) -> None:
        """Take line ``number`` (from 1). Raises UsageError when it does not belong there."""
        try:
            if self._header is None and (not isinstance(line, list) or line[0] != "header"):
                raise self._elsewhere(
                    number, f"found {_short(line)}", 'the first line to be ["header", …]'
                )
            self._take[line[0]](*line[1:])
        except (
            TypeError,
            KeyError,
            ValueError,
            IndexError,
            AttributeError,
            OverflowError,
        ) as error:
            raise self._elsewhere(
                number,
                f"found {_short(line)} ({error})",
                f"one of {', '.join(self._take)} as told in docs/reference/record.md",
            ) from error

    @property
    def has_header(self) -> bool:
        """Whether the first line was taken."""
        return self._header is not None

    def add_samples(self, first: int, portion: Portion) -> None:
        """Take samples of one probe from lines that begin with number ``first``.

        Raises UsageError as :meth:`add`.
        """
        probe, times, outcomes, servers = portion
        try:
            self._samples[probe].extend_coded(times, outcomes, servers)
        except ValueError as error:
            raise self._elsewhere(
                first,
                f"found {error} here or in the lines that follow",
                f"samples of probe {probe}",
            ) from error

    def record(self) -> Record:
        """The record. Raises UsageError when there was no header or when samples stand twice."""
        if self._header is None:
            raise self._elsewhere(1, "found an empty file", 'the first line to be ["header", …]')
        for probe, columns in self._samples.items():
            columns.sort()
            if (seq := columns.numbered_twice()) is not None:
                raise UsageError(
                    f"{self._path}: found sample {seq} of probe {probe} "
                    f"{columns.seq.count(seq)} times, expected each once; two records were put "
                    "into one file. Use the file as the run wrote it."
                )
        at, ended, reason = self._end or (None, "", "")
        return Record(
            header=self._header,
            samples=Samples(self._samples),
            spans=tuple(sorted(self._spans.values(), key=lambda s: s.start)),
            events=tuple(sorted(self._events, key=lambda e: e.at)),
            clocks=tuple(self._clocks),
            limits=tuple(self._limits),
            checks=tuple(self._checks),
            ended=ended,
            ended_at=at,
            reason=reason,
        )

    def _take_header(self, data: dict[str, Any]) -> None:
        if self._header is not None:
            raise ValueError("a second header; the first line has one")
        version = data.get("format")
        if type(version) is not int or version != FORMAT:
            raise UsageError(
                f"{self._path}: found record format {version!r}, expected {FORMAT}: a report file "
                f"from elsewhere. "
                f"Read it with the kubedrill that made it "
                f"({data.get('tool_version', 'unknown version')})."
            )
        self._header = _header({k: v for k, v in data.items() if k != "format"})

    def _take_sample(self, *values: Any) -> None:
        probe, seq, due, fired, done, outcome, server = values
        _expect(
            "times and numbers must be whole nanoseconds and counts", int, seq, due, fired, done
        )
        _expect("probe, outcome and server must be words", str, probe, outcome, server)
        if seq < 0:
            raise ValueError("the number of a sample is below 0")
        if done < fired:
            raise ValueError("the answer came before the request was sent")
        if fired < due:
            raise ValueError("the request was sent before its tick was due")
        self._samples[probe].extend([[seq], [due], [fired], [done], [outcome], [server]])

    def _take_span(self, *values: Any) -> None:
        lane, subject, name, start, end, data = values
        _expect("lane, subject and name must be words", str, lane, subject, name)
        if type(start) is not int or (end is not None and (type(end) is not int or end < start)):
            raise ValueError("start and end must be whole nanoseconds, start first")
        key = (lane, subject, name, start)
        known = self._spans.get(key)
        if known is None:
            self._spans[key] = Span(lane, subject, name, start, end, dict(data))
        else:
            self._spans[key] = replace(
                known, end=known.end if end is None else end, data={**known.data, **data}
            )

    def _take_event(
        self, lane: str, subject: str, name: str, at: int, data: dict[str, Any]
    ) -> None:
        _expect("lane, subject and name must be words", str, lane, subject, name)
        _expect("the time must be whole nanoseconds", int, at)
        self._events.append(Event(lane, subject, name, at, dict(data)))

    def _take_clock(self, vantage: str, offset: int, uncertainty: int) -> None:
        _expect("the vantage must be a word", str, vantage)
        _expect("offset and uncertainty must be whole nanoseconds", int, offset, uncertainty)
        if uncertainty < 0:
            raise ValueError("nothing is more certain than 0 ns of uncertainty")
        self._clocks.append(ClockOffset(vantage, offset, uncertainty))

    def _take_limit(self, data: dict[str, Any]) -> None:
        self._limits.append(_limit(data))

    def _take_end(self, at: int, ended: str, reason: str) -> None:
        if ended not in ENDINGS:
            raise ValueError(f"ended is {ended!r}, expected one of {', '.join(ENDINGS)}")
        if self._end is not None:
            raise ValueError("a second end line")
        _expect("the time must be whole nanoseconds", int, at)
        _expect("the reason must be words", str, reason)
        self._end = (at, ended, reason)

    def _elsewhere(self, number: int, actual: str, expected: str) -> UsageError:
        return UsageError(
            f"{self._path}, line {number}: {actual}, expected {expected}; this is a report file "
            "from elsewhere or was changed after the run. Give a file "
            "reports/<run>/record/<drill>.jsonl as kubedrill wrote it."
        )


def _short(line: Any) -> str:
    text = repr(line)
    return text if len(text) <= 70 else text[:67] + "..."


def _known(kind: type, data: dict[str, Any]) -> dict[str, Any]:
    """The fields of ``kind`` in ``data``; raises ValueError with what is missing or unknown."""
    expected = {f.name: f for f in fields(kind)}
    needed = {
        n for n, f in expected.items() if f.default is MISSING and f.default_factory is MISSING
    }
    if wrong := (needed - data.keys()) | (data.keys() - expected.keys()):
        raise ValueError(
            f"{kind.__name__.lower()} has missing or unknown fields: {', '.join(sorted(wrong))}"
        )
    return data


def _expect(rule: str, kind: type, *values: Any) -> None:
    """Refuse values of another type; a truth value is no number."""
    if any(type(value) is not kind for value in values):
        raise ValueError(rule)


def _seconds(what: str, value: Any, *, above_zero: bool = False) -> None:
    """Refuse what is no length of time."""
    if (
        type(value) not in (int, float)
        or not math.isfinite(value)
        or value < 0
        or (above_zero and value == 0)
    ):
        raise ValueError(
            f"{what} is {value!r}, expected seconds{' above 0' if above_zero else ', 0 or more'}"
        )


def _header(data: dict[str, Any]) -> Header:
    known = _known(Header, before.header(data))
    known["leaves"] = Leaves(known["leaves"])
    for name in ("nodes", "targets", "probes"):
        _expect(f"{name} must be a list", list, known[name])
    for name in ("nodes", "targets"):
        known[name] = tuple(known[name])
    words = ("run", "drill", "title", "cluster", "started", "tool_version", "kubernetes")
    _expect(
        f"{', '.join(words)}, nodes and targets must be words",
        str,
        *(known[name] for name in words),
    )
    _expect("nodes and targets must be words", str, *known["nodes"], *known["targets"])
    _expect(
        "started_mono and seed must be whole numbers", int, known["started_mono"], known["seed"]
    )
    floor = known.get("min_samples", 1)
    if type(floor) is not int or floor < 1:
        raise ValueError(
            f"min_samples is {floor!r}, expected 1 or more: without traffic nothing is proven"
        )
    known["probes"] = tuple(_probe(p) for p in known["probes"])
    names = Counter(p.name for p in known["probes"])
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"probe {twice[0]} is listed twice")
    return Header(**known)


def _probe(data: dict[str, Any]) -> ProbeSpec:
    known = _known(ProbeSpec, data)
    _expect(
        "a probe's name, kind and target must be words",
        str,
        known["name"],
        known["kind"],
        known["target"],
    )
    _expect("verify must be true or false", bool, known.get("verify", True))
    for name in ("interval_s", "timeout_s"):
        _seconds(f"{name} of probe {known['name']}", known.get(name, 1), above_zero=True)
    return ProbeSpec(
        **{
            **known,
            "vantage": Vantage(known["vantage"]),
            "connection": Connection(known["connection"]),
        }
    )


def _limit(data: dict[str, Any]) -> OutageLimit:
    known = _known(OutageLimit, data)
    _expect("the probes of an outage limit must be a pattern", str, known["probes"])
    for name in ("limit_s", "predicted_s"):
        _seconds(f"{name} of the outage limit for {known['probes']}", known[name])
    most = known.get("max_failed")
    if most is not None and (type(most) is not int or most < 0):
        raise ValueError(f"max_failed is {most!r}, expected a count or null")
    return OutageLimit(**{**known, "because": tuple(known.get("because", ()))})


def _check(data: dict[str, Any]) -> Check:
    known = _known(Check, before.check(data))
    _expect(
        "a check's name, actual, expected and id must be words",
        str,
        known["name"],
        known["actual"],
        known["expected"],
        known["id"],
    )
    if known["ok"] is not None:
        _expect("a check's ok must be true, false or null", bool, known["ok"])
    return Check(**known)
