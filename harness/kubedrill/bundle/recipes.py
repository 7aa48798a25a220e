"""A recipe says how one part is made and what it is made from.

The graph of recipes is the build.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kubedrill.bundle.cache import content_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from kubedrill.bundle.processes import Processes


Kind = Literal["binary", "cni", "image"]
"""What a file of a bundle is."""


@dataclass(frozen=True)
class BuildContext:
    """What a recipe is given to work with."""

    out: Path
    """Empty folder that becomes the part."""
    needs: Mapping[str, Path]
    """Folders of the parts that it is made from, by recipe name."""
    processes: Processes
    note: Callable[[str, float], None]
    """Tells the user how far this part is, in words and as a share of 1."""


@dataclass(frozen=True)
class Recipe:
    """One cached part: a folder with one file or several.

    ``lane`` names what it mostly uses (``compile``, ``fetch``, ``pack``): recipes of one lane run
    one after the other, different lanes side by side.
    """

    name: str
    version: str
    lane: str
    inputs: Any
    """Everything, as JSON, that changes what comes out; with the needs' keys it is the part's
    key."""
    make: Callable[[BuildContext], None] = field(compare=False)
    needs: tuple[Recipe, ...] = ()
    prepare: Callable[[Processes], None] | None = field(default=None, compare=False)
    """What can be done early, while other parts are made: downloads. ``make`` does not rely on
    it."""

    @property
    def title(self) -> str:
        """Its name for people; two releases may have parts of one title."""
        return f"{self.name} {self.version}"

    @property
    def key(self) -> str:
        """Sha256 of all inputs."""
        return content_key(
            [self.name, self.version, self.inputs, [need.key for need in self.needs]]
        )

    def with_needs(self) -> list[Recipe]:
        """This recipe and all that it is made from, each once, needed ones first."""
        recipes: dict[str, Recipe] = {}
        for need in self.needs:
            recipes.update({r.name: r for r in need.with_needs()})
        return [*recipes.values(), self]


@dataclass(frozen=True)
class Item:
    """One file of a bundle: where it comes from in a part and what bundle.json says of it."""

    name: str
    kind: Kind
    path: str
    recipe: Recipe
    file: str
    source: str
    nodes: tuple[str, ...]
    version: str = ""
    """Empty: that of the first of ``packages``, which is known only once they are fetched."""
    image: str | None = None
    packages: tuple[str, ...] = ()
    """Debian packages in it; the part's ``packages.json`` has their versions."""


def order(items: list[Item]) -> list[Recipe]:
    """All recipes behind the items, each once, needed ones first."""
    recipes: dict[str, Recipe] = {}
    for item in items:
        recipes.update({r.key: r for r in item.recipe.with_needs()})
    return list(recipes.values())
