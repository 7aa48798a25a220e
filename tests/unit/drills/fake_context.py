"""A drill under way on a cluster in memory."""

from __future__ import annotations

import random
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kubedrill.config import Settings
from kubedrill.core.progress import Silent
from kubedrill.core.undo import Undos

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kubedrill.core.progress import Progress

KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class LoggedUndos(Undos):
    """Undos that log what they are for."""

    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self._log = log

    def add(self, what: str, undo: Callable[[], object]) -> None:
        self._log.append(f"undo: {what}")
        super().add(what, undo)


@dataclass
class FakeContext:
    """Logs what a drill does, in order, and waits for nothing.

    ``checks`` holds what each check came to, ``seen`` what the evidence did, ``faults`` the faults
    that were made, which are injected for real only where the context ``injects``.
    """

    targets: tuple[str, ...]
    cluster: Any
    app: Any
    writer: Any
    log: list[str]
    undos: Undos
    injects: bool
    rng: random.Random
    progress: Progress = field(default_factory=Silent)
    faults: list[Any] = field(default_factory=list)
    round: str = ""
    ids: list[str] = field(default_factory=list)
    checks: dict[str, tuple[bool | None, str]] = field(default_factory=dict)
    seen: dict[str, bool] = field(default_factory=dict)  # subjects of evidence

    @property
    def target(self) -> str:
        return self.targets[0]

    @contextmanager
    def step(self, subject: str, name: str, lane: str = "step", **_data: Any) -> Iterator[None]:
        self.log.append(f"{lane} on {subject}: {name}" if lane != "step" else f"{subject}: {name}")
        yield

    @contextmanager
    def fault(self, fault: Any, least_s: float | None = None) -> Iterator[None]:
        assert fault.evidence
        assert least_s is None or least_s >= 0
        self.faults.append(fault)
        self.log.append(f"{fault.name} of {fault.subject}")
        if self.injects:
            fault.inject(self.cluster)
        yield
        if self.injects:
            fault.heal(self.cluster)
        self.log.append(f"heal {fault.subject}")

    def witness(self, subject: str, text: str, *, seen: bool) -> None:
        assert text
        self.seen[subject] = seen

    def event(self, _lane: str, subject: str, name: str, **_data: Any) -> None:
        self.log.append(f"{subject}: {name}")

    def check(self, id_: str, name: str, ok: bool | None, actual: str, expected: str) -> None:
        assert expected
        id_ = f"{self.round}{id_}"
        assert KEBAB.fullmatch(id_), f"{name!r} has the id {id_!r}"
        assert id_ not in self.ids, f"{id_} stands twice"
        self.ids.append(id_)
        self.checks[name] = ok, actual
        self.log.append(f"{name}: {ok}, {actual}")

    def wait_answering(self, probes: str, **_options: Any) -> None:
        self.log.append(f"answering {probes}")


def fake_context(
    *targets: str,
    app: Any = None,
    path: Path | None = None,
    log: list[str] | None = None,
    injects: bool = False,
    **cluster: Any,
) -> Any:
    """A :class:`FakeContext` on a cluster of the parts that are given."""
    log = [] if log is None else log
    parts: dict[str, Any] = dict.fromkeys(("inventory", "api", "hosts", "power"))
    parts |= {"settings": Settings(), "note": lambda _subject, text: log.append(text)}
    return FakeContext(
        targets=targets,
        cluster=SimpleNamespace(**parts | cluster),
        app=app,
        writer=SimpleNamespace(path=path, flush=lambda: None),
        log=log,
        undos=LoggedUndos(log),
        injects=injects,
        rng=random.Random(1),  # noqa: S311 - a drill's recorded choices
    )
