"""Certificates of the ingress.

What the signer signs, and the way through Kubernetes' CertificateSigningRequest API.
"""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from kubernetes.client import ApiException

from kubedrill.base.errors import StepFailed
from kubedrill.orders import certificates as certificates_module
from kubedrill.orders import pki
from kubedrill.orders.certificates import AUTHORITY, SERVING, SIGNER, Certificates
from kubedrill.orders.ingress_view import trusting
from kubedrill.orders.manifests import HOST, load, named

ADDRESSES = ["172.31.77.10", "172.31.77.11"]


def test_a_signed_certificate_is_for_a_server_of_these_names_only_and_no_authority() -> None:
    authority = pki.new_authority("ours")
    request = pki.new_request([HOST], ADDRESSES)
    signed = pki.sign(request.certificate, authority, [HOST, *ADDRESSES])
    result = x509.load_pem_x509_certificate(signed.encode())
    result.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate.encode()))
    names = result.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == [HOST, *ADDRESSES]
    assert not result.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    left = pki.expires(signed) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)
    assert pki.sign(request.certificate, authority, [HOST, *ADDRESSES]) != signed, (
        "each has a number of its own"
    )
    assert trusting(authority.certificate).verify_mode is ssl.CERT_REQUIRED


def test_a_request_for_a_strange_name_or_not_of_its_own_key_is_not_signed() -> None:
    authority = pki.new_authority("ours")
    with pytest.raises(StepFailed, match=r"asks for bank\.example; expected orders"):
        pki.sign(pki.new_request([HOST, "bank.example"], []).certificate, authority, [HOST])
    der = bytearray(
        ssl.PEM_cert_to_DER_cert(as_certificate(pki.new_request([HOST], []).certificate))
    )
    der[-1] ^= 1
    forged = ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    with pytest.raises(StepFailed, match="not signed with its own key"):
        pki.sign(forged, authority, [HOST])


def as_certificate(request: str) -> str:
    return request.replace("CERTIFICATE REQUEST", "CERTIFICATE")


def test_no_key_is_shown() -> None:
    assert "PRIVATE" not in repr(pki.new_authority("ours"))


class Kube:
    """The API server's CertificateSigningRequests, Secrets and ConfigMaps.

    ``calls`` are what it was asked to do.
    """

    def __init__(self, *, approves: bool = True) -> None:
        self.calls: list[str] = []
        self.secrets: dict[str, dict[str, str]] = {}
        self.config: dict[str, dict[str, str]] = {}
        self.request: Any = None
        self._approves = approves
        self.client = None
        self.core = SimpleNamespace(read_namespaced_secret=self.read_secret)
        nodes = [SimpleNamespace(address=address) for address in ADDRESSES[1:]]
        self.inventory = SimpleNamespace(name="local", endpoint_address=ADDRESSES[0], nodes=nodes)

    def read_secret(self, name: str, _namespace: str) -> Any:
        if name not in self.secrets:
            raise ApiException(status=404)
        return SimpleNamespace(data=self.secrets[name])

    def apply(self, objects: list[dict[str, Any]]) -> None:
        for obj in objects:
            (self.secrets if obj["kind"] == "Secret" else self.config)[obj["metadata"]["name"]] = (
                obj["data"]
            )

    def create_certificate_signing_request(self, body: Any) -> None:
        self.calls.append("create")
        spec = SimpleNamespace(
            request=body["spec"]["request"],
            signer_name=body["spec"]["signerName"],
            usages=body["spec"]["usages"],
        )
        self.request = SimpleNamespace(
            spec=spec, status=SimpleNamespace(conditions=None, certificate=None)
        )

    def patch_certificate_signing_request_approval(self, _name: str, body: Any) -> None:
        self.calls.append("approve")
        if self._approves:
            self.request.status.conditions = [SimpleNamespace(**body["status"]["conditions"][0])]

    def patch_certificate_signing_request_status(self, _name: str, body: Any) -> None:
        self.calls.append("sign")
        self.request.status.certificate = body["status"]["certificate"]

    def read_certificate_signing_request(self, _name: str) -> Any:
        return self.request

    def delete_certificate_signing_request(self, _name: str) -> None:
        self.calls.append("delete")


def certificates(kube: Any, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    monkeypatch.setattr(certificates_module, "CertificatesV1Api", lambda _: kube)
    return Certificates(kube)


def test_a_certificate_is_asked_for_approved_and_signed_once_and_rotated_on_demand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kube = Kube()
    ours = certificates(kube, monkeypatch)
    ours.ensure()
    assert kube.calls == ["create", "approve", "sign", "delete"]
    assert kube.request.spec.signer_name == SIGNER
    first = ours.serving()
    x509.load_pem_x509_certificate(first.encode()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(ours.authority().encode())
    )
    assert kube.config[AUTHORITY] == {"ca.crt": ours.authority()}
    ours.ensure()
    assert (len(kube.calls), ours.serving()) == (4, first), "what is there stays"
    assert ours.rotate() == pki.serial(ours.serving()) != pki.serial(first)
    key = base64.b64decode(kube.secrets[SERVING]["tls.key"]).decode()
    assert key not in str(vars(kube.request.spec))


def test_what_nobody_approved_is_not_signed_and_the_request_is_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kube = Kube(approves=False)
    with pytest.raises(StepFailed, match=r"is not an approved one of kubedrill\.io/orders"):
        certificates(kube, monkeypatch).ensure()
    assert kube.calls == ["create", "approve", "delete"]
    assert SERVING not in kube.secrets


def test_the_api_servers_refusal_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = Kube()

    def refuse(_body: Any) -> None:
        error = ApiException(status=403)
        error.body = '{"message": "no"}'
        raise error

    kube.create_certificate_signing_request = refuse  # type: ignore[method-assign]
    with pytest.raises(StepFailed, match="no certificate was issued for the ingress: 403 no"):
        certificates(kube, monkeypatch).ensure()


def test_the_manifests_name_the_host_and_the_secret() -> None:
    ingress = named(load("v1"), "Ingress", "web")["spec"]
    assert ingress["tls"] == [{"hosts": [HOST], "secretName": SERVING}]
    volumes = named(load("v1"), "Deployment", "ingress")["spec"]["template"]["spec"]["volumes"]
    assert volumes[0]["secret"]["secretName"] == SERVING
