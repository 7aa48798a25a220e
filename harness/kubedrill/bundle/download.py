"""Downloads published files and checks them against their publisher's checksums."""

from __future__ import annotations

import hashlib
import re
import tarfile
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request, urlopen

from kubedrill.bundle.errors import DownloadFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Seconds without a byte after which a server counts as gone.
_SILENCE_S = 30.0
# Seconds in which a source must answer to be taken by `--source auto`.
ANSWER_S = 3.0
_CHUNK = 1 << 20


def answers(url: str) -> bool:
    """Whether a server answers at all within a few seconds.

    A refusal (401, 404) is an answer of a server too.
    """
    try:
        with _open(url, ANSWER_S):
            return True
    except URLError as error:
        return getattr(error, "code", None) in (401, 403, 405)
    except (OSError, HTTPException):
        return False


def fetch_text(url: str) -> str:
    """Return a small text file.

    Raises:
        DownloadFailed: it cannot be had.
    """
    try:
        with _open(url, _SILENCE_S) as answer:
            return str(answer.read(_CHUNK).decode())
    except (OSError, HTTPException, UnicodeDecodeError) as error:
        raise _failed(url, error) from error


def fetch_file(url: str, target: Path, sha256: str, note: Callable[[str, float], None]) -> None:
    """Download a file and check it.

    Args:
        url: of the file.
        target: where it is written; it is not there after an error.
        sha256: what its publisher says its sha256 is, as hexadecimal digits.
        note: told how far the download is; what it raises ends the download.

    Raises:
        DownloadFailed: it cannot be had, was cut short or is not what its publisher published.
    """
    try:
        _check(url, sha256, *_stream(url, target, note))
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def checksum_for(text: str, name: str, url: str) -> str:
    r"""Find a file's sha256 in a checksum file: the only word in it, or the one beside the name.

    >>> checksum_for("00" * 32 + "  a.tgz\n" + "11" * 32 + " *b.tgz\n", "b.tgz", "u")[:4]
    '1111'

    Raises:
        DownloadFailed: it has none for that name.
    """
    lines = re.findall(r"^([0-9a-fA-F]{64})(?:\s+\*?(?:\./)?(\S+))?\s*$", text, re.MULTILINE)
    digests = [digest.lower() for digest, beside in lines if beside in ("", name)]
    if len(digests) != 1:
        raise DownloadFailed(
            f"{url} has {len(digests)} sha256 checksums for {name}, expected one: the release is "
            "not usable"
        )
    return str(digests[0])


def unpack(archive: Path, names: Sequence[str], folder: Path) -> None:
    """Take regular files out of a .tar.gz by their last path component.

    Raises:
        DownloadFailed: the archive is damaged or lacks one of them.
    """
    missing = set(names)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                content = tar.extractfile(member) if member.isreg() and name in missing else None
                if content:
                    (folder / name).write_bytes(content.read())
                    missing.discard(name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DownloadFailed(f"{archive.name} is not a readable .tar.gz: {error}") from error
    if missing:
        raise DownloadFailed(
            f"{archive.name} lacks {', '.join(sorted(missing))}: its layout is not the one known "
            "here"
        )


def _open(url: str, timeout_s: float):  # type: ignore[no-untyped-def]  # noqa: ANN202  urlopen's own type is private
    if not url.startswith(("http://", "https://")):
        raise DownloadFailed(
            f"{url} is not an http(s) address: correct the KUBEDRILL_UPSTREAM_… variable"
        )
    request = Request(url, headers={"User-Agent": "kubedrill"})  # noqa: S310 - checked above
    return urlopen(request, timeout=timeout_s)  # noqa: S310


def _stream(
    url: str, target: Path, note: Callable[[str, float], None]
) -> tuple[str, int, int | None]:
    """Write the body into a file.

    Return its sha256, its size and the size that the server promised.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with _open(url, _SILENCE_S) as answer, target.open("wb") as file:
            promised = answer.headers.get("Content-Length")
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
                share = size / int(promised) if promised else 0.0
                note(f"{size / 1e6:.0f} MB", share)
    except (OSError, HTTPException) as error:
        raise _failed(url, error) from error
    return digest.hexdigest(), size, int(promised) if promised else None


def _check(url: str, expected: str, actual: str, size: int, promised: int | None) -> None:
    if promised is not None and size != promised:
        raise DownloadFailed(
            f"{url} was cut short: {size} of {promised} bytes came. Run the build again."
        )
    if actual != expected.lower():
        raise DownloadFailed(
            f"{url} has sha256 {actual}, its publisher says {expected.lower()}: it was changed on "
            "the way or "
            "is damaged. Nothing of it was kept. Run the build again; if it stays so, do not use "
            "this source."
        )


def _failed(url: str, error: Exception) -> DownloadFailed:
    reason = getattr(error, "reason", None) or error
    return DownloadFailed(
        f"{url} cannot be had: {reason}. Check the network, or build with `--source modules`, "
        "which does not need it."
    )
