"""Asks the API server over HTTPS, with nothing but Python 3.9's own library.

One kept connection instead of a kubectl for each request. The address and the credentials are those
of a kubectl command, so both reach the same API server. A proxy of the environment is not used.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.direct import NO_PROXY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTENT_TYPES = {"PATCH": "application/merge-patch+json"}
"""Content types of bodies by method; application/json for the others."""


class ApiUnavailable(Exception):
    """The API did not answer, or asks to be asked again: do that after ``pause`` seconds."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause


class KubeconfigError(Exception):
    """A kubeconfig that this client cannot use; the text names what it expected."""


class Answer(NamedTuple):
    """What the API server answered: an HTTP status, and the object of its body."""

    status: int
    body: dict[str, Any]
    retry_after: float = 0.0

    @property
    def words(self) -> str:
        """What the API server says to people: its causes where it names any, else its message."""
        causes = [cause.get("message") for cause in self._causes() if cause.get("message")]
        return "; ".join(causes) or str(self.body.get("message") or f"HTTP {self.status}")

    def has_cause(self, reason: str) -> bool:
        """Whether a Status object names this reason among its causes."""
        return any(cause.get("reason") == reason for cause in self._causes())

    def _causes(self) -> list[dict[str, Any]]:
        details = self.body.get("details")
        return (details or {}).get("causes") or []


def make_answer(status: int, text: bytes | str, retry_after: str | None = None) -> Answer:
    """Read an answer; a body that is no object becomes the message of one."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        words = text.decode(errors="replace") if isinstance(text, bytes) else text
        body = {"message": " ".join(words.split())[:300]}
    pause = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    return Answer(status, body, pause)


def read_kubeconfig(kubectl: Sequence[str], timeout: float = 30.0) -> dict[str, Any]:
    """Return the kubeconfig that a kubectl command uses, with certificates and keys in it.

    Raises:
        KubeconfigError: the command failed; has its error output, never its output.
    """
    argv = [*kubectl, "config", "view", "--raw", "--minify", "--flatten", "--output=json"]
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/bin"
    environment = {**os.environ, **NO_PROXY, "PATH": path}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KubeconfigError(f"{' '.join(argv)} could not be run: {error}") from None
    if done.returncode != 0:
        raise KubeconfigError(
            f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}"
        )
    try:
        return dict(json.loads(done.stdout))
    except (TypeError, ValueError):
        raise KubeconfigError(f"{' '.join(argv)} did not print a kubeconfig as JSON") from None


class KubeApi:
    """A client of the one cluster that a kubeconfig names.

    Raises:
        KubeconfigError: it has no cluster, no user, or credentials of a kind that is not supported.
    """

    def __init__(self, kubeconfig: Mapping[str, Any], timeout: float = 10.0) -> None:
        self.timeout = timeout
        cluster = _only(kubeconfig, "clusters", "cluster")
        user = _only(kubeconfig, "users", "user")
        url = urlsplit(str(cluster.get("server") or ""))
        if url.scheme not in {"https", "http"} or not url.hostname:
            raise KubeconfigError(
                f"the kubeconfig's server is {cluster.get('server')!r}, expected an https URL"
            )
        self._host, self._prefix = url.hostname, url.path.rstrip("/")
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._context = _context(cluster, user) if url.scheme == "https" else None
        self._headers = {"Accept": "application/json", "User-Agent": "kubedrill"}
        if user.get("token"):
            self._headers["Authorization"] = f"Bearer {user['token']}"
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send one request and return the answer, whatever its status.

        Raises:
            ApiUnavailable: no answer within ``timeout`` seconds, or the connection broke.
        """
        headers = dict(self._headers)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = CONTENT_TYPES.get(method, "application/json")
        try:
            connection = self._connect()
            connection.request(method, self._prefix + path, body=data, headers=headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ApiUnavailable(
                f"{method} {path} had no answer from {self._host}:{self._port}: "
                f"{str(error) or type(error).__name__}"
            ) from error
        return make_answer(response.status, text, response.getheader("Retry-After"))

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self._context is None:
                self._connection = http.client.HTTPConnection(self._host, self._port)
            else:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, context=self._context
                )
        self._connection.timeout = self.timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(self.timeout)
        return self._connection


def _only(kubeconfig: Mapping[str, Any], kind: str, part: str) -> dict[str, Any]:
    entries = kubeconfig.get(kind) or []
    if len(entries) != 1:
        raise KubeconfigError(f"the kubeconfig's current context has {len(entries)} {kind}, not 1")
    return dict(entries[0].get(part) or {})


def _context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif cluster.get("certificate-authority-data"):
        context.load_verify_locations(cadata=_decode(cluster, "certificate-authority-data"))
    else:
        context.load_default_certs()
    if user.get("client-certificate-data") and user.get("client-key-data"):
        _load_client(context, user)
    elif not user.get("token"):
        raise KubeconfigError(
            f"the kubeconfig's user has {', '.join(sorted(user)) or 'no credentials'}, "
            "expected a client certificate with its key, or a token"
        )
    return context


def _load_client(context: ssl.SSLContext, user: Mapping[str, Any]) -> None:
    """Load the client's certificate by way of memory: its key is written to no disk."""
    texts = [_decode(user, name) for name in ("client-certificate-data", "client-key-data")]
    descriptor = os.memfd_create("kubedrill-client")
    try:
        os.write(descriptor, "\n".join(texts).encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise KubeconfigError(
            f"the kubeconfig's client certificate and key cannot be used: {error.reason or error}"
        ) from None
    finally:
        os.close(descriptor)


def _decode(section: Mapping[str, Any], name: str) -> str:
    try:
        return base64.b64decode(str(section[name]), validate=True).decode("ascii")
    except ValueError:  # also what is not ASCII
        raise KubeconfigError(f"the kubeconfig's {name} is not PEM in base64") from None
