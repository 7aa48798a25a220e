"""The certificates of a control plane that kubeadm renews, and the servers that use them.

Asks the files, the processes and the servers themselves, with nothing but Python 3.9's own library:
a node needs neither openssl nor an API that answers.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import hashlib
import ipaddress
import os
import re
import socket
import ssl
import time
from pathlib import Path
from typing import NamedTuple

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods import processes
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    MANIFESTS,
    api_port,
    search_file,
)

KUBERNETES = Path("/etc/kubernetes")
AUTHORITIES = ("pki/ca", "pki/etcd/ca", "pki/front-proxy-ca")
PAIRS = {
    "pki/apiserver": "pki/ca",
    "pki/apiserver-kubelet-client": "pki/ca",
    "pki/apiserver-etcd-client": "pki/etcd/ca",
    "pki/etcd/healthcheck-client": "pki/etcd/ca",
    "pki/etcd/peer": "pki/etcd/ca",
    "pki/etcd/server": "pki/etcd/ca",
    "pki/front-proxy-client": "pki/front-proxy-ca",
}
"""Files without their suffixes, and the authority that signs them."""

KUBECONFIGS = ("admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf")
"""kubelet.conf is not kubeadm's: the kubelet renews its own certificate."""

OPTIONAL = ("super-admin.conf",)
"""Only where ``kubeadm init`` ran."""

READ_BY = {
    "etcd": ("pki/etcd/server.crt", "pki/etcd/peer.crt"),
    "kube-apiserver": (
        "pki/apiserver.crt",
        "pki/apiserver-kubelet-client.crt",
        "pki/apiserver-etcd-client.crt",
        "pki/front-proxy-client.crt",
    ),
    "kube-controller-manager": ("controller-manager.conf",),
    "kube-scheduler": ("scheduler.conf",),
}
"""What each static pod reads of them; some only as it starts."""

BACKDATED_S = 300
"""Seconds before its making that a certificate of kubeadm's is valid from (CertificateBackdate)."""

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
EMBEDDED = re.compile(r"client-certificate-data:\s*([A-Za-z0-9+/=]+)")
EMBEDDED_KEY = re.compile(r"client-key-data:\s*([A-Za-z0-9+/=]+)")
SEQUENCE, INTEGER, VERSION, UTC_TIME = 0x30, 0x02, 0xA0, 0x17


class Certificate(NamedTuple):
    """What is read of a certificate; times in seconds since 1970."""

    issued: int
    expires: int
    sha256: str


def parse(der: bytes) -> Certificate:
    """Read a certificate. Raises ValueError: it is none."""
    try:
        _, at, _ = _element(der, 0, SEQUENCE)
        _, at, _ = _element(der, at, SEQUENCE)
        tag, _, end = _element(der, at)
        at = end if tag == VERSION else at
        for kind in (INTEGER, SEQUENCE, SEQUENCE):  # serial number, algorithm, issuer
            _, _, at = _element(der, at, kind)
        _, at, _ = _element(der, at, SEQUENCE)
        starts, at = _time(der, at)
        expires, _ = _time(der, at)
    except IndexError:
        raise ValueError("it is cut short") from None
    return Certificate(starts + BACKDATED_S, expires, hashlib.sha256(der).hexdigest())


def _element(der: bytes, at: int, expected: int | None = None) -> tuple[int, int, int]:
    """Tag of a DER element, and where its content begins and ends."""
    tag, length, at = der[at], der[at + 1], at + 2
    if expected is not None and tag != expected:
        raise ValueError("it is no X.509 certificate")
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(der[at : at + count], "big"), at + count
    if at + length > len(der):
        raise IndexError
    return tag, at, at + length


def _time(der: bytes, at: int) -> tuple[int, int]:
    tag, begin, end = _element(der, at)
    year = "%y" if tag == UTC_TIME else "%Y"
    text = der[begin:end].decode("ascii")
    return calendar.timegm(time.strptime(text, f"{year}%m%d%H%M%SZ")), end


def read(path: Path) -> Certificate:
    """Read the first certificate of a file, PEM or a kubeconfig. Raises OSError, ValueError."""
    return parse(ssl.PEM_cert_to_DER_cert(_first_pem(path)))


