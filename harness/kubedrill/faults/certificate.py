"""A certificate of one control plane has expired.

One like it, of the same key and authority, but valid in 2020 only.

It is signed on the node, with the authority that kubeadm left there; no key leaves the node.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from kubedrill.base.waits import Waiting, wait_for
from kubedrill.faults import on_node
from kubedrill.faults.base import require_known
from kubedrill.faults.network import APISERVER_PORT
from kubedrill.faults.node_fault import NodeFault
from kubedrill.faults.on_node import ASIDE, Script
from kubedrill.faults.traces import register

if TYPE_CHECKING:
    from kubedrill.cluster.context import Cluster
    from kubedrill.faults.traces import Trace

PKI = "/etc/kubernetes/pki"
"""kubeadm's folder of certificates (ClusterConfiguration, certificatesDir)."""

KUBELET = "/var/lib/kubelet/pki/kubelet-client-current.pem"
"""The kubelet's client certificate with its key (a link to the newest of the rotated ones)."""

WORDS = {
    "apiserver": "serving certificate of the API server",
    "kubelet": "client certificate of the kubelet",
}

RELOAD_S = 60
"""Seconds within which an API server takes up what stands in its certificate's file
(kubernetes/apiserver, dynamiccertificates: it watches the file, and reads it each minute besides).
"""

_SHOWN = (
    f"openssl s_client -connect 127.0.0.1:{APISERVER_PORT} </dev/null 2>/dev/null | "
    "openssl x509 -noout -checkend 0"
)
_EXPIRED, _GOOD = "Certificate will expire", "Certificate will not expire"

_FOLDER = "/run/kubedrill-fault-ca"
"""Where the authority's program works on the node."""


@register
@dataclass
class ExpiredCertificate(NodeFault):
    """A certificate on the control plane ``subject`` has expired.

    ``whose`` is a key of :data:`WORDS`.
    """

    traces: ClassVar[tuple[Trace, ...]] = (on_node.ASIDES, on_node.FILES, on_node.UNITS)

    whose: str

    def __post_init__(self) -> None:
        require_known(self.whose, WORDS, "certificate")

    @property
    def name(self) -> str:
        """As "serving certificate of the API server expired"."""
        return f"{WORDS[self.whose]} expired"

    @property
    def evidence(self) -> str:
        """An API server has to show it; a kubelet takes it up as it starts."""
        return f"the node has an expired {WORDS[self.whose]} in use"

    @property
    def question(self) -> str:
        """Ask the API server, or look at what the kubelet was started with."""
        if self.whose == "apiserver":
            return f"{_SHOWN} | grep -qx {shlex.quote(_EXPIRED)}"
        return f"! openssl x509 -noout -checkend 0 -in {KUBELET}"

    def refusal(self, cluster: Cluster) -> str | None:
        """Refuse the only control plane, and a node that has nothing to sign with."""
        if not cluster.inventory.node(self.subject).is_control_plane:
            return f"{self.subject} has no certificate authority to sign with; name a control plane"
        if len(cluster.inventory.control_planes) < 2:
            return f"{self.subject} is the only control plane: nobody else would serve"
        file = KUBELET if self.whose == "kubelet" else f"{PKI}/apiserver.crt"
        needs = f"[ -e {PKI}/ca.key ] && [ -e {file} ] && openssl version | grep -q 'OpenSSL [3-9]'"
        missing = (
            f"{self.subject} lacks {PKI}/ca.key, {file} or OpenSSL 3, which has to sign a "
            "certificate"
        )
        return on_node.ask(cluster, self.subject, needs, missing)

    def script(self, cluster: Cluster) -> Script:
        """What puts an expired one in place, and the good one back."""
        del cluster
        return expire(self.whose)

    def heal(self, cluster: Cluster) -> None:
        """Put the good one back and disarm the undo. An API server has to show it.

        Raises:
            StepFailed: the node refuses.
            DeadlineExceeded: the API server still shows the expired one.
        """
        super().heal(cluster)
        if self.whose != "apiserver":
            return

        def shown() -> bool | Waiting:
            output = cluster.hosts.read(self.subject, _SHOWN, check=False).stdout.strip()
            return output == _GOOD or Waiting(output or "it answers nobody")

        wait_for(
            f"the API server on {self.subject} to show its good certificate",
            shown,
            seconds=cluster.settings.timeouts.recovery,
            setting="recovery",
        )


def expire(whose: str, pki: str = PKI, kubelet: str = KUBELET) -> Script:
    """What puts an expired certificate in the place of a good one, and what takes it away again."""
    if whose == "apiserver":
        return _apiserver(pki)
    aside, new = f"{kubelet}{ASIDE}", f"{_FOLDER}/new"
    # The kubelet takes up a certificate when it starts; it gives up at once where that has expired.
    inject = on_node.read_script("sign_expired.sh", kubelet, kubelet, pki, _FOLDER) + (
        f"openssl pkey -in {kubelet} >> {new} && mv {kubelet} {aside} && mv {new} {kubelet} "
        f"&& rm -r {_FOLDER} && systemctl restart --no-block kubelet"
    )
    start = "systemctl reset-failed kubelet 2>/dev/null; systemctl restart kubelet"
    back = f"if [ -e {aside} ] || [ -L {aside} ]; then mv -fT {aside} {kubelet}; {start}; fi"
    return Script("certificate-kubelet", inject, f"rm -rf {_FOLDER}; {back}")


def _apiserver(pki: str) -> Script:
    """An API server takes up what stands in the file at once, or a minute later."""
    file, key, new = f"{pki}/apiserver.crt", f"{pki}/apiserver.key", f"{_FOLDER}/new"
    aside = f"{file}{ASIDE}"
    inject = on_node.read_script("sign_expired.sh", file, key, pki, _FOLDER) + (
        f"cp -p {file} {aside} && chmod 644 {new} && mv {new} {file} && rm -r {_FOLDER}"
    )
    back = f"if [ -e {aside} ]; then mv -f {aside} {file}; fi"
    return Script("certificate-apiserver", inject, f"rm -rf {_FOLDER}; {back}")
