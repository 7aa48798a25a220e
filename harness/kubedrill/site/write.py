"""Writes the site: three files that load nothing else."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.files import PRIVATE_FILE, make_private_folder, replace_file
from kubedrill.report.page import stylesheet
from kubedrill.site.data import Places, site_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.base.document import RunDocument

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("dom.js", "plot.js", "views.js", "app.js")


def write_site(
    runs: Sequence[RunDocument], site: Path, reports: Path, made: datetime | None = None
) -> Path:
    """Write index.html, data.js and site.js into ``site``; returns the path of index.html.

    Others may read the files where they may enter the folder, as a web server's user does.
    Each file is replaced in one step. ``runs`` are the oldest first, as the history gives them.
    ``made``: of what time the pages tell; now, where it is not given.
    """
    make_private_folder(site)
    mode = 0o644 if site.stat().st_mode & stat.S_IXOTH else PRIVATE_FILE
    data = site_data(runs, Places(site, reports), made or datetime.now(UTC))
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    replace_file(site / "data.js", f"window.KUBEDRILL={text};\n", mode=mode)
    scripts = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    replace_file(site / "site.js", scripts, mode=mode)
    page = (ASSETS / "index.html").read_text(encoding="utf-8")
    style = stylesheet(ASSETS / "site.css")
    replace_file(site / "index.html", page.replace("/* style */", style), mode=mode)
    return site / "index.html"
