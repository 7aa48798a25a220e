"""Turns the lines of a record into a :class:`Record`, and refuses what is not one."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from kubedrill.base import before
from kubedrill.base.errors import UsageError
from kubedrill.base.mistakes import words
from kubedrill.base.model import (
    Check,
    ClockOffset,
    Event,
    Header,
    OutageLimit,
    Record,
    Sample,
    Span,
    Time,
    Watched,
    as_read,
)
from kubedrill.base.redact import redact_value
from kubedrill.record.columns import Columns
from kubedrill.record.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubedrill.record.sample_lines import Portion

FORMAT = 1  # raised when a line changes its meaning; a reader refuses other formats

Part = TypeVar("Part")

_FIXED = {"sample", "clock", "watch"}
"""Lines without free text. From all others secrets are taken out when they are read as well:
records of before 0.2 have them."""


@as_read
@dataclass(frozen=True, slots=True)
class _End:
    at: Time
    ended: Literal["completed", "aborted", "interrupted", "error"]
    reason: str


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
        self._watched: list[Watched] = []
        self._clocks: list[ClockOffset] = []
        self._limits: list[OutageLimit] = []
        self._checks: list[Check] = []
        self._end: _End | None = None
        self._take: dict[str, Callable[..., None]] = {
            "header": self._take_header,
            "sample": self._take_sample,
            "span": self._take_span,
            "event": lambda *values: self._events.append(_read(Event, *values)),
            "watch": self._take_watched,
            "clock": lambda *values: self._clocks.append(_read(ClockOffset, *values)),
            "limit": self._take_limit,
            "budget": self._take_limit,  # what "limit" was called before 0.2
            "check": lambda data: self._checks.append(_parse(Check, before.check(data))),
            "end": self._take_end,
        }

    def add(self, number: int, line: Any) -> None:
        """Take line ``number`` (from 1). Raises UsageError when it does not belong there."""
        try:
            if self._header is None and (not isinstance(line, list) or line[0] != "header"):
                raise self._elsewhere(
                    number, f"found {_short(line)}", 'the first line to be ["header", …]'
                )
            values = line[1:] if line[0] in _FIXED else redact_value(line[1:])
            self._take[line[0]](*values)
        except (
            TypeError,
            KeyError,
            ValueError,
            IndexError,
            AttributeError,
            OverflowError,
        ) as error:
            why = f" ({error})" if isinstance(error, ValueError) else ""  # others: Python's words
            raise self._elsewhere(
                number,
                f"found {_short(line)}{why}",
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

    def cut(self, number: int, line: bytes) -> None:
        """Leave out the last line, in the middle of which the writer was killed.

        Raises UsageError where the record has an end: nothing is written after that.
        """
        if self._end is not None:
            raise self._elsewhere(
                number,
                f"found {_short(line.decode(errors='replace'))}",
                "whole lines, as the record has an end",
            )

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
        end = self._end
        return Record(
            header=self._header,
            samples=Samples(self._samples),
            spans=tuple(sorted(self._spans.values(), key=lambda s: s.start)),
            events=tuple(sorted(self._events, key=lambda e: e.at)),
            clocks=tuple(self._clocks),
            limits=tuple(self._limits),
            checks=tuple(self._checks),
            ended=end.ended if end else "",
            ended_at=end.at if end else None,
            reason=end.reason if end else "",
            watched=tuple(sorted(self._watched, key=lambda line: line.done)),
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
        rest = {name: value for name, value in data.items() if name != "format"}
        self._header = _parse(Header, before.header(rest))
        names = Counter(probe.name for probe in self._header.probes)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"probe {twice[0]} is listed twice")

    def _take_sample(self, *values: Any) -> None:
        s = _read(Sample, *values)
        if s.done < s.fired:
            raise ValueError("the answer came before the request was sent")
        if s.fired < s.due:
            raise ValueError("the request was sent before its tick was due")
        self._samples[s.probe].extend(
            [[s.seq], [s.due], [s.fired], [s.done], [s.outcome], [s.server]]
        )

    def _take_watched(self, *values: Any) -> None:
        line = _read(Watched, *values)
        if line.done < line.sent:
            raise ValueError("the answer came before the request was sent")
        self._watched.append(line)

    def _take_span(self, *values: Any) -> None:
        span = _read(Span, *values)
        if span.end is not None and span.end < span.start:
            raise ValueError("the end of a span must not be before its start")
        key = (span.lane, span.subject, span.name, span.start)
        if known := self._spans.get(key):
            end = known.end if span.end is None else span.end
            span = replace(known, end=end, data={**known.data, **span.data})
        self._spans[key] = span

    def _take_limit(self, data: dict[str, Any]) -> None:
        self._limits.append(_parse(OutageLimit, data))

    def _take_end(self, *values: Any) -> None:
        if self._end is not None:
            raise ValueError("a second end line")
        self._end = _read(_End, *values)

    def _elsewhere(self, number: int, actual: str, expected: str) -> UsageError:
        return UsageError(
            f"{self._path}, line {number}: {actual}, expected {expected}; this is a report file "
            "from elsewhere or was changed after the run. Give a file "
            "reports/<run>/record/<drill>.jsonl as kubedrill wrote it."
        )


def _short(line: Any) -> str:
    text = repr(line)
    return text if len(text) <= 70 else text[:67] + "..."


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind)
    for kind in (Header, Sample, Span, Event, ClockOffset, OutageLimit, Check, Watched, _End)
}


def _read(kind: type[Part], *values: Any) -> Part:
    """A part of a record from the values of its line, in the order of its fields."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return _parse(kind, dict(zip(names, values, strict=True)))


def _parse(kind: type[Part], data: dict[str, Any]) -> Part:
    """A part of a record. Raises ValueError that names every wrong field."""
    try:
        part: Part = _ADAPTERS[kind].validate_json(json.dumps(data))
    except ValidationError as error:
        wrong = [(".".join(map(str, item["loc"])), words(item)) for item in error.errors()]
        raise ValueError("; ".join(f"{where}: {what}" for where, what in wrong)) from None
    return part
