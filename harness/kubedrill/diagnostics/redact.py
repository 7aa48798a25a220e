"""Takes secrets out of text.

It takes too much rather than too little, and keeps the text's lines. Pure.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

GONE = "[redacted]"
_SHORTEST = 5
"""Known secrets shorter than this are not looked for anywhere: they would take half of the text
away."""

_WORD = (
    r"passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential"
    r"|key-data|keydata|certificate[_-]?key|encryption[_-]?key|\bpwd\b"
)
SECRET_NAME = re.compile(_WORD, re.IGNORECASE)
_HARMLESS = re.compile(
    r"(?:names?|path|file|dir|refs?|ttl|hash|type|seconds|count)[\"']?$", re.IGNORECASE
)
"""Ends of names that say where a secret is, not what it is."""

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_SHAPES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",  # JSON web token
        r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b",  # kubeadm's bootstrap token
        r"\bAKIA[0-9A-Z]{16}\b",  # AWS access key
        r"\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}\b",
        r"\bglpat-[\w-]{16,}",
        r"\bxox[abposr]-[\w-]{10,}",  # Slack
        # a private key in base64: "-----BEGIN", and "PRIVATE" in each of its three alignments
        r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{0,24}(?:UFJJVkFURS|QUklWQVRF|BSSVZBVE)[A-Za-z0-9+/=]*",
    )
)
_HEADER = re.compile(
    r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)?\s*|\bbearer\s+)([^\s\"',;]{4,})"
)
_USERINFO = re.compile(r"(\w[\w+.-]*://[^\s/:@\"']*):([^\s/@\"']+)@")
_OPTION = re.compile(rf"(?i)(--?[\w-]*(?:{_WORD})[\w-]*[= ]\s*)([^\s\"',-][^\s\"',]*)")
_PAIR = re.compile(
    rf"(?i)(?P<name>[\"']?[\w.\-/]*(?:{_WORD})[\w.\-/]*\\?[\"']?)(?P<sign>\s*[:=]\s*)"
    r"(?P<value>\\\"(?:[^\"\\]|\\\\.)*\\\"|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,;}\]\"'][^\s,;}\]\"']*)"
)
_NAMED = re.compile(
    rf"(?i)(\\?\"?name\\?\"?\s*:\s*\\?\"?[\w.-]*(?:{_WORD})[\w.-]*\\?\"?\s*,?\s*\n?\s*\\?\"?value\\?\"?\s*:\s*)"
    r"(\\\"(?:[^\"\\])*\\\"|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,}]+)"
)
_BLOCK = re.compile(
    rf"(?i)^(\s*)(?:- )?[\"']?[\w.\-/]*(?:{_WORD})[\w.\-/]*[\"']?\s*:\s*[|>][+-]?\d*\s*$"
)


class Redactor:
    r"""Removes secrets by their shape, by the name they stand under, and by a list of values.

    >>> Redactor().clean("user: me\\npassword: hunter2\nsecretName: tls")
    'user: me\\npassword: [redacted]\nsecretName: tls'
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        plain = {text for text in known if len(text) >= _SHORTEST}
        coded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in plain}
        self._known = sorted(plain | coded, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._known:
            text = text.replace(secret, GONE)
        text = _PRIVATE_KEY.sub(lambda match: GONE + "\n" * match[0].count("\n"), text)
        text = _blocks(text)
        for shape in _SHAPES:
            text = shape.sub(GONE, text)
        text = _HEADER.sub(rf"\1{GONE}", text)
        text = _USERINFO.sub(rf"\1:{GONE}@", text)
        text = _NAMED.sub(lambda match: match[1] + _quoted(match[2]), text)
        text = _PAIR.sub(_pair, text)
        return _OPTION.sub(_option, text)


def _blocks(text: str) -> str:
    """YAML's block values (``password: |``) go line by line."""
    lines, depth = [], -1
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if depth >= 0 and line.strip() and indent <= depth:
            depth = -1
        lines.append(" " * indent + GONE if depth >= 0 and line.strip() else line)
        if depth < 0 and (match := _BLOCK.match(line)):
            depth = len(match[1])
    return "\n".join(lines)


def _pair(match: re.Match[str]) -> str:
    name = match["name"].strip("\"'\\")
    if _HARMLESS.search(name) or match["value"] in {
        "null",
        "true",
        "false",
        "{}",
        "[]",
        "{",
        "[",
        GONE,
        GONE[:-1],  # a value ends before a bracket: what was taken out before stays as it is
        "|",
        ">",
        "|-",
    }:
        return match[0]
    return f"{match['name']}{match['sign']}{_quoted(match['value'])}"


def _option(match: re.Match[str]) -> str:
    name = match[1].rstrip("= ")
    return match[0] if _HARMLESS.search(name) or match[2] == GONE else f"{match[1]}{GONE}"


def _quoted(value: str) -> str:
    """Redacted, in the quotes that the value had."""
    for quote in ('\\"', '"', "'"):
        if value.startswith(quote):
            return f"{quote}{GONE}{quote}"
    return GONE


def secrets_in(variables: Iterable[tuple[str, object]]) -> set[str]:
    """Values of variables whose names say that they are secret; they are looked for everywhere."""
    return {
        str(value)
        for name, value in variables
        if isinstance(value, str | int) and not isinstance(value, bool)
        if SECRET_NAME.search(name) and not _HARMLESS.search(name)
    }
