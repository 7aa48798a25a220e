"""The Kubernetes Python client with a deadline on every call.

One retry where it is safe, and clear errors.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import urllib3
from kubernetes import client, config

from kubedrill.base.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRANSIENT_STATUSES = (500, 502, 503, 504)
"""Statuses of an API server that is starting, stopping or has lost etcd: the call may be made
again."""

SAFE = ("GET", "HEAD")
"""Methods that change nothing (RFC 9110, section 9.2.1): they may be sent twice."""


class ApiUnavailable(Unreachable):
    """The API did not answer in time, broke the connection, or said 5xx: ask again later."""


class ConnectionBroken(ApiUnavailable):
    """The other side closed the connection before it answered."""


class ServerFailed(ApiUnavailable):
    """The API server answered with a transient status; has its body."""

    def __init__(self, message: str, status: int, body: str) -> None:
        super().__init__(message)
        self.status, self.body = status, body


class DeadlineApiClient(client.ApiClient):
    """An ApiClient whose every call has a deadline.

    A call that names no ``_request_timeout`` gets ``seconds``; a watch should name its own, above
    its timeoutSeconds. Network failures and 5xx become :class:`ApiUnavailable`; 4xx stay
    ``kubernetes.client.ApiException``. A question (GET) whose connection is closed is asked once
    more at once, by a new one, as Go's clients do (net/http, Transport): a balancer cuts kept
    connections to an API server that stops.
    """

    def __init__(self, configuration: Any, seconds: float) -> None:
        super().__init__(configuration)
        self.seconds = seconds

    def call_api(  # noqa: D102 - the base class documents it
        self,
        method: Any,
        url: Any,
        header_params: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        seconds, rest = _request_timeout or self.seconds, (header_params, body, post_params)
        try:
            return self._call(method, url, rest, seconds)
        except ConnectionBroken:
            if method not in SAFE:
                raise
            return self._call(method, url, rest, seconds)

    def _call(self, method: str, url: str, rest: tuple[Any, Any, Any], seconds: Any) -> Any:
        with _clear_errors(method, url, seconds):
            response: Any = super().call_api(method, url, *rest, seconds)
            if response.status in TRANSIENT_STATUSES:
                body = (response.read() or b"").decode(errors="replace")
                message = f"{method} {url} answered {response.status}: "
                message += " ".join(body.split())[:300]
                raise ServerFailed(message, response.status, body)
            return response


@contextmanager
def _clear_errors(method: str, url: str, seconds: Any) -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.ProtocolError as error:
        raise ConnectionBroken(
            f"{method} {url}: the connection was closed before the answer: {_words(error)}"
        ) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ApiUnavailable(
            f"{method} {url} had no answer within {seconds} s: {_words(error)}"
        ) from error
    except client.ApiException as error:
        if error.status:
            raise
        raise ApiUnavailable(f"{method} {url} failed in TLS: {error.reason}") from error


def make_client(
    kubeconfig: Path, seconds: float, kind: type[DeadlineApiClient] = DeadlineApiClient
) -> DeadlineApiClient:
    """Make a client of a kind from a kubeconfig file; each call ends after ``seconds``."""
    configuration = client.Configuration()
    load: Any = config.load_kube_config
    load(str(kubeconfig), client_configuration=configuration, persist_config=False)
    configuration.retries = False
    configuration.client_go_retries = False
    configuration.proxy = None
    configuration.connection_pool_maxsize = 8
    return kind(configuration, seconds)


def _words(error: BaseException) -> str:
    return str(error).split("object at 0x")[0] if str(error) else type(error).__name__
