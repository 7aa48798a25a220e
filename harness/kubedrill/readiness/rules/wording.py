"""How a rule says what it found; the judge adds the rule's name."""

from __future__ import annotations

from kubedrill.readiness.model import Finding, Severity


def blocker(subject: str, found: str, expected: str, action: str) -> Finding:
    """The upgrade would fail, stop half-way or break something for certain."""
    return Finding("", Severity.BLOCKER, subject, found, expected, action)


def warning(subject: str, found: str, expected: str, action: str) -> Finding:
    """The upgrade goes through, but somebody would notice, or a limit is near."""
    return Finding("", Severity.WARNING, subject, found, expected, action)


def unknown(subject: str, found: str, expected: str, action: str) -> Finding:
    """Something that matters could not be found out."""
    return Finding("", Severity.UNKNOWN, subject, found, expected, action)


def info(subject: str, found: str, action: str = "") -> Finding:
    """Worth knowing; nothing has to be done."""
    return Finding("", Severity.INFO, subject, found, "", action)


def several(names: list[str] | tuple[str, ...], limit: int = 5) -> str:
    """Join names, the first few of many.

    >>> several(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown
