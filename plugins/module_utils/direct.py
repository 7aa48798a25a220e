"""Asks the cluster's own addresses without the proxy that a node's environment may name."""

from __future__ import annotations

import os
import socket

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
"""What programs in Go and Python read."""

NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}
"""Environment for programs that only talk to the cluster. Not for a kubeadm that writes manifests:
it copies proxy variables into them."""


def http_status(url: str, timeout: float) -> int:
    """HTTP status of a GET of one of this node's own URLs, or 0.

    Certificates are not verified: nothing secret is sent, the question is whether it is healthy.
    Python's own client takes longer to be imported than all that a module does.
    """
    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    host, _, port = place.partition(":")
    try:
        with _connect(host, int(port), timeout, encrypted=scheme == "https") as stream:
            stream.sendall(f"GET /{path} HTTP/1.0\r\nHost: {place}\r\n\r\n".encode())
            with stream.makefile("rb") as reply:
                version, status, *_ = reply.readline(1000).split()
        return int(status) if version.startswith(b"HTTP/1.") else 0
    except (OSError, ValueError):
        return 0


def _connect(host: str, port: int, timeout: float, *, encrypted: bool) -> socket.socket:
    stream = socket.create_connection((host, port), timeout)
    if not encrypted:
        return stream
    import ssl  # noqa: PLC0415 - only for those that need it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(stream)


def proxy_variables() -> dict[str, str]:
    """Names of the proxy variables that are set, and ``no_proxy``, as programs in Go see it."""
    names = [name for name in PROXIES if os.environ.get(name)]
    excluded = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return {"variables": ", ".join(names), "no_proxy": excluded}
