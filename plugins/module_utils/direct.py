"""Asks the cluster's own addresses without the proxy that a node's environment may name."""

from __future__ import annotations

import http.client
import os
import ssl
import urllib.error
import urllib.request

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
"""What programs in Go and Python read."""

NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}
"""Environment for programs that only talk to the cluster. Not for a kubeadm that writes manifests:
it copies proxy variables into them."""


def http_status(url: str, timeout: float) -> int:
    """HTTP status of a GET of one of this node's own URLs, or 0.

    Certificates are not verified: nothing secret is sent, the question is whether it is healthy.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=timeout) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        return 0


def proxy_variables() -> dict[str, str]:
    """Names of the proxy variables that are set, and ``no_proxy``, as programs in Go see it."""
    names = [name for name in PROXIES if os.environ.get(name)]
    excluded = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return {"variables": ", ".join(names), "no_proxy": excluded}
