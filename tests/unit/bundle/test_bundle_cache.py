from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kubedrill.bundle.cache import Cache, cache_root, tree_digest
from kubedrill.bundle.checksums import CHECKSUMS, is_intact, read_checksums, write_checksums


def test_the_environment_says_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    monkeypatch.delenv("KUBEDRILL_CACHE", raising=False)
    assert cache_root() == Path("/x/kubedrill")
    monkeypatch.setenv("KUBEDRILL_CACHE", "/own")
    assert cache_root() == Path("/own")


def test_a_failed_block_leaves_nothing_and_keeps_what_was_there(cache: Cache) -> None:
    final = cache.parts / "a-1-k"
    with cache.whole(final) as folder:
        (folder / "f").write_text("old")

    def be_interrupted() -> None:
        with cache.whole(final) as folder:
            (folder / "f").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert [p.name for p in cache.parts.iterdir()] == ["a-1-k"]
    assert (final / "f").read_text() == "old"


@pytest.mark.parametrize("size", ['1, "size": 1', "[" * 100_000])
def test_a_seal_that_is_not_plain_json_is_none(tmp_path: Path, size: str) -> None:
    (tmp_path / "f").write_text("x")
    write_checksums(tmp_path)
    assert is_intact(tmp_path)
    seal = tmp_path / CHECKSUMS
    seal.write_text(seal.read_text().replace('"size": 1', f'"size": {size}'))
    assert read_checksums(tmp_path) == {}
    assert not is_intact(tmp_path)


def test_a_new_bundle_replaces_the_old_one_and_others_can_read_it(cache: Cache) -> None:
    final = cache.bundles / "v1-amd64"
    for text in ("old", "new"):
        with cache.whole(final) as folder:
            (folder / "f").write_text(text)
    assert (final / "f").read_text() == "new"
    assert final.stat().st_mode & 0o777 == 0o755
    assert [p.name for p in cache.bundles.iterdir()] == ["v1-amd64"]


def test_what_a_killed_build_left_is_swept_when_the_lock_is_taken(cache: Cache) -> None:
    (cache.parts / ".tmp-dead").mkdir(parents=True)
    with cache.locked(print):
        assert not list(cache.parts.iterdir())


def test_a_second_builder_waits_and_hears_for_whom(cache: Cache) -> None:
    holder = (
        "import sys, pathlib; from kubedrill.bundle.cache import Cache\n"
        "with Cache(pathlib.Path(sys.argv[1])).locked(print):\n"
        "    print('held', flush=True); sys.stdin.read(); import asyncio; "
        "pathlib.Path(sys.argv[2]).touch()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, cache.root, cache.root / "ended"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        notes: list[str] = []

        def waiting(text: str) -> None:
            notes.append(text)
            other.stdin.close()  # ends the holder, so that the wait ends

        with cache.locked(waiting):
            assert (cache.root / "ended").exists()
            assert notes == [
                f"another build (process {other.pid}) uses {cache.root}: waiting for it to end"
            ]


def test_a_tree_digest_sees_content_and_names_but_no_bytecode(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("1")
    first = tree_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/main.pyc").write_text("x")
    assert tree_digest(tmp_path) == first
    (tmp_path / "main.py").write_text("2")
    assert tree_digest(tmp_path) != first
