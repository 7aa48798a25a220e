"""The evidence that a fault had its effect, and where: looked for while it is in place.

It costs a read or two of the node, or of the API, after the fault was made and before it is healed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded, KubedrillError
from kubedrill.base.model import EVIDENCE
from kubedrill.base.waits import Waiting, wait_for
from kubedrill.faults.base import nodes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.cluster.context import Cluster
    from kubedrill.faults import Fault

POLL_S = 1.0


@dataclass
class Witness:
    """Looks for the effect of a fault, and puts on the record where it was seen.

    The places are the fault's nodes, or its subject where that is no node.
    """

    cluster: Cluster
    fault: Fault
    event: Callable[..., None]  # puts one on the timeline: lane, subject, name and data
    checkpoint: Callable[[], None]  # raises Unsafe where the drill must end

    @property
    def places(self) -> tuple[str, ...]:
        """Where the effect should be seen."""
        return nodes_of(self.fault, self.cluster.inventory) or (self.fault.subject,)

    def wait(self) -> None:
        """Wait until the effect is seen in every place.

        Raises:
            KubedrillError: it is not, within ``timeouts.api_up``: nothing would be tested.
            Unsafe: the drill must end.
        """
        seen: list[str] = []

        def check_places() -> bool | Waiting:
            self.checkpoint()
            reasons = {place: self._explain(place) for place in self.places}
            seen[:] = [place for place, reason in reasons.items() if reason is None]
            missing = [f"{place}: {reason}" for place, reason in reasons.items() if reason]
            return Waiting("; ".join(missing)) if missing else True

        what = f"{self.fault.name} of {self.fault.subject} to take hold: {self.fault.evidence}"
        seconds = self.cluster.settings.timeouts.api_up
        try:
            wait_for(what, check_places, seconds=seconds, setting="api_up", poll_s=POLL_S)
        except DeadlineExceeded as error:
            seen += self._elsewhere()
            self._note("nothing was tested", seen, "begin")
            raise KubedrillError(f"nothing was tested: {error}") from error
        self._note(self.fault.evidence, seen, "begin")

    def confirm(self) -> None:
        """Look once more, before the fault is healed, whether it is still in place.

        One answer is enough; a place that cannot be asked is asked again.
        """
        if not self.fault.lasts:
            return

        def read_places() -> dict[str, str | None] | Waiting:
            try:
                return {place: self.fault.unaffected(self.cluster, place) for place in self.places}
            except (KubedrillError, ApiException) as error:
                return Waiting(str(error))

        what = f"{self.fault.subject} to tell whether {self.fault.name} is still in place"
        seconds = self.cluster.settings.timeouts.api_up
        try:
            reasons = wait_for(what, read_places, seconds=seconds, setting="api_up", poll_s=POLL_S)
        except DeadlineExceeded as error:
            reasons = dict.fromkeys(self.places, str(error))
        seen = [place for place, reason in reasons.items() if reason is None]
        missing = [f"{place}: {reason}" for place, reason in reasons.items() if reason]
        self._note("; ".join(missing) or self.fault.evidence, seen, "end")

    def _explain(self, place: str) -> str | None:
        """Why the effect is not seen in a place; what cannot be asked is not seen."""
        try:
            return self.fault.unaffected(self.cluster, place)
        except (KubedrillError, ApiException) as error:
            return str(error)

    def _elsewhere(self) -> list[str]:
        """Other nodes that have the effect: what should be broken is not, and they are."""
        nodes = [node.name for node in self.cluster.inventory.nodes]
        if not set(self.places) <= set(nodes):
            return []
        others = [node for node in nodes if node not in self.places]
        return [node for node in others if self._explain(node) is None]

    def _note(self, text: str, seen: list[str], when: str) -> None:
        data = {"fault": self.fault.name, "expected": list(self.places), "seen": seen, "when": when}
        self.event(EVIDENCE, self.fault.subject, text, **data)
