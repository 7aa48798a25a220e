"""One request to one API server with a bearer token, as another client would make it."""

from __future__ import annotations

import http.client
import ssl
from typing import TYPE_CHECKING

from kubedrill.cluster.api_client import ApiUnavailable

if TYPE_CHECKING:
    from pathlib import Path


def ask_with_token(
    server: tuple[str, int], path: str, token: str, *, ca: Path, seconds: float
) -> int:
    """GET a path of the API server at ``server`` (address, port) and return the HTTP status.

    Its certificate is checked with ``ca``.

    Raises:
        ApiUnavailable: no answer within ``seconds``, or no trust in who answered.
    """
    context = ssl.create_default_context(cafile=str(ca))
    connection = http.client.HTTPSConnection(*server, timeout=seconds, context=context)
    try:
        connection.request(
            "GET", path, headers={"Authorization": f"Bearer {token}", "Connection": "close"}
        )
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise ApiUnavailable(
            f"GET {path} of {server[0]}:{server[1]} had no answer: {error}"
        ) from error
    finally:
        connection.close()
