"""Fetches the in-cluster prober's samples, and puts its clock on the harness's."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kubernetes.client import ApiException

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import NS, ClockOffset, Sample, inside_clock
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.probes.sampler.sinks import kernel_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubedrill.base.model import ProbeSpec

EVERY_S = 0.5
CLOCK_ROUNDS = 8  # exchanges at the start; the fastest one bounds the offset best, as in NTP
# how far two quartz clocks run apart at most; NTP assumes 15, badly cooled machines do worse
DRIFT_PPM = 100
CLOCK_KEPT = 256  # exchanges remembered; two minutes at two a second
CLOCK_STEP_NS = (
    1_000_000  # an offset that changed by more than this is written into the record again
)


class Get(Protocol):
    """GET a path of the prober; raises StepFailed or ApiException while it cannot be reached."""

    def __call__(self, path: str) -> str:
        """Return the body."""


class Write(Protocol):
    """What is needed of :class:`kubedrill.record.RecordWriter`."""

    def sample(self, sample: Sample) -> None:
        """Add a sample."""

    def clock(self, clock: ClockOffset) -> None:
        """Add a clock offset."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One reading of the other clock.

    It was at ``remote`` some time between ``sent`` and ``got`` of ours.
    """

    sent: int
    got: int
    remote: int
    same_clock: bool = (
        False  # both read the one CLOCK_MONOTONIC of one kernel: containers on the harness host
    )

    @property
    def offset(self) -> int:
        """Ours minus theirs."""
        return 0 if self._is_same else (self.sent + self.got) // 2 - self.remote

    def uncertainty(self, now: int) -> int:
        """The offset is right within this many ns, whatever the network did.

        It grows as the clocks drift apart.
        """
        if self._is_same:
            return 0
        return (self.got - self.sent + 1) // 2 + max(0, now - self.got) * DRIFT_PPM // 1_000_000

    @property
    def _is_same(self) -> bool:
        """Whether the kernel is the same one, and the times say so too.

        A time namespace would shift them.
        """
        return self.same_clock and self.sent <= self.remote <= self.got


class ClockMap:
    """The latest exchanges."""

    def __init__(self) -> None:
        self._seen: deque[Exchange] = deque(maxlen=CLOCK_KEPT)

    def add(self, exchange: Exchange) -> None:
        """Take one exchange."""
        self._seen.append(exchange)

    def best(self, now: int) -> Exchange:
        """The one with the least uncertainty now."""
        return min(self._seen, key=lambda exchange: exchange.uncertainty(now))


class Fetcher:
    """Fetches in a thread of its own; what could not be fetched now is fetched later.

    Samples due before ``since`` (ns, our clock) are an earlier session's, whose prober was left
    behind when the harness was killed: they are dropped, and the first one due later has number 0;
    the intervals of ``probes`` tell which that is. ``probes`` are the record's, all on one node, by
    their names in the prober.
    """

    def __init__(
        self,
        get: Get,
        writer: Write,
        now: Callable[[], int] = time.monotonic_ns,
        *,
        since: int = 0,
        probes: Mapping[str, ProbeSpec] | None = None,
    ) -> None:
        self._get, self._writer, self._now = get, writer, now
        self._since, self._probes = since, dict(probes or {})
        self._vantage = inside_clock(next((s.place for s in self._probes.values()), ""))
        self._clock, self._kernel = ClockMap(), kernel_id()
        self._written: Exchange | None = None
        self._boot, self._next = "", 0
        # a prober that was restarted counts from 0 again, one that was found does not
        self._base: dict[str, int] = {}
        self._highest: dict[str, int] = defaultdict(lambda: -1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fetch-samples", daemon=True)
        self.until: int | None = None  # samples due after this are dropped
        self.last_problem = ""
        self._bug: BaseException | None = None

    def start(self) -> None:
        """Compare the clocks, then fetch until :meth:`stop`. Raises as :class:`Get`."""
        for _ in range(CLOCK_ROUNDS):
            self._exchange("/clock")
        self._thread.start()

    def stop(self, seconds: float, setting: str) -> None:
        """Fetch what is left: what was due before now and answered within one timeout.

        Raises:
            DeadlineExceeded: the prober could not be reached in time; its last samples are lost.
        """
        self.halt()
        self.check()
        wait_for(
            "the last samples of the in-cluster prober",
            self._drained,
            seconds=seconds,
            setting=setting,
        )

    def check(self) -> None:
        """Raise what ended the thread against our will."""
        if self._bug is not None:
            raise self._bug

    def halt(self) -> None:
        """End the thread without fetching what is left."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def fetch(self) -> int:
        """Fetch one portion; returns how many samples it had."""
        data = self._exchange(f"/samples?boot={self._boot}&after={self._next}")
        if data["boot"] != self._boot:
            if self._boot:
                self._base.update({probe: seq + 1 for probe, seq in self._highest.items()})
                self._clock = ClockMap()  # a machine's clock begins anew with its boot
            self._boot, self._next = data["boot"], 0
            return self.fetch()
        self._next = data["next"]
        self._keep(data["samples"])
        return len(data["samples"])

    def _exchange(self, path: str) -> dict[str, Any]:
        sent = self._now()
        text = self._get(path)
        got = self._now()
        try:
            data: dict[str, Any] = json.loads(text)
            self._clock.add(
                Exchange(sent, got, int(data["now"]), data.get("kernel") == self._kernel)
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StepFailed(
                f"the in-cluster prober answered {text[:100]!r} to {path}, expected its samples"
            ) from error
        return data

    def _keep(self, samples: list[Any]) -> None:
        best = self._clock.best(self._now())
        offset = best.offset
        if self._written is None or abs(self._written.offset - offset) > CLOCK_STEP_NS:
            uncertainty = best.uncertainty(self._now())
            self._writer.clock(ClockOffset(self._vantage, offset, uncertainty))
            self._written = best
        for probe, seq, due, fired, done, outcome, server in samples:
            spec = self._probes.get(probe)
            if probe not in self._base:
                interval = round(spec.interval_s * NS) if spec else 0
                # the first tick that was due after our begin is number 0
                passed = (due + offset - self._since) // interval if interval else seq
                self._base[probe] = -max(0, seq - passed)
            number = self._base[probe] + seq
            self._highest[probe] = max(self._highest[probe], number)
            if number >= 0 and (self.until is None or due + offset <= self.until):
                name = spec.name if spec else probe
                times = (due + offset, fired + offset, done + offset)
                self._writer.sample(Sample(name, number, *times, outcome, server))

    def _run(self) -> None:
        try:
            while not self._stop.wait(EVERY_S):
                self._try()
        except BaseException as error:  # noqa: BLE001 - a thread has no caller: check() raises it in the session's
            self._bug = error

    def _try(self) -> bool:
        try:
            self.fetch()
        except (StepFailed, ApiException) as error:  # an API outage: the samples wait in the pod
            self.last_problem = str(error).splitlines()[0] if str(error) else type(error).__name__
            return False
        return True

    def _drained(self) -> bool | Waiting:
        if not self._try():
            return Waiting(self.last_problem)
        while self.fetch():
            pass
        return True
