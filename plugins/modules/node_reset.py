"""Ansible module: restores what a node was like before the cluster."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import (
    BASELINE,
    STATE,
    SYSCTL_BASELINE,
    read_baseline,
    read_state,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_leftovers import (
    EMPTIED,
    LINKS,
    SHARED_UNMOUNTED,
    TRACES,
    UNMOUNTED,
    disarm_undos,
    end_containers,
    foreign_parts,
    is_mounted,
    mounts_below,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.packet_filter import (
    remove_tables,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENTATION = r"""
module: node_reset
short_description: Restores what a node was like before the cluster
description:
  - Stops and removes what runs, restores the files, units and kernel settings that were recorded,
    and removes programs, state, network interfaces and packet filter tables of the cluster.
  - On a host outside the cluster (C(member) is false) only files and units that were recorded are
    restored.
  - Does nothing on a node that has nothing of this project, and fails on one that has parts of a
    cluster which this project did not install.
  - Leaves containers of other containerd namespaces, such as Docker's, and what is mounted on a
    directory of the cluster alone. Such a directory is emptied where it is the mount point itself.
    Data that a container runtime had before the cluster stay.
  - Runs the undos that a drill has armed on the node, for a minute each, and removes them.
options:
  member:
    description: Whether the host is one of the cluster's nodes, and not its load balancer.
    type: bool
    default: true
  leave:
    description: Whether its etcd member leaves the cluster first; not when the whole cluster goes.
    type: bool
    default: false
  pod_network:
    description: The pods' network, whose routes go too.
    type: str
    required: true
  bundles:
    description: Where the node has its bundles. They are removed unless they are mounted.
    type: path
    required: true
author: kubedrill
"""

EXAMPLES = r"""
- name: Reset the node
  kubedrill.kubeadm.node_reset:
    pod_network: 10.244.0.0/16
    bundles: /opt/kubedrill/bundles
"""

RETURN = r"""
removed:
  description: What was there and was removed or restored.
  type: list
  elements: str
  returned: always
packages:
  description: The distribution's packages that were installed for the cluster, which the caller is
    to remove. Where there are any, /var/lib/kubedrill stays until the caller has removed them.
  type: list
  elements: str
  returned: always
