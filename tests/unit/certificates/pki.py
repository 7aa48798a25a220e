"""kubeadm's certificates in a folder, made quickly."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import certificates

if TYPE_CHECKING:
    from pathlib import Path

BACKDATED = timedelta(seconds=certificates.BACKDATED_S)


def make_pair(issued: datetime, lasts: timedelta, name: str = "any") -> tuple[str, str]:
    """A certificate and its key in PEM, as kubeadm makes them; it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issued - BACKDATED)
        .not_valid_after(issued + lasts)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def make_kubeconfig(pair: tuple[str, str]) -> str:
    certificate, key = (base64.b64encode(text.encode()).decode() for text in pair)
    return (
        "apiVersion: v1\nkind: Config\nusers:\n- name: me\n  user:\n"
        f"    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
    )


def write_pki(folder: Path, issued: datetime | None = None, days: int = 365) -> Path:
    """Write all that kubeadm has below /etc/kubernetes."""
    issued = issued or datetime.now(UTC).replace(microsecond=0)
    for name in (*certificates.PAIRS, *certificates.AUTHORITIES):
        path = folder / f"{name}.crt"
        path.parent.mkdir(parents=True, exist_ok=True)
        certificate, key = make_pair(issued, timedelta(days=days), name)
        path.write_text(certificate)
        path.with_suffix(".key").write_text(key)
        path.with_suffix(".key").chmod(0o600)
    for name in certificates.KUBECONFIGS:
        path = folder / name
        path.write_text(make_kubeconfig(make_pair(issued, timedelta(days=days), name)))
        path.chmod(0o600)
    return folder


def contents(folder: Path) -> dict[str, Any]:
    """What each file below a folder has in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
