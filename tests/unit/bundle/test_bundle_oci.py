from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import py_compile
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import zstandard

from kubedrill.bundle.oci import Config, LayerWriter, write_image


def image(folder: Path, name: str) -> Path:
    layer = folder / f"{name}-layer.tar"
    with LayerWriter(layer) as out:
        out.folder("tmp", 0o1777)
        out.text("usr/local/bin/program", "elf", 0o755)
    write_image(
        folder / name,
        "registry.example/program:v1",
        [layer],
        Config(entrypoint=["program"], user="7"),
    )
    return folder / name


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        files = {m.name: tar.extractfile(m) for m in tar if m.isreg()}
        return {name: file.read() for name, file in files.items() if file}


def test_every_digest_leads_to_a_blob_of_that_content(tmp_path: Path) -> None:
    files = members(image(tmp_path, "a.tar"))
    blobs = {
        name.removeprefix("blobs/sha256/"): body
        for name, body in files.items()
        if name.startswith("blobs/")
    }
    assert all(hashlib.sha256(body).hexdigest() == digest for digest, body in blobs.items())
    described = json.loads(files["index.json"])["manifests"][0]
    assert described["annotations"]["io.containerd.image.name"] == "registry.example/program:v1"
    manifest = json.loads(blobs[described["digest"].removeprefix("sha256:")])
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    layer = blobs[manifest["layers"][0]["digest"].removeprefix("sha256:")]
    assert manifest["layers"][0]["mediaType"].endswith("tar+zstd")
    unpacked = hashlib.sha256(zstandard.ZstdDecompressor().decompress(layer)).hexdigest()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{unpacked}"]
    assert config["config"] == {
        "Entrypoint": ["program"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "User": "7",
        "WorkingDir": "/",
    }


def test_equal_content_makes_equal_bytes(tmp_path: Path) -> None:
    assert image(tmp_path, "a.tar").read_bytes() == image(tmp_path, "b.tar").read_bytes()


def test_folders_come_once_before_their_files_and_keep_their_modes(tmp_path: Path) -> None:
    image(tmp_path, "a.tar")
    with tarfile.open(tmp_path / "a.tar-layer.tar") as tar:
        result = [(m.name, oct(m.mode), m.uid, m.mtime) for m in tar]
    assert result == [
        ("tmp", "0o1777", 0, 0),
        ("usr", "0o755", 0, 0),
        ("usr/local", "0o755", 0, 0),
        ("usr/local/bin", "0o755", 0, 0),
        ("usr/local/bin/program", "0o755", 0, 0),
    ]


@pytest.mark.parametrize(
    "mode", [py_compile.PycInvalidationMode.TIMESTAMP, py_compile.PycInvalidationMode.CHECKED_HASH]
)
def test_python_takes_a_layer_s_bytecode_although_its_source_has_no_time(
    tmp_path: Path, mode: py_compile.PycInvalidationMode
) -> None:
    """Else each start of a program in an image compiles all that it imports."""
    source, root = tmp_path / "module.py", tmp_path / "root.tar"
    source.write_text("value = 1\n")
    compiled = Path(importlib.util.cache_from_source("lib/module.py"))
    py_compile.compile(str(source), str(tmp_path / "pyc"), invalidation_mode=mode)
    with tarfile.open(root, "w") as tar:
        tar.add(source, "./lib/module.py")
        tar.add(tmp_path / "pyc", f"./{compiled}")
    with LayerWriter(tmp_path / "layer.tar") as layer:
        layer.root(root, [])
    with tarfile.open(tmp_path / "layer.tar") as tar:
        tar.extractall(tmp_path / "image", filter="data")
    output = subprocess.run(
        [sys.executable, "-v", "-c", "import module"],
        env={"PYTHONPATH": str(tmp_path / "image/lib"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert f"code object from '{tmp_path / 'image' / compiled}'" in output
    assert "bytecode is stale for 'module'" not in output


def test_a_root_loses_devices_caches_and_times_but_keeps_its_links(tmp_path: Path) -> None:
    root = tmp_path / "root.tar"
    with tarfile.open(root, "w") as tar:
        for name, kind in (
            ("./", tarfile.DIRTYPE),
            ("./dev/null", tarfile.CHRTYPE),
            ("./usr/bin/sh", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.mtime = kind, 1_700_000_000
            tar.addfile(info, io.BytesIO(b""))
        link = tarfile.TarInfo("./usr/bin/dash")
        link.type, link.linkname = tarfile.LNKTYPE, "./usr/bin/sh"
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("./var/cache/apt/pkgcache.bin"))
        tar.addfile(tarfile.TarInfo("./var/cachet"))
    with LayerWriter(tmp_path / "layer.tar") as layer:
        layer.root(root, ["dev", "var/cache"])
    with tarfile.open(tmp_path / "layer.tar") as tar:
        result = {m.name: (m.linkname, m.mtime) for m in tar}
    assert result == {
        "usr/bin/sh": ("", 0),
        "usr/bin/dash": ("usr/bin/sh", 0),
        "var/cachet": ("", 0),
    }
