"""Gets this host ready: Debian packages where it may install them, and a virtual environment.

`make setup` runs this file with the system's Python before there is anything else, so it imports
the standard library only. Safe to repeat (a second run takes half a second) and to interrupt (what
is not finished is done again).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv"
STAMP = VENV / ".kubedrill-setup"
LOCKS = (ROOT / "requirements-build.lock", ROOT / "requirements.lock")
NEEDED_PYTHON = (3, 11)
QUIET_S = 25.0
"""Seconds after which a line says what still goes on: in a log, silence looks like a hang."""
SHOWN_LINES = 20
"""Lines of a program's output that are shown where it fails."""

PACKAGES = {
    "ca-certificates": "TLS",
    "debian-archive-keyring": "checks what comes from the Debian mirror",
    "docker.io": "nodes as containers",
    "gcc": "bundle: pause, runc, and flannel's udp backend",
    "iproute2": "networks",
    "iptables": "Docker's own rules",
    "libc6-dev": "bundle: pause, runc, and flannel's udp backend",
    "libseccomp-dev": "bundle: runc",
    "mmdebstrap": "node image and base images",
    "openssh-client": "Ansible's way to the nodes",
    "pkg-config": "bundle: runc",
    "procps": "processes",
    "python3-venv": "the project's virtual environment",
    "rsync": "copies bundles to machines that have no shared folder",
    "skopeo": "images from registries",
    "uidmap": "mmdebstrap without root",
    "vagrant": "makes the nodes",
}
"""Debian packages that `make drill` needs, and what for."""

TEST_PACKAGES = {
    "chromium": "looks at the report",
    "docker-registry": "the upstream source is tested against a real registry",
    "fonts-dejavu-core": "text in the report",
    "openssh-server": "unit tests talk to a real SSH server",
    "postgresql": "history and order service are tested on a real database",
    "redis-server": "the order service is tested with a real cache",
}
"""Debian packages that `make test` needs on top."""


class SetupError(Exception):
    """The host cannot be made ready; the message says what to do."""


def missing_packages(names: list[str], dpkg_status: str) -> list[str]:
    r"""Return those of ``names`` that dpkg does not report as installed.

    Args:
        names: names of Debian packages.
        dpkg_status: lines "NAME STATUS", STATUS as in dpkg's ``${db:Status-Status}``.

    >>> missing_packages(["gcc", "skopeo", "vagrant"], "gcc installed\nskopeo config-files\n")
    ['skopeo', 'vagrant']
    """
    installed = {
        line.split()[0] for line in dpkg_status.splitlines() if line.split()[1:] == ["installed"]
    }
    return [name for name in names if name not in installed]


def query_packages(names: list[str]) -> list[str]:
    """Ask dpkg which of these packages are missing here; all of them where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return names
    answer = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,  # it ends with 1 when it does not know one of them
    )
    return missing_packages(names, answer.stdout)


def install_command(packages: list[str]) -> list[str]:
    """Return the command that installs Debian packages, with sudo where that is needed."""
    apt = [
        "apt-get",
        "install",
        "--yes",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=300",
        *packages,
    ]
    return apt if os.geteuid() == 0 else ["sudo", *apt]


def install_packages(names: list[str]) -> None:
    """Install what is missing.

    Raises:
        SetupError: no apt, no root and no sudo, or apt refused.
    """
    missing = query_packages(names)
    if not missing:
        return
    command = install_command(missing)
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"this host has no apt; install what these Debian packages hold: {' '.join(missing)}"
        )
    if shutil.which(command[0]) is None:
        raise SetupError(f"you are not root and there is no sudo; as root run: {' '.join(command)}")
    _report(f"installing {' '.join(missing)}; 1 to 3 min")
    environment = [] if command[0] != "sudo" else ["sudo"]
    environment += ["env", "DEBIAN_FRONTEND=noninteractive"]
    what = "installing Debian packages"
    _run([*environment, "apt-get", "-o", "DPkg::Lock::Timeout=300", "update", "-qq"], what)
    _run([*environment, *[word for word in command if word != "sudo"], "-qq"], what)


def setup_key() -> str:
    """Return what the virtual environment is made from: locks, project file, Python."""
    digest = hashlib.sha256(repr(sys.version_info).encode())
    for path in (*LOCKS, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def make_venv() -> None:
    """Make .venv from the locks, every download checked against its hash.

    Raises:
        SetupError: pip or venv refused.
    """
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == setup_key():
        return
    python = VENV / "bin" / "python"
    if not _works(python):
        _report("making .venv")
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _report("installing the locked Python packages; about 1 min")
    what = "installing Python packages"
    for lock in LOCKS:
        _run([*pip, "install", "--require-hashes", "--only-binary=:all:", "-r", str(lock)], what)
    _run(
        [*pip, "install", "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)], what
    )
    STAMP.write_text(setup_key(), encoding="utf-8")


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    return (
        subprocess.run(
            [python, "-m", "pip", "--version"], capture_output=True, check=False
        ).returncode
        == 0
    )


def _run(argv: list[str], what: str) -> None:
    """Run a program, whose output is shown only where it fails; say that it goes on."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        with subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT) as process:
            while True:
                try:
                    code = process.wait(QUIET_S)
                    break
                except subprocess.TimeoutExpired:
                    _report(f"still {what}, for {time.monotonic() - began:.0f} s")
        if code != 0:
            output.seek(0)
            lines = output.read().decode(errors="replace").splitlines()[-SHOWN_LINES:]
            text = "".join(f"\n    {line}" for line in lines)
            raise SetupError(f"`{' '.join(argv)}` ended with {code}:{text}")


def _report(text: str) -> None:
    sys.stderr.write(f"kubedrill setup: {text}\n")
    sys.stderr.flush()


def require_python() -> None:
    """Refuse a Python that the project cannot run on.

    Raises:
        SetupError: names the version found.
    """
    if sys.version_info < NEEDED_PYTHON:
        version = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(
            f"this is Python {version}; expected 3.11 or newer: make setup PYTHON=python3.11"
        )


def main() -> int:
    """Run the setup; 0 when the host is ready, 2 when something is in the way, 4 when stopped."""
    parser = argparse.ArgumentParser(description="Get this host ready for kubedrill.")
    parser.add_argument("--tests", action="store_true", help="also what `make test` needs")
    options = parser.parse_args()
    try:
        require_python()
        install_packages([*PACKAGES, *(TEST_PACKAGES if options.tests else [])])
        make_venv()
    except SetupError as error:
        _report(str(error))
        return 2
    except KeyboardInterrupt:
        _report("stopped; run it again: what is not finished is done then")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