def _first_pem(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".conf":
        text = _embedded(EMBEDDED, text)
    match = PEM.search(text)
    if not match:
        raise ValueError("it has no certificate")
    return match.group(0)


def _embedded(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    try:
        return base64.b64decode(match.group(1), validate=True).decode("ascii") if match else ""
    except binascii.Error:
        raise ValueError("what is embedded is no base64") from None


def files() -> list[str]:
    """Names of all files that a renewal replaces, below /etc/kubernetes."""
    return [*(f"{name}.{kind}" for name in PAIRS for kind in ("key", "crt")), *KUBECONFIGS]


def certificate_files() -> list[str]:
    """Those of :func:`files` that have a certificate in them."""
    return [name for name in files() if not name.endswith(".key")]


def explain_unusable(folder: Path, name: str) -> str:
    """Why a certificate cannot be used with its key, "" where it can."""
    path = folder / name
    try:
        read(path)
        if path.suffix == ".conf":
            _load_embedded(path)
        else:
            _context().load_cert_chain(path, path.with_suffix(".key"))
    except ssl.SSLError as error:
        return f"it does not belong to its key ({error.reason or error})"
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    except ValueError as error:
        return str(error)
    return ""


def _load_embedded(path: Path) -> None:
    """Try a kubeconfig's pair by way of memory: its key is written to no other file."""
    text = path.read_text(encoding="utf-8")
    descriptor = os.memfd_create("kubedrill-certificates")
    try:
        pair = "\n".join(_embedded(each, text) for each in (EMBEDDED, EMBEDDED_KEY))
        os.write(descriptor, pair.encode())
        _context().load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Place(NamedTuple):
    """Where a server listens, and the file that it should serve."""

    component: str
    host: str
    port: int
    file: Path


def serving_places(folder: Path = KUBERNETES, manifests: Path = MANIFESTS) -> list[Place]:
    """The servers of this node whose certificates kubeadm manages."""
    peer = search_file(manifests / "etcd.yaml", r"--listen-peer-urls=https://([^,\s]+)")
    host, _, port = peer.rpartition(":")
    local = "127.0.0.1"
    places = [
        Place("kube-apiserver", local, api_port(manifests), folder / "pki/apiserver.crt"),
        Place("etcd", local, 2379, folder / "pki/etcd/server.crt"),
    ]
    if port.isdigit():
        places.append(
            Place("etcd", host.strip("[]"), int(port), folder / "pki/etcd/peer.crt"),
        )
    return places


def served(place: Place, timeout: float = 5.0) -> str:
    """SHA-256 of the certificate that a server shows, "" where none does."""
    der = served_der(place, timeout)
    return hashlib.sha256(der).hexdigest() if der else ""


def served_names(manifests: Path = MANIFESTS) -> set[str]:
    """Names of the certificate that this node's API server shows; of its file where it is down."""
    place = serving_places(manifests=manifests)[0]
    der = served_der(place)
    return names(der) if der else names_of(place.file)


def served_der(place: Place, timeout: float = 5.0) -> bytes:
    """The certificate that a server shows, empty where none does.

    Nothing is verified: the question is only which one it is.
    """
    context = _context()
    try:
        if place.component == "etcd":  # with TLS 1.2 it ends the handshake with a stranger
            peer = place.file.with_name("peer.crt")
            context.load_cert_chain(peer, peer.with_suffix(".key"))
        plain = socket.create_connection((place.host, place.port), timeout)
        with context.wrap_socket(plain) as stream:
            return stream.getpeercert(binary_form=True) or b""
    except OSError:
        return b""


SUBJECT_NAMES = bytes.fromhex("0603551d11")
"""The object identifier 2.5.29.17, subjectAltName (RFC 5280, section 4.2.1.6)."""
BOOLEAN, OCTETS, DNS_NAME, ADDRESS = 0x01, 0x04, 0x82, 0x87


def names(der: bytes) -> set[str]:
    """Names and addresses that a certificate is for. Raises ValueError: it is none."""
    at = der.find(SUBJECT_NAMES)
    if at < 0:
        return set()
    try:
        at += len(SUBJECT_NAMES)
        if der[at] == BOOLEAN:  # whether it is critical
            _, _, at = _element(der, at)
        _, at, _ = _element(der, at, OCTETS)
        _, at, end = _element(der, at, SEQUENCE)
        result = set()
        while at < end:
            tag, begin, at = _element(der, at)
            if tag == DNS_NAME:
                result.add(der[begin:at].decode("ascii"))
            elif tag == ADDRESS:
                result.add(str(ipaddress.ip_address(der[begin:at])))
    except IndexError:
        raise ValueError("it is cut short") from None
    return result


def names_of(path: Path) -> set[str]:
    """Names of a file's first certificate. Raises OSError, ValueError."""
    return names(ssl.PEM_cert_to_DER_cert(_first_pem(path)))


def started(pid: int, proc: Path = Path("/proc")) -> float:
    """When a process started, in seconds since 1970; 0 where there is none."""
    try:
        line = (proc / str(pid) / "stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    ticks = int(line.rpartition(")")[2].split()[19])
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - since_boot + ticks / os.sysconf("SC_CLK_TCK")


def inspect_servers(folder: Path = KUBERNETES) -> dict[str, dict[str, str]]:
    """Static pods that are down, and those that do not use the certificates of the files.

    etcd and the API server take up a changed serving certificate by themselves, but not all of
    what else they have. One that shows the new certificate may still use old ones, so when it
    started counts too.
    """
    down: dict[str, str] = {}
    outdated: dict[str, str] = {}
    for component in STATIC_PODS:
        begun = [started(pid) for pid in processes(component)]
        written = [(folder / name).stat().st_mtime for name in READ_BY[component]]
        if not begun:
            down[component] = "does not run"
        elif min(begun) < max(written):
            outdated[component] = "started before its certificates were written"
    for place in serving_places(folder):
        if place.component in down:
            continue
        shown = served(place)
        if not shown:
            down[place.component] = f"does not answer at {place.host}:{place.port}"
        elif shown != read(place.file).sha256:
            where = f"{place.host}:{place.port}"
            outdated[place.component] = f"serves another certificate at {where} than {place.file}"
    return {"down": down, "outdated": outdated}
