"""What MkDocs does besides: pages that stand outside of docs/, and links to them.

Measurements, CONTRIBUTING and CHANGELOG are read in the repository as well, so their links are
relative to the repository. A link to a file that is no page of the book becomes its plain name.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "LICENSE": "LICENSE",
}
SHIM = "https://unpkg.com/iframe-worker/shim"
"""What the theme loads for its search in pages from the disk; a copy is in assets/."""

LOADED = re.compile(r'<(?:script|img|link)[^>]+(?:src|href)="https?://[^"]+"')
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def outside_pages() -> dict[str, str]:
    """Return the pages outside of docs/: path in the repository, path in the book."""
    results = ROOT.glob("benchmarks/results/*.md")
    return OUTSIDE | {f"benchmarks/results/{path.name}": f"results/{path.name}" for path in results}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Expand ``folder/*`` in the navigation."""
    config.nav = _expanded(config.nav)
    return config


def _expanded(item: Any) -> Any:
    if isinstance(item, dict):
        return {title: _expanded(value) for title, value in item.items()}
    if isinstance(item, str):
        return item
    result: list[Any] = []
    for entry in item:
        if isinstance(entry, str) and entry.endswith("/*"):
            folder = entry.removesuffix("/*")
            results = [page for page in outside_pages().values() if page.startswith(f"{folder}/")]
            names = {path.name for path in (ROOT / "docs" / folder).glob("*.md")}
            pages = {*results, *(f"{folder}/{name}" for name in names)}
            result += sorted(page for page in pages if not page.endswith("README.md"))
        else:
            result.append(_expanded(entry))
    return result


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand outside of docs/."""
    for source, target in outside_pages().items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links that are relative to the repository into links of the book."""
    targets = outside_pages()
    sources = {target: source for source, target in targets.items()}
    here = sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def convert(match: re.Match[str]) -> str:
        text, link = match.groups()
        path, _, anchor = link.partition("#")
        if not path or "://" in link or link.startswith("mailto:"):
            return match[0]
        real = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        target = real.removeprefix("docs/") if real.startswith("docs/") else targets.get(real)
        if target is None:
            return text
        relative = posixpath.relpath(target, posixpath.dirname(page.file.src_uri) or ".")
        return f"[{text}]({relative}{'#' + anchor if anchor else ''})"

    return LINK.sub(convert, markdown)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Let a page load nothing from elsewhere."""
    return _offline(output, page.url)


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """Let the page of a missing address load nothing from elsewhere."""
    return _offline(output_content, template_name)


def _offline(text: str, url: str) -> str:
    text = text.replace(SHIM, get_relative_url("assets/iframe-worker.js", url))
    if match := LOADED.search(text):
        raise PluginError(f"{url} loads from elsewhere, expected files of the site: {match[0]}")
    return text
