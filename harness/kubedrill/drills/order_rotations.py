"""What the order service is told and trusted with is rotated under writes, or its version.

No request may fail.

By hand: ``kubedrill app traffic`` and beside it ``kubedrill app rotate --what
config|certificate|passwords``, or ``kubedrill app deploy --version v2``.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.drills.order_drills import AFTER_S, BEFORE_S, OrdersDrill, report_ledger
from kubedrill.orders import pki
from kubedrill.orders.certificates import Certificates
from kubedrill.orders.ledger import failures, longest_pause_s
from kubedrill.orders.manifests import HTTPS_NODE_PORT, NAMESPACE, NODE_PORT, VERSIONS
from kubedrill.orders.rotation import Rotation
from kubedrill.orders.service import OrderService
from kubedrill.orders.traffic import Traffic, sustain_traffic
from kubedrill.orders.traffic_process import TrafficPlan

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.core.context import DrillContext
    from kubedrill.orders.ledger import Ledger


STEPS = (
    (
        "Send orders in an open loop by two ways, the web's node port over HTTP and the "
        "ingress over TLS, each with a ledger."
    ),
    (
        "Rotate the ConfigMap's greeting (there and back), the ingress's certificate, or the "
        "logins to queue, database and cache; wait until the new one is in use everywhere: "
        "each web pod is asked, each address shakes hands. Or bring the service to its other "
        "version, migration included, and back."
    ),
    (
        "Go on for a while, send no more, read every order back, and judge both ledgers: each "
        "single request counts."
    ),
)


WRITES_PER_S, READS_PER_S = 20.0, 5.0
"""By each of the two ways: 50 requests a second in all."""
NEW_CONNECTIONS = 0.5
"""Share of requests that open a connection of their own: a certificate is looked at by them
only."""


@dataclass(frozen=True, kw_only=True)
class OrderRotation(OrdersDrill):
    """``what`` is rotated: "config", "certificate", "passwords" or "version".

    ``pause_s`` is how long no write may be acknowledged, in seconds; ``predicted`` says why so
    long.
    """

    what: str
    pause_s: float
    predicted: str
    order: int = 1
    steps: tuple[str, ...] = STEPS
    evidence: str = "what was rotated is another one, wherever it is used"

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name what is rotated; there is no choice to make."""
        del ctx
        return (f"{NAMESPACE}/{self.what}",)

    def run(self, ctx: DrillContext) -> None:
        """Send, rotate, read back, judge."""
        plans = self._plans(ctx)
        rotation = Rotation(
            ctx.cluster.api,
            ctx.cluster.settings,
            lambda line: ctx.event("orders", self.what, "rotation", step=line),
        )
        rotate = {
            "config": self._greeting,
            "certificate": self._certificate,
            "passwords": self._logins,
            "version": self._version,
        }[self.what]
        with ExitStack() as stack:
            flows = {
                way: stack.enter_context(Traffic(plan, path, ctx.cluster.settings.timeouts))
                for way, (plan, path) in plans.items()
            }

            def check_all() -> None:
                for flow in flows.values():
                    flow.check()

            with ctx.step(
                "orders", f"{WRITES_PER_S:g} writes a second by {' and by '.join(flows)}"
            ):
                sustain_traffic(BEFORE_S, check_all)
                with ctx.step(ctx.target, f"rotate {self.what}", lane="fault"):
                    ctx.witness(ctx.target, self.evidence, seen=rotate(ctx, rotation))
                sustain_traffic(AFTER_S, check_all)
                for flow in flows.values():
                    flow.stop()
            with ctx.step("orders", "every order is read back"):
                ledgers = {way: flow.read_back() for way, flow in flows.items()}
        for way, ledger in ledgers.items():
            self._judge(ctx, way, ledger)

    def _plans(self, ctx: DrillContext) -> dict[str, tuple[TrafficPlan, Path]]:
        """Return what to send by each way, and the file of its ledger, beside the record."""
        run, seed = f"{self.name}-{ctx.rng.getrandbits(32):08x}", ctx.rng.getrandbits(32)
        address = ctx.cluster.inventory.endpoint_address
        authority = Certificates(ctx.cluster.api).authority()
        ways = {
            "node port": f"http://{address}:{NODE_PORT}",
            "ingress": f"https://{address}:{HTTPS_NODE_PORT}",
        }
        plans = {}
        for way, url in ways.items():
            mark = way.partition(" ")[0]
            plan = TrafficPlan(
                url,
                f"{run}-{mark}",
                WRITES_PER_S,
                READS_PER_S,
                new_connections=NEW_CONNECTIONS,
                seed=seed,
                authority=authority,
            )
            plans[way] = plan, ctx.writer.path.with_suffix(f".{mark}.ledger")
        return plans

    def _greeting(self, ctx: DrillContext, rotation: Rotation) -> bool:
        former, what = rotation.live_greeting(), "the greeting of before"
        ctx.undos.add(what, lambda: rotation.greeting(former))
        for text in (f"Hello from drill {ctx.rng.getrandbits(32):08x}", former):
            with ctx.step(ctx.target, f"until every web pod says {text!r}"):
                rotation.greeting(text)
        ctx.undos.drop(what)
        ctx.check(
            "greeting-changed",
            "every web pod greets anew",
            True,
            "there and back, with no pod restarted",
            "there and back",
        )
        return True

    def _certificate(self, ctx: DrillContext, rotation: Rotation) -> bool:
        before = pki.serial(Certificates(ctx.cluster.api).serving())
        with ctx.step(ctx.target, "until every address serves a new certificate"):
            after = rotation.certificate()
        actual = (
            f"{after:x} at the cluster's address and at each of "
            f"{len(ctx.cluster.inventory.nodes)} nodes"
        )
        ctx.check(
            "certificate-changed",
            "a new certificate is served everywhere",
            after != before,
            actual,
            f"another one than {before:x}",
        )
        return after != before

    def _logins(self, ctx: DrillContext, rotation: Rotation) -> bool:
        before, what = rotation.side(), "a rotation of logins that was begun"
        ctx.undos.add(what, rotation.finish)
        with ctx.step(ctx.target, "until the old login is worthless"):
            after = rotation.logins()
        ctx.undos.drop(what)
        ctx.check(
            "login-changed",
            "another login is in use",
            after != before,
            f"login {after}",
            f"another one than {before}",
        )
        return after != before

    def _version(self, ctx: DrillContext, _rotation: Rotation) -> bool:
        service = OrderService(ctx.cluster.api, ctx.cluster.settings)
        before = self._running(service)
        (other,) = set(VERSIONS) - {before}
        what = f"the order service at {before}"
        ctx.undos.add(what, lambda: service.deploy(before))
        ran = [before]
        for version in (other, before):
            with ctx.step(ctx.target, f"{version}: until every part is complete"):
                service.deploy(version)
                ran.append(self._running(service))
        ctx.undos.drop(what)
        actual, expected = " → ".join(ran), f"{before} → {other} → {before}"
        ctx.check("version-there-and-back", "there and back", actual == expected, actual, expected)
        return actual == expected

    @staticmethod
    def _running(service: OrderService) -> str:
        status = service.status()
        return status.version if status else "nothing"

    def _judge(self, ctx: DrillContext, way: str, ledger: Ledger) -> None:
        report_ledger(ctx, ledger, way)
        mark, failed = way.replace(" ", "-"), failures(ledger)
        failures_text = ", ".join(f"{count} {kind}" for kind, count in failed.items())
        ctx.check(
            f"{mark}-no-request-failed",
            f"{way}: no request failed",
            not failed,
            failures_text or "none of them",
            "not one, on new and kept connections",
        )
        pause = longest_pause_s(ledger)
        actual = f"no write was acknowledged for {pause:.1f} s at most"
        ctx.check(
            f"{mark}-writes-go-on",
            f"{way}: writes go on",
            pause <= self.pause_s,
            actual,
            f"{self.pause_s:g} s at most; {self.predicted}",
        )


