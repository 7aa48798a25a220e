"""Secrets that stand under a name: ``password: x``, ``"token": "x"``, ``--password x``.

In YAML the value may be on the lines below, in JSON within JSON its quotes are escaped, and an
environment's list has name and value in two places, in either order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubedrill.base.secret_forms import GONE, HIT, is_key_file, is_secret_name, is_strong_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.secret_forms import Span

_MOST_OF_NAME = 80
_IN_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/$")
_SIGN = re.compile(
    r"(?P<close>(?:\\*[\"'`])?\]?)"
    r"(?P<sign>\s{0,3}(?::=|=>|={1,3}|!==?)[ \t]*|:(?!//)[ \t]*|[ \t]+:[ \t]+)"
)
_APART = re.compile(r"[ \t]+:(?!=)")
_OPTION = re.compile(r"(?:\\*[\"'])?\s*,?\s*(?:\n\s*-[ \t]+)?(?=[^\s-])")
_AT_BEGIN = re.compile(r"[ \t]*(?:[+-][ \t]+|export[ \t]+|set[ \t]+)*[ \t]*(?:\\*[\"'])?\Z")
_QUOTE = re.compile(r"(\\*)([\"'`])")
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]*)?(?=\n|\Z)")
_MAPPING = re.compile(r"[ \t]*(?:-[ \t]+)?[\"']?[\w.\-/]+[\"']?:(?:[ \t]|$)")
_NOTHING = re.compile(
    r"(?i)(?:null|true|false|none|nil|yes|no|~|undefined|\{\}|\[\]|<[^>\n]*>|\*{3,}|\{\{[^\n]*?\}\}"
    r"|\$\{[^}\n]*\}|\$\([^)\n]*\)|%s|\.{3})(?=[\s,;\"'\\}\])]|\Z)"
)
"""Values that are no secret, or only tell where it comes from."""
_NEXT = r"(?:[ \t]*[,;][ \t]*|[ \t]+)(?:\\*[\"'])?[\w.\-/]+(?:\\*[\"'])?[ \t]*(?:=|:[ \t])"
_TO_NEXT = re.compile(rf"[^\n\"'`\\]+?(?={_NEXT}|[}}\])]+(?:[\s,;.]|\Z)|[\n\"'`\\]|\Z)")
_WORD = re.compile(r"[^\s\"'`\\&]+?(?=[,;)}\]]*(?:[\s\"'`\\&]|\Z)|[,;][\w.\-]+[=:])")
_PROSE = re.compile(
    r"(?i)(?:not|no|none|is|was|are|were|has|have|had|missing|invalid|expired|expires|required|failed"
    r"|unknown|empty|unable|cannot|could|must|should|may|and|or|of|for|in|on|to|with|from|the|an?"
    r"|permission|access|unauthorized|forbidden|error|timeout|request|context|get|post)\b"
)
_ENV_NAME = re.compile(
    r"(?i)\bname(?:\\*[\"'])?\s*[:=]\s*(?:\\*[\"'])?(?P<name>[\w.-]+)(?:\\*[\"'])?\s*,?\s*(?:\\*[\"'])?value(?:\\*[\"'])?"
    r"\s*[:=][ \t]*"
)
_ENV_VALUE = re.compile(r"(?i)\bvalue(?:\\*[\"'])?\s*[:=][ \t]*")
_NAME_AFTER = re.compile(
    r"(?i)(?:\\*[\"'])?\s*,?\s*(?:\\*[\"'])?name(?:\\*[\"'])?\s*[:=]\s*(?:\\*[\"'])?(?P<name>[\w.-]+)"
)
_KEY_BEGINS = re.compile(r"(?:\\*[\"'])?(?:[A-Za-z0-9+/=]{16,}|-----BEGIN)")
_IN_LIST = re.compile(r"[^,\]\n]+")
_MOST = 20_000
"""Characters that a quoted or bracketed value is looked through for its end."""


def named_spans(text: str) -> Iterator[Span]:
    """Give the place of each value that a name tells."""
    hits = list(HIT.finditer(text))
    if not hits:
        return
    done = 0
    for hit in hits:
        if hit.start() < done:
            continue
        begin, end = _name_around(text, *hit.span())
        done = end
        for span in _after_name(text, begin, end):
            done = max(done, span[1])
            yield span
    yield from _environment(text)


def _name_around(text: str, begin: int, end: int) -> Span:
    first, last = max(0, begin - _MOST_OF_NAME), min(len(text), end + _MOST_OF_NAME)
    while begin > first and text[begin - 1] in _IN_NAME:
        begin -= 1
    while end < last and text[end] in _IN_NAME:
        end += 1
    while end > begin and text[end - 1] in "./-":
        end -= 1
    return begin, end


def _after_name(text: str, begin: int, end: int) -> Iterator[Span]:
    name = text[begin:end]
    key_file = "/" not in name and is_key_file(name)
    if not key_file and not is_secret_name(name):
        return
    line = text.rfind("\n", 0, begin) + 1
    before = text[line:begin]
    at_begin = bool(_AT_BEGIN.match(before)) or (before.endswith(": ") and is_strong_name(name))
    sign = _SIGN.match(text, end)
    if sign and (at_begin or sign["close"] or not _APART.match(sign["sign"])):
        indent = len(before) - len(before.lstrip())
        column = indent if before.strip(" -") else begin - line
        value = _Value(text, sign.end(), name, column, whole_line=at_begin and ":" in sign["sign"])
        if not key_file or value.could_be_key():
            yield from value.spans()
    elif name.startswith("-") and (gap := _OPTION.match(text, end)) and gap.end() > end:
        quoted = _QUOTE.match(text, gap.end())
        if quoted or not _PROSE.match(text, gap.end()):
            yield from _Value(text, gap.end(), name, None).spans()


def _environment(text: str) -> Iterator[Span]:
    """Values of an environment's list."""
    for match in _ENV_NAME.finditer(text):
        if is_secret_name(match["name"]):
            yield from _beside(text, match.end()).spans()
    for match in _ENV_VALUE.finditer(text):
        value = _beside(text, match.end())
        spans = list(value.spans())
        if spans:
            after = _NAME_AFTER.match(text, max(end for _, end in spans))
            if after and is_secret_name(after["name"]):
                yield from spans


