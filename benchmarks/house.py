"""Figures of the code: its size, its longest functions and files, and the words of its names.

``python -m benchmarks.house [ROOT …]`` prints one column for each checkout (default: this one)::

    git worktree add /tmp/before 9608ba4
    .venv/bin/python -m benchmarks.house /tmp/before . > benchmarks/results/house.md

Lines depend on the formatter's width, statements do not: compare those.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
CODE = [
    "harness",
    "plugins",
    "roles",
    "playbooks",
    "apps",
    "benchmarks",
    "bundle",
    "sample-app",
    "orders-app",
]
WORDS = frozenset(
    ["found", "said", "told", "own", "lacks", "kept", "wanted", "goal", "show", "act", "look"]
)
"""Names that say nothing of what they hold or do: use ``result``, ``missing``, ``actual``."""

GENERATED = ("_pb2.py", "go.sum", ".lock", "drills.json", "README.md")
"""Ends of files that a program writes."""

COLUMNS = 100
Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("roots", nargs="*", type=Path, default=[ROOT])
    roots = parser.parse_args().roots
    columns = [figures(root) for root in roots]
    print("| figure |", " | ".join(_commit(root) for root in roots), "|")
    print("|---|" + "---:|" * len(roots))
    for name in columns[0]:
        print(f"| {name} |", " | ".join(column[name] for column in columns), "|")


def figures(root: Path) -> dict[str, str]:
    """Every row of the table for one checkout; the acceptance tests in the wheel are left out."""
    files = {p: _text(p) for p in production_files(root) if "acceptance" not in p.parts}
    modules = [Module(path, text) for path, text in files.items() if path.suffix == ".py"]
    functions = [function for module in modules for function in module.functions]
    lengths = [node.end_lineno - node.lineno + 1 for node in functions if node.end_lineno]
    sizes = [len(module.text.splitlines()) for module in modules]
    lines = [line for text in files.values() for line in text.splitlines()]
    names = Counter(name for module in modules for name in module.bound_names())
    rows = {f"lines of {kind}": str(_lines(files, *ends)) for kind, ends in _KINDS.items()}
    rows |= {
        "Python statements": str(sum(module.statements for module in modules)),
        "Python files": str(len(modules)),
        "functions": str(len(functions)),
        "median function, lines": f"{median(lengths):g}",
        "largest function, lines": str(max(lengths)),
        "median file, lines": f"{median(sizes):g}",
        "largest file, lines": str(max(sizes)),
        f"lines over {COLUMNS} columns": f"{sum(len(x) > COLUMNS for x in lines) / len(lines):.2%}",
        "private functions with one caller": str(
            sum(len(module.called_once()) for module in modules)
        ),
        "name bindings": str(names.total()),
    }
    for word in sorted(WORDS):
        rows[f"`{word}` per 1,000 bindings"] = f"{1000 * names[word] / names.total():.2f}"
    return rows


_KINDS = {
    "Python": (".py",),
    "YAML and templates": (".yml", ".yaml", ".j2"),
    "JavaScript": (".js",),
    "shell": (".sh",),
}


def production_files(root: Path) -> Iterator[Path]:
    """Files under version control that are run, without docs and what programs write."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", *CODE], capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        path = root / name
        if path.is_symlink() or name.endswith(GENERATED) or "results" in path.parts:
            continue
        if path.is_file():
            yield path


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path
    text: str

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Its syntax tree, flat."""
        return list(ast.walk(ast.parse(self.text)))

    @property
    def functions(self) -> list[Function]:
        """Functions and methods."""
        return [node for node in self.nodes if isinstance(node, Function)]

    @property
    def statements(self) -> int:
        """Count statements, without docstrings."""
        kinds = (ast.stmt,)
        docs = sum(
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for node in self.nodes
        )
        return sum(isinstance(node, kinds) for node in self.nodes) - docs

    def bound_names(self) -> Iterator[str]:
        """Yield each name that is bound, without leading underscores; imports are left out."""
        for node in self.nodes:
            name = _bound(node)
            if name:
                yield name.lstrip("_")

    def called_once(self) -> list[str]:
        """Private functions that the file names in one place only."""
        used = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in self.nodes
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
        )
        names = [node.name for node in self.functions]
        return [n for n in names if n.startswith("_") and n[-2:] != "__" and used[n] == 1]


def _bound(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.arg(arg=name) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            return name
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:  # an icon
        return ""


def _lines(files: dict[Path, str], *ends: str) -> int:
    return sum(len(text.splitlines()) for path, text in files.items() if path.suffix in ends)


def _commit(root: Path) -> str:
    argv = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
