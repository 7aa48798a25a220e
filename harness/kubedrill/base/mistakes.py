"""Says in a user's words what is wrong with a value that pydantic refused."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from kubedrill.base.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from kubedrill.base.yaml_lines import Document, Place

SHOWN = 80
"""Characters that are shown of a wrong value."""

_NUMBER = "expected a number"
_WHOLE = "expected a whole number"
_TRUTH = "expected true or false"
_TEXT = "expected text; put numbers, dates and words such as yes and no in quotes"
_LIST = "expected a list"
_SECTION = "expected names with their values"

_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "invalid_key": "is not known here",
    "unexpected_keyword_argument": "is not known here",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "expected a number that is not infinite",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "expected a whole number of fewer digits",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "string_type": _TEXT,
    "string_unicode": "expected text of Unicode characters",
    "string_too_short": "expected some text",
    "path_type": "expected a path",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "too_short": "expected one entry or more",
    "dict_type": _SECTION,
    "model_type": _SECTION,
    "dataclass_type": _SECTION,
    "model_attributes_type": _SECTION,
    "recursion_loop": "refers to itself; write it out",
    "json_invalid": "is not JSON",
}

_WITHOUT_A_VALUE = {
    "app",
    "missing",
    "extra_forbidden",
    "invalid_key",
    "unexpected_keyword_argument",
}
"""Kinds whose value says nothing."""

_BOUNDS = {
    "greater_than": "expected more than {gt}",
    "greater_than_equal": "expected {ge} or more",
    "less_than": "expected less than {lt}",
    "less_than_equal": "expected {le} or less",
    "string_too_long": "expected {max_length} characters or fewer",
    "literal_error": "expected {expected}",
    "enum": "expected {expected}",
}


def words(item: Mapping[str, Any]) -> str:
    """Return what was expected and what was found, of one of pydantic's errors.

    >>> words({"type": "greater_than", "ctx": {"gt": 0}, "input": -1, "msg": ""})
    'expected more than 0, found -1'
    """
    kind, context = item["type"], item.get("ctx", {})
    if kind in _WITHOUT_A_VALUE:
        return _WORDS.get(kind) or str(item["msg"])
    if kind in _BOUNDS:
        text = _BOUNDS[kind].format(
            **{
                name: int(value) if isinstance(value, float) and value.is_integer() else value
                for name, value in context.items()
            }
        )
    else:
        text = _WORDS.get(kind) or _reword(str(item["msg"]))
    return f"{text[:1].lower()}{text[1:]}, found {shown(item['input'])}"


def _reword(message: str) -> str:
    """Say a message of pydantic's in this project's words, where it has no entry above."""
    *_, expected = message.partition(" should be ")
    return f"expected {expected}" if expected else message.removeprefix("Value error, ")


def located(item: Mapping[str, Any]) -> str:
    """Return one of pydantic's errors with its place in front."""
    place = ".".join(str(part)[:60] for part in item["loc"])
    return f"{place}{': ' if place else ''}{words(item)}"


def shown(value: object) -> str:
    """Show a value without secrets, cut where it is long.

    >>> shown(10 ** 5000), shown("x" * 100)[-5:], shown(None)
    ('a number of thousands of digits', 'xxxx…', 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = redact(repr(value))
    except (ValueError, RecursionError):
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def list_mistakes(
    error: ValidationError, document: Document, model: type[BaseModel]
) -> list[tuple[int, str]]:
    """Return the line and the words of each mistake in a file that ``model`` reads.

    Each once: a list whose entries are wrong is not too short as well.
    """
    items = error.errors()
    places = [item["loc"] for item in items]
    return [
        _mistake(item, document, model)
        for item, place in zip(items, places, strict=True)
        if not any(other != place and other[: len(place)] == place for other in places)
    ]


def _mistake(item: ErrorDetails, document: Document, model: type[BaseModel]) -> tuple[int, str]:
    place: Place = tuple(part for part in item["loc"] if part != "[key]")
    name = ".".join(str(part)[:60] for part in place)
    parent = _model_at(model, place[:-1])
    if item["type"] == "missing":
        field = parent.model_fields.get(str(place[-1]))
        expected = (field and field.description) or "a value"
        return document.line(place), f"{name}: is missing; expected {expected}"
    if item["type"] in {"extra_forbidden", "invalid_key"}:
        known = sorted(parent.model_fields)
        like = get_close_matches(str(place[-1]), known, n=1, cutoff=0.6)
        hint = f"; did you mean {like[0]}?" if like else ""
        text = f"{name}: no such setting; known here: {', '.join(known)}{hint}"
        return document.line(place), text
    return document.line(place), f"{name}: {words(item)}"


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel]:
    """The model of a section, which may be one of a list's or a mapping's entries."""
    for part in place:
        if field := model.model_fields.get(str(part)):
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
