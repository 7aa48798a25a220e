"""Ansible module: installs and verifies the parts of a release bundle that a node needs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

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

DOCUMENTATION = r"""
module: bundle_parts
short_description: Installs the parts of a release bundle that a node needs
description:
  - A part is hashed once, while it is installed, and compared with bundle.json. What was installed
    is remembered with
    its hash, size and time of change, so that another run reads no part again.
  - Programs are copied to a temporary name and renamed. Images are imported into containerd's
    C(k8s.io) namespace and pinned, so that the kubelet's garbage collection leaves them.
options:
  bundle:
    description: The bundle's directory on the node.
    type: path
    required: true
  manifest:
    description: The text of the controller's bundle.json. The node's must be the same.
    type: str
    required: true
  role:
    description: What the node is.
    type: str
    choices: [control_plane, worker]
    required: true
  kinds:
    description: Kinds of parts to install.
    type: list
    elements: str
    choices: [binary, cni, image]
    required: true
  only:
    description: Names of the parts to install; all when empty.
    type: list
    elements: str
    default: []
  gentle:
    description: >-
      Leave disk and processors to the etcd and the pods that run here - one part at a time, what is
      written goes to the
      disk bit by bit, images come at a limited rate and are unpacked now and not when their pods
      start.
    type: bool
    default: false
  copied:
    description: The missing parts were copied just now, so that one that is corrupt is an error.
      Else it is removed from a bundle that can be written, and returned in C(absent).
    type: bool
    default: false
  bin_dir:
    description: Where programs go.
    type: path
    default: /usr/local/bin
  cni_dir:
    description: Where CNI plugins go.
    type: path
    default: /opt/cni/bin
  memory:
    description: File that remembers what was installed.
    type: path
    default: /var/lib/kubedrill/parts.json
author: kubedrill
"""

EXAMPLES = r"""
- name: Install the bundle's programs
  kubedrill.kubeadm.bundle_parts:
    bundle: /opt/kubedrill/bundles/v1.35.4-amd64
    manifest: "{{ lookup('ansible.builtin.file', 'v1.35.4-amd64/bundle.json') }}"
    role: worker
    kinds: [binary, cni]
"""

RETURN = r"""
absent:
  description: >-
    Paths in the bundle that are missing or not what the controller's bundle.json says. Nothing was
    installed where one was missing, and the others where one was corrupt.
  returned: always
  type: list
  elements: str
writable:
  description: Whether the bundle's directory can be written, that is, is not a mount of the
    controller's cache.
  returned: always
  type: bool
installed:
  description: Names of the parts that were installed.
  returned: always
  type: list
  elements: str
"""

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
        return [
            part
            for part in manifest["parts"]
            if params["role"] in part["nodes"]
            and part["kind"] in params["kinds"]
            and (not params["only"] or part["name"] in params["only"])
        ]

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


def main() -> None:
    """Install what is missing and exit."""
    module = AnsibleModule(
        argument_spec={
            "bundle": {"type": "path", "required": True},
            "manifest": {"type": "str", "required": True},
            "role": {"type": "str", "choices": ["control_plane", "worker"], "required": True},
            "kinds": {
                "type": "list",
                "elements": "str",
                "choices": ["binary", "cni", "image"],
                "required": True,
            },
            "only": {"type": "list", "elements": "str", "default": []},
            "gentle": {"type": "bool", "default": False},
            "copied": {"type": "bool", "default": False},
            "bin_dir": {"type": "path", "default": "/usr/local/bin"},
            "cni_dir": {"type": "path", "default": "/opt/cni/bin"},
            "memory": {"type": "path", "default": "/var/lib/kubedrill/parts.json"},
        },
        supports_check_mode=True,
    )
    installer = Installer(module)
    parts = installer.select(json.loads(module.params["manifest"]))
    writable = not installer.bundle.exists() or os.access(installer.bundle, os.W_OK)
    result = {"absent": installer.absent(parts), "writable": writable, "installed": []}
    if result["absent"] and module.params["copied"]:
        module.fail_json(
            msg=f"{', '.join(result['absent'])} is not what bundle.json says, although it was "
            f"copied to {installer.bundle} just now: run `kubedrill bundle build` on the "
            f"controller, then this playbook again",
            **result,
        )
    if result["absent"]:
        module.exit_json(changed=False, **result)
    images = installer.images() if "image" in module.params["kinds"] else set()
    missing = [part for part in parts if not installer.done(part, images)]
    unpinned = installer.unpinned([part for part in parts if part not in missing], images)
    result["installed"] = [part["name"] for part in missing]
    if missing and not module.check_mode:
        if module.params["gentle"]:
            os.nice(19)
        try:
            copied_anew = writable and not module.params["copied"]
            result["absent"] = installer.install_all(missing, copied_anew=copied_anew)
        except BadPartError as error:
            module.fail_json(msg=str(error), **result)
    if not module.check_mode:
        for image in unpinned:
            installer.pin(image)
    module.exit_json(changed=bool(missing or unpinned), **result)


if __name__ == "__main__":
    main()
