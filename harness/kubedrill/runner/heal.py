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
from kubedrill.base.errors import ConfigErrors, DeadlineExceeded, StepFailed
from kubedrill.cluster.api import ClusterApi
from kubedrill.cluster.connections import REFUSALS, find_disconnected, lines_of
from kubedrill.cluster.hosts import Hosts
from kubedrill.cluster.power import Power
from kubedrill.cluster.read_only import ReadOnlyHosts
from kubedrill.core.leftovers import scan
from kubedrill.faults.in_cluster import NO_API
from kubedrill.faults.power import UNREACHABLE
from kubedrill.faults.traces import ClusterTrace, HarnessTrace, HiddenTrace, Leftover, NodeTrace
from kubedrill.probes.standard import NAMESPACE as PROBES_NAMESPACE
from kubedrill.runner.lease import ClusterLease
from kubedrill.runner.lock import run_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.inventory import Inventory
    from kubedrill.config import Settings

REPAIR_S = 120.0
"""Seconds for one repair on one node; the longest, starting a kubelet or an undo that uncordons,
takes some seconds."""

ROUNDS = 4
"""Scans at most: what is seen at once, behind a node that was off, behind an API that was down, and
once more."""

OWN_NAMESPACES = (SampleApp.namespace, PROBES_NAMESPACE)
"""The app's and the probes': they belong there only while a run is under way."""

_UNSEEN = {UNREACHABLE.kind, NO_API.kind}


@dataclass
class Healed:
    """What was detected, what could not be repaired and why, and what is left now."""

    detected: list[Leftover] = field(default_factory=list)
    failed: dict[Leftover, str] = field(default_factory=dict)
    left: list[Leftover] = field(default_factory=list)

    @property
    def is_unknown(self) -> bool:
        """Whether all that is left is what could not be looked at."""
        return bool(self.left) and {each.kind for each in self.left} <= _UNSEEN


def heal(
    inventory: Inventory,
    settings: Settings,
    report: Callable[[str], None],
    *,
    dry_run: bool = False,
) -> Healed:
    """Find what faults left on a cluster and put it back; ``dry_run``: only find it.

    Raises:
        Unsafe: a run is under way: healing would spoil its verdict.
        ConfigErrors: the inventory's keys and SSH options are wrong; all are listed.
    """
    if dry_run:
        with _Healer(ReadOnlyHosts, inventory, settings, report) as healer:
            healer.report_refusals()
            left = healer.scan()
            return Healed(left, {}, left)
    with run_lock(inventory), _Healer(Hosts, inventory, settings, report) as healer:
        healer.report_refusals()
        healer.hold_lease()
        return healer.run()


def _brief(item: Leftover) -> str:
    return f"{item.where} ({item.kind})"


class _Healer(ExitStack):
    """Repairs by kind; the API is connected as soon as a control plane gives its credentials."""

    def __init__(
        self,
        hosts: type[Hosts],
        inventory: Inventory,
        settings: Settings,
        report: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.inventory, self.settings, self.report = inventory, settings, report
        self.hosts = self.enter_context(hosts(inventory, settings))
        self.power = Power(inventory, settings)
        self._api: ClusterApi | None = None
        self.result = Healed()

    def report_refusals(self) -> None:
        """Name the hosts that no repair brings back: the others are healed all the same.

        Raises:
            ConfigErrors: the inventory's keys and SSH options are wrong; all are listed.
        """
        errors = find_disconnected(self.hosts)
        refused = {host: error for host, error in errors.items() if isinstance(error, REFUSALS)}
        mistakes = {h: error for h, error in refused.items() if isinstance(error, ConfigErrors)}
        if mistakes:
            raise ConfigErrors(str(self.inventory.path), lines_of(mistakes))
        for line in lines_of(refused):
            self.report(f"refused   {line}")

    def hold_lease(self) -> None:
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

    def scan(self) -> list[Leftover]:
        """Everything that is left now; an API that cannot be asked is one more thing."""
        items = scan(self.inventory, self.hosts, self.api(), OWN_NAMESPACES)
        if self._api is None:
            items.append(
                Leftover(
                    NO_API.kind,
                    "cluster",
                    "no answer",
                    "no control plane gave its credentials over SSH",
                )
            )
        return sorted(set(items), key=lambda item: (item.trace.stage, item))

    def run(self) -> Healed:
        """Look and repair until nothing is left, or nothing more can be done."""
        left = self.scan()
        for _ in range(ROUNDS):
            new = [item for item in left if item not in self.result.detected]
            if new:
                self.report(f"found {', '.join(map(_brief, new))}")
            self.result.detected += new
            repaired = [item for item in left if self._repaired(item)]
            if not repaired:
                break
            self._settle(repaired)
            left = self.scan()
        self.result.left = left
        return self.result

    def _repaired(self, item: Leftover) -> bool:
        """Repair one thing; a failure is remembered and the next is tried."""
        self.report(f"repairing {_brief(item)}")
        try:
            self._repair(item)
        except (StepFailed, DeadlineExceeded) as error:
            self._fail(item, str(error))
        except ApiException as error:
            self._fail(item, f"the API refused with {error.status}: {error.reason}")
        else:
            self.result.failed.pop(item, None)
            return True
        return False

    def _fail(self, item: Leftover, reason: str) -> None:
        self.result.failed[item] = "; ".join(dict.fromkeys(reason.split("; ")))

    def _repair(self, item: Leftover) -> None:
        needed = any(
            other.kind in item.trace.needed_by and other.where == item.where
            for other in self.result.failed
        )
        if needed:
            raise StepFailed("left, as an undo on this node failed and may need it")
        planes = {node.name for node in self.inventory.control_planes}
        if item.kind == NO_API.kind and planes <= {
            each.where for each in self.result.failed if each.kind == UNREACHABLE.kind
        }:
            raise StepFailed("no control plane can be reached")
        trace = item.trace
        if isinstance(trace, NodeTrace):
            self.hosts.change(item.where, trace.repair(item.what), REPAIR_S)
        elif isinstance(trace, ClusterTrace):
            api = self.api()
            if api is None:
                raise StepFailed("no control plane gives the API's credentials over SSH")
            trace.repair(api, item)
        elif isinstance(trace, HiddenTrace | HarnessTrace):
            trace.repair(self, item)

    def _settle(self, repaired: list[Leftover]) -> None:
        """Wait for what takes its time: a boot, the end of a namespace.

        The next scan tells where it did not come.
        """
        for item in repaired:
            try:
                if isinstance(item.trace, HiddenTrace):
                    item.trace.settle(self, item)
                elif isinstance(item.trace, ClusterTrace) and self._api is not None:
                    item.trace.settle(self._api, item)
            except (StepFailed, DeadlineExceeded) as error:
                self._fail(item, str(error))
