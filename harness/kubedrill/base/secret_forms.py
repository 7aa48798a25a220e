"""Names that secrets stand under, and what stands in a secret's place."""

from __future__ import annotations

import re

GONE = "[redacted]"

Span = tuple[int, int]
"""Begin and end of a secret in a text."""

_STRONG = r"passw(?:or)?d|pass(?:phrase|code)|\bpwd\b|(?<=[a-z0-9])[_-]pass(?![a-z])"
_CAMEL = r"(?-i:(?<=[a-z0-9])Pass(?![a-z]))"
_WEAK = (
    r"secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|credential"
    r"|key-data|keydata|certificate[_-]?key|encryption[_-]?key|connection[_-]?string"
    r"|\.dockerconfigjson|\.dockercfg"
)
_FILES = (
    r"\.(?:key|pem|p12|pfx|jks|kubeconfig|htpasswd)(?![\w.])|\bid_(?:rsa|ecdsa|ed25519)(?![\w.])"
)
HIT = re.compile(rf"{_STRONG}|{_CAMEL}|{_WEAK}|{_FILES}", re.IGNORECASE)
"""Where a name may be that a secret stands under."""
_NAME = re.compile(rf"{_STRONG}|{_CAMEL}|{_WEAK}", re.IGNORECASE)
_STRONG_NAME = re.compile(rf"{_STRONG}|{_CAMEL}", re.IGNORECASE)
_HARMLESS = re.compile(
    r"(?:names?|path|file|dir|folder|refs?|ttl|hash|type|seconds|_s|count|length|version|provider"
    r"|polic(?:y|ies)|expir\w*|enabled|required|\w*izers?|reviews?|requests?|limit|mount\w*"
    r"|(?<=[-_])age|\.(?:go|py|sh|ya?ml|j2|js|rs|java|service|md|txt|log|html|xml|c))$",
    re.IGNORECASE,
)
"""Ends of names that say where a secret is or what it is like, not what it is."""
_KEY_FILE = re.compile(rf"[\w.-]*(?:{_FILES})", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether what stands under a name is a secret.

    >>> [is_secret_name(name) for name in ("ansible_become_pass", "secretName", "passed", "dbPass")]
    [True, False, False, True]
    """
    return bool(_NAME.search(name)) and not _HARMLESS.search(name)


def is_key_file(name: str) -> bool:
    """Whether a name is that of a file that is secret, such as ``sa.key`` in a Secret's data."""
    return bool(_KEY_FILE.fullmatch(name))


def is_strong_name(name: str) -> bool:
    """Whether a name is followed by the secret itself, and not as often by talk of one."""
    return bool(_STRONG_NAME.search(name))
