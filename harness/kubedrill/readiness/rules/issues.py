"""The issues that rules report; the judge adds the rule's name."""

from __future__ import annotations

from kubedrill.readiness.model import Issue, Severity


def blocker(subject: str, actual: str, expected: str, action: str) -> Issue:
    """The upgrade would fail, stop half-way or break something for certain."""
    return Issue("", Severity.BLOCKER, subject, actual, expected, action)


def warning(subject: str, actual: str, expected: str, action: str) -> Issue:
    """The upgrade goes through, but somebody would notice, or a limit is near."""
    return Issue("", Severity.WARNING, subject, actual, expected, action)


def unknown(subject: str, actual: str, expected: str, action: str) -> Issue:
    """Something that matters could not be found out."""
    return Issue("", Severity.UNKNOWN, subject, actual, expected, action)


def info(subject: str, actual: str, action: str = "") -> Issue:
    """Worth knowing; nothing has to be done."""
    return Issue("", Severity.INFO, subject, actual, "", action)


def several(names: list[str] | tuple[str, ...], limit: int = 5) -> str:
    """Join names, the first few of many.

    >>> several(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown
