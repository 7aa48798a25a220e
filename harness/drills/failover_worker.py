"""Power cut to a worker with app pods on it.

1. Choose a worker that runs pods of the app, by the seed; the in-cluster prober stands on another node.
2. Cut its power from outside.
3. Wait until Kubernetes marks it NotReady, takes its pods out of the Services, and every probe is answered.
4. Give the power back and wait until it is Ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.drills.base import DrillContext, Survey, lacks_second_worker, pick
from harness.drills.node_loss import cut_and_watch, loss_budgets, power_unavailable

if TYPE_CHECKING:
    from harness.model import Budget


class FailoverWorker:
    """Lose a worker."""

    name = "failover-worker"
    title = "Power cut to a worker that runs the app"
    proves = "the app survives the loss of a worker: other replicas serve, the dead ones leave the Service in time"
    needs = "2 workers or more, power control"
    takes_s = 130

    def unavailable(self, survey: Survey) -> str | None:
        """Needs a second worker, and power control from outside."""
        return lacks_second_worker(survey) or power_unavailable(survey, self.candidates(survey))

    def prepare(self, survey: Survey) -> tuple[str, ...]:
        """Choose the worker."""
        return (pick(survey.rng, self.candidates(survey), "worker with pods of the app"),)

    def budgets(self, survey: Survey, targets: tuple[str, ...]) -> list[Budget]:
        """Until its endpoints are removed, a share of the app's requests may fail."""
        return loss_budgets(survey, self.name, targets[0])

    def run(self, ctx: DrillContext) -> None:
        """Cut, watch, give back."""
        cut_and_watch(ctx, ctx.target)

    @staticmethod
    def candidates(survey: Survey) -> list[str]:
        """Workers with pods of the app."""
        pods = survey.faults.api.pods(survey.app.namespace, survey.app.selector)
        workers = {node.name for node in survey.faults.inventory.workers}
        return sorted({pod.spec.node_name for pod in pods} & workers)
