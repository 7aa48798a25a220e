"""Takes secrets out of what is written: records, reports, logs, messages, archives.

Three kinds are taken: the secrets that this process knows (of the inventory, the configuration,
the kubeconfig), wherever and however they stand; what stands under a secret's name; and what has a
secret's shape. Lines stay where they are, and a text without secrets stays as it is.

What a process knows, it knows as a whole: :func:`remember_secrets` is called where a secret enters,
:func:`redact` where text leaves, and neither place needs the other.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from functools import cache, lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from kubedrill.base.secret_forms import GONE, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kubedrill.base.secret_forms import Span

__all__ = [
    "GONE",
    "Redactor",
    "known_secrets",
    "redact",
    "redact_value",
    "remember_secrets",
    "secrets_in",
]

_SHORTEST = 5
"""Known secrets shorter than this are not looked for anywhere: they would take half of the text
away."""
_SHORT = 8
"""Known secrets shorter than this are looked for as words of their own."""
_CACHED = 500
"""Characters of a text that is remembered with what became of it: records repeat themselves."""
_MOST_PASSES = 5
_PUBLIC = frozenset({"vagrant", "kubernetes", "kubedrill", "password", "passwd", "secret", "token"})
_PUBLIC |= {"admin", "default", "root", "ansible", "debian", "changeme", "postgres", "example"}
"""Words that are too common to be taken away wherever they stand, though somebody's password."""


@cache
def _rules() -> tuple[Callable[[str], Iterator[Span]], ...]:
    """What gives the places of secrets in a text; loaded when there is the first text to clean."""
    from kubedrill.base.secret_blocks import manifest_spans  # noqa: PLC0415
    from kubedrill.base.secret_names import named_spans  # noqa: PLC0415
    from kubedrill.base.secret_shapes import shaped_spans  # noqa: PLC0415

    return shaped_spans, manifest_spans, named_spans


class Redactor:
    r"""Removes secrets by their shape, by the name they stand under, and by a list of values.

    >>> Redactor().clean("user: me\\npassword: hunter2\\nsecretName: tls")
    'user: me\\npassword: [redacted]\\nsecretName: tls'
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.known = frozenset(known)
        forms = sorted(
            {form for text in self.known for form in _forms(text)}, key=len, reverse=True
        )
        self._known = re.compile("|".join(forms)) if forms else None
        self._remembered = lru_cache(maxsize=8192)(self._clean)

    def clean(self, text: str) -> str:
        """Return the text without secrets."""
        return self._remembered(text) if len(text) <= _CACHED else self._clean(text)

    def clean_value(self, value: Any) -> Any:
        """Return a value of JSON's kinds, such as a line of a record, without secrets."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return self._clean_mapping(value)
        if isinstance(value, list | tuple):
            items, option = [], False
            for item in value:
                secret = option and isinstance(item, str)
                items.append(GONE if secret else self.clean_value(item))
                option = isinstance(item, str) and _announces(item)
            return items if isinstance(value, list) else tuple(items)
        return value

    def _clean_mapping(self, value: dict[Any, Any]) -> dict[Any, Any]:
        name = value.get("name")
        under_name = "value" in value and isinstance(name, str) and is_secret_name(name)
        is_secret = value.get("kind") == "Secret"
        result = {}
        for key, item in value.items():
            announced = _announced_by(key) if isinstance(key, str) else ()
            if (
                isinstance(item, announced)
                or (under_name and key == "value")
                or (is_secret and key in {"data", "stringData"})
            ):
                result[key] = _without_leaves(item)
            else:
                result[key] = self.clean_value(item)
        return result

    def _clean(self, text: str) -> str:
        for _ in range(_MOST_PASSES):  # what was taken away can show what was hidden behind it
            cleaned = self._pass(text)
            if cleaned == text:
                break
            text = cleaned
        return text

    def _pass(self, text: str) -> str:
        if "\\n" in text:
            text = _LITERAL.sub(self._clean_literal, text)
        spans = [span for rule in _rules() for span in rule(text)]
        if self._known:
            spans += [match.span() for match in self._known.finditer(text)]
        return _replace(text, spans) if spans else text

    def _clean_literal(self, literal: re.Match[str]) -> str:
        r"""Clean a string with ``\n`` in it as the lines that it stands for."""
        ends = _LINE_END.findall(literal[0])
        lines = self._clean(_LINE_END.sub("\n", literal[0][1:-1])).split("\n")
        quote = literal[0][0]
        return quote + "".join(map("".join, zip_longest(lines, ends, fillvalue=""))) + quote


