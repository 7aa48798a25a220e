"""The open loop: every probe fires on its absolute schedule, whatever its last answer does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from .dnsq import DnsFailedError
from .http1 import BadAnswerError
from .kinds import KINDS, Asker, Spec, outcome_of

NS = 1_000_000_000
Sample = tuple[str, int, int, int, int, str, str]  # probe, seq, due, fired, done, outcome, server
Keep = Callable[[Sample], None]


class Probe:
    """One probe. Tick n is due at ``start + n * interval``.

    Nothing that happens moves a later tick.
    """

    def __init__(self, spec: Spec, asker: Asker, keep: Keep) -> None:
        self.spec, self._asker, self._keep = spec, asker, keep
        self._interval = round(spec.interval_s * NS)
        self._next = 0
        self._due = 0
        self._timer: asyncio.TimerHandle | None = None
        self.flying: set[asyncio.Task[None]] = set()
        self.bug: Callable[[BaseException], None] = _raise

    def start(self, at: int) -> None:
        """Fire the first tick at ``at`` (ns, CLOCK_MONOTONIC)."""
        self._due = at
        self._arm()

    def stop(self) -> None:
        """Fire no more; what is in flight lands by its timeout."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Close kept connections."""
        self._asker.close()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_at(self._due / NS, self._tick)

    def _tick(self) -> None:
        if time.monotonic_ns() < self._due:  # the loop's clock is a float and may be some ns early
            self._arm()
            return
        task = asyncio.get_running_loop().create_task(self._ask(self._next, self._due))
        self.flying.add(task)
        task.add_done_callback(self._landed)
        self._next += 1
        self._due += self._interval
        self._arm()

    async def _ask(self, seq: int, due: int) -> None:
        server = ""
        fired = time.monotonic_ns()
        try:
            async with asyncio.timeout(self.spec.timeout_s):
                outcome, server = await self._asker.ask(seq)
        except (OSError, BadAnswerError, DnsFailedError) as error:  # TimeoutError is an OSError
            outcome = outcome_of(error)
        self._keep((self.spec.name, seq, due, fired, time.monotonic_ns(), outcome, server))

    def _landed(self, task: asyncio.Task[None]) -> None:
        self.flying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.bug(error)


class Ticker:
    """All probes of one process, their phases spread over the interval."""

    def __init__(self, specs: list[Spec], keep: Keep) -> None:
        self.probes = [Probe(spec, KINDS[spec.kind](spec), keep) for spec in specs]
        self.failed: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin a moment from now."""
        self.failed = asyncio.get_running_loop().create_future()
        begin = time.monotonic_ns() + NS // 20
        for index, probe in enumerate(self.probes):
            probe.bug = self._bug
            probe.start(begin + round(index / len(self.probes) * probe.spec.interval_s * NS))

    async def stop(self) -> None:
        """Stop firing, and await what is in flight: at most the longest timeout."""
        for probe in self.probes:
            probe.stop()
        while flying := [task for probe in self.probes for task in probe.flying]:
            await asyncio.wait(flying)
        for probe in self.probes:
            probe.close()

    def _bug(self, error: BaseException) -> None:
        """A failure that no probe expects is ours.

        The sampler ends loudly instead of blaming the cluster.
        """
        if self.failed is not None and not self.failed.done():
            self.failed.set_exception(error)


def _raise(error: BaseException) -> None:
    raise error
