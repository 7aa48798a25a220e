"""Credentials of a client of the API expire or are revoked.

The client is kubedrill's own: nobody else is locked out.

Nothing is changed on a node, so that no undo is armed: all is in a namespace that carries
kubedrill's label, which ``kubedrill heal`` finds and deletes.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from kubernetes.client import ApiException

from kubedrill.base.errors import StepFailed
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.token_request import ask_with_token
from kubedrill.faults import on_node
from kubedrill.faults.base import Effect, ShortEffect, injecting
from kubedrill.faults.in_cluster import DRILL_LABEL, LABELLED
from kubedrill.faults.network import APISERVER_PORT
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

NAMESPACE, NAME = "kubedrill-trust", "client"

PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
"""What the client may read, by a RoleBinding of its own, and asks for."""

KEY = "/etc/kubernetes/pki/sa.key"
"""kubeadm's key that tokens of ServiceAccounts are signed with
(--service-account-signing-key-file)."""

KEY_KINDS = "^modulus:|^ASN1 OID: prime256v1"
"""Lines of openssl's description of an RSA and of an ECDSA P-256 key."""

LIFE_S = 3600
"""Seconds that a token of the client lives; the API server grants no less than 600."""

_MISSING = 404

_ES256_BYTES = 32
"""Length of each of the two numbers of a signature (RFC 7518, section 3.4)."""


