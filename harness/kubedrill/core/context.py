"""What a drill works with."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kubedrill.base.model import EVIDENCE, NS, Check, Event, Span
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.core.evidence import Witness
from kubedrill.core.progress import Silent
from kubedrill.core.undo import Undos

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from kubedrill.apps import Application
    from kubedrill.cluster.context import Cluster
    from kubedrill.cluster.timers import LiveTimers
    from kubedrill.config.limits import Limits
    from kubedrill.core.drill import Drill
    from kubedrill.core.progress import Progress
    from kubedrill.faults import Fault
    from kubedrill.record import RecordWriter


@dataclass(frozen=True)
class DrillContext:
    """What a drill works with: the healthy cluster, and once it is under way its record and undos.

    ``unavailable`` and ``prepare`` get it without targets and without a record.
    """

    cluster: Cluster
    app: Application
    timers: LiveTimers
    rng: random.Random
    dry_run: bool = False  # prepare() notes what it would change, and changes nothing
    targets: tuple[str, ...] = ()
    record: RecordWriter | None = None
    round: str = ""  # put before the ids of checks, where one drill runs in another, even twice
    progress: Progress = field(default_factory=Silent)
    undos: Undos = field(default_factory=Undos)
    succeeding: Callable[[str], bool] = lambda _glob: False  # whether all such probes answer now
    guard: Callable[[Fault], AbstractContextManager[object]] = (
        nullcontext  # entered before a fault; raises Unsafe
    )
    checkpoint: Callable[[], None] = (
        lambda: None  # called before steps and in waits for probes; raises Unsafe to end the drill
    )

    def limits(self, drill: Drill) -> Limits:
        """What a drill may cost: its limits, as far as the configuration does not change them."""
        return self.cluster.settings.limits(drill.name, drill.limits)

    @property
    def writer(self) -> RecordWriter:
        """The record of the drill under way.

        Raises:
            RuntimeError: the drill has not begun; a bug of the drill.
        """
        if self.record is None:
            raise RuntimeError("the drill has not begun: prepare() cannot write to its record")
        return self.record

    @property
    def target(self) -> str:
        """The one node that this drill is about."""
        return self.targets[0]

    @contextmanager
    def step(self, subject: str, name: str, lane: str = "step", **data: Any) -> Iterator[None]:
        """Put what runs inside on the timeline, closed whatever happens."""
        self.checkpoint()
        start = time.monotonic_ns()
        self.writer.span(Span(lane, subject, name, start, None, data))
        self.progress.step(subject, name)
        try:
            yield
        finally:
            self.writer.span(Span(lane, subject, name, start, time.monotonic_ns(), data))

    @contextmanager
    def fault(self, fault: Fault, least_s: float | None = None) -> Iterator[None]:
        """Inject a fault, wait until its effect is seen, let the body watch, heal.

        The undo is on the stack before the fault is injected. The effect must be in place for
        ``least_s`` seconds or more, by default the fault's own.

        Raises:
            KubedrillError: the effect is not to be seen, so nothing would be tested.
        """
        what = f"{fault.name} of {fault.subject}"
        asked = {
            "evidence": fault.evidence,
            "least_s": fault.least_s if least_s is None else least_s,
            "lasts": fault.lasts,
        }
        witness = Witness(self.cluster, fault, self.event, self.checkpoint)
        self.checkpoint()
        with self.guard(fault):
            self.undos.add(what, lambda: fault.heal(self.cluster))
            with self.step(fault.subject, fault.name, lane="fault", **asked):
                with self.step(fault.subject, f"{fault.name}: inject"):
                    fault.inject(self.cluster)
                witness.wait()
                yield
                witness.confirm()
                with self.step(fault.subject, f"{fault.name}: heal"):
                    fault.heal(self.cluster)
                self.undos.drop(what)

    def check(self, id_: str, name: str, ok: bool | None, actual: str, expected: str) -> None:
        """Add a check that the verdict depends on; ``ok`` None: it could not be found out.

        ``id_`` is for programs: unique within a drill, in kebab-case, and it stays when ``name``,
        which is for people, is reworded.
        """
        self.writer.check(Check(name, ok, actual, expected, f"{self.round}{id_}"))

    def witness(self, subject: str, text: str, *, seen: bool) -> None:
        """Record whether the effect was seen of what is not a fault, such as an upgrade."""
        places = [subject]
        self.event(
            EVIDENCE, subject, text, expected=places, seen=places if seen else [], when="begin"
        )

    def event(self, lane: str, subject: str, name: str, **data: Any) -> None:
        """Put one moment on the timeline."""
        self.writer.event(Event(lane, subject, name, time.monotonic_ns(), data))

    def wait_answering(self, probes: str, *, for_s: float, seconds: float, setting: str) -> int:
        """Wait until all probes that match a glob have had no failure for ``for_s`` seconds.

        Returns since when they have, on the record's clock (ns).

        Raises:
            DeadlineExceeded: they did not within ``seconds``; the record has what they saw
                meanwhile.
            Unsafe: the drill must end.
        """
        since: list[int] = []

        def answering() -> bool | Waiting:
            self.checkpoint()
            if not self.succeeding(probes):
                since.clear()
                return Waiting(f"{probes}: some requests fail")
            since.append(time.monotonic_ns())
            return (
                True
                if since[-1] - since[0] >= for_s * NS
                else Waiting(f"{probes}: answering again")
            )

        wait_for(
            f"probes {probes} to answer for {for_s:g} s",
            answering,
            seconds=seconds,
            setting=setting,
            poll_s=0.25,
        )
        return since[0]
