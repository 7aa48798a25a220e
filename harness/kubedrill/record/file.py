"""Writes and reads a record: one JSON array a line, append-only.

The format is told in docs/reference/record.md.

Two processes (the runner and the sampler) append to the same file: each opens it for itself with
:class:`RecordWriter`.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from kubedrill.base.errors import UsageError
from kubedrill.base.files import PRIVATE_FILE, make_private_folder
from kubedrill.base.redact import redact_value
from kubedrill.base.strict_json import RepeatedKey, load_json
from kubedrill.record.lines import FORMAT, RecordBuilder
from kubedrill.record.sample_lines import parse, split

if TYPE_CHECKING:
    from types import TracebackType

    from kubedrill.base.model import (
        Check,
        ClockOffset,
        Event,
        Header,
        OutageLimit,
        Record,
        Sample,
        Span,
        Watched,
    )

__all__ = ["FORMAT", "RecordWriter", "read_record", "read_run"]

FLUSH_EVERY_S = (
    0.5  # samples wait at most this long in memory; a killed process loses no more than that
)
_CHUNK_BYTES = (
    1 << 20
)  # at a time; from 256 kB to 16 MB it makes no difference of more than a tenth


class RecordWriter:
    """Appends lines to a record.

    Safe for several processes on one file and for several threads on one writer.

    Samples are kept in memory for at most half a second, everything else is on disk when the call
    returns. Each write holds a lock on the file and puts whole lines; what a killed writer left of
    a cut line is removed first. Secrets are taken out of every line but those that hold numbers and
    fixed words: samples, clocks and what the watch ledger's clients did.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        make_private_folder(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._fd = os.open(self.path, flags, PRIVATE_FILE)
        self._lock = threading.Lock()
        self._pending: list[bytes] = []
        self._closed = threading.Event()
        self._flusher: threading.Thread | None = None

    def header(self, header: Header) -> None:
        """Write the first line. It also names the version of the format."""
        self._write(["header", {"format": FORMAT, **asdict(header)}])

    def sample(self, sample: Sample) -> None:
        """Add one request of a probe.

        Times are nanoseconds of the harness host's clock, whatever the vantage.
        """
        s = sample
        line = _line(["sample", s.probe, s.seq, s.due, s.fired, s.done, s.outcome, s.server])
        with self._lock:
            self._pending.append(line)
            if self._flusher is None:
                self._flusher = threading.Thread(
                    target=self._flush_regularly, name="record-flush", daemon=True
                )
                self._flusher.start()

    def span(self, span: Span) -> None:
        """Add a span, or close an open one.

        Write it again with the same lane, subject, name and start, and its end.
        """
        self._write(["span", span.lane, span.subject, span.name, span.start, span.end, span.data])

    def event(self, event: Event) -> None:
        """Add something that happened at one time."""
        self._write(["event", event.lane, event.subject, event.name, event.at, event.data])

    def clock(self, clock: ClockOffset) -> None:
        """Add the clock offset that was applied to another vantage, and its uncertainty (ns)."""
        self._write_fixed(["clock", clock.vantage, clock.offset, clock.uncertainty])

    def watched(self, line: Watched) -> None:
        """Add what a client of the watch ledger did or was told."""
        s = line
        self._write_fixed(["watch", s.client, s.kind, s.sent, s.done, s.revision, s.base, s.value])

    def limit(self, limit: OutageLimit) -> None:
        """Add the limit and the prediction for one group of probes."""
        self._write(["limit", asdict(limit)])

    def check(self, check: Check) -> None:
        """Add one finding that the verdict depends on."""
        self._write(["check", asdict(check)])

    def end(self, at: int, ended: str, reason: str = "") -> None:
        """Say how the drill ended: completed, aborted, interrupted or error."""
        self._write(["end", at, ended, reason])

    def flush(self) -> None:
        """Put all that waits in memory on disk now."""
        with self._lock:
            self._put(b"")

    def close(self) -> None:
        """Flush and close; further calls do nothing."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._flusher is not None:
            self._flusher.join()
        with self._lock:
            self._put(b"")
            os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, line: list[Any]) -> None:
        """Write a line that holds free text."""
        self._write_fixed(redact_value(line))

    def _write_fixed(self, line: list[Any]) -> None:
        data = _line(line)
        with self._lock:
            self._put(data)

    def _flush_regularly(self) -> None:
        while not self._closed.wait(FLUSH_EVERY_S):
            self.flush()

    def _put(self, line: bytes) -> None:
        data = b"".join(self._pending) + line
        self._pending.clear()
        if not data:
            return
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            self._drop_cut_line()
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _drop_cut_line(self) -> None:
        """With the lock held nobody writes.

        A last line without its end is what a killed writer left.
        """
        size = os.fstat(self._fd).st_size
        if size == 0 or os.pread(self._fd, 1, size - 1) == b"\n":
            return
        end = size
        while end > 0:
            begin = max(0, end - 65536)
            at = os.pread(self._fd, end - begin, begin).rfind(b"\n")
            if at >= 0:
                os.ftruncate(self._fd, begin + at + 1)
                return
            end = begin
        raise UsageError(
            f"{self.path} is not a record: it has no complete line; expected a file made by "
            "kubedrill. Move it away, then try again."
        )


def now() -> int:
    """The clock of all records: nanoseconds of CLOCK_MONOTONIC."""
    return time.monotonic_ns()


def read_record(path: Path | str) -> Record:
    """Read a record; without an end line ``ended`` is "", and a cut last line is left out.

    Raises UsageError when the file is missing, is not a record, or was made in another format; the
    message says which line is wrong, what was found and what was expected.
    """
    path = Path(path)
    builder = RecordBuilder(path)
    try:
        with path.open("rb") as file:
            first = 1
            while chunk := file.read(_CHUNK_BYTES):
                first += _take(builder, path, first, chunk + file.readline())
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UsageError(
            f"{path}: cannot read a record there ({error.strerror}); expected a file "
            f"reports/<run>/record/<drill>.jsonl"
        ) from error
    return builder.record()


def read_run(directory: Path) -> list[Record]:
    """Read all records of a run's folder, in the order in which they were made.

    Raises UsageError when there are none, when one is damaged, and when they are not of one run on
    one cluster.
    """
    paths = sorted(directory.glob("record/*.jsonl"))
    if not paths:
        raise UsageError(f"{directory} has no record/*.jsonl; expected the records of a run")
    if odd := sorted(path.name for path in directory.glob("record/*.jsonl.*")):
        raise UsageError(
            f"{directory}: found {', '.join(odd)} beside the records, expected records only: one "
            "that was compressed or renamed would be left out. Restore its name NAME.jsonl, or "
            "move it away."
        )
    records = {path: read_record(path) for path in paths}
    runs = {(r.header.run, r.header.cluster): path for path, r in records.items()}
    if len(runs) > 1:
        names = "; ".join(
            f"{path.name} is of run {run} on cluster {cluster}"
            for (run, cluster), path in runs.items()
        )
        raise UsageError(
            f"{directory}: found records of {len(runs)} runs in one folder, expected one run: "
            f"{names}"
        )
    return sorted(records.values(), key=lambda record: record.header.started_mono)


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _take(builder: RecordBuilder, path: Path, first: int, chunk: bytes) -> int:
    """Take lines, the first of which has number ``first``.

    Samples by column, where they are plainly samples.

    Returns how many they were.
    """
    others: list[tuple[int, bytes]] = []
    portions, count = None, 0
    if chunk.endswith(b"\n"):
        samples, count, others = split(chunk)
        if builder.has_header or (others and others[0][0] == 0):
            portions = parse(samples, count)
    if portions is None:
        count, others = 0, list(enumerate(chunk.removesuffix(b"\n").split(b"\n")))
    for place, line in others:
        is_cut = place == len(others) - 1 and not chunk.endswith(b"\n")
        try:
            parsed = load_json(line)
        except RepeatedKey as error:
            raise UsageError(
                f"{path}, line {first + place}: found {error}, expected it "
                f"once; the record was changed after the run. Use the file as the run wrote it."
            ) from error
        except ValueError:
            if is_cut and first + place > 1:
                builder.cut(first + place, line)
                break
            raise UsageError(
                f"{path}, line {first + place}: found "
                f"{line[:60].decode(errors='replace').strip()!r}, expected a JSON array; this is "
                "not a record of kubedrill, or it was damaged on its way. Copy it again from "
                "where it was made."
            ) from None
        builder.add(first + place, parsed)
    for portion in portions or ():
        builder.add_samples(first, portion)
    return count + len(others)
