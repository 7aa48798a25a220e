"""YAML with the line of every value, so that mistakes are named with theirs.

Used for every file that a person writes: what YAML allows and nobody means is refused, such as a
name given twice (of which YAML keeps the last) and aliases that stand for millions of values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.strict_json import BROKEN, is_broken

if TYPE_CHECKING:
    from pathlib import Path

Place = tuple[str | int, ...]

MAX_VALUES = 20_000
"""Values of a file, each alias counted as what it stands for. A plan has a hundred."""
MAX_BYTES = 1_000_000

_PLAIN = {
    r"'\t'": "a tab stands where spaces are expected; indent with spaces",
    "unacceptable character": "it holds a character that no text has, such as NUL",
    "could not determine a constructor": "it has a tag (!…) that is not known here; leave it out",
    "unhashable key": "a list or a mapping stands where a name is expected",
}
"""What the parser says in its own words, by a part of it."""


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


def read_text(path: Path, example: str) -> str:
    """Read a file that a person wrote.

    Raises:
        ConfigErrors: it cannot be read, is no text, or is far too large; ``example`` says what to
            give instead.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigErrors(str(path), [f"cannot be read: {reason}; give {example}"]) from error
    if len(raw) > MAX_BYTES:
        raise ConfigErrors(str(path), [f"is larger than {MAX_BYTES / 1e6:g} MB; give {example}"])
    return text


def read_document(where: str, text: str) -> Document:
    r"""Parse YAML.

    >>> document = read_document("plan", "a: 1\nb:\n  - x\n  - y\n")
    >>> document.data, document.line(("b", 1)), document.line(("b", 7))
    ({'a': 1, 'b': ['x', 'y']}, 4, 2)

    Raises:
        ConfigErrors: it is no YAML, refers to itself, or stands for far too many values; says in
            which line.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Document(None)
        _count(root, {})
        document = Document(loader.construct_document(root))
        _walk(root, (), document)
    except yaml.YAMLError as error:
        raise ConfigErrors(where, [_syntax(error)]) from error
    except RecursionError as error:
        raise ConfigErrors(where, ["is not usable: its values are nested too deeply"]) from error
    return document


def refuse(where: str, mistakes: list[tuple[int, str]]) -> ConfigErrors:
    """Make the error of a file: each mistake once, with its line, in the order of lines."""
    return ConfigErrors(where, [f"line {line}: {text}" for line, text in sorted(set(mistakes))])


class _Loader(yaml.SafeLoader):
    """Refuses numbers in base 60, and names the line of a scalar that Python cannot take.

    Such as a date of a thirteenth month.
    """

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Refuse 1:30, which is 90 in YAML 1.1."""
        if ":" in node.value:
            raise _constructor_error(
                f"{node.value[:60]} is a number in base 60 to YAML; write it in seconds, or in "
                "quotes where it is no number",
                node,
            )
        is_int = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if is_int else self.construct_yaml_float(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if isinstance(node, yaml.ScalarNode) and is_broken(node.value):
            raise _constructor_error(f"{node.value[:60]!r} {BROKEN}", node)
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as error:
            digits = "Exceeds the limit" in str(error)
            problem = (
                "a number of thousands of digits"
                if digits
                else f"{str(node.value)[:60]}: {error}; put it in quotes where it is text"
            )
            raise _constructor_error(problem, node) from error


for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    _Loader.add_constructor(_tag, _Loader.construct_number)


def _constructor_error(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _syntax(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}: " if mark else ""
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    plain = next((text for sign, text in _PLAIN.items() if sign in problem), problem)
    is_yaml = isinstance(error, yaml.constructor.ConstructorError)
    return f"{place}{'' if is_yaml else 'is not YAML: '}{plain[:200]}"


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    if id(node) in known:
        if not known[id(node)]:
            raise _constructor_error("an alias refers to what it stands in; write it out", node)
        return known[id(node)]
    known[id(node)] = 0
    if isinstance(node, yaml.MappingNode):
        inside = [part for pair in node.value for part in pair]
    else:
        inside = node.value if isinstance(node, yaml.SequenceNode) else []
    known[id(node)] = total = 1 + sum(_count(part, known) for part in inside)
    if total > MAX_VALUES:
        problem = f"it stands for more than {MAX_VALUES} values, aliases written out; shorten it"
        raise _constructor_error(problem, node)
    return total


def _walk(node: yaml.Node, place: Place, document: Document) -> None:
    document.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        given: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            inside = (*place, name)
            if name in given:
                document.mistakes.append(
                    (line, f"{name} is given twice, first in line {given[name]}; keep one of them")
                )
            given[name] = line
            document.lines[inside] = line
            _walk(value, inside, document)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _walk(value, (*place, number), document)
