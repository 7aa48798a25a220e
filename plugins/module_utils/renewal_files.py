"""The files of a renewal of certificates on one control plane.

kubeadm renews copies, beside what is used. The journal is written when all of them are complete:
from then on any run can put them into place, whatever ended the one before. Each file is replaced
in one step.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.certificates import (
    AUTHORITIES,
    EMBEDDED,
    EMBEDDED_KEY,
    KUBERNETES,
    certificate_files,
    explain_unusable,
    files,
    read,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    run,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import (
    copy_whole,
    sync_path,
    write_whole,
)

ROOT_KUBECONFIG = Path("/root/.kube/config")
"""Where kubeadm has administrators copy admin.conf to."""

IN_PLACE_OF = 'mount --bind "$0" "$1" && shift && exec "$@"'
"""kubeadm knows one folder of kubeconfigs. In a namespace of its own, the copies stand there."""

Journal = dict[str, dict[str, str]]
"""Path of each file that is replaced → ``staged``, its new content's name; ``before`` and
``after``, the checksums."""


class RenewalFiles:
    """Where everything is; a test has other places."""

    def __init__(
        self, kubernetes: Path = KUBERNETES, root_kubeconfig: Path = ROOT_KUBECONFIG
    ) -> None:
        self.kubernetes, self.root_kubeconfig = kubernetes, root_kubeconfig
        self.folder = kubernetes / "kubedrill" / "certificates"
        self.new, self.previous = self.folder / "new", self.folder / "previous"
        self.journal_file = self.folder / "journal.json"

    def begun(self) -> bool:
        """Whether a renewal was begun, and not finished."""
        return self.journal_file.exists()

    def journal(self) -> Journal:
        """What is to be replaced; {} where nothing is staged, or not for the files as they are."""
        try:
            journal: Journal = json.loads(self.journal_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        for path, entry in journal.items():
            if checksum(self.new / entry["staged"]) != entry["after"]:
                return {}
            if checksum(Path(path)) not in (entry["before"], entry["after"]):
                return {}
        return journal

    def stage(self, kubeadm: str, config: str, timeout: float) -> bool:
        """Have kubeadm renew copies of all certificates. Nothing that is used is touched.

        Raises:
            CommandError: kubeadm failed, or what it wrote cannot be used.
        """
        if self.journal():
            return False
        self.remove()
        for folder in (self.new, self.previous):
            folder.mkdir(mode=0o700, parents=True)
        self.folder.chmod(0o700)
        lent = [f"{name}.{kind}" for name in AUTHORITIES for kind in ("crt", "key")]
        for name in (*files(), *lent):
            self._copy(name)
        write_whole(self.new / "kubeadm.yaml", config.encode())
        run(self._command(kubeadm), timeout)
        for name in (*lent, "kubeadm.yaml"):
            (self.new / name).unlink()
        self._check()
        staged = [name for name in files() if (self.new / name).exists()]
        self._write_journal({self.kubernetes / name: name for name in staged})
        return True

    def keep_running(self) -> None:
        """Note a restart without new certificates, so that a rerun knows of it."""
        self.remove()
        self.folder.mkdir(mode=0o700, parents=True)
        write_whole(self.journal_file, b"{}")

    def _copy(self, name: str) -> None:
        source, target = self.kubernetes / name, self.new / name
        if source.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy_whole(source, target, sync=False)

    def _command(self, kubeadm: str) -> list[str]:
        place = str(self.kubernetes)
        return [
            "unshare", "--mount", "--propagation", "private", "sh", "-ec", IN_PLACE_OF,
            str(self.new), place, kubeadm, "certs", "renew", "all",
            "--config", f"{place}/kubeadm.yaml",
        ]  # fmt: skip

    def _check(self) -> None:
        """Accept nothing that is not newer than what it replaces, or cannot be used."""
        for name in certificate_files():
            new, old = self.new / name, self.kubernetes / name
            if not old.exists():
                continue
            if reason := explain_unusable(self.new, name):
                raise CommandError(f"kubeadm wrote a {name} that cannot be used: {reason}")
            if checksum(new) == checksum(old):
                raise CommandError(f"kubeadm did not renew {name}, and gave no reason")

    def _write_journal(self, targets: dict[Path, str]) -> None:
        if staged := self._stage_root_kubeconfig():
            targets = {**targets, self.root_kubeconfig: staged}
        journal: Journal = {}
        for path, name in targets.items():
            former = self.previous / name
            former.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy_whole(path, former)
            sync_path(self.new / name)
            journal[str(path)] = {
                "staged": name,
                "before": checksum(path),
                "after": checksum(self.new / name),
            }
        for folder in {(self.new / name).parent for name in targets.values()}:
            sync_path(folder)
        write_whole(self.journal_file, json.dumps(journal).encode())

    def _stage_root_kubeconfig(self) -> str:
        """Put the new credentials into root's kubeconfig, where it has the old ones of a file."""
        if not self.root_kubeconfig.is_file():
            return ""
        text = before = self.root_kubeconfig.read_text(encoding="utf-8")
        for name in ("admin.conf", "super-admin.conf"):
            if not (self.new / name).exists():
                continue
            old, new = (
                (folder / name).read_text(encoding="utf-8")
                for folder in (self.kubernetes, self.new)
            )
            for pattern in (EMBEDDED, EMBEDDED_KEY):
                was, becomes = pattern.search(old), pattern.search(new)
                if was and becomes:
                    text = text.replace(was.group(1), becomes.group(1))
        if text == before:
            return ""
        write_whole(self.new / "root-kubeconfig", text.encode())
        return "root-kubeconfig"

    def differing(self) -> list[str]:
        """Paths whose new content is staged and not in place yet."""
        return [
            path for path, entry in self.journal().items() if checksum(Path(path)) != entry["after"]
        ]

    def place(self, journal: Journal) -> None:
        """Put the new files into place."""
        self._put(self.new, journal)

    def put_back(self, journal: Journal) -> None:
        """Put the former files back."""
        self._put(self.previous, journal)

    @staticmethod
    def _put(source: Path, journal: Journal) -> None:
        for path, entry in journal.items():
            target = Path(path).resolve()
            before = target.stat()
            copy_whole(source / entry["staged"], target, before.st_mode & 0o777)
            os.chown(target, before.st_uid, before.st_gid)

    def remove(self) -> None:
        """Remove copies and journal, the journal first: copies alone mean nothing."""
        self.journal_file.unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)


def checksum(path: Path) -> str:
    """SHA-256 of a file, "" where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def describe(files_: RenewalFiles) -> dict[str, Any]:
    """What certificate_state returns of the files."""
    folder = files_.kubernetes
    present = [name for name in certificate_files() if (folder / name).exists()]
    unusable = {name: explain_unusable(folder, name) for name in present}
    broken = {name: reason for name, reason in unusable.items() if reason}
    certificates = {name: read(folder / name) for name in present if name not in broken}
    return {
        "certificates": {
            name: {"issued": each.issued, "expires": each.expires}
            for name, each in certificates.items()
        },
        "missing": [name for name in certificate_files() if name not in present],
        "unusable": broken,
        "authorities": {name: _authority(folder, name) for name in AUTHORITIES},
        "begun": files_.begun(),
    }


def _authority(folder: Path, name: str) -> dict[str, Any]:
    try:
        expires = read(folder / f"{name}.crt").expires
    except (OSError, ValueError):
        expires = 0
    return {"expires": expires, "key": (folder / f"{name}.key").exists()}
