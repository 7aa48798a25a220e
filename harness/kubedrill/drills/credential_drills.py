"""Credentials of a client of the API expire or are revoked.

How soon does every API server refuse them?

By hand: ``kubectl auth can-i list configmaps --as=system:serviceaccount:NAMESPACE:NAME``, ``kubectl
create token``, ``curl --cacert ca.crt -H "Authorization: Bearer $TOKEN"
https://NODE:6443/api/v1/namespaces/NAMESPACE/configmaps``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubedrill.base.waits import Waiting, wait_for
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.core.drill import Drill, Family
from kubedrill.core.predictions import unfelt
from kubedrill.faults import Revoked, TokenExpired
from kubedrill.faults.credentials import Client

if TYPE_CHECKING:
    from kubedrill.core.context import DrillContext
    from kubedrill.core.predictions import Expected


GRANTED, UNKNOWN_WHO, FORBIDDEN = 200, 401, 403

POLL_S = 0.25
"""Seconds between two questions to an API server: the bounds are no finer."""

TOKEN_CACHE_S = 10.0
"""Seconds that an API server believes a token which it has looked at (kube-apiserver,
TokenSuccessCacheTTL)."""

WATCH_S = 1.0
"""Seconds until every API server has heard of a deletion through its watch: it is told at once."""


@dataclass
class Since:
    """When one API server was last seen to grant, and first seen to answer as it should."""

    last: float = 0.0
    first: float = 0.0

    def bounds(self, before: float, after: float) -> str:
        """As "0.2-0.5 s", from a change that was made between ``before`` and ``after``."""
        return f"{max(0.0, self.last - after):.1f}-{self.first - before:.1f} s"


class _CredentialDrill(Drill):
    """What both drills share."""

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Name every API server's node."""
        return tuple(node.name for node in ctx.cluster.inventory.control_planes)

    def expected(self, ctx: DrillContext) -> Expected:
        """Nobody else may notice."""
        del ctx
        return unfelt("only a client of kubedrill's own loses its credentials")


class TokenExpiredDrill(_CredentialDrill):
    """A token expires."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Needs a key to sign with."""
        return TokenExpired().available(ctx.cluster)

    def run(self, ctx: DrillContext) -> None:
        """Ask with both tokens."""
        client, fault = Client(ctx.cluster), TokenExpired()
        ctx.undos.add("the client", client.remove)
        client.create()
        with ctx.fault(fault):
            with ctx.step("client", "ask every API server with a token that has not expired"):
                _await(ctx, client, fault.valid, GRANTED)
            with ctx.step("client", "ask every API server with a token that has expired"):
                answers = {node: _answer(client, node, fault.expired) for node in ctx.targets}
        wrong = [answer for answer in answers.values() if answer != str(UNKNOWN_WHO)]
        ok = None if any(answer.startswith("no answer") for answer in wrong) else not wrong
        actual = ", ".join(f"{node} {answer}" for node, answer in answers.items())
        ctx.check(
            "expired-token-refused",
            "an expired token is refused",
            ok,
            actual,
            f"{UNKNOWN_WHO} by every API server",
        )


class CredentialsRevoked(_CredentialDrill):
    """A right and an account are taken away."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Return None: RBAC is all that it needs."""
        return Revoked("right").available(ctx.cluster)

    def run(self, ctx: DrillContext) -> None:
        """Revoke, watch, give back."""
        client = Client(ctx.cluster)
        ctx.undos.add("the client", client.remove)
        client.create()
        token = client.token()
        with ctx.step("client", "until every API server grants it"):
            _await(ctx, client, token, GRANTED)
        _revoke(ctx, client, token, Revoked("right"), FORBIDDEN, WATCH_S)
        with ctx.step("client", "given back: until every API server grants it again"):
            _await(ctx, client, token, GRANTED)
        _revoke(ctx, client, token, Revoked("account"), UNKNOWN_WHO, TOKEN_CACHE_S + WATCH_S)


def _await(ctx: DrillContext, client: Client, token: str, status: int) -> dict[str, Since]:
    """Ask every API server until each answers with a status.

    Return when each last did otherwise, and first did so.

    Raises:
        DeadlineExceeded: one did not within ``timeouts.revoked``; names what it said.
    """
    seen = {node: Since() for node in ctx.targets}

    def all_do() -> bool | Waiting:
        for node, since in seen.items():
            if since.first:
                continue
            asked = time.monotonic()
            if _answer(client, node, token) == str(status):
                since.first = time.monotonic()
            else:
                since.last = asked
        left = [node for node, since in seen.items() if not since.first]
        answers = ", ".join(f"{node} says {_answer(client, node, token)}" for node in left)
        return Waiting(answers) if left else True

    what = f"every API server to answer {status}"
    seconds = ctx.cluster.settings.timeouts.revoked
    wait_for(what, all_do, seconds=seconds, setting="revoked", poll_s=POLL_S)
    return seen


def _revoke(  # noqa: PLR0913, PLR0917 - called twice, side by side
    ctx: DrillContext, client: Client, token: str, fault: Revoked, status: int, predicted_s: float
) -> None:
    """Revoke, and add the check that has how long each API server went on granting."""
    before = time.monotonic()
    with ctx.fault(fault):
        after = time.monotonic()
        seen = _await(ctx, client, token, status)
        ctx.check(
            f"{fault.what}-refused",
            f"a revoked {fault.what} is refused by every API server",
            ok=True,
            actual=", ".join(f"{node} {one.bounds(before, after)}" for node, one in seen.items()),
            expected=f"{predicted_s:g} s predicted: a watch, and for an account the token cache of "
            f"{TOKEN_CACHE_S:g} s",
        )


def _answer(client: Client, node: str, token: str) -> str:
    try:
        return str(client.ask(node, token))
    except ApiUnavailable as error:
        return f"no answer ({error})"


DRILLS = (
    TokenExpiredDrill(
        name="token-expired",
        title="A client's token has expired",
        proves=("every API server refuses a token that has expired, and takes one that has not"),
        needs="RBAC (kubeadm's default); API servers that the harness reaches directly",
        duration_s=45,
        family=Family.TRUST,
        order=1,
        evidence=TokenExpired.evidence,
        limits_because="nobody else is touched",
        steps=(
            (
                "Make a client of kubedrill's own: a ServiceAccount that may read the ConfigMaps "
                "of its namespace, and a token."
            ),
            "Ask every API server directly with it until all of them grant it.",
            (
                "Ask each with a token that has expired, and with one that was signed in the same "
                "way and has not."
            ),
            "Delete the client.",
        ),
    ),
    CredentialsRevoked(
        name="credentials-revoked",
        title="A client's right is revoked, then its account",
        proves=(
            "every API server stops granting what was revoked, how soon, and grants it again "
            "when it is given back"
        ),
        needs="RBAC (kubeadm's default); API servers that the harness reaches directly",
        duration_s=45,
        family=Family.TRUST,
        order=1,
        evidence=Revoked.evidence,
        limits_because="nobody else is touched",
        steps=(
            (
                "Make a client of kubedrill's own: a ServiceAccount that may read the ConfigMaps "
                "of its namespace, and a token."
            ),
            "Ask every API server directly with it until all of them grant it.",
            (
                "Delete the client's right, then its account. Ask each API server four times a "
                "second until it refuses, which bounds the time that it goes on granting what was "
                "revoked."
            ),
            "Give the right back, see it granted again, and delete the client.",
        ),
    ),
)
