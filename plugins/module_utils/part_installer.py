"""Installs the parts of a release bundle, each verified on its way, and remembers them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.bundle_names import (
    is_image,
    is_part_path,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import (
    read_state,
    write_state,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.paced_writing import (
    bit_by_bit,
    paced,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible.module_utils.basic import AnsibleModule

CHUNK = 1 << 20
SIDE_BY_SIDE = 2  # one import waits for the disk while the other computes

# containerd's CRI reports such images as pinned: the kubelet's garbage collection leaves them. No
# registry could give them back.
PINNED = "io.cri-containerd.pinned=pinned"
PINNED_FILTER = 'labels."io.cri-containerd.pinned"==pinned'

Part = dict[str, Any]


class BadPartError(Exception):
    """A part cannot be installed."""


class CorruptPartError(BadPartError):
    """A part's content is not what bundle.json says."""


class Installer:
    """Installs parts and remembers them."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.bundle = Path(module.params["bundle"])
        self.memory_file = Path(module.params["memory"])
        self.memory: dict[str, Any] = read_state(self.memory_file, {})
        self.ctr = str(Path(module.params["bin_dir"], "ctr"))

    def select(self, manifest: dict[str, Any]) -> list[Part]:
        """Parts of the manifest that this node needs now."""
        params = self.module.params
        self._refuse_bad_names(manifest["parts"])
        return [
            part
            for part in manifest["parts"]
            if params["role"] in part["nodes"]
            and part["kind"] in params["kinds"]
            and (not params["only"] or part["name"] in params["only"])
        ]

    def _refuse_bad_names(self, parts: list[Part]) -> None:
        bad = [part["path"] for part in parts if not is_part_path(part["path"])]
        bad += [
            part.get("image")
            for part in parts
            if part["kind"] == "image" and not is_image(part.get("image"))
        ]
        if bad:
            self.module.fail_json(
                msg=f"bundle.json of {self.bundle} has {', '.join(map(repr, bad[:5]))}: expected "
                "paths of files in the bundle and names of images; run `kubedrill bundle build` "
                "on the controller, then this playbook again"
            )

    def absent(self, parts: list[Part]) -> list[str]:
        """Paths of parts that are missing here, by their sizes, and bundle.json if it differs."""
        manifest = self.bundle / "bundle.json"
        missing = [
            part["path"] for part in parts if _size(self.bundle / part["path"]) != part["size"]
        ]
        if (
            not manifest.exists()
            or manifest.read_text(encoding="utf-8").strip()
            != self.module.params["manifest"].strip()
        ):
            missing.append("bundle.json")
        return missing

    def target(self, part: Part) -> Path:
        """Where a program or plugin goes."""
        directory = self.module.params["cni_dir" if part["kind"] == "cni" else "bin_dir"]
        return Path(directory, Path(part["path"]).name)

    def done(self, part: Part, images: set[str]) -> bool:
        """Whether a part is installed already."""
        if part["kind"] == "image":
            return part["image"] in images and self.memory.get(part["image"]) == part["sha256"]
        return self.memory.get(str(self.target(part))) == [
            part["sha256"],
            *_stamp(self.target(part)),
        ]

    def install(self, part: Part) -> None:
        """Install one part and remember it."""
        if part["kind"] == "image":
            self._import(part)
            self.memory[part["image"]] = part["sha256"]
            return
        target = self.target(part)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, 0o755, sync=False) as stream:
            self._read(part, bit_by_bit(stream) if self.module.params["gentle"] else stream.write)
        self.memory[str(target)] = [part["sha256"], *_stamp(target)]

    def _import(self, part: Part) -> None:
        """Hash an archive on its way into containerd.

        Take the image out again when the hash is wrong.
        """
        ctr = [self.ctr, "--namespace", "k8s.io", "images"]
        gentle = self.module.params["gentle"]
        with subprocess.Popen(
            [*ctr, "import", "--label", PINNED, "--sync-fs" if gentle else "--no-unpack", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            output = b""
            try:
                self._read(part, paced(process.stdin.write) if gentle else process.stdin.write)
                process.stdin.close()
            except BrokenPipeError:
                pass
            except BadPartError:
                process.kill()
                process.wait()
                subprocess.run([*ctr, "rm", part["image"]], capture_output=True, check=False)
                raise
            output = process.stdout.read()
        if process.returncode:
            raise BadPartError(
                f"{part['path']}: containerd did not take it: "
                f"{output.decode(errors='replace')[-1000:]}"
            )

    def _read(self, part: Part, sink: Callable[[bytes], Any]) -> None:
        """Send a part's bytes on, then compare what was read with bundle.json."""
        digest = hashlib.sha256()
        with (self.bundle / part["path"]).open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                sink(chunk)
        if digest.hexdigest() != part["sha256"]:
            raise CorruptPartError(
                f"{self.bundle / part['path']} is corrupt: its sha256 is {digest.hexdigest()}, "
                f"bundle.json says "
                f"{part['sha256']}; run: kubedrill bundle build, then this playbook again"
            )

    def install_all(self, parts: list[Part], *, copied_anew: bool) -> list[str]:
        """Install parts; return the paths of those that are corrupt, which are to be copied anew.

        Raises:
            BadPartError: a part is not taken; with ``copied_anew`` also when it is corrupt.
        """

        def attempt(part: Part) -> str:
            try:
                self.install(part)
            except CorruptPartError:
                if not copied_anew:
                    raise
                (self.bundle / part["path"]).unlink()
                return str(part["path"])
            return ""

        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - most runs install nothing

        gentle = self.module.params["gentle"]
        try:
            with ThreadPoolExecutor(1 if gentle else SIDE_BY_SIDE) as pool:
                return [path for path in pool.map(attempt, parts) if path]
        finally:
            write_state(self.memory_file, self.memory)

    def images(self, *filters: str) -> set[str]:
        """References of the images that containerd has."""
        if not shutil.which(self.ctr):
            return set()
        argv = [self.ctr, "--namespace", "k8s.io", "images", "ls", "-q", *filters]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return set(done.stdout.split())

    def unpinned(self, parts: list[Part], images: set[str]) -> list[str]:
        """References of installed images that the kubelet may remove.

        Releases before 0.2 imported them so.
        """
        installed = {part["image"] for part in parts if part["kind"] == "image"} & images
        return sorted(installed - self.images(PINNED_FILTER)) if installed else []

    def pin(self, image: str) -> None:
        """Keep the kubelet from removing an image when the disk is full."""
        argv = [self.ctr, "--namespace", "k8s.io", "images", "label", image, PINNED]
        self.module.run_command(argv, check_rc=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]
