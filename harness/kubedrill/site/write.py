"""Writes the site: three files that load nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.files import replace_file
from kubedrill.report.page import stylesheet
from kubedrill.site.data import Places, site_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.base.document import RunDocument

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("dom.js", "plot.js", "views.js", "app.js")


def write_site(runs: Sequence[RunDocument], site: Path, reports: Path) -> Path:
    """Write index.html, data.js and site.js into ``site``; returns the path of index.html.

    Each file is replaced in one step. ``runs`` are the oldest first, as the history gives them.
    """
    site.mkdir(parents=True, exist_ok=True)
    data = site_data(runs, Places(site, reports), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    replace_file(site / "data.js", f"window.KUBEDRILL={text};\n")
    replace_file(
        site / "site.js", "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    )
    page = (ASSETS / "index.html").read_text(encoding="utf-8")
    style = stylesheet(ASSETS / "site.css")
    replace_file(site / "index.html", page.replace("/* style */", style))
    return site / "index.html"
