"""The ingress as TLS clients outside the cluster see it: which certificate each address serves."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any

import grpc

from kubedrill.base.errors import StepFailed
from kubedrill.orders import pki
from kubedrill.orders.manifests import HOST, HTTPS_NODE_PORT

if TYPE_CHECKING:
    from kubedrill.cluster.inventory import Inventory

HANDSHAKES = 6
"""At each address. A node port leads to one of two pods by chance: with 6 addresses one is missed
once in 10^10."""
PATIENCE_S = 5.0


class IngressView:
    """Looks at the ingress at the virtual address and at each node's own.

    Trusts one authority (PEM) only.
    """

    def __init__(self, inventory: Inventory, authority: str, port: int = HTTPS_NODE_PORT) -> None:
        self.addresses = [inventory.endpoint_address, *(node.address for node in inventory.nodes)]
        self._authority, self._context, self._port = authority, trusting(authority), port

    def serials(self, address: str, name: str = HOST) -> set[int]:
        """Return the serial numbers that several new connections to an address were shown.

        Raises:
            OSError: it does not answer, or with a certificate that is not the authority's or not
                for that name.
        """
        serials = set()
        for _ in range(HANDSHAKES):
            with self._connect(address, name) as connection:
                certificate = connection.getpeercert(binary_form=True) or b""
                serials.add(pki.serial(ssl.DER_cert_to_PEM_cert(certificate)))
        return serials

    def get(self, address: str, path: str, host: str = HOST) -> Any:
        """GET JSON from the ingress at an address, as a client that knows it by the name ``host``.

        Raises:
            OSError: it does not answer, or its certificate is not trusted.
            StepFailed: it answers something else than 200 and JSON.
        """
        with self._connect(address, host) as connection:
            request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            connection.sendall(request.encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            body = answer.read()
        if answer.status != 200:
            raise StepFailed(
                f"the ingress at {address} answered {answer.status} to {path}: {body[:200]!r}"
            )
        return json.loads(body)

    def channel(self, address: str, host: str = HOST) -> grpc.Channel:
        """Return a gRPC channel to the ingress at an address, which the client calls ``host``."""
        options = [("grpc.ssl_target_name_override", host), ("grpc.default_authority", host)]
        trusted = grpc.ssl_channel_credentials(self._authority.encode())
        return grpc.secure_channel(f"{address}:{self._port}", trusted, options)

    def find_mismatch(self, serial: int) -> str | None:
        """Say where another certificate than that one is served, or none at all.

        None: it is served everywhere.
        """
        problems = []
        for address in self.addresses:
            try:
                others = self.serials(address) - {serial}
            except OSError as error:
                problems.append(f"{address}: {error}")
                continue
            problems += [f"{address} serves {other:x}" for other in others]
        return "; ".join(problems) or None

    def _connect(self, address: str, name: str) -> ssl.SSLSocket:
        plain = socket.create_connection((address, self._port), PATIENCE_S)
        try:
            return self._context.wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise


def trusting(authority: str) -> ssl.SSLContext:
    """Return what a client needs to trust one authority's certificates (PEM) and no others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    return context