"""

KUBEADM = Path("/usr/local/bin/kubeadm")
CTR = "/usr/local/bin/ctr"
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
PARTS = STATE / "parts.json"
PACKAGES = STATE / "packages.json"
SWAP_UNITS = STATE / "swap-units.json"
SELINUX_BOOLEANS = STATE / "selinux-booleans.json"
FSTAB = Path("/etc/fstab")
SWAP_MARK = re.compile(r"^#kubedrill# ", re.MULTILINE)


class Reset:
    """The steps that reset one node."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.removed: list[str] = []
        self.baseline = read_baseline(BASELINE)
        self.theirs = self.baseline.get("data", [])

    def run(self, *argv: str, must: bool = False) -> str:
        """Run a command; return what it printed."""
        status, out, err = self.module.run_command(list(argv))
        if status and must:
            self.fail(f"{' '.join(argv)} failed: {(err or out).strip()[-2000:]}")
        return str(out)

    def fail(self, problem: str) -> None:
        """End the module; what it removed so far is in the result."""
        self.module.fail_json(msg=problem, removed=self.removed)

    def undos(self) -> None:
        """Undo and disarm what a drill has left, and what an upgrade has armed."""
        self.removed += disarm_undos(self.run)

    def kubernetes(self) -> None:
        """Stop the pods and forget the cluster."""
        if not all(path.exists() for path in (KUBEADM, Path("/etc/kubernetes"), CONTAINERD_SOCKET)):
            return
        self.run("systemctl", "stop", "kubelet.service")
        # kubeadm does it without --lazy, so that one mount that is busy, or whose path has a blank,
        # would end the reset.
        self.unmount("/var/lib/kubelet/")
        skipped = [] if self.module.params["leave"] else ["--skip-phases", "remove-etcd-member"]
        socket = ["--cri-socket", f"unix://{CONTAINERD_SOCKET}"]
        self.run(str(KUBEADM), "reset", "--force", *socket, *skipped, must=True)
        self.removed.append("membership of the cluster")

    def units_stopped(self) -> None:
        """Stop the units that this project runs, the last one first."""
        for name in reversed(self.baseline.get("services", {})):
            self.run("systemctl", "stop", name)

    def services(self) -> None:
        """Stop what this project runs and end what its containers left."""
        self.run("systemctl", "stop", "kubelet.service")
        if self.theirs:
            self.images()
        self.units_stopped()
        end_containers(Path("/proc"))
        self.unmount(*(SHARED_UNMOUNTED if self.theirs else UNMOUNTED))

    def unmount(self, *prefixes: str) -> None:
        """Unmount what is mounted below directories of the cluster, the deepest first."""
        for mount in mounts_below(*prefixes):
            self.run("umount", "--lazy", "--", mount)
        if left := mounts_below(*prefixes):
            self.fail(
                f"{', '.join(left)} cannot be unmounted, and nothing was removed: unmount it, then "
                f"run this playbook again"
            )

    def images(self) -> None:
        """Remove the cluster's images from a containerd whose data stay, as others use it."""
        if images := self.run(CTR, "-n", "k8s.io", "images", "ls", "-q").split():
            self.run(CTR, "-n", "k8s.io", "images", "rm", "--sync", *images)
        self.run(CTR, "namespaces", "remove", "k8s.io")

    def network(self) -> None:
        """Remove interfaces, routes and tables of the pod network."""
        for link in LINKS:
            if Path("/sys/class/net", link).exists():
                self.run("ip", "link", "delete", link)
                self.removed.append(f"interface {link}")
        self.run("ip", "route", "flush", "root", self.module.params["pod_network"])
        for space in Path("/run/netns").glob("cni-*"):
            self.run("ip", "netns", "delete", space.name)
        self.removed += remove_tables(self.run, self.baseline.get("tables", []))

    def programs(self) -> None:
        """Remove the bundle's programs and plugins, then a bundle that was copied here."""
        self.remove(path for path in read_state(PARTS, {}) if path.startswith("/"))
        bundles = Path(self.module.params["bundles"])
        if bundles.is_dir() and not os.path.ismount(bundles) and os.access(bundles, os.W_OK):
            self.remove([str(bundles)])
        self.remove_empty([bundles.parent])

    def files(self) -> None:
        """Remove what the cluster left, then restore the recorded files."""
        self.remove(path for path in TRACES if path not in self.theirs)
        self.files_restored(EMPTIED)

    def files_restored(self, emptied: tuple[str, ...] = ()) -> None:
        """Restore the recorded files; remove new ones, and directories that are empty then."""
        for path, before in self.baseline.get("files", {}).items():
            if before is None:
                self.remove([path])
                continue
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(before["content"], encoding="utf-8")
            Path(path).chmod(before["mode"])
            self.removed.append(f"changes of {path}")
        directories = map(Path, self.baseline.get("directories", []))
        deepest_first = sorted(directories, key=lambda path: -len(path.parts))
        self.remove_empty([*map(Path, emptied), *deepest_first])

    def units(self) -> None:
        """Enable and start what was, and nothing else."""
        services = self.baseline.get("services", {})
        for name, before in services.items():
            if before["enabled"] != "enabled":
                self.run("systemctl", "disable", name)
        self.run("systemctl", "daemon-reload")
        for name, before in services.items():
            self.run("systemctl", "reset-failed", name)
            if before["active"] == "active":
                self.run("systemctl", "start", name)

    def settings(self) -> None:
        """Restore kernel settings."""
        for name, value in read_baseline(SYSCTL_BASELINE).items():
            setting = Path("/proc/sys", *name.split("."))
            if setting.exists() and setting.read_text(encoding="ascii").split() != value.split():
                setting.write_text(value, encoding="ascii")
                self.removed.append(f"setting {name}")
        self.remove(["/etc/sysctl.d/90-kubedrill.conf"])

    def selinux(self) -> None:
        """Turn off the booleans of SELinux that the host role turned on."""
        for name in read_state(SELINUX_BOOLEANS, []):
            self.run("setsebool", "-P", name, "off")
            self.removed.append(f"SELinux's boolean {name}")

    def swap(self) -> None:
        """Turn swap on again where the host role turned it off."""
        text = FSTAB.read_text(encoding="utf-8") if FSTAB.exists() else ""
        units = read_state(SWAP_UNITS, [])
        for unit in units:
            self.run("systemctl", "unmask", "--", unit)
            self.run("systemctl", "enable", "--", unit)  # one that could be disabled only
        if SWAP_MARK.search(text):
            # What of it is cut, the machine does not mount at its next boot.
            mode = stat.S_IMODE(FSTAB.stat().st_mode)
            write_whole(FSTAB.resolve(), SWAP_MARK.sub("", text).encode(), mode)
            self.run("swapon", "--all", must=True)
            self.removed.append("the ban on swap")
        if units:
            self.run("systemctl", "daemon-reload")
            self.run("systemctl", "start", "--", *units)
            self.removed.append(f"the ban on {', '.join(units)}")

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files and trees that are there."""
        for path in map(Path, paths):
            if path.is_dir() and not path.is_symlink():
                if left := mounts_below(f"{path}/"):
                    self.fail(
                        f"{', '.join(left)} is mounted below {path}, which is to be removed: "
                        f"unmount it, then run this playbook again"
                    )
                if is_mounted(path):  # a volume for it, which the cluster did not make
                    self.remove(map(str, path.iterdir()))
                    continue
                shutil.rmtree(path)
            elif path.exists() or path.is_symlink():
                path.unlink()
            else:
                continue
            self.removed.append(str(path))

    def remove_empty(self, directories: Iterable[Path]) -> None:
        """Remove directories that have become empty."""
        for path in directories:
            if path.is_dir() and not is_mounted(path) and not any(path.iterdir()):
                path.rmdir()


def wait_for_others() -> int:
    """Wait for the reset that a killed playbook left running here; held until this process ends.

    A directory can be locked without a file that would be left.
    """
    descriptor = os.open(STATE, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def main() -> None:
    """Take all steps and exit."""
    module = AnsibleModule(
        argument_spec={
            "member": {"type": "bool", "default": True},
            "leave": {"type": "bool", "default": False},
            "pod_network": {"type": "str", "required": True},
            "bundles": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    member = module.params["member"]
    installed = STATE.is_dir()
    if member and not installed and (foreign := foreign_parts()):
        module.fail_json(
            msg=f"{', '.join(foreign)} of a cluster that kubedrill did not install ({STATE} is "
            f"missing), and nothing was changed: remove it with what installed it, or take this "
            f"node out of the inventory"
        )
    if not installed or module.check_mode:
        module.exit_json(changed=installed, removed=[], packages=[])
    wait_for_others()
    if not STATE.is_dir():
        module.exit_json(changed=True, removed=[], packages=[])
    reset = Reset(module)
    packages = read_state(PACKAGES, [])
    stopping = (reset.undos, reset.kubernetes, reset.services, reset.network, reset.programs)
    restoring = (reset.settings, reset.selinux, reset.swap, reset.files, reset.units)
    outside = (reset.units_stopped, reset.selinux, reset.files_restored, reset.units)
    for step in (*stopping, *restoring) if member else outside:
        step()
    # The record goes last: a reset that is interrupted before this line starts again with all that
    # it must know. The packages, too: their files are restored before they are removed.
    if not packages:
        shutil.rmtree(STATE)
    module.exit_json(changed=True, removed=reset.removed, packages=packages)


if __name__ == "__main__":
    main()
