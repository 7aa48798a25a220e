from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from kubedrill.bundle import toolchain
from kubedrill.bundle.errors import MissingTools
from kubedrill.bundle.toolchain import find_go, go_version, require_build_host

if TYPE_CHECKING:
    from pathlib import Path


def test_the_locked_go_is_new_enough_for_every_module() -> None:
    go = find_go()
    assert go is not None
    assert go_version(go) >= toolchain.NEEDED_GO


def test_all_that_is_missing_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(toolchain, "find_go", lambda: None)
    monkeypatch.setattr(toolchain, "KEYRING", tmp_path / "none.gpg")
    monkeypatch.setattr(toolchain, "_SECCOMP", tmp_path / "none.h")
    monkeypatch.setattr(toolchain.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(MissingTools) as caught:
        require_build_host(tmp_path / "cache", compiles=True, debian=True, pulls=True)
    text = str(caught.value)
    assert (
        "apt-get install -y gcc libc6-dev pkg-config mmdebstrap skopeo libseccomp-dev "
        "debian-archive-keyring" in text
    )
    assert "no Go toolchain of 1.26.5 or newer" in text
    assert "1.0 GB free, a build from nothing needs 20 GB" in text


def test_a_download_needs_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "skopeo").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    require_build_host(tmp_path, compiles=False, debian=False, pulls=True)
