"""The drills. Each module here that has ``DRILLS``, a tuple of them, takes part by being here."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from kubedrill.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubedrill.core.drill import Drill

__all__ = ["ALL", "STANDARD", "find_drills", "similar"]


def _discover() -> Iterable[Drill]:
    for module in sorted(iter_modules(__path__), key=lambda each: each.name):
        yield from getattr(import_module(f"{__name__}.{module.name}"), "DRILLS", ())


ALL: dict[str, Drill] = {
    drill.name: drill for drill in sorted(_discover(), key=lambda each: (each.family, each.order))
}
"""Every drill by its name, in the order of a full run."""

STANDARD = tuple(drill.name for drill in ALL.values() if drill.standard)
"""What is run when no drill is named: a quarter of an hour; all of them take more than an hour."""


def find_drills(names: Iterable[str]) -> list[Drill]:
    """Return the drills of these names in their order.

    No name means the standard ones, "all" every one but those that upgrade in another way than
    the standard upgrade, or roll back: each of them needs a cluster to itself. Nor does "all" renew
    certificates, which is for good, or boot every node.

    Raises:
        UsageError: unknown names; all of them are named, and the known ones listed.
    """
    names = list(names)
    unknown = [name for name in names if name not in ALL and name != "all"]
    if unknown:
        hints = " ".join(
            f"Did you mean {like} instead of {name[:60]}?"
            for name in unknown
            if (like := similar(name))
        )
        listed = ", ".join(name[:60] for name in unknown)
        raise UsageError(
            f"no such drill: {listed}. {hints}{' ' if hints else ''}kubedrill list names them all"
        )
    if "all" in names:
        return [drill for drill in ALL.values() if drill.in_all]
    return [ALL[name] for name in dict.fromkeys(names or STANDARD)]


def similar(name: str) -> str:
    """The three drills that are nearest to a mistyped name, or that hold it; "" without any.

    >>> similar("kubelet-stoped")
    'kubelet-stopped or kubelet-killed or kubelet-frozen'
    """
    standard = [known for known in STANDARD if name in known]
    close = get_close_matches(name, ALL, n=3, cutoff=0.6)
    holding = [known for known in ALL if name in known]
    return " or ".join(list(dict.fromkeys([*standard, *close, *holding]))[:3])
