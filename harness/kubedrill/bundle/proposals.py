"""Proposes the patch releases of Kubernetes that came out after releases.py was written."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kubedrill.base.project import IN_CHECKOUT
from kubedrill.bundle import releases
from kubedrill.bundle.cache import cache_root
from kubedrill.bundle.errors import BuildFailed, BundleError
from kubedrill.bundle.golang import MODULES, go_caches, go_command, kubernetes_product
from kubedrill.bundle.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterable

_MODULE = "k8s.io/kubernetes"
_STABLE = r"v(\d+)\.(\d+)\.(\d+)"
# Where kubeadm holds the tags that it asks for, and their names there.
_CONSTANTS = "cmd/kubeadm/app/constants/constants.go"
_TAGS = {
    "etcd_tag": "DefaultEtcdVersion",
    "coredns_tag": "CoreDNSVersion",
    "pause_tag": "PauseVersion",
}


@dataclass(frozen=True)
class Proposal:
    """A newer patch release of a minor version, beside the newest supported one."""

    newest: releases.Release
    """The supported one: the proposed one takes its etcd, CoreDNS and containerd."""
    version: str

    def release(self, tags: dict[str, str]) -> releases.Release:
        """Return the release that would be supported, with the tags that its kubeadm asks for."""
        return replace(self.newest, kubernetes=self.version, **tags)


def published_versions() -> list[str]:
    """Ask the Go module proxy for the versions of Kubernetes that it has.

    Raises:
        BuildFailed: there is no Go toolchain, or the proxy does not answer.
    """
    return _go("search for releases of Kubernetes", "list", "-m", "-versions", _MODULE).split()[1:]


def propose(versions: Iterable[str]) -> tuple[list[Proposal], list[str]]:
    """Return the newer patches of supported minors, and minors newer than all supported ones.

    Betas and release candidates are left out. A minor that is older than the oldest supported
    one is never proposed.

    >>> propose(["v1.36.3", "v1.36.12", "v1.36.9", "v1.99.0-rc.1", "v1.99.0"])[1]
    ['v1.99.0']
    >>> [p.version for p in propose(["v1.36.3", "v1.36.12", "v1.36.9"])[0]]
    ['v1.36.12']
    """
    newest = {release.minor: release for release in releases.RELEASES}
    published: dict[str, tuple[int, ...]] = {}
    for version in versions:
        if numbers := _numbers(version):
            minor = "{}.{}".format(*numbers)
            published[minor] = max(numbers, published.get(minor, numbers))
    last = _numbers(releases.RELEASES[-1].kubernetes)
    proposals = [
        Proposal(release, _text(published[minor]))
        for minor, release in newest.items()
        if published.get(minor, ()) > _numbers(release.kubernetes)
    ]
    minors = [
        _text(numbers)
        for minor, numbers in sorted(published.items(), key=lambda item: item[1])
        if minor not in newest and numbers > last
    ]
    return proposals, minors


def read_tags(version: str) -> dict[str, str]:
    """Return the tags of etcd, CoreDNS and pause that a release's kubeadm asks for.

    Raises:
        BuildFailed: the module cannot be downloaded, or its kubeadm does not name a tag.
    """
    what = f"download of Kubernetes {version}"
    answer = json.loads(_go(what, "mod", "download", "-json", f"{_MODULE}@{version}"))
    text = (Path(answer["Dir"]) / _CONSTANTS).read_text()
    tags = {
        field: match.group(1)
        for field, name in _TAGS.items()
        if (match := re.search(rf'^\s*{name} = "([\w.-]+)"$', text, re.MULTILINE))
    }
    if missing := [name for field, name in _TAGS.items() if field not in tags]:
        raise BuildFailed(f"kubeadm {version} does not name {', '.join(missing)} in {_CONSTANTS}")
    return tags


def release_line(release: releases.Release) -> str:
    """Return the line of releases.py that supports a release.

    >>> release_line(releases.find_release("1.36.3"))
    'Release("v1.36.3", "3.6.8-0", "v1.14.2", "3.10.2", **_BESIDE_1_36),'
    """
    tags = ", ".join(f'"{getattr(release, field)}"' for field in ("kubernetes", *_TAGS))
    return f"Release({tags}, **_BESIDE_{release.minor.replace('.', '_')}),"


def add_release(proposal: Proposal, release: releases.Release) -> Path:
    """Write a proposed release's lock files and its line into the checkout; return their folder.

    Either both are written or neither is.

    Raises:
        BundleError: this is no checkout, or its releases.py has no line of the minor's newest one.
        BuildFailed: Go refused.
    """
    table = Path(releases.__file__)
    old_line = f"    {release_line(proposal.newest)}\n"
    text = table.read_text()
    if not IN_CHECKOUT or old_line not in text:
        raise BundleError(
            f"{table} has no line `{old_line.strip()}` of a checkout to add the release after: "
            "add it by hand (docs/how-to/bundles.md, Add a Kubernetes release)"
        )
    folder = MODULES / f"kubernetes-{release.kubernetes.removeprefix('v')}"
    locks = kubernetes_product(proposal.newest.kubernetes, release.minor, []).module / "go.mod"
    # v1.36.3 is that of Kubernetes itself, v0.36.3 that of its staging modules
    before, after = (r.kubernetes.removeprefix("v1.") for r in (proposal.newest, release))
    with ExitStack() as undo:
        folder.mkdir()
        undo.callback(shutil.rmtree, folder)
        (folder / "go.mod").write_text(
            re.sub(
                rf"^(.*(?<!\.)\bk8s\.io/\S+ v[01]\.){re.escape(before)}\b",
                rf"\g<1>{after}",
                locks.read_text(),
                flags=re.MULTILINE,
            )
        )
        _go(f"lock of Kubernetes {release.kubernetes}", "mod", "tidy", "-e", folder=folder)
        # tidy -e passes over what cannot be had: tests of modules need that, programs must not
        _go(f"check of {folder.name}", "list", "-mod=readonly", "-deps", "tool", folder=folder)
        table.write_text(text.replace(old_line, f"{old_line}    {release_line(release)}\n"))
        undo.pop_all()
    return folder


def _go(what: str, *options: str, folder: Path | None = None) -> str:
    with tempfile.TemporaryDirectory(prefix="kubedrill-") as elsewhere:
        return Processes(go_caches(cache_root())).run(
            what,
            [go_command(), *options],
            # -mod=mod: there is no go.mod where the question is asked
            env={"GOFLAGS": "-mod=mod -modcacherw", "GOTOOLCHAIN": "local", "GOWORK": "off"},
            cwd=folder or Path(elsewhere),
        )


def _numbers(version: str) -> tuple[int, ...]:
    match = re.fullmatch(_STABLE, version)
    return tuple(int(number) for number in match.groups()) if match else ()


def _text(numbers: tuple[int, ...]) -> str:
    return f"v{'.'.join(map(str, numbers))}"
