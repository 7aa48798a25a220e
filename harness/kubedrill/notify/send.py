"""Messages by mail, chat or webhook, through Apprise: its URLs say where to."""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING, Any

import apprise

from kubedrill.base.errors import ConfigErrors, StepFailed, UsageError
from kubedrill.base.redact import redact, remember_secrets, secrets_in

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "KUBEDRILL_NOTIFY_URLS"


def read_urls(file: Path | None) -> list[str]:
    """Read the URLs, from the environment and from a file with one a line.

    They hold passwords and are never shown.

    Raises:
        UsageError: the file cannot be read, or others than its owner can read it too.
        ConfigErrors: some are no URLs that Apprise knows; told by their number.
    """
    errors = [
        (f"${VARIABLE}, URL {n}", url)
        for n, url in enumerate(os.environ.get(VARIABLE, "").split(), 1)
    ]
    if file is not None:
        lines = enumerate(_private_lines(file), 1)
        errors += [
            (f"{file}, line {n}", line) for n, line in lines if line and not line.startswith("#")
        ]
    wrong = [
        place
        for place, url in errors
        if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None
    ]
    if wrong:
        known = (
            "a URL such as mailto://user:password@example.org, slack://…, or json://host/path "
            "for a webhook"
        )
        raise ConfigErrors(
            "notify", [f"{place}: no service that is known; expected {known}" for place in wrong]
        )
    urls = [url for _, url in errors]
    remember_secrets([*urls, *(password for url in urls for password in secrets_in([("", url)]))])
    return urls


def _private_lines(file: Path) -> list[str]:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file}: cannot be read ({error}); expected a file with one URL a line "
            f"(notify.urls_file)"
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(
            f"{file} can be read by others, and its URLs hold passwords. Run: chmod 600 {file}"
        )
    return [line.strip() for line in text.splitlines()]


def send(urls: list[str], title: str, markdown: str) -> None:
    """Send a message to all; each service gets the form that it can show.

    Raises:
        StepFailed: some did not take it; names their kinds, never their URLs.
    """
    failed = []
    title, markdown = redact(title), redact(markdown)
    for url in urls:
        service = apprise.Apprise()
        service.add(url)
        captured: Any = apprise.LogCapture(level=logging.WARNING)  # type: ignore[no-untyped-call]
        with captured as words:
            taken = service.notify(
                body=markdown, title=title, body_format=apprise.NotifyFormat.MARKDOWN
            )
        if not taken:
            failed.append(
                f"{url.split(':', 1)[0]} ({_without(url, words.getvalue()) or 'no reason given'})"
            )
    if failed:
        raise StepFailed(
            f"{len(failed)} of {len(urls)} services took no message: {'; '.join(failed)}"
        )


def _without(url: str, words: str) -> str:
    """What Apprise said in one line, without what the URL holds."""
    parts = {
        part
        for part in url.replace("?", "/").replace("@", "/").replace(":", "/").split("/")
        if len(part) > 3
    }
    line = " ".join(words.split())
    for part in sorted(parts, key=len, reverse=True):
        line = line.replace(part, "…")
    return line[:300]
