"""The floor that playbooks/upgrade.yml is compared with.

The same upgrade by plain kubeadm and drain commands.

``benchmarks/upgrade_by_hand.py INVENTORY VERSION`` does what the Kubernetes documentation says, one
node after the other, over SSH: images, kubeadm, ``kubeadm upgrade apply`` or ``node``, drain,
kubelet, uncordon. It waits where a careful administrator does: until the node is Ready again. It
prints one JSON object with the seconds of each node.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
IGNORE = "--ignore-preflight-errors=SystemVerification"


class Hands:
    """An administrator's terminal on each node."""

    def __init__(self, inventory: str, version: str) -> None:
        result = subprocess.run(
            [Path(sys.executable).parent / "ansible-inventory", "-i", inventory, "--list"],
            capture_output=True,
            text=True,
            check=True,
        )
        self.data: dict[str, Any] = json.loads(result.stdout)
        self.version = version
        self.inventory = Path(inventory).resolve()
        self.control_planes: list[str] = self.data["control_planes"]["hosts"]
        self.workers: list[str] = self.data.get("workers", {}).get("hosts", [])

    def templated(self, text: str, node: str) -> str:
        """Fill in the two variables that inventories/local uses."""
        folder = self.inventory if self.inventory.is_dir() else self.inventory.parent
        return text.replace("{{ inventory_dir }}", str(folder)).replace(
            "{{ inventory_hostname }}", node
        )

    def ssh(self, node: str, command: str) -> None:
        """Run a command as root; its output goes to standard error."""
        values = self.data["_meta"]["hostvars"][node]
        options = [
            "-o",
            "ControlMaster=auto",
            "-o",
            "ControlPath=/tmp/by-hand-%C",
            "-o",
            "ControlPersist=60",
        ]
        options += shlex.split(self.templated(values.get("ansible_ssh_common_args", ""), node))
        key = self.templated(values.get("ansible_ssh_private_key_file", ""), node)
        options += ["-i", key] if key else []
        target = f"{values.get('ansible_user', 'root')}@{values.get('ansible_host', node)}"
        script = f"sudo sh -c {shlex.quote('set -e; ' + command)}"
        subprocess.run(["ssh", *options, target, script], stdout=sys.stderr, check=True)

    def bundle(self, node: str) -> str:
        """Directory of the new release on a node."""
        shared = self.data["_meta"]["hostvars"][node].get(
            "cluster_bundles_dir", "/opt/kubedrill/bundles"
        )
        return f"{shared}/v{self.version}-amd64"

    def prepare(self, node: str) -> None:
        """Import the new images; on all nodes at once, as upgrade.yml does."""
        archives = f"{self.bundle(node)}/images/*.tar"
        self.ssh(
            node,
            (
                f"for archive in {archives}; do ctr -n k8s.io images import --no-unpack $archive "
                f">/dev/null; done"
            ),
        )

    def install(self, node: str, program: str) -> None:
        """Replace a program."""
        source = f"{self.bundle(node)}/bin/{program}"
        self.ssh(
            node,
            f"cd /usr/local/bin; install -m 755 {source} .{program}; mv .{program} {program}",
        )

    def upgrade(self, node: str, kubeadm: str, helper: str) -> float:
        """Upgrade one node; returns the seconds it took."""
        begun = time.monotonic()
        self.install(node, "kubeadm")
        self.ssh(node, f"kubeadm upgrade {kubeadm} {IGNORE}")
        self.ssh(
            helper,
            f"{KUBECTL} drain {node} --ignore-daemonsets --delete-emptydir-data --timeout=180s",
        )
        for program in ("kubelet", "kubectl"):
            self.install(node, program)
        self.ssh(node, "systemctl daemon-reload && systemctl restart kubelet")
        version = "{.status.nodeInfo.kubeletVersion}"
        check = f"{KUBECTL} get node {node} -o jsonpath='{version}' | grep -qx v{self.version}"
        self.ssh(
            helper,
            (
                f"until {check}; do sleep 1; done; {KUBECTL} wait node/{node} "
                f"--for=condition=Ready --timeout=180s"
            ),
        )
        self.ssh(helper, f"{KUBECTL} uncordon {node}")
        return round(time.monotonic() - begun, 1)


def main() -> None:
    """Upgrade every node and print the times."""
    hands = Hands(sys.argv[1], sys.argv[2])
    begun = time.monotonic()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(hands.prepare, [*hands.control_planes, *hands.workers]))
    seconds = {"images": round(time.monotonic() - begun, 1)}
    first = hands.control_planes[0]
    for node in hands.control_planes:
        seconds[node] = hands.upgrade(
            node, f"apply -y v{hands.version}" if node == first else "node", node
        )
    for node in hands.workers:
        seconds[node] = hands.upgrade(node, "node", first)
    print(json.dumps({"total": round(time.monotonic() - begun, 1), "seconds": seconds}))


if __name__ == "__main__":
    main()
