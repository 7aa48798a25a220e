"""Runs on a node, as root, with the node's own Python 3.

Reads what a host alone knows and prints it as JSON.

Reads only. Of a file only the certificates are taken, never a key. Imports nothing of the harness.
Arguments: the bundles' folder, the target's bundle ("v1.36.3-amd64").
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
EMBEDDED = re.compile(r"client-certificate-data:\s*([A-Za-z0-9+/=]+)")
ELSEWHERE = re.compile(
    r"(client-certificate|token|tokenFile|exec):"
)  # a kubeconfig whose identity is not in it
ROTATED = re.compile(
    r"kubelet-(client|server)-\d.*"
)  # kept by the kubelet; …-current.pem points to the one in use
WHERE = (
    "/etc/kubernetes/pki/**/*.crt",
    "/etc/kubernetes/*admin.conf",  # super-admin.conf too
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
    "/etc/kubernetes/*kubelet.conf",  # bootstrap-kubelet.conf too
    "/var/lib/kubelet/pki/kubelet*",
)
"""kubeadm's certificates and kubeconfigs; a folder of kubeadm's may hold other files, such as a
resolv.conf."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CONTAINERD = "/run/containerd/containerd.sock"
SECONDS = 20  # one program; the slowest, ctr, answers in under a second


def main() -> None:
    """Print everything."""
    bundles, bundle = sys.argv[1:3]
    certificates, unreadable = read_certificates()
    facts = {
        "certificates": certificates,
        "unreadable": unreadable,
        "disks": {path: disk(path) for path in ("/var/lib/containerd", "/usr/local/bin", bundles)},
        "images": images(),
        "kubelet_args": kubelet_args(),
        "kubeadm": output("kubeadm", "version", "-o", "short").strip(),
        "cgroup": 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1,
        "has_bundle": (Path(bundles) / bundle / "bundle.json").is_file(),
    }
    json.dump(facts, sys.stdout)


def read_certificates(root: Path = Path("/")) -> tuple[dict[str, list[str]], list[str]]:
    """Return certificates in PEM by file, and the files that hold none that could be read."""
    certificates, unreadable = {}, []
    for pattern in WHERE:
        for path in sorted(root.glob(pattern.lstrip("/"))):
            if path.suffix == ".key" or ROTATED.fullmatch(path.name):
                continue
            blocks = certificates_of(path)
            if blocks:
                certificates[str(path)] = blocks
            elif blocks is None:
                unreadable.append(str(path))
    return certificates, unreadable


def certificates_of(path: Path) -> list[str] | None:
    """PEM blocks of a file, [] for a kubeconfig that holds none, None where nothing can be read."""
    try:
        text = path.read_text(encoding="utf-8")
        embedded = [base64.b64decode(data).decode() for data in EMBEDDED.findall(text)]
    except (OSError, UnicodeDecodeError, binascii.Error):
        return None
    blocks = CERTIFICATE.findall(
        "\n".join([text, *embedded]) if path.suffix != ".conf" else "\n".join(embedded)
    )
    return blocks or ([] if path.suffix == ".conf" and ELSEWHERE.search(text) else None)


def disk(path: str) -> dict[str, int]:
    """The filesystem that a path, or the nearest parent that exists, is on; bytes."""
    there = Path(path)
    while not there.exists():
        there = there.parent
    space = os.statvfs(there)
    return {
        "device": there.stat().st_dev,
        "total": space.f_blocks * space.f_frsize,
        "available": space.f_bavail * space.f_frsize,
    }


def images() -> list[str] | None:
    """References of the images that containerd has, None when it does not say."""
    listed = (
        output("ctr", "-n", "k8s.io", "images", "ls", "-q") if Path(CONTAINERD).exists() else ""
    )
    return listed.split() or None


def kubelet_args() -> list[str]:
    """The command line of the running kubelet, without the program; [] when none runs."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_text(encoding="utf-8", errors="replace").rstrip("\0").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == "kubelet":
            return words[1:]
    return []


def output(*argv: str) -> str:
    """Standard output of a program, "" when there is none or it failed."""
    program = shutil.which(argv[0], path=PATH)
    if not program:
        return ""
    done = subprocess.run(
        [program, *argv[1:]], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.stdout if done.returncode == 0 else ""


if __name__ == "__main__":
    main()
