"""The swap of a control plane that changes its settings: files beside manifests, and last words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture
def node(tmp_path: Path, swap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A control plane whose API server gets another manifest and another certificate."""
    for name in ("live", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kube-apiserver.yaml").write_text(name)
    (tmp_path / "new/apiserver.crt").write_text("new")
    certificate = tmp_path / "apiserver.crt"
    certificate.write_text("live")
    certificate.chmod(0o640)
    monkeypatch.setattr(swap, "MANIFESTS", tmp_path / "live")
    for name in ("run", "stop", "arm_undo", "disarm_undo"):
        monkeypatch.setattr(swap, name, lambda *_: None)
    monkeypatch.setattr(swap, "last_words", lambda name: f"{name} says no")
    return {
        "staged": str(tmp_path / "new"),
        "previous": str(tmp_path / "previous"),
        "kubelet": str(tmp_path / "kubelet"),
        "files": {"apiserver.crt": str(certificate)},
        "grace": 0,
        "timeout": 0,
    }


@pytest.mark.parametrize("refused", [False, True])
def test_files_go_with_the_manifests_and_come_back_with_them(
    node: dict[str, Any],
    swap: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: bool,
) -> None:
    manifest, certificate = tmp_path / "live/kube-apiserver.yaml", tmp_path / "apiserver.crt"

    def unhealthy() -> list[str]:
        new = (manifest.read_text(), certificate.read_text()) == ("new", "new")
        return ["kube-apiserver"] if refused and new else []

    monkeypatch.setattr(swap, "unhealthy", unhealthy)
    result = swap.upgrade(node, ["kube-apiserver"])
    expected = "live" if refused else "new"
    assert (manifest.read_text(), certificate.read_text()) == (expected, expected)
    assert certificate.stat().st_mode & 0o777 == 0o640
    assert bool(result.get("failed")) is refused
    if refused:
        assert result["msg"].endswith("run again; kube-apiserver: kube-apiserver says no")


def test_a_second_run_keeps_what_was_there_before_the_first(
    node: dict[str, Any], swap: ModuleType, tmp_path: Path
) -> None:
    swap.keep_files(tmp_path / "previous", node["files"], tmp_path / "new")
    (tmp_path / "apiserver.crt").write_text("new")  # placed, then killed
    swap.keep_files(tmp_path / "previous", node["files"], tmp_path / "new")
    assert (tmp_path / "previous/apiserver.crt").read_text() == "live"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['Error: invalid argument "soon" for "--event-ttl"', "", "bye"], "Error: invalid"),
        (["I1201 10:00:00 start", "E1201 10:00:01 run.go:72] no", "I1201 10:00:02 x"], "E1201"),
        (["started"], "started"),
        ([], ""),
    ],
)
def test_a_static_pods_last_words_are_its_newest_logs(
    pods: ModuleType, tmp_path: Path, lines: list[str], words: str
) -> None:
    for number, texts in enumerate((["Error: older"], lines)):
        folder = tmp_path / f"kube-system_kube-apiserver-cp1_{number}/kube-apiserver"
        folder.mkdir(parents=True)
        log = folder / "0.log"
        log.write_text("".join(f"2026-01-01T00:00:00Z stderr F {text}\n" for text in texts))
        import os  # noqa: PLC0415 - here only

        os.utime(log, (number, number))
    text = pods.last_words("kube-apiserver", tmp_path)
    assert text.startswith(words)
    assert bool(text) is bool(words)


def test_a_process_says_its_arguments(pods: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cmdline").write_bytes(b"etcd\0--name=cp1\0--v\0--x=a=b\0")
    assert pods.arguments_of(7, tmp_path) == {"name": "cp1", "v": "", "x": "a=b"}
