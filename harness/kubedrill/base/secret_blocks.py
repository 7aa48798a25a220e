"""The data of Kubernetes Secrets in YAML and JSON, as ``kubectl get secret`` and logs show it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kubedrill.base.secret_forms import GONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.secret_forms import Span

_YAML_KIND = re.compile(r"^([ \t]*)(- +)?kind:[ \t]*[\"']?Secret[\"']?[ \t]*$", re.MULTILINE)
_YAML_DATA = re.compile(r"([ \t]*)(- +)?(?:data|stringData):[ \t]*(?P<flow>\{.*)?$")
_KEY = re.compile(r"[ \t]*[\"']?[\w.\-/]+[\"']?:[ \t]*(?:[|>][+-]?\d?[+-]?[ \t]*$)?")
_JSON_KIND = re.compile(r"(\\*[\"'])kind\1\s*:\s*(\\*[\"'])Secret\2")
_JSON_DATA = re.compile(r"(\\*[\"'])(?:data|stringData)\1\s*:\s*\{")
_JSON_ENTRY = re.compile(
    r"\s*,?\s*(?P<quote>\\*[\"'])[\w.\-/]+(?P=quote)\s*:\s*(?P=quote)(?P<value>.*?)"
    r"(?:(?<!\\)(?P=quote)|\Z)",
    re.DOTALL,
)
_FLOW_ENTRY = re.compile(r"[{,]\s*[\"']?[\w.\-/]+[\"']?\s*:\s*([^,}\n]+)")


def manifest_spans(text: str) -> Iterator[Span]:
    """Give the place of each value in the data of each Secret; its keys stay."""
    if "Secret" not in text:
        return
    yield from _yaml(text)
    if _JSON_KIND.search(text):
        for match in _JSON_DATA.finditer(text):
            at = match.end()
            while entry := _JSON_ENTRY.match(text, at):
                yield entry.span("value")
                at = entry.end()


def _yaml(text: str) -> Iterator[Span]:
    if not _YAML_KIND.search(text):
        return
    lines = text.split("\n")
    places = [0]
    for line in lines:
        places.append(places[-1] + len(line) + 1)
    for number, line in enumerate(lines):
        if kind := _YAML_KIND.fullmatch(line):
            column = len(kind[1]) + len(kind[2] or "")
            for data in _siblings(lines, number, column):
                for row, begin, end in _values(lines, data, column):
                    yield places[row] + begin, places[row] + end


def _siblings(lines: list[str], number: int, column: int) -> Iterator[int]:
    """The lines of ``data:`` in the same object as line ``number``."""
    for step in (-1, 1):
        at = number
        begins = lines[at].lstrip().startswith("- ")
        while 0 <= at + step < len(lines):
            if step < 0 and begins:
                break
            at += step
            line = lines[at]
            stripped = line.lstrip()
            indent = len(line) - len(stripped)
            begins = stripped.startswith("- ") and indent < column
            if stripped.startswith(("---", "...")):
                break
            if stripped and indent < column and (step > 0 or not begins):
                break
            data = _YAML_DATA.fullmatch(line)
            if data and len(data[1]) + len(data[2] or "") == column:
                yield at
            elif stripped.removeprefix("- ").startswith("kind:") and indent <= column:
                break  # another object


def _values(lines: list[str], data: int, column: int) -> Iterator[tuple[int, int, int]]:
    """Row, begin and end of each value below ``data:``."""
    flow = _YAML_DATA.fullmatch(lines[data])
    if flow and flow["flow"]:
        for entry in _FLOW_ENTRY.finditer(lines[data]):
            yield data, *entry.span(1)
        return
    depth = 0
    for row in range(data + 1, len(lines)):
        line = lines[row]
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if indent <= column:
            return
        depth = depth or indent
        key = _KEY.match(line) if indent == depth else None
        begin = key.end() if key else indent
        end = len(line.rstrip())
        if begin < end and line[begin:end] != GONE:
            yield row, begin, end