_LITERAL = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*?\\+n(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*?\\+n(?:[^'\\\n]|\\.)*'"
)
_LINE_END = re.compile(r"\\+n")
_HEADERS = {"authorization", "proxy-authorization", "cookie", "set-cookie"}
_LISTS = {"auth", "basicauth", "basic_auth"}


@lru_cache(maxsize=4096)
def _announced_by(key: str) -> tuple[type, ...]:
    """The kinds of values that are secret under a key."""
    if is_secret_name(key) or key.lower() in _HEADERS:
        return (str, list, tuple)
    return (list, tuple) if key.lower() in _LISTS else ()


def _announces(item: str) -> bool:
    """Whether an entry of a list is an option or a header that the secret follows."""
    is_option = item.startswith("--") and "=" not in item and is_secret_name(item)
    return is_option or item.lower() in _HEADERS


def _without_leaves(value: Any) -> Any:
    """The same structure, with every text and number in it taken away."""
    if isinstance(value, dict):
        return {key: _without_leaves(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_leaves(item) for item in value]
    keeps = value is None or value == "" or isinstance(value, bool | int | float)
    return value if keeps else GONE


def _replace(text: str, spans: list[Span]) -> str:
    """Put :data:`GONE` in the place of each span; line ends and indents inside stay."""
    parts, at = [], 0
    for begin, end in _merged(text, spans):
        parts += [text[at:begin], _GONE_LINE.sub(GONE, text[begin:end])]
        at = end
    return "".join([*parts, text[at:]])


_GONE_LINE = re.compile(r"[^\s](?:[^\n]*[^\s])?")


def _merged(text: str, spans: list[Span]) -> Iterator[Span]:
    """The spans in order, those that touch as one; none begins or ends within a :data:`GONE`."""
    begin = end = -1
    for first, last in sorted(spans):
        if text.startswith("]", last) and text.endswith(GONE[:-1], first, last):
            last += 1  # noqa: PLW2901 - to the end of what was taken before
        if text[first:last].strip() in _GONE_PARTS:
            continue
        if first > end:
            if end > begin:
                yield begin, end
            begin, end = first, last
        else:
            end = max(end, last)
    if end > begin:
        yield begin, end


_GONE_PARTS = {GONE, GONE[:-1], GONE[1:], GONE[1:-1], ""}


def _forms(secret: str) -> Iterator[str]:
    """Give patterns of a secret as it can stand in text: plain, escaped, or in base64."""
    for text in {secret, *_long_lines(secret)}:
        if len(text) < _SHORTEST or text.lower() in _PUBLIC:
            continue
        plain = {
            text,
            quote(text, safe=""),
            quote_plus(text),
            html.escape(text),
            html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            json.dumps(json.dumps(text)[1:-1])[1:-1],
            text.replace("'", "''"),
            text.replace("'", "'\\''"),
        }
        for form in plain:
            pattern = re.escape(form)
            yield rf"(?<!\w){pattern}(?!\w)" if len(text) < _SHORT else pattern
        yield from map(re.escape, _coded(text))


def _long_lines(secret: str) -> list[str]:
    """The lines of a key, each of which tells a part of it."""
    lines = secret.split("\n")
    return [line.strip() for line in lines if len(line) >= 20 and "-----" not in line]


def _coded(text: str) -> Iterator[str]:
    """Base64 of the secret at each of its three places within something longer."""
    data = text.encode("utf-8", errors="surrogateescape")
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        first = -(-before * 8 // 6)
        whole = (before + len(data)) * 8 // 6
        core = coded[first:whole]
        if len(core) >= 6:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def secrets_in(variables: Iterable[tuple[str, object]]) -> set[str]:
    """Values of variables whose names tell a secret, however deep; they are looked for everywhere.

    >>> sorted(secrets_in([("ansible_become_pass", "hunter2"), ("db", {"login_token": "abcde"})]))
    ['abcde', 'hunter2']
    """
    return {secret for name, value in variables for secret in _secrets(name, value, within=False)}


def _secrets(name: str, value: object, *, within: bool) -> Iterator[str]:
    secret = within or is_secret_name(name)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(str(key), item, within=False)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _secrets(name, item, within=secret)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        text = str(value)
        if secret or (_KEY.search(name) and _KEY_VALUE.fullmatch(text)):
            yield text
        elif "://" in text:
            yield from _URL_SECRET.findall(text)


_KEY = re.compile(r"(?i)(?<!public)[_-]key$|^key$")
_KEY_VALUE = re.compile(r"(?![a-z0-9.-]+/[a-z0-9.-]+$)[A-Za-z0-9+/=_-]{16,}")
_URL_SECRET = re.compile(r"://[^\s/:@]*:([^\s/]+)@")

_lock = threading.Lock()
_current = Redactor()


def remember_secrets(secrets: Iterable[str], public: Iterable[str] = ()) -> None:
    """Let :func:`redact` take these away too, from now on and in the whole process.

    ``public`` are words that have to stay readable, such as nodes' names: where a secret is one of
    them, only its name or its shape gives it away.
    """
    global _current  # noqa: PLW0603 - what a process knows, it knows as a whole
    stay = {word.lower() for word in public}
    new = {secret for secret in secrets if secret.lower() not in stay}
    with _lock:
        if not new <= _current.known:
            _current = Redactor(_current.known | new)


def known_secrets() -> frozenset[str]:
    """The secrets that this process knows, for another one that cleans for it."""
    return _current.known


def redact(text: str) -> str:
    """Return text without the secrets that this process knows and what looks like one."""
    return _current.clean(text)


def redact_value(value: Any) -> Any:
    """Return a value of JSON's kinds without secrets, as :func:`redact` does text."""
    return _current.clean_value(value)
