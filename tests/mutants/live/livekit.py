"""What a live mutant is.

Something broken on a healthy cluster, and the drill that must call it what it is.

A mutant's docstring says in one sentence what is broken. Its decorator names the drill, the verdict
and the reason. It is planted on the cluster of ``--inventory``, the drill is run by the product's
own runner, and it is taken away again, whatever happens: where a node's files were changed, also by
a timer on that node, should this process be killed.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))

from mutantkit import Called

from kubedrill.apps import sample
from kubedrill.base.results import VerdictKind
from kubedrill.cli.terminal import Lines
from kubedrill.cluster.undo_timer import timer_argv
from kubedrill.runner.run import RunResult, run_drills

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.hosts import Hosts
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

RESTORE_AFTER_S = 900.0
"""Seconds after which a node restores its own files, should nobody do it: longer than any drill
here."""

Objects = list[dict[str, Any]]
Evidence = tuple[Called, str]


@dataclass
class Cluster:
    """The cluster that mutants are planted on.

    ``inventory`` and ``settings`` may be exchanged by a plant.
    """

    inventory: Inventory
    settings: Settings
    hosts: Hosts
    api: ClusterApi
    patch: pytest.MonkeyPatch

    def sh(self, node: str, script: str) -> str:
        """Run a line of shell on a node; raises StepFailed when it fails."""
        return self.hosts.change(node, ["/bin/sh", "-c", script]).stdout

    def wait(self, seconds: float, **timeouts: float) -> None:
        """Let the product wait less long than for a real cluster: ``recovery`` and others."""
        changed = self.settings.timeouts.model_copy(update={"recovery": seconds, **timeouts})
        self.settings = self.settings.model_copy(update={"timeouts": changed})

    @contextmanager
    def changed(
        self, node: str, path: str, change: str, service: str, verb: str = "restart"
    ) -> Iterator[None]:
        """Change a file of a node by a line of shell (it is ``$f``); restore it at the end."""
        apply = f"systemctl {verb} {service}"
        restore = f"f={path}; if [ -e $f.mutant ]; then mv -f $f.mutant $f && {apply}; fi"
        unit = f"kubedrill-mutant-{service}"
        self.hosts.change(node, timer_argv(unit, RESTORE_AFTER_S, restore))
        try:
            self.sh(node, f"f={path}; [ -e $f.mutant ] || cp -a $f $f.mutant; {change} && {apply}")
            yield
        finally:
            self.sh(node, restore)
            self.sh(node, f"systemctl stop {unit}.timer; true")

    def drill(self, name: str) -> Evidence:
        """Run one drill with the product's runner; what it called the cluster, and why."""
        with Lines(Console(stderr=True)) as progress:
            result = run_drills([name], self.inventory, self.settings, progress=progress, seed=1)
        return evidence(result)


def evidence(result: RunResult) -> Evidence:
    """The verdict of a run of one drill, with all that speaks for it.

    A drill that was not run is told as that.
    """
    if result.not_run:
        return Called(result.verdict.value), "".join(
            f"not run: {reason}" for reason in result.not_run.values()
        )
    [verdict] = result.verdicts
    texts = [finding.text for finding in verdict.findings if finding.verdict is verdict.verdict]
    reason = verdict.reason if verdict.verdict is VerdictKind.PASS else " | ".join(texts)
    return Called(verdict.verdict.value), reason


Plant = AbstractContextManager[None]


@dataclass(frozen=True)
class LiveMutant:
    """Something broken on a live cluster, and what its drill must call it."""

    name: str
    group: str
    broken: str
    drill: str
    called: Called
    reason: str
    plant: Callable[[Cluster], Plant]
    run: Callable[[Cluster], Evidence] = field(repr=False)


LIVE: dict[str, LiveMutant] = {}


def on_cluster(
    drill: str, called: Called, reason: str
) -> Callable[[Callable[[Cluster], Iterator[None]]], None]:
    """Decorate a function that breaks cluster or harness, and repairs it after ``yield``."""

    def decorate(function: Callable[[Cluster], Iterator[None]]) -> None:
        _add(function, drill, called, reason, contextmanager(function))

    return decorate


def on_app(
    drill: str, called: Called, reason: str, **timeouts: float
) -> Callable[[Callable[[Objects], Objects]], None]:
    """Decorate a function that changes the application's manifests before they are deployed."""

    def decorate(function: Callable[[Objects], Objects]) -> None:
        @contextmanager
        def plant(cluster: Cluster) -> Iterator[None]:
            load = sample.load
            cluster.patch.setattr(sample, "load", lambda version: function(load(version)))
            cluster.wait(cluster.settings.timeouts.recovery, **timeouts)
            yield

        _add(function, drill, called, reason, plant)

    return decorate


def on_runner(
    drill: str, called: Called, reason: str
) -> Callable[[Callable[[Cluster], Evidence]], None]:
    """Decorate a function that runs the drill in its own way."""

    def decorate(function: Callable[[Cluster], Evidence]) -> None:
        @contextmanager
        def plant(_cluster: Cluster) -> Iterator[None]:
            yield

        _add(function, drill, called, reason, plant, function)

    return decorate


def _add(  # noqa: PLR0917 - the decorators above call it in one line each
    function: Callable[..., Any],
    drill: str,
    called: Called,
    reason: str,
    plant: Callable[[Cluster], Plant],
    run: Callable[[Cluster], Evidence] | None = None,
) -> None:
    name = function.__name__.replace("_", "-")
    assert name not in LIVE, f"two live mutants are named {name}"
    broken = " ".join((function.__doc__ or "").split())
    how = run or (lambda cluster: cluster.drill(drill))
    LIVE[name] = LiveMutant(name, function.__module__, broken, drill, called, reason, plant, how)
