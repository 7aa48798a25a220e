"""A virtual machine for a node.

The same Debian 13 root as the container, with a kernel, as a Vagrant box for libvirt.

The kernel and its initrd are booted directly, so the disk needs no boot loader. The bundles come as
a second disk: copying them into a machine without KVM takes minutes.

``python -m kubedrill.local.box VERSION…`` makes what is missing and prints JSON for the
Vagrantfile: ``box`` and ``url``, ``kernel``, ``initrd``, ``command_line``, ``driver`` ("kvm" where
it boots Linux, else "qemu"), ``bundles`` (a disk).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import click

from kubedrill.bundle.cache import Cache, content_key
from kubedrill.bundle.debian import find_mirrors
from kubedrill.bundle.errors import BuildFailed, MissingTools
from kubedrill.bundle.manifest import verify
from kubedrill.bundle.processes import Processes
from kubedrill.bundle.releases import find_release
from kubedrill.local import programs
from kubedrill.local.kvm import kvm_problem
from kubedrill.local.node_container import BUNDLES_ON_NODE
from kubedrill.local.node_image import building, node_dir, root_key, root_tar

PACKAGES = ("initramfs-tools", "linux-image-cloud-amd64")
DISK_GB = 16
"""Virtual size; the file holds only what was written (900 MB at first)."""
COMMAND_LINE = "root=/dev/vda rw console=ttyS0 net.ifnames=0"
EMULATED = "tsc=reliable mitigations=off"
"""Added without KVM. A busy emulated processor misses its ticks, so Linux may distrust the time
stamp counter and ask an emulated HPET instead: 13 times slower to read (measured). There is no
speculation to guard against."""
PLACE = Path("/var/lib/libvirt/images")
"""libvirt's default pool: QEMU's user can read there, and cannot in a home directory."""
BUNDLES_LABEL = "kd-bundles"

FILES = {
    "etc/fstab": (
        "/dev/vda / ext4 defaults 0 1\n"
        f"LABEL={BUNDLES_LABEL} {BUNDLES_ON_NODE} ext4 ro,noload,nofail 0 0\n"
    ),
    "etc/hostname": "node\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    # Vagrant's own management network; the nodes' network gets a file of its own from Vagrant.
    "etc/systemd/network/90-management.network": "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
}
FOLDERS = ("dev", BUNDLES_ON_NODE.lstrip("/"))
"""Mount points. The root that it shares with the container has no /dev, and without one the initrd
finds no init."""

_PROGRAMS = {
    "mke2fs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "virsh": "libvirt-clients",
    "libvirtd": "libvirt-daemon-system",
}
LIBVIRT_PACKAGES = (
    "vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base"
)


def require_hypervisor_tools() -> None:
    """Refuse a host without libvirt's programs, before anything is made.

    Raises:
        MissingTools: names the command that installs them.
    """
    missing = [
        name
        for name in _PROGRAMS
        if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None
    ]
    if missing:
        raise MissingTools(
            [f"{', '.join(missing)} not found: run `sudo apt-get install -y {LIBVIRT_PACKAGES}`"]
        )


def ensure_libvirt() -> None:
    """Return when libvirt answers; start its daemons where no service manager does.

    Raises:
        BuildFailed: it does not answer; carries its own words.
    """
    processes = Processes()
    try:
        processes.run("asking libvirt", ["virsh", "--connect", "qemu:///system", "uri"])
    except BuildFailed:
        if Path("/run/systemd/system").exists():
            raise
        for daemon in ("virtlogd", "libvirtd"):
            processes.run(f"starting {daemon}", [f"/usr/sbin/{daemon}", "--daemon"])
        processes.run("asking libvirt", ["virsh", "--connect", "qemu:///system", "uri"])


def ensure_box() -> Path:
    """Return the folder of the box: ``box.box``, ``vmlinuz``, ``initrd``.

    Made on first use (a minute).

    Raises:
        BuildFailed: a program refused; carries its last words.
    """
    key = content_key([root_key(PACKAGES), FILES, FOLDERS, DISK_GB])[:16]
    final = node_dir() / f"box-{key}"
    if final.is_dir():
        return final
    find_mirrors()
    tar = root_tar(PACKAGES)
    with building(), Cache(node_dir()).whole(final) as folder:
        sys.stderr.write("making the node's disk\n")
        with tempfile.TemporaryDirectory(dir=node_dir(), prefix=".partial-root-") as root:
            _unpack(tar, Path(root), folder)
            _make_disk(Path(root), folder)
        _pack(folder)
    tar.unlink()  # the box has it now
    return final


def _unpack(tar: Path, root: Path, folder: Path) -> None:
    processes = Processes()
    argv = ["tar", "--extract", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    processes.run(
        "unpacking the node's root", [*argv, "--file", str(tar), "--directory", str(root)]
    )
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    processes.run(
        "enabling the network",
        ["systemctl", f"--root={root}", "enable", "systemd-networkd.service"],
    )
    for name, pattern in (("vmlinuz", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        files = sorted((root / "boot").glob(pattern))
        if not files:
            raise BuildFailed(
                f"the node's root has no /boot/{pattern}: remove {tar} and build again"
            )
        shutil.copyfile(files[-1], folder / name)


def _make_disk(root: Path, folder: Path) -> None:
    processes = Processes()
    raw = folder / "disk.raw"
    argv = ["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(root)]
    processes.run("filling the disk", [*argv, str(raw), f"{DISK_GB}G"])
    processes.run(
        "packing the disk", ["qemu-img", "convert", "-O", "qcow2", raw, folder / "box.img"]
    )
    raw.unlink()


def _pack(folder: Path) -> None:
    metadata = {"provider": "libvirt", "format": "qcow2", "virtual_size": DISK_GB}
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    (folder / "Vagrantfile").write_text('Vagrant.configure("2") { |config| }\n', encoding="utf-8")
    members = ["metadata.json", "Vagrantfile", "box.img"]
    Processes().run("packing the box", ["tar", "-C", folder, "-cf", folder / "box.box", *members])
    for name in members:
        (folder / name).unlink()


def ensure_bundles_disk(versions: tuple[str, ...]) -> Path:
    """Return a read-only disk with these releases' bundles, in libvirt's pool.

    Made when they changed.

    Raises:
        BuildFailed: mke2fs refused; carries its last words.
        Corrupt: a bundle is not there or not what its manifest says.
    """
    cache = Cache()
    folders = [cache.bundles / find_release(version).bundle_name for version in versions]
    key = content_key([verify(folder).key for folder in folders])[:16]
    disk = PLACE / f"kubedrill-bundles-{key}.img"
    if not disk.exists():
        with tempfile.TemporaryDirectory(dir=node_dir(), prefix=".partial-bundles-") as scratch:
            for folder in folders:
                shutil.copytree(folder, Path(scratch, folder.name), copy_function=os.link)
            size = sum(path.stat().st_size for path in Path(scratch).rglob("*") if path.is_file())
            partial = disk.with_suffix(".partial")
            argv = [
                "mke2fs",
                "-q",
                "-t",
                "ext4",
                "-O",
                "^has_journal",
                "-m",
                "0",
                "-L",
                BUNDLES_LABEL,
                "-d",
                scratch,
            ]
            Processes().run(
                "making the bundles' disk",
                [*argv, str(partial), f"{size * 12 // 10 // 1024 + 65536}K"],
            )
            partial.replace(disk)
    return disk


def refresh_pool() -> None:
    """Let libvirt see the new disk.

    A pool that is not there yet sees it when Vagrant makes the pool.
    """
    virsh = ["virsh", "--connect", "qemu:///system"]
    pools = Processes().run("asking libvirt for its pools", [*virsh, "pool-list", "--name"])
    if "default" in pools.split():
        Processes().run("refreshing libvirt's pool", [*virsh, "pool-refresh", "default"])


def placed(source: Path, key: str) -> Path:
    """Copy a file to where QEMU's user can read it; nothing happens where it is already."""
    target = PLACE / f"kubedrill-{key}-{source.name}"
    if not target.exists():
        partial = target.with_suffix(".partial")
        shutil.copyfile(source, partial)
        partial.replace(target)
    return target


@click.command()
@click.argument("versions", nargs=-1, required=True)
def main(versions: tuple[str, ...]) -> None:
    """Prepare this host for virtual nodes and print how to run one."""
    require_hypervisor_tools()
    ensure_libvirt()
    folder = ensure_box()
    bundles = ensure_bundles_disk(versions)
    refresh_pool()
    driver = "qemu" if kvm_problem() else "kvm"
    answer = {
        "box": f"kubedrill-{folder.name}",
        "url": f"file://{folder / 'box.box'}",
        "kernel": str(placed(folder / "vmlinuz", folder.name)),
        "initrd": str(placed(folder / "initrd", folder.name)),
        "command_line": f"{COMMAND_LINE} {EMULATED}" if driver == "qemu" else COMMAND_LINE,
        "driver": driver,
        "bundles": bundles.name,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    programs.run(main)
