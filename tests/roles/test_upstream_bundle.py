"""Source `upstream` against a loopback web server with the sites' layout and a real registry.

The registry is Debian's docker-registry; images are pushed to it and pulled from it with skopeo.
The published programs are small stand-ins: what is tested is the way from a publisher to a bundle,
and that nothing wrong gets through it.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import zstandard
from ports import free_port

from kubedrill.bundle import releases
from kubedrill.bundle.build import build_bundle
from kubedrill.bundle.cache import Cache
from kubedrill.bundle.errors import DownloadFailed
from kubedrill.bundle.layers import python_layer
from kubedrill.bundle.manifest import verify
from kubedrill.bundle.modules_source import CNI_PLUGINS
from kubedrill.bundle.oci import Config, LayerWriter, write_image
from kubedrill.bundle.progress import Silent
from kubedrill.bundle.releases import find_release
from kubedrill.bundle.scheduler import make_parts, missing_parts, part_folder
from kubedrill.bundle.upstream_source import Upstream, upstream_items

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "1.36.3"
RELEASE = find_release(VERSION)
REGISTRY_CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
log: {{level: error, accesslog: {{disabled: true}}}}
"""


@dataclass
class Site:
    """The published world: files below ``root``, images in the registry."""

    root: Path
    storage: Path
    web: str
    registry: str
    images: dict[str, Path] = field(default_factory=dict)

    def publish(self, path: str, body: bytes, sums: str, *, named: bool = True) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        digest = hashlib.sha256(body).hexdigest()
        line = f"{digest}  {target.name}\n" if named else digest
        with (target.parent / sums).open("a") as file:
            file.write(line)


def packed(programs: tuple[str, ...], folder: str) -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for name in programs:
            info = tarfile.TarInfo(f"{folder}{name}")
            info.size, info.mode = len(name), 0o755
            tar.addfile(info, io.BytesIO(name.encode()))
    return body.getvalue()


def publish_files(site: Site) -> None:
    for name in ("kubeadm", "kubelet", "kubectl"):
        path = f"release/v{VERSION}/bin/linux/amd64/{name}"
        site.publish(path, name.encode() * 1000, f"{name}.sha256", named=False)
    containerd = f"containerd-{RELEASE.containerd[1:]}-linux-amd64.tar.gz"
    programs = packed(("containerd", "containerd-shim-runc-v2", "ctr", "containerd-stress"), "bin/")
    download = "releases/download"
    site.publish(
        f"containerd/containerd/{download}/{RELEASE.containerd}/{containerd}",
        programs,
        f"{containerd}.sha256sum",
    )
    site.publish(
        f"opencontainers/runc/{download}/{releases.RUNC}/runc.amd64", b"runc", "runc.sha256sum"
    )
    cni = f"cni-plugins-linux-amd64-{releases.CNI_PLUGINS}.tgz"
    plugins = packed((*CNI_PLUGINS, "LICENSE"), "./")
    site.publish(
        f"containernetworking/plugins/{download}/{releases.CNI_PLUGINS}/{cni}",
        plugins,
        f"{cni}.sha256",
    )
    etcd = f"etcd-{RELEASE.etcd}-linux-amd64"
    tools = packed(("etcd", "etcdctl", "etcdutl"), f"{etcd}/")
    site.publish(f"etcd-io/etcd/{download}/{RELEASE.etcd}/{etcd}.tar.gz", tools, "SHA256SUMS")


