"""The distribution's package managers: what they would upgrade, and the upgrade itself.

By their programs: a module of Ansible's needs their Python bindings, which many images lack, and
apt's has no security updates only.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.distributions import (
    DEBIAN,
    REDHAT,
    SUSE,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LOCKED = re.compile(
    r"could not get lock|unable to (lock|acquire)|frontend lock|is locked by|"
    r"system management is locked|waiting for process",
    re.IGNORECASE,
)
"""What apt, dpkg, dnf and zypper say where another one works."""
POLL_S = 2.0
INSTALLS = re.compile(r"^Inst (\S+) \[(\S+)\] \((\S+) ([^\[)]*)", re.MULTILINE)
"""apt-get --simulate: an installed package, its version, the new one and where that is from."""
UPDATE = re.compile(r"<update\s([^>]*)>")
ATTRIBUTE = re.compile(r'\b([a-z-]+)="([^"]*)"')
KEEP_FILES = ("--force-confdef", "--force-confold")
"""dpkg keeps configuration that was changed here."""


class PackageError(Exception):
    """A package manager ended with an error; the text is its own."""


class Programs:
    """Runs programs until one deadline, again while another package manager holds the lock."""

    def __init__(self, lock_timeout: float, timeout: float) -> None:
        self._locked_until = time.monotonic() + lock_timeout
        self._deadline = time.monotonic() + timeout

    def run(self, *argv: str, good: Collection[int] = (0,)) -> tuple[int, str]:
        """Return the status and what was printed.

        Raises:
            PackageError: another status than ``good``, a lock that is not given up, or no end in
                time.
        """
        while True:
            status, output = self._run_once(argv)
            if status in good:
                return status, output
            if not LOCKED.search(output) or time.monotonic() >= self._locked_until:
                raise PackageError(f"{' '.join(argv[:6])} ended with {status}: {output[-1500:]}")
            time.sleep(POLL_S)

    def _run_once(self, argv: Sequence[str]) -> tuple[int, str]:
        environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                timeout=max(1.0, self._deadline - time.monotonic()),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PackageError(f"{' '.join(argv[:6])} did not end in time") from error
        except OSError as error:
            raise PackageError(f"{argv[0]} cannot be run: {error}") from error
        return done.returncode, done.stdout.strip()


class Apt:
    """Debian and Ubuntu. Nothing is removed, and what is held back stays."""

    def __init__(self, programs: Programs) -> None:
        self._run = programs.run

    def refresh(self) -> None:
        """Read the lists anew; a mirror that does not answer is an error."""
        self._run("apt-get", "-o", "APT::Update::Error-Mode=any", "update")

    def is_unfinished(self) -> bool:
        """Whether dpkg was interrupted."""
        return bool(self._run("dpkg", "--audit")[1])

    def upgradable(self, which: str) -> list[str]:
        """What an upgrade would bring."""
        return [f"{name} {old} -> {new}" for name, old, new in self._pick(which)]

    def upgrade(self, which: str) -> None:
        """Finish what was interrupted, then upgrade."""
        if self.is_unfinished():
            self._run("dpkg", *KEEP_FILES, "--configure", "-a")
        names = [f"{name}={new}" for name, _old, new in self._pick(which)]
        options = [word for each in KEEP_FILES for word in ("-o", f"Dpkg::Options::={each}")]
        if names:
            self._run("apt-get", *options, "-y", "--no-remove", "install", "--only-upgrade", *names)

    def _pick(self, which: str) -> list[tuple[str, str, str]]:
        argv = ("apt-get", "-s", "-o", "Debug::NoLocking=true", "upgrade", "--with-new-pkgs")
        return read_simulation(self._run(*argv)[1], which)


class Dnf:
    """The RHEL family."""

    def __init__(self, programs: Programs) -> None:
        self._run = programs.run

    def refresh(self) -> None:
        """Read the repositories anew."""
        self._run("dnf", "-q", "makecache", "--refresh")

    def is_unfinished(self) -> bool:
        """Never: dnf has no such state that another run mends."""
        return False

    def upgradable(self, which: str) -> list[str]:
        """What an upgrade would bring."""
        argv = ["dnf", "-q", "check-update", *self._only(which)]
        return read_check_update(self._run(*argv, good=(0, 100))[1])

    def upgrade(self, which: str) -> None:
        """Upgrade."""
        self._run("dnf", "-y", "upgrade", *self._only(which))

    @staticmethod
    def _only(which: str) -> list[str]:
        return ["--security"] if which == "security" else []


class Zypper:
    """The SUSE family."""

    def __init__(self, programs: Programs) -> None:
        self._run = programs.run

    def refresh(self) -> None:
        """Read the repositories anew."""
        self._run("zypper", "-n", "refresh")

    def is_unfinished(self) -> bool:
        """Never: zypper has no such state that another run mends."""
        return False

    def upgradable(self, which: str) -> list[str]:
        """What an upgrade would bring: packages, or with "security" patches."""
        words = (
            ("list-patches", "--category", "security") if which == "security" else ("list-updates",)
        )
        return read_updates(self._run("zypper", "-n", "-q", "--xmlout", *words)[1])

    def upgrade(self, which: str) -> None:
        """Upgrade; again where zypper upgraded itself first (103)."""
        words = ("patch", "--category", "security") if which == "security" else ("update",)
        argv = ("zypper", "-n", *words)
        status, _ = self._run(*argv, good=(0, 102, 103))
        if status == 103:
            self._run(*argv, good=(0, 102))


MANAGERS: dict[str, Any] = {DEBIAN: Apt, REDHAT: Dnf, SUSE: Zypper}


def read_simulation(text: str, which: str) -> list[tuple[str, str, str]]:
    """Installed packages that ``apt-get --simulate`` would upgrade: name, version, new version.

    >>> read_simulation("Inst vim [1] (2 Debian:13.2/stable [amd64])", "all")
    [('vim', '1', '2')]
    >>> read_simulation("Inst vim [1] (2 Debian:13.2/stable [amd64])", "security")
    []
    """
    return [
        (name, old, new)
        for name, old, new, origin in INSTALLS.findall(text)
        if which != "security" or "security" in origin.lower()
    ]


def read_check_update(text: str) -> list[str]:
    r"""Packages that ``dnf check-update`` lists, but not those that they take the place of.

    >>> read_check_update("\nvim.x86_64  2:9.1-1.el9  baseos\nObsoleting Packages\nold.x 1 y")
    ['vim 2:9.1-1.el9']
    """
    lines = text.partition("Obsoleting Packages")[0].splitlines()
    rows = [line.split() for line in lines]
    return [
        f"{row[0].rpartition('.')[0]} {row[1]}" for row in rows if len(row) == 3 and "." in row[0]
    ]


def read_updates(text: str) -> list[str]:
    """Packages or patches of ``zypper --xmlout``.

    >>> read_updates('<update kind="package" name="vim" edition="9.1-1" arch="x86_64">')
    ['vim 9.1-1']
    """
    updates = [dict(ATTRIBUTE.findall(attributes)) for attributes in UPDATE.findall(text)]
    return [f"{each.get('name', '')} {each.get('edition', '')}" for each in updates]
