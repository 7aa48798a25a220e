from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubedrill.bundle.debian import Mirror, find_mirrors
from kubedrill.bundle.errors import Unsupported

if TYPE_CHECKING:
    from pathlib import Path

STANZAS = """\
# http://old.example/debian
Types: deb
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://vendor.example/node
Suites: nodistro
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def sources(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        (folder / "sources.list.d" / name.replace("_", ".")).write_text(text)
    return folder


def test_stanzas_give_the_archive_and_its_security_updates(tmp_path: Path) -> None:
    assert find_mirrors(sources(tmp_path, debian_sources=STANZAS)) == [
        Mirror("http://mirror.example/debian", security=False),
        Mirror("http://mirror.example/debian-security", security=True),
    ]


def test_the_one_line_format_is_read_too(tmp_path: Path) -> None:
    folder = sources(
        tmp_path, other_list="deb [arch=amd64] https://vendor.example/apt stable main\n"
    )
    (folder / "sources.list").write_text(
        "deb-src http://src.example/debian bookworm main\n"
        "deb [signed-by=/k.gpg] http://one.example/debian bookworm main\n"
    )
    assert find_mirrors(folder) == [Mirror("http://one.example/debian", security=False)]


def test_a_host_without_debian_mirror_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBEDRILL_DEBIAN_MIRROR", raising=False)
    with pytest.raises(Unsupported, match="KUBEDRILL_DEBIAN_MIRROR"):
        find_mirrors(sources(tmp_path))
    monkeypatch.setenv("KUBEDRILL_DEBIAN_MIRROR", "http://own.example/debian/")
    assert find_mirrors(tmp_path) == [Mirror("http://own.example/debian", security=False)]


def test_mirrors_that_are_set_keep_the_security_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "KUBEDRILL_DEBIAN_MIRROR", " http://m.example/debian-security/\nhttp://m.example/debian"
    )
    assert find_mirrors(tmp_path) == [
        Mirror("http://m.example/debian", security=False),
        Mirror("http://m.example/debian-security", security=True),
    ]
    monkeypatch.setenv("KUBEDRILL_DEBIAN_MIRROR", "http://m.example/debian-security")
    with pytest.raises(Unsupported, match="has security updates only"):
        find_mirrors(tmp_path)


def test_every_source_is_checked_against_debians_own_keys() -> None:
    line = Mirror("http://m.example/debian-security", security=True).source_line("trixie")
    assert line == (
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
        "http://m.example/debian-security trixie-security main"
    )
