"""Certificates that have run out, or will soon."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kubedrill.readiness.model import known
from kubedrill.readiness.rules.common import blocker, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kubedrill.readiness.model import Certificate, Issue, Snapshot

SOON = timedelta(days=30)
"""kubeadm's certificates last a year and are renewed by each upgrade; the kubelet renews its own
with a month left."""

CA_SOON = timedelta(days=365)
"""A CA needs a planned exchange; kubeadm's last ten years."""


def running_out(snapshot: Snapshot) -> Iterator[Issue]:
    """Every certificate below /etc/kubernetes, of kubeadm's kubeconfigs and of the kubelet."""
    for name, host in known(snapshot.hosts).items():
        for certificate in host.certificates:
            yield from _judge(
                f"certificate {certificate.path} on {name}", certificate, snapshot.taken
            )
        for path in host.unreadable:
            yield unknown(
                f"certificate {path} on {name}",
                "cannot be read",
                "a certificate in PEM",
                "look at the file",
            )
        if not host.certificates:
            yield unknown(
                f"certificates on {name}",
                "none were found",
                "those of kubeadm",
                "is this a kubeadm node?",
            )


def _judge(subject: str, certificate: Certificate, now: datetime) -> Iterator[Issue]:
    day = f"{certificate.not_after:%Y-%m-%d}"
    left = certificate.not_after - now
    renew = (
        "a new CA has to be rolled out"
        if certificate.is_ca
        else "run playbooks/certificates_renew.yml, or kubeadm and a restart of what uses it"
    )
    if certificate.not_before > now:
        starts = f"is valid from {certificate.not_before:%Y-%m-%d %H:%M} UTC only"
        yield blocker(subject, starts, "valid now", "compare the clocks")
    elif left <= timedelta(0):
        yield blocker(subject, f"ran out on {day}", "valid during the upgrade", renew)
    elif left < (CA_SOON if certificate.is_ca else SOON):
        least = "a year" if certificate.is_ca else "30 days"
        yield warning(
            subject, f"runs out on {day}, in {left.days} days", f"{least} or more left", renew
        )
