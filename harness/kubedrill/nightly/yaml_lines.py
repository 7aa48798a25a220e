"""YAML with the line of every value, so that a plan's mistakes are named with theirs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.strict_yaml import DecimalLoader

Place = tuple[str | int, ...]


@dataclass
class Document:
    """The data of a file, the line of each place in it, and what is wrong with its form."""

    data: Any
    lines: dict[Place, int] = field(default_factory=dict)
    mistakes: list[tuple[int, str]] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest thing around it that is in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read_document(where: str, text: str) -> Document:
    r"""Parse YAML.

    >>> found = read_document("plan", "a: 1\nb:\n  - x\n  - y\n")
    >>> found.data, found.line(("b", 1)), found.line(("b", 7))
    ({'a': 1, 'b': ['x', 'y']}, 4, 2)

    Raises:
        ConfigErrors: it is no YAML; says in which line.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        document = Document(yaml.load(text, Loader=DecimalLoader))  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise ConfigErrors(where, [f"{place}is not YAML: {problem}"]) from error
    if root is not None:
        _walk(root, (), document)
    return document


def _walk(node: yaml.Node, place: Place, document: Document) -> None:
    document.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inside = (*place, str(key.value))
            if inside in document.lines:
                line, first = key.start_mark.line + 1, document.lines[inside]
                document.mistakes.append(
                    (line, f"{key.value} is given twice, first in line {first}; keep one of them")
                )
            document.lines[inside] = key.start_mark.line + 1
            _walk(value, inside, document)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _walk(value, (*place, number), document)
