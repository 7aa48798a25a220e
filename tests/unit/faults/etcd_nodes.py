"""Three control planes on this host.

Real etcd processes, a thread that stands for the kubelets, a program for ctr.

The "kubelet" runs what each node's manifest says, and nothing without one; everything else is the
fault's own script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

from ports import free_ports

from kubedrill.base.waits import wait_for

CTR = """#!/bin/sh
# ctr: the container "etcd" of this node, where it runs.
pid=$(cat $NODE/pid 2>/dev/null)
case "$*" in
*"containers ls"*) echo etcd ;;
*"tasks ls"*) kill -0 "$pid" 2>/dev/null && echo "etcd $pid RUNNING" ;;
esac
"""
ETCDCTL = """#!/bin/sh
# etcdctl without the certificates that a test has not.
for word; do
  case $word in --cacert=*|--cert=*|--key=*) ;; *) set -- "$@" "$word" ;; esac; shift
done
exec $REAL "$@"
"""


def find_etcd() -> Path | None:
    """The folder with etcd's programs: what the bundle was made of, or the host's own."""
    cache = os.environ.get("KUBEDRILL_CACHE") or Path(
        os.environ.get("XDG_CACHE_HOME", "~/.cache"), "kubedrill"
    )
    parts = sorted(Path(cache).expanduser().glob("parts/go-etcd-*"))
    if parts and (parts[-1] / "server").exists():
        return parts[-1]
    return None


class EtcdNodes:
    """Nodes cp1, cp2 and cp3 below a folder. ``run`` gives a script to a node's shell."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        ports = free_ports(6)
        self.client = {f"cp{i}": f"http://127.0.0.1:{ports[i - 1]}" for i in (1, 2, 3)}
        self.peer = {f"cp{i}": f"http://127.0.0.1:{ports[i + 2]}" for i in (1, 2, 3)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._kubelets = threading.Thread(target=self._keep, daemon=True)
        binaries = folder / "bin"
        binaries.mkdir()
        for name, text in {"ctr": CTR, "etcdctl": ETCDCTL}.items():
            (binaries / name).write_text(text)
            (binaries / name).chmod(0o755)
        for node in self.client:
            self._make(node)

    def _make(self, node: str) -> None:
        """Write the first manifest: three members that make a new etcd together."""
        (self.folder / node / "manifests").mkdir(parents=True)
        flags = {
            "name": node,
            "data-dir": self.data(node),
            "listen-client-urls": self.client[node],
            "advertise-client-urls": self.client[node],
            "listen-peer-urls": self.peer[node],
            "initial-advertise-peer-urls": self.peer[node],
            "initial-cluster": ",".join(f"{name}={peer}" for name, peer in self.peer.items()),
        }
        lines = "".join(f"    - --{key}={value}\n" for key, value in flags.items())
        (self.folder / node / "manifests/etcd.yaml").write_text(
            f"spec:\n  containers:\n  - command:\n{lines}"
        )

    def data(self, node: str) -> Path:
        return self.folder / node / "data"

    def manifests(self, node: str) -> Path:
        return self.folder / node / "manifests"

    def run(self, node: str, line: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.folder}/bin:{self.programs}:{os.environ['PATH']}",
            "NODE": str(self.folder / node),
            "REAL": str(self.programs / "etcdctl"),
        }
        return subprocess.run(
            ["sh", "-c", line], env=environment, capture_output=True, text=True, check=False
        )

    def ask(self, node: str, question: str) -> str:
        done = self.run(
            node, f"etcdctl --endpoints={self.client[node]} --command-timeout=3s {question}"
        )
        return done.stdout if done.returncode == 0 else ""

    def start(self) -> None:
        """Start them, then leave the manifests as kubeadm does.

        Each knows those that were there before.
        """
        self._kubelets.start()
        for node in self.client:
            self.wait_serving(node)
            manifest = self.manifests(node) / "etcd.yaml"
            everybody = ",".join(f"{name}={peer}" for name, peer in self.peer.items())
            known = ",".join(f"{name}={peer}" for name, peer in self.peer.items() if name <= node)
            state = "" if node == "cp1" else "\n    - --initial-cluster-state=existing"
            manifest.write_text(manifest.read_text().replace(f"={everybody}", f"={known}{state}"))

    def wait_serving(self, node: str) -> None:
        wait_for(
            f"{node} to serve",
            lambda: self.ask(node, "endpoint health -w json") or None,
            seconds=60,
            setting="api_up",
        )

    def _keep(self) -> None:
        """Be the kubelets: run what a manifest says, end what has none."""
        while not self._stopping.wait(0.1):
            for node in self.client:
                manifest, running = self.manifests(node) / "etcd.yaml", self._running.get(node)
                alive = running is not None and running.poll() is None
                if alive and running and not manifest.exists():
                    running.terminate()
                elif not alive:
                    self._start(node, manifest)

    def _start(self, node: str, manifest: Path) -> None:
        try:
            text = manifest.read_text()
        except FileNotFoundError:
            return
        flags = [
            line.strip().removeprefix("- ")
            for line in text.splitlines()
            if line.strip().startswith("- --")
        ]
        with (self.folder / node / "log").open("a") as log:
            process = subprocess.Popen([self.programs / "server", *flags], stdout=log, stderr=log)
        self._running[node] = process
        (self.folder / node / "pid").write_text(str(process.pid))

    def stop(self) -> None:
        if self._kubelets.is_alive():
            self._stopping.set()
            self._kubelets.join()
        for process in self._running.values():
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
