"""The documentation: links, generated pages, sizes, and what does not belong into it."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
LARGEST_PAGE = 20_000
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *sorted(ROOT.glob("benchmarks/results/*.md")),
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("roles/*/README.md")),
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
IN_CODE = re.compile(r"(?<![\w./-])docs/[\w/-]+\.(?:md|json|png)")
RUN_ID = re.compile(r"\b20\d{6}T\d{6}Z")
DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as MkDocs and GitHub make them."""
    result: set[str] = set()
    for line in without_code(path.read_text(encoding="utf-8")).splitlines():
        if match := re.match(r"#{1,6} +(.+)", line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1])
            slug = re.sub(r"[^\w\s-]", "", text).strip().lower()
            result.add(re.sub(r"[-\s]+", "-", slug))
    return result


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    broken = []
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_each_page_named_in_code_exists() -> None:
    files = subprocess.run(
        ["git", "grep", "-lE", "docs/[a-z]", "--", ":!docs", ":!CHANGELOG.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    missing = [
        f"{file}: {mention}"
        for file in files
        for mention in IN_CODE.findall((ROOT / file).read_text(encoding="utf-8"))
        if not (ROOT / mention).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name)
def test_no_page_is_a_diary_or_too_long_to_read(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) <= LARGEST_PAGE
    assert RUN_ID.findall(text) == []
    assert DATE.findall(text) == []


def test_the_generated_pages_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_navigation_lists_each_page_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]

    def flat(item: object) -> list[str]:
        if isinstance(item, str):
            return [item]
        values = item.values() if isinstance(item, dict) else item
        return [page for value in values for page in flat(value)]  # type: ignore[attr-defined]

    listed = [
        str(path.relative_to(DOCS))
        for page in flat(nav)
        for path in DOCS.glob(page)
        if path.is_file()
    ]
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
