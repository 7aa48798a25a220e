"""The words that names are made of."""

from __future__ import annotations

from benchmarks.house import ROOT, WORDS, Module, production_files

PLACES = ("harness", "plugins", "apps", "benchmarks")
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_names_say_what_they_hold() -> None:
    """A result is ``result``, ``output``, ``missing``, ``actual``: never ``found`` or ``said``."""
    production = [
        path
        for path in production_files(ROOT)
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PLACES
    ]
    places = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in [*production, *TESTS]
        for name in Module(path, path.read_text(encoding="utf-8")).bound_names()
        if name in WORDS
    ]
    assert places == []


def test_pages_scripts_have_lines_of_at_most_100_columns() -> None:
    """Ruff holds Python to it; scripts and styles are written by `prettier --print-width 100`."""
    assets = [
        path for path in (ROOT / "harness").rglob("assets/*.*") if path.suffix in {".js", ".css"}
    ]
    assert assets
    assert [
        f"{path.relative_to(ROOT)}:{number}"
        for path in assets
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 100
    ] == []
