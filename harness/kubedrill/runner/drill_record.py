"""How the record of a drill begins and ends, however the drill does."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from kubedrill.base.errors import KubedrillError, Unsafe
from kubedrill.base.model import CheckId, Event, Header, ProbeSpec
from kubedrill.core.recovery import health_check
from kubedrill.record import RecordWriter
from kubedrill.runner.facts import host_facts
from kubedrill.runner.guards import brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.core.drill import Drill
    from kubedrill.runner.context import RunContext


class DrillRecord:
    """The record of one drill: every end begins it, where nothing else did."""

    def __init__(self, run: RunContext, drill: Drill) -> None:
        self.run, self.drill = run, drill
        self.writer, self.begun = RecordWriter(run.record_path(drill)), False
        # until the cluster said what it runs
        self.kubernetes = run.cluster.inventory.kubernetes_version

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Close the record, however the drill ends; one that has nothing in it is removed."""
        try:
            yield
        except Unsafe as error:
            self.end("aborted", str(error))
        except KeyboardInterrupt:
            self.end("interrupted", "asked to stop (Ctrl-C or SIGTERM); what was broken was healed")
            raise
        except (KubedrillError, ApiException) as error:
            self.end("error", describe(error))
        except BaseException as error:
            self.end("error", f"a mistake of the harness: {error!r}")
            raise
        finally:
            self.writer.close()
            if not self.writer.path.stat().st_size:
                self.writer.path.unlink()

    def begin(
        self,
        targets: tuple[str, ...],
        specs: tuple[ProbeSpec, ...],
        watched: tuple[str, ...] = (),
    ) -> None:
        """Write what the record is about."""
        run, inventory, settings = self.run, self.run.cluster.inventory, self.run.cluster.settings
        header = Header(
            run=run.directory.name,
            drill=self.drill.name,
            title=self.drill.title,
            cluster=inventory.name,
            seed=run.seed,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            started_mono=time.monotonic_ns(),
            tool_version=version("kubedrill"),
            kubernetes=self.kubernetes,
            nodes=tuple(node.name for node in inventory.nodes),
            targets=targets,
            probes=specs,
            min_samples=settings.probes.min_samples,
            host={
                **host_facts(inventory, settings),
                "replay": f"kubedrill replay {run.directory.name}",
            },
            leaves=self.drill.leaves,
            evidence=self.drill.evidence,
            watched=watched,
        )
        self.writer.header(header)
        self.begun = True

    def end(self, ended: str, reason: str = "") -> None:
        """Write how the drill ended."""
        if not self.begun:
            self.begin((), ())
        self.writer.end(time.monotonic_ns(), ended, reason)

    def refuse(self, problems: list[str]) -> None:
        """Write that the cluster was not fit for a drill."""
        self.begin((), ())
        self.writer.check(health_check(CheckId.HEALTHY_BEFORE, "; ".join(problems)))
        self.end(
            "aborted", f"the cluster was not healthy, so it was not touched: {brief(problems)}"
        )

    def note(self, subject: str, text: str) -> None:
        """Tell the terminal and, once the record has begun, the timeline."""
        self.run.progress.note(subject, text)
        if self.begun:
            self.writer.event(Event("note", subject, text, time.monotonic_ns()))


def describe(error: KubedrillError | ApiException) -> str:
    """An error in words for people."""
    if not isinstance(error, ApiException):
        return str(error)
    body = " ".join(str(error.body or "").split())[:300]
    return f"the API refused with {error.status}: {error.reason} {body}"
