"""A ledger of writes to the API: each is acknowledged, refused, or unknown.

What was acknowledged must not be lost.

Each entry is a ConfigMap of its own in a namespace that goes with the drill. A write whose answer
did not come is unknown: it may appear or not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException

from kubedrill.base.waits import Repeating
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.faults.in_cluster import DRILL_LABEL

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.core.context import DrillContext

NAMESPACE = "kubedrill-ledger"

INTERVAL_S = 0.5
"""Seconds between two writes of a :class:`Writing`: an outage of a second has two, and etcd hardly
notices."""

_ANSWER_S = 5.0
"""Seconds that one write waits for its answer; then it is unknown. An API server gives up after 60
s."""


@dataclass
class Ledger:
    """What became of each write.

    Number of the entry → time of its acknowledgement (harness host, monotonic s).
    """

    api: ClusterApi
    acknowledged: dict[int, float] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    _next: int = 0

    def open(self) -> None:
        """Make the namespace. Raises ApiUnavailable and ApiException."""
        metadata = {"name": NAMESPACE, "labels": {DRILL_LABEL: "ledger"}}
        self.api.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}])

    def write(self) -> bool:
        """Write the next entry; returns whether it was acknowledged.

        Raises nothing for an API that is away.
        """
        number, self._next = self._next, self._next + 1
        body: dict[str, Any] = {"metadata": {"name": f"entry-{number:06d}", "namespace": NAMESPACE}}
        try:
            self.api.core.create_namespaced_config_map(NAMESPACE, body, _request_timeout=_ANSWER_S)
        except ApiUnavailable:
            self.unknown.add(number)
            return False
        except ApiException as error:
            self.refused[number] = f"{error.status} {error.reason}"
            return False
        self.acknowledged[number] = time.monotonic()
        return True

    def present(self) -> set[int]:
        """Numbers of the entries that the API has. Raises ApiUnavailable and ApiException."""
        listed = self.api.core.list_namespaced_config_map(NAMESPACE).items
        names = [item.metadata.name for item in listed]
        return {int(name.removeprefix("entry-")) for name in names if name.startswith("entry-")}

    def lost(self) -> list[int]:
        """Entries that were acknowledged and are not there.

        Raises ApiUnavailable and ApiException.
        """
        return sorted(set(self.acknowledged) - self.present())

    def close(self) -> None:
        """Delete the namespace (timeouts.api_up.

        The API may just be coming back) and wait until it is gone.
        """
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        self.api.wait(
            "the API to delete the ledger", lambda: self.api.delete([namespace]), setting="api_up"
        )
        self.api.wait_namespace_gone(NAMESPACE)


class Writing(Repeating):
    """Writes into a ledger all the time, from a thread of its own, while it is entered."""

    def __init__(self, ledger: Ledger, interval_s: float = INTERVAL_S) -> None:
        super().__init__([ledger.write], interval_s, patience_s=_ANSWER_S + interval_s)
        self.ledger = ledger


def check_ledger(ctx: DrillContext, ledger: Ledger) -> None:
    """Add the finding that the verdict depends on: every acknowledged write is there.

    None of them proves nothing.
    """
    lost, count = ledger.lost(), len(ledger.acknowledged)
    unknown = f", {len(ledger.unknown)} unknown, {len(ledger.refused)} refused"
    actual = (
        f"{len(lost)} of {count} "
        f"lost{': entries ' + ', '.join(map(str, lost[:10])) if lost else ''}{unknown}"
    )
    ctx.check(
        "api-writes-present",
        "no acknowledged API write is lost",
        not lost if count else None,
        actual,
        "0 lost of 1 or more",
    )
