"""Puts back at once what faults left behind, without waiting for their armed undos.

Works as far as SSH and the power switches reach; the API is only needed for what is in the cluster
itself. Every repair is tried whatever became of the others. What an earlier repair uncovers (a node
that was off, an API that was down) is looked at in the next round.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from kubedrill.apps import SampleApp
from kubedrill.base.errors import DeadlineExceeded, StepFailed
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.power import Power
from kubedrill.cluster.watchdog import Watchdog
from kubedrill.core.residue import OWN_TAINT, Residue, end_process, scan
from kubedrill.probes.standard import NAMESPACE as PROBES_NAMESPACE
from kubedrill.runner.heal_nodes import ON_NODE, REPAIR_S, command
from kubedrill.runner.lease import ClusterLease
from kubedrill.runner.lock import run_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

ORDER = (
    "unreachable",
    *ON_NODE,
    "api",
    "cordon",
    "taint",
    "pod",
    "namespace",
    "watchdog",
    "process",
)
"""Power first, so that SSH works; then the nodes, so that the API works; then what is in the
cluster."""

ROUNDS = 4
"""Looks at most: what is seen at once, behind a node that was off, behind an API that was down, and
once more."""

OWN_NAMESPACES = (SampleApp.namespace, PROBES_NAMESPACE)
"""The app's and the probes': they belong there only while a run is under way."""


@dataclass
class Healed:
    """What was found, what could not be repaired and why, and what is left now."""

    found: list[Residue] = field(default_factory=list)
    failed: dict[Residue, str] = field(default_factory=dict)
    left: list[Residue] = field(default_factory=list)


def heal(
    inventory: Inventory, settings: Settings, tell: Callable[[str], None], *, dry_run: bool = False
) -> Healed:
    """Find what faults left on a cluster and put it back; ``dry_run``: only find it.

    Raises:
        Unsafe: a run is under way: healing would spoil its verdict.
        ConfigErrors: the inventory's keys cannot be used.
    """
    if dry_run:
        with _Healer(inventory, settings, tell) as healer:
            left = healer.look()
            return Healed(left, {}, left)
    with run_lock(inventory), _Healer(inventory, settings, tell) as healer:
        healer.alone()
        return healer.run()


class _Healer(ExitStack):
    """Repairs by kind; the API is connected as soon as a control plane gives its credentials."""

    def __init__(
        self, inventory: Inventory, settings: Settings, tell: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.inventory, self.settings, self.tell = inventory, settings, tell
        self.hosts = self.enter_context(Hosts(inventory, settings))
        self.power = Power(inventory, settings)
        self._api: ClusterApi | None = None
        self.result = Healed()

    def alone(self) -> None:
        """Hold the cluster's lease, where there is an API to hold it in.

        One that is down or refuses is no obstacle.
        """
        api = self.api()
        if api is not None:
            with suppress(StepFailed):
                self.enter_context(ClusterLease(api, self.inventory.name))

    def api(self) -> ClusterApi | None:
        """The API's client; None while no control plane gives its credentials."""
        if self._api is None:
            try:
                self._api = self.enter_context(
                    ClusterApi.connect(self.inventory, self.hosts, self.settings)
                )
            except (StepFailed, DeadlineExceeded):
                return None
        return self._api

    def look(self) -> list[Residue]:
        """Everything that is left now; an API that cannot be asked is one more thing."""
        found = scan(self.inventory, self.hosts, self.api(), OWN_NAMESPACES)
        if self._api is None:
            found.append(
                Residue(
                    "api", "cluster", "no answer", "no control plane gave its credentials over SSH"
                )
            )
        return sorted(set(found), key=lambda item: (ORDER.index(item.kind), item))

    def run(self) -> Healed:
        """Look and repair until nothing is left, or nothing more can be done."""
        left = self.look()
        for _ in range(ROUNDS):
            for item in left:
                if item not in self.result.found:
                    self.result.found.append(item)
                    self.tell(f"found     {item}")
            repaired = [item for item in left if self._repaired(item)]
            if not repaired:
                break
            self._settle(repaired)
            left = self.look()
        self.result.left = left
        return self.result

    def _repaired(self, item: Residue) -> bool:
        """Repair one thing; a failure is kept and the next is tried."""
        try:
            self._repair(item)
        except (StepFailed, DeadlineExceeded) as error:
            self._failed(item, str(error))
        except ApiException as error:
            self._failed(item, f"the API refused with {error.status}: {error.reason}")
        else:
            self.tell(f"repaired  {item}")
            self.result.failed.pop(item, None)
            return True
        return False

    def _failed(self, item: Residue, why: str) -> None:
        self.result.failed[item] = why
        self.tell(f"failed    {item}: {why}")

    def _repair(self, item: Residue) -> None:
        if item.kind == "fill" and any(
            other.kind in ("unit", "kept") and other.where == item.where
            for other in self.result.failed
        ):
            raise StepFailed("left, as an undo on this node failed and may need it")
        if item.kind in ON_NODE:
            self.hosts.change(item.where, command(item), REPAIR_S)
        elif item.kind in ("unreachable", "watchdog"):
            self._power_on(item)
        elif item.kind == "api":
            self._await_api()
        elif item.kind == "process":
            end_process(self.inventory, int(item.what))
        else:
            self._repair_in_cluster(item)

    def _power_on(self, item: Residue) -> None:
        """Wake the node, then switch it on.

        One that is off cannot be woken, which some commands call a failure.
        """
        node = self.inventory.node(item.where)
        asleep = ""
        try:
            self.power.resume(node)
        except StepFailed as error:
            asleep = f"{error}; "
        try:
            self.power.on(node)
        except StepFailed as error:
            raise StepFailed(f"{asleep}{error}") from error
        self.hosts.forget(node)
        if item.kind == "watchdog":
            Watchdog(self.inventory, node.name, None, 0).disarm()

    def _await_api(self) -> None:
        def answers() -> bool | Waiting:
            api = self.api()
            if api is None:
                return Waiting("no control plane gives its credentials over SSH")
            try:
                return (
                    True
                    if api.get_raw("/readyz").strip() == "ok"
                    else Waiting("it says it is not ready")
                )
            except (StepFailed, ApiException) as error:
                return Waiting(str(error))

        wait_for(
            "the API to answer",
            answers,
            seconds=self.settings.timeouts.api_up,
            setting="api_up",
            poll_s=2.0,
        )

    def _repair_in_cluster(self, item: Residue) -> None:
        api = self.api()
        if api is None:
            raise StepFailed("no control plane gives the API's credentials over SSH")
        if item.kind == "cordon":
            api.cordon(item.where, on=False)
        elif item.kind == "taint":
            kept = [
                taint
                for taint in api.node(item.where).spec.taints or []
                if not taint.key.startswith(OWN_TAINT)
            ]
            api.core.patch_node(
                item.where, {"spec": {"taints": api.client.sanitize_for_serialization(kept)}}
            )
        elif item.kind == "pod":
            namespace, _, name = item.what.partition("/")
            api.delete(
                [
                    {
                        "apiVersion": "v1",
                        "kind": "Pod",
                        "metadata": {"name": name, "namespace": namespace},
                    }
                ]
            )
        else:
            api.delete([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": item.what}}])

    def _settle(self, repaired: list[Residue]) -> None:
        """Wait for what takes its time: a boot, the end of a namespace.

        The next look tells where it did not come.
        """
        for item in repaired:
            try:
                if item.kind == "unreachable":
                    self._await_boot(item.where)
                elif item.kind == "namespace" and self._api is not None:
                    self._api.wait_namespace_gone(item.what)
            except (StepFailed, DeadlineExceeded) as error:
                self._failed(item, str(error))

    def _await_boot(self, node: str) -> None:
        def boots() -> bool | Waiting:
            return True if self.hosts.reachable(node) else Waiting("no answer over SSH")

        seconds = self.settings.timeouts.node_boot
        wait_for(
            f"{node} to answer over SSH", boots, seconds=seconds, setting="node_boot", poll_s=2.0
        )
