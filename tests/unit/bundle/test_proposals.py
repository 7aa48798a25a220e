"""`kubedrill bundle propose` against a Go module proxy of files, asked by the real Go command."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubedrill.bundle import proposals, releases
from kubedrill.bundle.errors import BuildFailed, BundleError
from kubedrill.bundle.proposals import Proposal, add_release, propose, read_tags
from kubedrill.bundle.releases import find_release

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result

    from kubedrill.bundle.cache import Cache

CONSTANTS = """package constants
const (
\t// DefaultEtcdVersion indicates the default etcd version that kubeadm uses
\tDefaultEtcdVersion = "3.6.99-0"
\tCoreDNSVersion = "v1.14.88"
\tPauseVersion = "3.10.77"
)
"""
TAGS = {"etcd_tag": "3.6.99-0", "coredns_tag": "v1.14.88", "pause_tag": "3.10.77"}
STAGED = ("k8s.io/api", "v0.36.99")


def publish(proxy: Path, module: str, version: str, files: dict[str, str]) -> None:
    """Put one version of a module into a proxy of files."""
    folder = proxy / module / "@v"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "list").open("a") as versions:
        versions.write(f"{version}\n")
    (folder / f"{version}.info").write_text(json.dumps({"Version": version}))
    (folder / f"{version}.mod").write_text(files["go.mod"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{module}@{version}/{name}", text)
    (folder / f"{version}.zip").write_bytes(buffer.getvalue())


@pytest.fixture
def proxy(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hold Kubernetes 1.36.99 and a module of it, and nothing else that Go may ask."""
    folder = tmp_path / "proxy"
    kubernetes = {
        "go.mod": "module k8s.io/kubernetes\n\ngo 1.26.0\n",
        "cmd/kubelet/main.go": 'package main\n\nimport _ "k8s.io/api"\n\nfunc main() {}\n',
        "cmd/kubeadm/app/constants/constants.go": CONSTANTS,
    }
    publish(folder, "k8s.io/kubernetes", "v1.36.3", kubernetes)
    publish(folder, "k8s.io/kubernetes", "v1.36.99", kubernetes)
    publish(folder, *STAGED, {"go.mod": "module k8s.io/api\n", "api.go": "package api\n"})
    monkeypatch.setenv("KUBEDRILL_CACHE", str(cache.root))
    monkeypatch.setenv("GOPROXY", folder.as_uri())
    monkeypatch.setenv("GONOSUMDB", "*")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hold a copy of releases.py, and 1.36.3's lock files with one staging module."""
    table = tmp_path / "releases.py"
    table.write_text(Path(releases.__file__).read_text())
    modules = tmp_path / "modules"
    (modules / "kubernetes-1.36.3").mkdir(parents=True)
    (modules / "kubernetes-1.36.3" / "go.mod").write_text(
        "module kubedrill.dev/bundle/kubernetes-1.36\n\ngo 1.26.0\n\n"
        "require k8s.io/api v0.36.3 // indirect\n\n"
        "require k8s.io/kubernetes v1.36.3 // indirect\n\n"
        "tool k8s.io/kubernetes/cmd/kubelet\n\n"
        "replace k8s.io/api => k8s.io/api v0.36.3\n"
    )
    monkeypatch.setattr(releases, "__file__", str(table))
    monkeypatch.setattr(proposals, "MODULES", modules)
    monkeypatch.setattr("kubedrill.bundle.golang.MODULES", modules)
    return tmp_path


PROPOSAL = Proposal(find_release("1.36.3"), "v1.36.99")


@pytest.mark.usefixtures("proxy")
def test_a_newer_patch_release_is_proposed_with_the_tags_of_its_kubeadm(
    run: Callable[..., Result],
) -> None:
    result = run("propose")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        'Release("v1.36.99", "3.6.99-0", "v1.14.88", "3.10.77", **_BESIDE_1_36),'
    ]


@pytest.mark.usefixtures("proxy")
def test_a_written_release_is_locked_and_stands_behind_the_one_before(
    run: Callable[..., Result], checkout: Path
) -> None:
    result = run("propose", "--write")
    assert result.exit_code == 0, result.output
    lock = (checkout / "modules" / "kubernetes-1.36.99" / "go.mod").read_text()
    assert "k8s.io/kubernetes v1.36.99" in lock
    assert "k8s.io/api => k8s.io/api v0.36.99" in lock
    assert not re.search(r"36\.3\b", lock)
    sums = (checkout / "modules" / "kubernetes-1.36.99" / "go.sum").read_text()
    assert "k8s.io/kubernetes v1.36.99 h1:" in sums
    lines = (checkout / "releases.py").read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if '"v1.36.99"' in line)
    assert '"v1.36.3"' in lines[place - 1]


def test_a_proxy_without_the_release_leaves_the_checkout_as_it_was(
    proxy: Path, checkout: Path
) -> None:
    (proxy / "k8s.io" / "kubernetes" / "@v" / "v1.36.99.zip").unlink()
    before = (checkout / "releases.py").read_text()
    with pytest.raises(BuildFailed, match=r"check of kubernetes-1\.36\.99 failed"):
        add_release(PROPOSAL, PROPOSAL.release(TAGS))
    assert (checkout / "releases.py").read_text() == before
    assert not (checkout / "modules" / "kubernetes-1.36.99").exists()


def test_a_release_is_not_written_where_the_table_has_been_rewritten(checkout: Path) -> None:
    (checkout / "releases.py").write_text("RELEASES = ()\n")
    with pytest.raises(BundleError, match="add it by hand"):
        add_release(PROPOSAL, PROPOSAL.release(TAGS))
    assert not (checkout / "modules" / "kubernetes-1.36.99").exists()


def test_a_kubeadm_that_names_no_tag_is_refused(proxy: Path) -> None:
    publish(
        proxy,
        "k8s.io/kubernetes",
        "v1.36.100",
        {"go.mod": "module k8s.io/kubernetes\n", f"{proposals._CONSTANTS}": "package constants\n"},
    )
    with pytest.raises(BuildFailed, match="does not name DefaultEtcdVersion, CoreDNSVersion, Pau"):
        read_tags("v1.36.100")


def test_a_proxy_that_does_not_answer_is_an_error_of_one_screen(
    run: Callable[..., Result], proxy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOPROXY", (proxy / "nothing").as_uri())
    result = run("propose")
    assert result.exit_code == 1
    assert "search for releases of Kubernetes failed" in result.output
    assert "Traceback" not in result.output


def test_old_minors_and_unstable_versions_are_not_proposed() -> None:
    assert propose(["v1.20.99", "v1.36.99-rc.0", "v1.99.0-beta.1", "v1.36.3", "odd"]) == ([], [])
