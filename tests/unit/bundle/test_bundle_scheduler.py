from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubedrill.base.waits import wait_for
from kubedrill.bundle.errors import BuildFailed
from kubedrill.bundle.progress import Silent
from kubedrill.bundle.recipes import BuildContext, Recipe
from kubedrill.bundle.scheduler import make_parts, missing_parts, part_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.bundle.cache import Cache


class Counting:
    """Makes recipes that write their name and count how often they ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(
        self, name: str, *needs: Recipe, lane: str = "pack", then: Callable[[], None] | None = None
    ) -> Recipe:
        def make(context: BuildContext) -> None:
            self.ran.append(name)
            (context.out / "file").write_text(
                name + "".join((context.needs[n.name] / "file").read_text() for n in needs)
            )
            if then:
                then()

        return Recipe(name, "v1", lane, {}, make, needs)


def build(cache: Cache, recipes: list[Recipe]) -> None:
    make_parts(missing_parts(cache, recipes), cache, Silent())


def test_needs_come_first_and_nothing_is_built_twice(cache: Cache) -> None:
    recipe = Counting()
    base = recipe("base", lane="fetch")
    top = recipe("top", base)
    build(cache, [top, base])
    build(cache, [top, base])
    assert recipe.ran == ["base", "top"]
    assert (part_folder(cache, top) / "file").read_text() == "topbase"


def test_a_failed_build_keeps_what_is_finished_and_goes_on_from_there(cache: Cache) -> None:
    def fail() -> None:
        raise BuildFailed("no")

    recipe = Counting()
    base = recipe("base")
    with pytest.raises(BuildFailed):
        build(cache, [base, recipe("top", base, then=fail)])
    assert [p.name[:4] for p in cache.parts.iterdir()] == ["base"]
    build(cache, [base, recipe("top", base)])
    assert recipe.ran == ["base", "top", "top"]


@pytest.mark.parametrize("damage", ["missing", "longer", "same size"])
def test_a_damaged_part_is_built_again(cache: Cache, damage: str) -> None:
    recipe = Counting()
    base = recipe("base")
    build(cache, [base])
    file, sealed = part_folder(cache, base) / "file", part_folder(cache, base) / "part.json"
    if damage == "missing":
        file.unlink()
    else:
        file.write_text({"longer": "longer", "same size": "esab"}[damage])
        later = sealed.stat().st_mtime_ns + 10**9
        os.utime(file, ns=(later, later))
    build(cache, [base])
    assert recipe.ran == ["base", "base"]
    assert file.read_text() == "base"


def test_a_part_without_seal_is_half_written(cache: Cache) -> None:
    recipe = Counting()
    base = recipe("base")
    part_folder(cache, base).mkdir(parents=True)
    build(cache, [base])
    assert recipe.ran == ["base"]


def test_a_copied_part_is_not_built_again(cache: Cache) -> None:
    """A restored cache has other times; what counts is the content."""
    recipe = Counting()
    base = recipe("base")
    build(cache, [base])
    os.utime(part_folder(cache, base) / "part.json", ns=(1, 1))
    build(cache, [base])
    assert recipe.ran == ["base"]


def test_different_lanes_run_side_by_side(cache: Cache) -> None:
    both = threading.Barrier(2, timeout=120)
    recipe = Counting()
    build(
        cache,
        [recipe("a", lane="compile", then=both.wait), recipe("b", lane="fetch", then=both.wait)],
    )  # type: ignore[arg-type]
    assert sorted(recipe.ran) == ["a", "b"]


def test_a_changed_input_changes_the_keys_of_all_that_is_made_from_it() -> None:
    def chain(content: str) -> list[str]:
        base = Recipe("base", "v1", "pack", {"content": content}, lambda _: None)
        return [base.key, Recipe("top", "v1", "pack", {}, lambda _: None, (base,)).key]

    assert chain("x") == chain("x")
    assert not set(chain("x")) & set(chain("y"))


SLOW_BUILD = """
import pathlib, signal, sys
# a shell without job control makes its children ignore it
signal.signal(signal.SIGINT, signal.default_int_handler)
from kubedrill.bundle.cache import Cache
from kubedrill.cli.bundle import interruptible
from kubedrill.bundle.progress import Silent
from kubedrill.bundle.recipes import Recipe
from kubedrill.bundle.scheduler import make_parts

def make(context):
    (context.out / "half").write_text("half")
    command = ["sh", "-c", "sleep 300 & echo $!; wait"]
    context.processes.run("slow", command, on_line=lambda l: print(l, flush=True))

quick = Recipe("quick", "v1", "fetch", {}, lambda context: (context.out / "file").write_text("x"))
slow = Recipe("slow", "v1", "compile", {}, make, (quick,))
with interruptible():
    make_parts([quick, slow], Cache(pathlib.Path(sys.argv[1])), Silent())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_children_and_leaves_the_cache_valid(
    cache: Cache, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_BUILD, cache.root],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as builder:
        assert builder.stdout is not None
        grandchild = int(builder.stdout.readline())
        builder.send_signal(number)
        _, output = builder.communicate(timeout=120)
    assert builder.returncode == 4
    assert "finished parts are kept" in output
    wait_for(
        "the children to end",
        lambda: is_gone(grandchild) or None,
        seconds=60,
        setting="a test's own",
        poll_s=0.05,
    )
    assert [p.name.split("-")[0] for p in cache.parts.iterdir()] == ["quick"]


def is_gone(pid: int) -> bool:
    """Whether a process has ended; the kernel may take a moment for it after its signal."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