def _beside(text: str, at: int) -> _Value:
    """The value of an environment's entry, whose key may begin a line."""
    line = text.rfind("\n", 0, at) + 1
    key = re.match(r"[ \t]*(?:-[ \t]+)?(?=value:)", text[line:at])
    return _Value(text, at, "password", key.end() if key else 0, whole_line=bool(key))


class _Value:
    """What stands after a name, from ``at`` on.

    ``column`` is where the lines have to be beyond that belong to it; None: it ends with its word.
    ``whole_line``: it stands in YAML, and goes to the end of its line.
    """

    def __init__(
        self, text: str, at: int, name: str, column: int | None, *, whole_line: bool = False
    ) -> None:
        self.text, self.at, self.strong = text, at, is_strong_name(name)
        self.column, self.whole_line = column, whole_line

    def spans(self) -> Iterator[Span]:
        """Give the places of what is secret in it."""
        text, at = self.text, self.at
        if text.startswith(GONE, at) or text.startswith("{", at):
            return
        if text.startswith("[", at):
            yield from self._list()
        elif quote := _QUOTE.match(text, at):
            yield from self._quoted(quote)
        elif at >= len(text) or text[at] == "\n" or _BLOCK.match(text, at):
            if self.column is not None:
                yield from self._below(self.column, block=text[at : at + 1] in {"|", ">"})
        elif not _NOTHING.match(text, at):
            yield from self._plain()

    def could_be_key(self) -> bool:
        """Whether it can be a key, of which a name such as ``sa.key`` alone is no sign."""
        return bool(_BLOCK.match(self.text, self.at) or _KEY_BEGINS.match(self.text, self.at))

    def _quoted(self, quote: re.Match[str]) -> Iterator[Span]:
        text, begin = self.text, quote.end()
        end = _end_of_quoted(text, begin, quote[1], quote[2])
        if end < 0:  # it was cut
            end = _end_of_line(text, begin)
        if not _NOTHING.fullmatch(text[begin:end]):
            yield begin, end

    def _list(self) -> Iterator[Span]:
        """The entries of ``[a, b]``; one that holds objects tells by itself what is secret."""
        text, at, spans = self.text, self.at + 1, []
        last = min(len(text), at + _MOST)
        depth = 1
        while at < last and depth:
            char = text[at]
            if char == "{":
                return
            if quote := _QUOTE.match(text, at):
                end = _end_of_quoted(text, quote.end(), quote[1], quote[2])
                if end < 0:
                    end = _end_of_line(text, at)
                spans.append((quote.end(), end))
                at = end + len(quote[0])
            elif text.startswith(GONE, at):
                at += len(GONE)
            elif char in "[]":
                depth += 1 if char == "[" else -1
                at += 1
            elif char in ", \t\n\\":
                at += 1
            else:
                entry = _IN_LIST.match(text, at)
                end = entry.end() if entry else at + 1
                spans.append((at, end))
                at = end
        yield from (span for span in spans if not _NOTHING.fullmatch(text[slice(*span)]))

    def _plain(self) -> Iterator[Span]:
        text, at = self.text, self.at
        if self.whole_line and self.column is not None:
            end = _end_of_line(text, at)
            yield at, at + len(text[at:end].rstrip())
            yield from self._below(self.column, block=False, more=True)
            return
        before = text[max(0, at - 8) : at].rstrip()[-1:]
        pattern = _TO_NEXT if self.strong and before == ":" and self.column is not None else _WORD
        match = pattern.match(text, at)
        if not match:
            return
        word = match[0].rstrip(" \t,;")
        if (
            before == ":"
            and not self.strong
            and _is_prose(word, text[match.end() : match.end() + 2])
        ):
            return
        if not self.strong and re.fullmatch(r"\d{1,4}", word):  # how many there are
            return
        yield at, at + len(word)

    def _below(self, column: int, *, block: bool, more: bool = False) -> Iterator[Span]:
        """The lines below that belong to the value: deeper ones, and a list at the same depth."""
        text, at, first = self.text, _end_of_line(self.text, self.at) + 1, True
        while at < len(text):
            end = _end_of_line(text, at)
            line = text[at:end]
            indent = len(line) - len(line.lstrip())
            if line.strip():
                is_item = not block and not more and indent == column and line[indent:][:2] == "- "
                if indent <= column and not is_item:
                    return
                if not block and first and _MAPPING.match(line):
                    return
                begin = indent + (2 if line[indent:][:2] == "- " and not block else 0)
                yield at + begin, at + len(line.rstrip())
                first = False
            elif not block:
                return
            at = end + 1


def _is_prose(word: str, after: str) -> bool:
    """Whether a word after a colon is talk of a secret: ``invalid token: signature is wrong``."""
    if _PROSE.match(word):
        return True
    return word.isalpha() and after[:1] == " " and after[1:2].isalnum()


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _end_of_quoted(text: str, at: int, escapes: str, quote: str) -> int:
    """Where the quote closes that opened before ``at``; -1 where it does not in sight."""
    last = min(len(text), at + _MOST)
    while at < last:
        at = text.find(quote, at, last)
        if at < 0:
            return -1
        slashes = 0
        while text[at - slashes - 1] == "\\":
            slashes += 1
        if not escapes and quote == "'" and text.startswith("''", at):
            at += 2
            continue
        if slashes == len(escapes) or (not escapes and (slashes % 2 == 0 or quote == "'")):
            return at - slashes if escapes else at
        at += 1
    return -1