DRILLS = (
    OrderRotation(
        name="orders-config-rotated",
        title="The order service's ConfigMap is changed under writes",
        proves="a setting is changed without a restart and without a failed request",
        duration_s=200,
        what="config",
        pause_s=3,
        predicted=(
            "predicted: nothing restarts; the kubelet replaces the file within its sync "
            "period, 60 s"
        ),
    ),
    OrderRotation(
        name="orders-certificate-rotated",
        title="The ingress's certificate is rotated under writes",
        proves=("a new certificate is served without a restart and without a failed request"),
        duration_s=120,
        what="certificate",
        pause_s=3,
        predicted=(
            "predicted: nothing restarts; the kubelet replaces the files within its sync "
            "period, 60 s"
        ),
    ),
    OrderRotation(
        name="orders-secret-rotated",
        title="The logins to queue, database and cache are rotated under writes",
        proves=(
            "everybody moves to a new login, and the old one is worthless, without a failed request"
        ),
        duration_s=300,
        what="passwords",
        pause_s=8,
        predicted=(
            "predicted: new pods as in a rolling update; while a queue server restarts, a new "
            "leader in 1-5 s"
        ),
    ),
    OrderRotation(
        name="orders-rollout",
        title="The order service is brought to its other version and back under writes",
        proves=("a release, its migration and its rollback happen without a failed request"),
        duration_s=150,
        what="version",
        pause_s=3,
        predicted=(
            "predicted: a new pod is Ready before an old one goes; the database's new form is "
            "one that both cope with"
        ),
    ),
)
