"""The ingress's certificate.

Asked for, approved and signed through Kubernetes' CertificateSigningRequest API.

kubedrill is the signer of :data:`SIGNER`. Its key is made when the application is deployed and is
in Secret ``ingress-ca`` alone; users of the application find its certificate in ConfigMap
``ingress-ca``. A key of the ingress is made here and goes into Secret ``ingress-tls``; requests
show the API server no key.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiException, CertificatesV1Api

from kubedrill.apps.diagnosis import refusal
from kubedrill.base.errors import StepFailed
from kubedrill.cluster.object_client import missing_is_fine
from kubedrill.orders import pki
from kubedrill.orders.manifests import HOST, NAMESPACE, build_data_object

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi

SIGNER = "kubedrill.io/orders"
AUTHORITY, SERVING = "ingress-ca", "ingress-tls"
NAMES = (
    HOST,
    "ingress",
    f"ingress.{NAMESPACE}",
    f"ingress.{NAMESPACE}.svc",
    f"ingress.{NAMESPACE}.svc.cluster.local",
)
_USAGES = ["digital signature", "server auth"]


class Certificates:
    """The certificates of one cluster's order service."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api
        self._csr: Any = CertificatesV1Api(api.client)

    def ensure(self) -> None:
        """Make the authority and a first certificate where they do not exist yet."""
        if self._secret(AUTHORITY) is None:
            authority = pki.new_authority(f"kubedrill order service in {self._api.inventory.name}")
            self._put(AUTHORITY, authority)
        self._api.apply([build_data_object("ConfigMap", AUTHORITY, {"ca.crt": self.authority()})])
        if self._secret(SERVING) is None:
            self._put(SERVING, self.issue())

    def rotate(self) -> int:
        """Put a new certificate in the old one's place, and return its serial number."""
        pair = self.issue()
        self._put(SERVING, pair)
        return pki.serial(pair.certificate)

    def issue(self) -> pki.Pair:
        """Make a key, and have it certified for the ingress's names and all nodes' addresses.

        Raises:
            StepFailed: the API server refused a step, or the request is not what the signer signs.
        """
        try:
            return self._issue()
        except ApiException as error:
            raise StepFailed(
                f"no certificate was issued for the ingress: {refusal(error)}"
            ) from error

    def _issue(self) -> pki.Pair:
        addresses = [
            self._api.inventory.endpoint_address,
            *(node.address for node in self._api.inventory.nodes),
        ]
        made = pki.new_request(NAMES, addresses)
        name = f"kubedrill-orders-{secrets.token_hex(4)}"
        spec = {"request": _base64(made.certificate), "signerName": SIGNER, "usages": _USAGES}
        body = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "spec": spec,
        }
        self._csr.create_certificate_signing_request({**body, "metadata": {"name": name}})
        approved = {
            "type": "Approved",
            "status": "True",
            "reason": "KubedrillApp",
            "message": "kubedrill app",
        }
        try:
            self._csr.patch_certificate_signing_request_approval(
                name, {"status": {"conditions": [approved]}}
            )
            self._sign(name, [*NAMES, *addresses])
            signed = self._csr.read_certificate_signing_request(name).status.certificate
        finally:
            self._csr.delete_certificate_signing_request(name)
        return pki.Pair(base64.b64decode(signed).decode(), made.key)

    def authority(self) -> str:
        """Return the authority's certificate, which users of the ingress trust.

        "" where there is none.
        """
        secret = self._secret(AUTHORITY)
        return _text(secret["tls.crt"]) if secret else ""

    def serving(self) -> str:
        """Return the certificate that the ingress should serve now; "" where there is none."""
        secret = self._secret(SERVING)
        return _text(secret["tls.crt"]) if secret else ""

    def _sign(self, name: str, allowed: list[str]) -> None:
        """As the signer: sign what the API server has, and only if it is approved and ours."""
        request = self._csr.read_certificate_signing_request(name)
        approved = any(
            c.type == "Approved" and c.status == "True" for c in request.status.conditions or []
        )
        if not approved or request.spec.signer_name != SIGNER or request.spec.usages != _USAGES:
            raise StepFailed(f"certificate request {name} is not an approved one of {SIGNER}")
        secret = self._secret(AUTHORITY) or {}
        authority = pki.Pair(_text(secret["tls.crt"]), _text(secret["tls.key"]))
        certificate = pki.sign(_text(request.spec.request), authority, allowed)
        self._csr.patch_certificate_signing_request_status(
            name, {"status": {"certificate": _base64(certificate)}}
        )

    def _secret(self, name: str) -> dict[str, str] | None:
        with missing_is_fine():
            return dict(self._api.core.read_namespaced_secret(name, NAMESPACE).data)
        return None

    def _put(self, name: str, pair: pki.Pair) -> None:
        data = {"tls.crt": _base64(pair.certificate), "tls.key": _base64(pair.key)}
        self._api.apply([build_data_object("Secret", name, data, type="kubernetes.io/tls")])


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()
