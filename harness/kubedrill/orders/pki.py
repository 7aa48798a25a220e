"""A small certificate authority: makes its own certificate, checks requests, signs them.

All pure, PEM in and out.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kubedrill.base.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

CA_LIFE = timedelta(days=3650)
LIFE = timedelta(days=90)
"""Of a serving certificate, as public authorities have it; none is revoked, so it is kept short."""
SKEW = timedelta(minutes=5)
"""A certificate is valid from a little earlier on: the clocks of a cluster's users are not all
right."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        """Show no key in any log."""
        return f"Pair(serial={serial(self.certificate):x})"


def new_authority(name: str) -> Pair:
    """Make a key and a certificate that signs others and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(subject, subject, key.public_key(), CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Pair(_pem(builder.sign(key, hashes.SHA256())), _key_pem(key))


def new_request(names: Sequence[str], addresses: Sequence[str]) -> Pair:
    """Make a key, and a request for a certificate of names (first: the subject) and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    )
    alternatives = [
        *map(x509.DNSName, names),
        *(x509.IPAddress(ipaddress.ip_address(a)) for a in addresses),
    ]
    request = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Pair(_pem(request.sign(key, hashes.SHA256())), _key_pem(key))


def sign(request_pem: str, authority: Pair, allowed: Sequence[str]) -> str:
    """Sign a request for a server's certificate, if all that it asks for is allowed.

    Return the certificate.

    Raises:
        StepFailed: it is not signed with its own key, or asks for a name or an address that is not
            among ``allowed``.
    """
    request = x509.load_pem_x509_csr(request_pem.encode())
    if not request.is_signature_valid:
        raise StepFailed("the certificate request is not signed with its own key")
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    asked = [str(name.value) for name in names]
    if strange := [name for name in asked if name not in allowed]:
        raise StepFailed(
            f"the certificate request asks for {', '.join(strange)}; expected {', '.join(allowed)} "
            "at most"
        )
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    public = request.public_key()
    key = serialization.load_pem_private_key(authority.key.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(
        public, ec.EllipticCurvePublicKey
    ):
        raise StepFailed("authority and request must have keys on an elliptic curve")
    builder = (
        _builder(request.subject, issuer.subject, public, LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    return _pem(builder.sign(key, hashes.SHA256()))


def serial(certificate_pem: str) -> int:
    """Return a certificate's (or a chain's first one's) serial number."""
    return x509.load_pem_x509_certificate(certificate_pem.encode()).serial_number


def expires(certificate_pem: str) -> datetime:
    """Return when a certificate ends to be valid."""
    return x509.load_pem_x509_certificate(certificate_pem.encode()).not_valid_after_utc


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
    return (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate | x509.CertificateSigningRequest) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(kind, form, serialization.NoEncryption()).decode()
