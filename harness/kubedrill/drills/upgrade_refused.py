"""Upgrades that have to be refused before anything is changed: a table of :class:`Refused`."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubedrill.base.errors import StepFailed
from kubedrill.config.limits import Limits
from kubedrill.core.choices import pick
from kubedrill.core.drill import Drill, Family
from kubedrill.core.predictions import unfelt
from kubedrill.core.upgrades import choose_release, explain_missing_bundle, run_upgrade
from kubedrill.faults import DiskFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from kubedrill.cluster.context import Cluster
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


STEPS = (
    "Remember what runs: each node's versions and cordon, and the identity of each static pod.",
    (
        "Run playbooks/upgrade.yml with a bundle of which a part is cut short, or with more "
        "disk asked for than a node has."
    ),
    "It has to be refused, and the refusal has to name the part or the node.",
    "Compare with what ran before: nothing may have changed.",
)


CORRUPT_PART = "bin/kubelet"
_KEPT_BYTES = 1 << 20
_MORE_THAN_ANY_MIB = 10**9
"""A petabyte: what is asked for where a node's disk is its host's and cannot be filled."""


@dataclass(frozen=True, kw_only=True)
class Refused(Drill):
    """An upgrade that is refused.

    ``arrange`` gives extra variables for the playbook, and words that the refusal must hold.
    """

    arrange: Callable[[DrillContext, str], AbstractContextManager[tuple[dict[str, Any], str]]]
    needs: str = "a newer bundle"
    family: Family = Family.UPGRADES
    steps: tuple[str, ...] = STEPS
    limits: Limits = field(default_factory=lambda: Limits(app_max_failed=0))
    evidence: str = "the upgrade is refused"
    limits_because: str = "what is refused must not cost an application request"

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a newer bundle: without one there is another refusal before."""
        return explain_missing_bundle(ctx)

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Choose by the seed the node that lacks something."""
        return (pick(ctx.rng, [node.name for node in ctx.cluster.inventory.nodes], "node"),)

    def expected(self, ctx: DrillContext) -> Expected:
        """Nothing may fail."""
        del ctx
        return unfelt("what is refused touches nothing")

    def run(self, ctx: DrillContext) -> None:
        """Upgrade, listen to the refusal, compare."""
        version, before = choose_release(ctx.cluster), what_runs(ctx.cluster)
        with self.arrange(ctx, version) as (extra_vars, words):
            message = ""
            try:
                run_upgrade(
                    ctx, version, f"upgrade to {version}, to be refused", extra_vars=extra_vars
                )
            except StepFailed as refusal:
                message = str(refusal)
                ctx.progress.note(ctx.target, f"refused as it should be: {refusal}")
        ctx.witness("cluster", message or "it was not refused", seen=bool(message))
        ctx.check(
            "upgrade-refused",
            "the upgrade was refused and says why",
            words in message,
            message or "it was not refused",
            f"{words!r}",
        )
        changed = sorted(
            name for name, state in what_runs(ctx.cluster).items() if before.get(name) != state
        )
        ctx.check(
            "nothing-changed",
            "nothing was changed",
            not changed,
            ", ".join(changed) or "nothing changed",
            "nothing changed",
        )


def what_runs(cluster: Cluster) -> dict[str, str]:
    """What an upgrade changes.

    Kubelets' versions, cordons and marks, and the identities of static pods.
    """
    states = {}
    for node in cluster.api.nodes():
        marks = sorted(
            key for key in node.metadata.annotations or {} if key.startswith("kubedrill/")
        )
        state = [node.status.node_info.kubelet_version, bool(node.spec.unschedulable), *marks]
        states[f"node {node.metadata.name}"] = json.dumps(state)
    for pod in cluster.api.pods("kube-system", "tier=control-plane"):
        hashed = (pod.metadata.annotations or {}).get("kubernetes.io/config.hash", "")
        restarts = [status.restart_count for status in pod.status.container_statuses or []]
        states[f"pod {pod.metadata.name}"] = json.dumps([hashed, restarts])
    return states


@contextmanager
def corrupt_bundle(ctx: DrillContext, version: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Give a bundle of links to the real one, with one part cut short as by an interrupted copy."""
    source = ctx.cluster.inventory.bundles
    assert source is not None  # noqa: S101 - unavailable() said so
    [real] = [path.parent for path in source.glob(f"{version}-*/bundle.json")][:1]
    with tempfile.TemporaryDirectory(prefix="kubedrill-corrupt-") as folder:
        copy = Path(folder) / real.name
        for path in (each for each in real.rglob("*") if each.is_file()):
            link = copy / path.relative_to(real)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
        part = copy / CORRUPT_PART
        with part.open("rb") as file:
            start = file.read(_KEPT_BYTES)
        part.unlink()
        part.write_bytes(start)
        yield (
            {"cluster_bundles_source": folder},
            f"is corrupt: {CORRUPT_PART} has {len(start)} bytes",
        )


@contextmanager
def little_disk(ctx: DrillContext, version: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Fill the target's disk.

    Where it is its host's, ask for more than it has: the refusal is the same.
    """
    del version
    fault = DiskFull(ctx.target, "root")
    words = f"{ctx.target} has "
    reason = fault.available(ctx.cluster)
    if reason is None:
        with ctx.fault(fault):
            yield {}, words
        return
    ctx.event(
        "note", ctx.target, f"its disk is not filled ({reason}); more is asked for than it has"
    )
    yield {"preflight_disk_mib_upgrade": _MORE_THAN_ANY_MIB}, words


DRILLS = (
    Refused(
        name="upgrade-corrupt-bundle",
        title="Upgrade from a corrupt bundle",
        proves="a bundle that is not whole is refused by name before anything is changed",
        duration_s=60,
        arrange=corrupt_bundle,
    ),
    Refused(
        name="upgrade-disk-full",
        title="Upgrade with too little disk",
        proves=("a node without room for the new release is named before anything is changed"),
        duration_s=75,
        arrange=little_disk,
    ),
)
