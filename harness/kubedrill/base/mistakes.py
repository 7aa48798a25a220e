"""Says in a user's words what is wrong with a value that pydantic refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    if kind in {"app", "missing", "extra_forbidden", "unexpected_keyword_argument"}:
        return _WORDS.get(kind) or str(item["msg"])
    if kind in _BOUNDS:
        text = _BOUNDS[kind].format(**{name: _figure(value) for name, value in context.items()})
    else:
        text = _WORDS.get(kind) or str(item["msg"]).removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}, found {shown(item['input'])}"


def _figure(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown(value: object) -> str:
    """Show a value, cut where it is long.

    >>> shown(10 ** 5000), shown("x" * 100)[-5:], shown(None)
    ('a number of thousands of digits', 'xxx…', 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