def push_images(site: Site, work: Path) -> None:
    items = upstream_items(find_release(VERSION), Upstream())
    for item in [i for i in items if i.image and not i.image.startswith("docker.io/kubedrill/")]:
        layer, archive = work / f"{item.name}.layer", work / f"{item.name}.tar"
        with LayerWriter(layer) as out:
            out.text(item.name, item.name * 500)
        write_image(archive, str(item.image), [layer], Config(entrypoint=[f"/{item.name}"]))
        destination = f"docker://{site.registry.removeprefix('http://')}/{item.image}"
        subprocess.run(
            [
                "skopeo",
                "copy",
                "-q",
                "--insecure-policy",
                "--dest-tls-verify=false",
                f"oci-archive:{archive}",
                destination,
            ],
            check=True,
        )
        site.images[item.name] = archive


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    missing = [name for name in ("docker-registry", "skopeo") if shutil.which(name) is None]
    assert not missing, f"these are needed: apt-get install -y {' '.join(missing)}"
    work = tmp_path_factory.mktemp("published")
    (work / "site").mkdir()
    handler = partial(QuietHandler, directory=str(work / "site"))
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
    port = free_port()
    (work / "registry.yml").write_text(REGISTRY_CONFIG.format(root=work / "storage", port=port))
    site = Site(
        work / "site",
        work / "storage",
        f"http://127.0.0.1:{web.server_port}",
        f"http://127.0.0.1:{port}",
    )
    with subprocess.Popen(
        ["docker-registry", "serve", work / "registry.yml"],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as registry:
        wait_for_port(port)
        publish_files(site)
        push_images(site, work)
        yield site
        registry.terminate()
    web.shutdown()
    web.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the tests' output quiet."""


def wait_for_port(port: int) -> None:
    command = [
        "curl",
        "--silent",
        "--fail",
        "--retry",
        "50",
        "--retry-delay",
        "1",
        "--retry-connrefused",
    ]
    subprocess.run(
        [*command, "--max-time", "30", f"http://127.0.0.1:{port}/v2/"],
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def python_base() -> Path:
    """Make the one part that no publisher has in the user's cache, for other tests too."""
    users = Cache()
    with users.locked(print):
        make_parts(missing_parts(users, [python_layer()]), users, Silent())
    return part_folder(users, python_layer())


@pytest.fixture
def cache(tmp_path: Path, python_base: Path) -> Cache:
    mine = Cache(tmp_path / "cache")
    shutil.copytree(python_base, mine.parts / python_base.name, copy_function=os.link)
    return mine


@pytest.fixture
def site(published: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give a copy of the published files that a test may damage.

    The registry is the same for all.
    """
    root = tmp_path / "site"
    shutil.copytree(published.root, root)
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(root)))
    threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
    mine = Site(
        root,
        published.storage,
        f"http://127.0.0.1:{web.server_port}",
        published.registry,
        published.images,
    )
    monkeypatch.setenv("KUBEDRILL_UPSTREAM_KUBERNETES", f"{mine.web}/release")
    monkeypatch.setenv("KUBEDRILL_UPSTREAM_PROJECTS", mine.web)
    monkeypatch.setenv("KUBEDRILL_UPSTREAM_REGISTRY", mine.registry)
    return mine


def parts(cache: Cache) -> set[str]:
    return {path.name for path in cache.parts.iterdir()}


def test_a_whole_bundle_comes_from_the_published_releases(site: Site, cache: Cache) -> None:
    folder = build_bundle(VERSION, "upstream", cache=cache)
    manifest = verify(folder)
    by_name = {part.name: part for part in manifest.parts}
    assert manifest.source == "upstream"
    assert (folder / "bin/kubelet").read_bytes() == b"kubelet" * 1000
    assert (folder / "bin/runc").read_bytes() == b"runc"
    assert (folder / "cni/host-local").read_bytes() == b"host-local"
    assert os.access(folder / "bin/runc", os.X_OK)
    assert by_name["kubelet"].source == f"{site.web}/release/v{VERSION}/bin/linux/amd64/kubelet"
    assert by_name["pause"].image == "registry.k8s.io/pause:3.10.2"
    assert by_name["hello-v1"].image == "docker.io/kubedrill/hello:v1"


def test_a_damaged_bundle_is_made_again_and_nothing_else_is(site: Site, cache: Cache) -> None:
    folder = build_bundle(VERSION, "upstream", cache=cache)
    others = {path: path.stat().st_ino for path in cache.parts.glob("published-[!k]*")}
    (folder / "bin/kubelet").write_bytes(
        b"?" * 7000
    )  # a hard link: the cached part is damaged with it
    shutil.rmtree(site.root / "containerd")
    verify(build_bundle(VERSION, "upstream", cache=cache))
    assert {path: path.stat().st_ino for path in cache.parts.glob("published-[!k]*")} == others


def test_a_pulled_image_keeps_its_digest_and_its_name(site: Site, cache: Cache) -> None:
    folder = build_bundle(VERSION, "upstream", cache=cache)
    pulled, pushed = folder / "images/coredns.tar", site.images["coredns"]
    inspect = ["skopeo", "inspect", "--raw"]
    raw = [
        subprocess.check_output([*inspect, f"oci-archive:{archive}"])
        for archive in (pulled, pushed)
    ]
    reference = f"{site.registry.removeprefix('http://')}/registry.k8s.io/coredns/coredns:v1.14.2"
    served = subprocess.check_output([*inspect, "--tls-verify=false", f"docker://{reference}"])
    assert hashlib.sha256(raw[0]).hexdigest() == hashlib.sha256(served).hexdigest()
    with tarfile.open(pulled) as tar:
        index = tar.extractfile("index.json")
        assert index is not None
        assert (
            b'"io.containerd.image.name":"registry.k8s.io/coredns/coredns:v1.14.2"' in index.read()
        )


def test_auto_takes_what_answers_and_then_what_is_in_the_cache(
    site: Site, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_bundle(VERSION, "auto", cache=cache)
    stamp = (first / "bundle.json").stat().st_ino
    assert verify(first).source == "upstream"
    shutil.rmtree(site.root)
    monkeypatch.setenv("KUBEDRILL_UPSTREAM_REGISTRY", f"http://127.0.0.1:{free_port()}")
    assert (build_bundle(VERSION, "auto", cache=cache) / "bundle.json").stat().st_ino == stamp


def test_a_changed_program_is_refused_and_not_kept(site: Site, cache: Cache) -> None:
    program = site.root / f"release/v{VERSION}/bin/linux/amd64/kubelet"
    program.write_bytes(b"malware")
    with pytest.raises(
        DownloadFailed, match=f"its publisher says {hashlib.sha256(b'kubelet' * 1000).hexdigest()}"
    ):
        build_bundle(VERSION, "upstream", cache=cache)
    assert not any("kubelet" in name for name in parts(cache))
    assert not cache.bundles.exists()
    program.write_bytes(b"kubelet" * 1000)
    verify(build_bundle(VERSION, "upstream", cache=cache))


def test_a_missing_release_names_the_address(site: Site, cache: Cache) -> None:
    shutil.rmtree(site.root / "etcd-io")
    with pytest.raises(
        DownloadFailed,
        match=f"etcd-io/etcd/releases/download/{RELEASE.etcd}/SHA256SUMS cannot be had",
    ):
        build_bundle(VERSION, "upstream", cache=cache)
    assert not any("etcd-v" in name for name in parts(cache))


def test_a_changed_image_layer_is_refused_by_its_digest(site: Site, cache: Cache) -> None:
    blobs = [p for p in site.storage.rglob("data") if b"flannel" * 3 in unpacked(p)]
    assert blobs
    before = {blob: blob.read_bytes() for blob in blobs}
    try:
        for blob in blobs:
            blob.write_bytes(before[blob][:-1] + b"?")
        with pytest.raises(DownloadFailed, match=r"pulling ghcr\.io/flannel-io/flannel"):
            build_bundle(VERSION, "upstream", cache=cache)
    finally:
        for blob, body in before.items():
            blob.write_bytes(body)
    assert not any("flannel" in name for name in parts(cache))


def unpacked(path: Path) -> bytes:
    body = path.read_bytes()
    return (
        zstandard.ZstdDecompressor().decompress(body)
        if body.startswith(zstandard.FRAME_HEADER)
        else body
    )


def test_no_registry_is_a_clear_error(
    site: Site, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.images
    monkeypatch.setenv("KUBEDRILL_UPSTREAM_REGISTRY", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DownloadFailed, match="source modules"):
        build_bundle(VERSION, "upstream", cache=cache)
    assert not cache.bundles.exists()
