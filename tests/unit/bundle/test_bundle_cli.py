from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Result

    from kubedrill.bundle.cache import Cache


def test_verify_accepts_a_whole_bundle(run: Callable[..., Result], small_bundle: Path) -> None:
    answer = run("verify")
    assert (answer.exit_code, answer.output) == (
        0,
        f"{small_bundle}: 2 files are as they should be\n",
    )


def test_verify_of_a_corrupt_bundle_is_a_usage_error(
    run: Callable[..., Result], small_bundle: Path
) -> None:
    (small_bundle / "bin/kubeadm").unlink()
    answer = run("verify", "--kubernetes", "1.35.4")
    assert answer.exit_code == 2
    assert "bin/kubeadm: missing" in answer.output


def test_verify_without_any_bundle_says_how_to_make_one(run: Callable[..., Result]) -> None:
    answer = run("verify")
    assert answer.exit_code == 2
    assert "run `kubedrill bundle build` first" in answer.output


def test_list_shows_bundles_and_their_parts(run: Callable[..., Result], small_bundle: Path) -> None:
    assert "v1.35.4-amd64: source modules, 2 files" in run("list").output
    assert "images/pause.tar" in run("list", "--parts").output
    (small_bundle / "bundle.json").write_text("{")
    assert "v1.35.4-amd64: not usable" in run("list").output


@pytest.mark.parametrize(
    "argv", [["--kubernetes", "1.33.1"], ["--kubernetes", "1.37.0", "--source", "modules"]]
)
def test_an_unsupported_release_is_refused_before_anything_is_built(
    run: Callable[..., Result], cache: Cache, argv: list[str]
) -> None:
    answer = run("build", *argv)
    assert answer.exit_code == 2
    assert "the supported releases are 1.34.4, 1.35.4, 1.36.1, 1.36.3" in answer.output
    assert not cache.root.exists()