@dataclass
class Client:
    """A ServiceAccount that may read the ConfigMaps of its namespace, and nothing else."""

    cluster: Cluster

    def create(self) -> None:
        """Make it, with its right. Raises ApiException and ApiUnavailable."""
        meta = {"name": NAME, "namespace": NAMESPACE}
        rbac = "rbac.authorization.k8s.io"
        rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}
        self.cluster.api.apply(
            [
                {
                    "apiVersion": "v1",
                    "kind": "Namespace",
                    "metadata": {"name": NAMESPACE, "labels": {DRILL_LABEL: "trust"}},
                },
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
                {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
                binding(),
            ]
        )

    def token(self) -> str:
        """Ask for a token, as a pod gets it. Raises ApiException and ApiUnavailable."""
        body = {"spec": {"expirationSeconds": LIFE_S}}
        answer: Any = self.cluster.api.core.create_namespaced_service_account_token(
            NAME, NAMESPACE, body
        )
        return str(answer.status.token)

    def ask(self, node: str, token: str) -> int:
        """What the API server on a node says to it: an HTTP status. Raises ApiUnavailable."""
        ca, _, _ = self.cluster.api.client_cert_files()
        address, seconds = (
            self.cluster.inventory.node(node).address,
            self.cluster.settings.timeouts.api_call,
        )
        return ask_with_token((address, APISERVER_PORT), PATH, token, ca=ca, seconds=seconds)

    def remove(self) -> None:
        """Delete the namespace with all in it, and wait until it is gone.

        timeouts.namespace_gone.
        """
        self.cluster.api.remove_namespace(NAMESPACE)


@register
@dataclass
class Revoked(Effect):
    """The client's right, or its account with every token of it, is deleted.

    ``what`` is a key of :data:`REVOKED`. An account of that name that is made again gives old
    tokens no value.
    """

    traces: ClassVar[tuple[Trace, ...]] = LABELLED

    what: str
    subject: str = f"{NAMESPACE}/{NAME}"

    evidence = "the API no longer has what was deleted"
    least_s = 0.0  # every API server may refuse at once

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Ask for what was deleted."""
        del place
        there = cluster.api.read(REVOKED[self.what]())
        return "it is still there" if there else None

    @property
    def name(self) -> str:
        """As "right revoked"."""
        return f"{self.what} {'deleted' if self.what == 'account' else 'revoked'}"

    def available(self, cluster: Cluster) -> str | None:
        """Return None: any cluster with RBAC, which kubeadm sets up."""
        del cluster
        return None

    def inject(self, cluster: Cluster) -> None:
        """Delete it."""
        deleted = REVOKED[self.what]()
        cluster.api.delete([deleted])
        cluster.note(self.subject, f"its {deleted['kind']} is deleted")

    def heal(self, cluster: Cluster) -> None:
        """Make it again, unless all of the client is gone."""
        _while_it_is_there(cluster, REVOKED[self.what]())


@register
@dataclass
class TokenExpired(ShortEffect):
    """The client's token has expired.

    Its own claims, signed by the cluster's own key, with times that have passed.

    ``valid`` is made in the same way with times that have not: what refuses the one and takes the
    other looks at them.
    """

    traces: ClassVar[tuple[Trace, ...]] = LABELLED

    subject: str = f"{NAMESPACE}/{NAME}"
    name: str = "token expired"
    expired: str = field(default="", repr=False)
    valid: str = field(default="", repr=False)

    evidence = "the token's time is over, by its own claims"

    def unaffected(self, cluster: Cluster, place: str) -> str | None:
        """Compare the token with the one that has not expired."""
        del cluster, place
        if self.expired and claims(self.expired)["exp"] < claims(self.valid)["iat"]:
            return None
        return "it has not expired"

    def available(self, cluster: Cluster) -> str | None:
        """Refuse a key of a kind that kubeadm does not make, and none."""
        check_key = f"openssl pkey -in {KEY} -noout -text 2>/dev/null | grep -qE '{KEY_KINDS}'"
        signer = _signer(cluster)
        missing = (
            f"{signer} has no RSA or ECDSA P-256 key in {KEY}, or no openssl, to sign a token with"
        )
        return on_node.ask(cluster, signer, check_key, missing)

    def inject(self, cluster: Cluster) -> None:
        """Make both tokens of a fresh one. Raises KubedrillError where that could not be done."""
        with injecting():
            fresh = Client(cluster).token()
            now = int(claims(fresh)["iat"])
            self.expired = _signed(cluster, *unsigned(fresh, now - 2 * LIFE_S))
            self.valid = _signed(cluster, *unsigned(fresh, now))

    def heal(self, cluster: Cluster) -> None:
        """Nothing to do: an expired token is of no use to anybody."""
        del cluster
        self.expired = self.valid = ""


def binding() -> dict[str, Any]:
    """The client's RoleBinding."""
    rbac = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{rbac}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "roleRef": {"apiGroup": rbac, "kind": "Role", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }


def account() -> dict[str, Any]:
    """The client's ServiceAccount."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
    }


REVOKED = {"right": binding, "account": account}
"""What can be taken from the client → the object that is it."""


def claims(token: str) -> dict[str, Any]:
    """What a token says (RFC 7519); its signature is not looked at."""
    part = token.split(".")[1]
    result: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return result


def unsigned(token: str, issued: int) -> tuple[str, str]:
    """The header and the claims of a token, as if it had been issued at another time.

    Both without a signature.

    >>> parts = (b'{"alg":"RS256"}', b'{"iat":5000,"exp":8600,"sub":"me"}', b"x")
    >>> fresh = ".".join(_packed(part) for part in parts)
    >>> claims(".".join((*unsigned(fresh, 100), "")))
    {'iat': 100, 'exp': 3700, 'sub': 'me', 'nbf': 100}
    """
    times = {"iat": issued, "nbf": issued, "exp": issued + LIFE_S}
    body = json.dumps({**claims(token), **times}, separators=(",", ":"))
    return token.partition(".")[0], _packed(body.encode())


def _signed(cluster: Cluster, header: str, body: str) -> str:
    """Let a control plane sign, with a key that does not leave it.

    The text goes through the command's input.
    """
    line = f"openssl dgst -sha256 -sign {KEY} | base64 -w0"
    done = cluster.hosts.read(_signer(cluster), line, check=False, stdin=f"{header}.{body}")
    if not done.ok or not done.stdout.strip():
        raise StepFailed(f"{_signer(cluster)} could not sign a token: {done.stderr.strip()[-200:]}")
    signature = base64.b64decode(done.stdout)
    if claims(f".{header}")["alg"] == "ES256":
        signature = b"".join(
            number.to_bytes(_ES256_BYTES, "big") for number in decode_dss_signature(signature)
        )
    return f"{header}.{body}.{_packed(signature)}"


def _signer(cluster: Cluster) -> str:
    return cluster.inventory.control_planes[0].name


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _while_it_is_there(cluster: Cluster, obj: dict[str, Any]) -> None:
    """Make an object of the client again, where its namespace is still there."""
    try:
        namespace = cluster.api.core.read_namespace(NAMESPACE)
    except ApiException as error:
        if error.status == _MISSING:
            return
        raise
    except ApiUnavailable as error:
        raise StepFailed(
            f"{obj['kind']} {NAMESPACE}/{NAME} could not be made again: {error}"
        ) from error
    if namespace.metadata.deletion_timestamp is None:
        cluster.api.apply([obj])
