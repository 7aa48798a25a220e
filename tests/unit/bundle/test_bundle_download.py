from __future__ import annotations

import hashlib
import io
import socket
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.bundle.download import answers, checksum_for, fetch_file, fetch_text, unpack
from kubedrill.bundle.errors import DownloadFailed

if TYPE_CHECKING:
    from pathlib import Path

BODY = b"published" * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()


def nothing(_text: str, _share: float) -> None:
    """Take a progress note."""


def test_a_good_download_is_kept(published: Any, tmp_path: Path) -> None:
    published.bodies["/f"] = BODY
    fetch_file(f"{published.url}/f", tmp_path / "f", DIGEST.upper(), nothing)
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_wrong_checksum_shows_both_and_keeps_nothing(published: Any, tmp_path: Path) -> None:
    published.bodies["/f"] = b"tampered"
    with pytest.raises(DownloadFailed) as caught:
        fetch_file(f"{published.url}/f", tmp_path / "f", DIGEST, nothing)
    assert DIGEST in str(caught.value)
    assert hashlib.sha256(b"tampered").hexdigest() in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_truncated_download_says_how_much_came(published: Any, tmp_path: Path) -> None:
    published.bodies["/f"] = BODY[:100]
    published.promised["/f"] = len(BODY)
    with pytest.raises(DownloadFailed, match="cut short: 100 of 9000 bytes"):
        fetch_file(f"{published.url}/f", tmp_path / "f", DIGEST, nothing)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_names_the_address_and_the_other_source(published: Any) -> None:
    with pytest.raises(DownloadFailed, match=r"/gone cannot be had: .*--source modules"):
        fetch_text(f"{published.url}/gone")


def test_an_interrupt_during_a_download_keeps_nothing(published: Any, tmp_path: Path) -> None:
    def interrupt(_text: str, _share: float) -> None:
        raise KeyboardInterrupt

    published.bodies["/f"] = BODY
    with pytest.raises(KeyboardInterrupt):
        fetch_file(f"{published.url}/f", tmp_path / "f", DIGEST, interrupt)
    assert not list(tmp_path.iterdir())


def test_other_addresses_than_http_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="not an http"):
        fetch_file("file:///etc/passwd", tmp_path / "f", DIGEST, nothing)


def test_a_refusal_is_an_answer_and_a_closed_port_is_none(published: Any) -> None:
    published.bodies["/"] = b""
    assert answers(f"{published.url}/")
    assert not answers(f"{published.url}/gone")  # a release that is not published does not answer
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert not answers(f"http://127.0.0.1:{free.getsockname()[1]}/")


def test_a_checksum_file_of_many_names_gives_the_one_asked_for() -> None:
    other = "0" * 64
    assert checksum_for(f"{other}  a.tgz\n{DIGEST}  b.tgz\n", "b.tgz", "u") == DIGEST
    assert checksum_for(DIGEST, "kubelet", "u") == DIGEST
    assert checksum_for(f"{DIGEST} *./b.tgz\n", "b.tgz", "u") == DIGEST


@pytest.mark.parametrize("text", ["", "<html>not found</html>", "0" * 64 + "  a.tgz\n"])
def test_a_checksum_file_without_the_name_is_no_release(text: str) -> None:
    with pytest.raises(DownloadFailed, match=r"0 sha256 checksums for b\.tgz"):
        checksum_for(text, "b.tgz", "u")


def archive(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"elf"))
    return path


def test_programs_are_taken_from_an_archive_by_name(tmp_path: Path) -> None:
    unpack(
        archive(tmp_path / "a.tar.gz", ["bin/ctr", "../../bin/evil", "./bridge"]),
        ["ctr", "bridge"],
        tmp_path,
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar.gz", "bridge", "ctr"]


def test_an_archive_that_lacks_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="lacks ctr"):
        unpack(archive(tmp_path / "a.tar.gz", ["bin/containerd"]), ["ctr", "containerd"], tmp_path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"not gzip")
    with pytest.raises(DownloadFailed, match=r"not a readable \.tar\.gz"):
        unpack(tmp_path / "a.tar.gz", ["ctr"], tmp_path)
