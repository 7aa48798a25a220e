"""Writes and reads backups on the controller: a compressed archive, encrypted with age.

``age -d -i KEYFILE FILE | tar -xz`` reads one too. Nothing of it is on a disk in the clear: it is
encrypted while it comes from a node, and summed while it is decrypted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tarfile
import threading
import time
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import sync_path

try:
    import pyrage
except ImportError:  # the collection alone has not brought it
    pyrage = None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SCHEMA = 1
SUFFIX = ".tar.gz.age"
PROOF = ".proof.json"
PARTIAL = ".partial"
MANIFEST = "manifest.json"
TAKEN = "%Y%m%dT%H%M%SZ"
NEEDED = ("etcd/snapshot.db", "files/etc/kubernetes/pki/ca.crt")
ABANDONED_S = 86_400.0
CHUNK = 1 << 20
MOST_MANIFEST = 64 << 20
UNREADABLE = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
"""What an archive raises that is none of ours."""
AGE_SECRET = "AGE-SECRET-KEY-"  # noqa: S105 - what a key begins with
NOT_INSTALLED = (
    f"the Python package pyrage is missing, which encrypts backups: {sys.executable} -m pip "
    "install pyrage==1.4.0"
)


class BackupError(Exception):
    """A backup cannot be written or read; ``mistakes`` says all that is wrong."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = list(mistakes)


def read_recipients(values: list[str]) -> tuple[list[Any], list[str]]:
    """Public keys that a backup is encrypted to, and what is wrong with them."""
    if pyrage is None:
        return [], [NOT_INSTALLED]
    recipients, mistakes = [], []
    for text in [str(each).strip() for each in values]:
        if text.upper().startswith(AGE_SECRET) or "PRIVATE KEY" in text:
            mistakes.append(
                "backup_recipients holds a private key: give the public one, which `age-keygen -y` "
                "prints, and make a new pair where others can read the inventory"
            )
            continue
        kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
        try:
            recipients.append(kind.Recipient.from_str(text))
        except pyrage.RecipientError as error:
            mistakes.append(
                f"backup_recipients: {text[:80]!r} is no public key of age ({error}): expected "
                "age1… or a line of ssh-ed25519 or ssh-rsa"
            )
    if not recipients and not mistakes:
        mistakes.append(
            "backup_recipients is empty: make a key with `age-keygen -o backup.key`, keep it away "
            "from the cluster, and set backup_recipients to the public key that it prints"
        )
    return recipients, mistakes


def read_identities(path: Path) -> list[Any]:
    """Private keys of a file of age or of SSH.

    Raises BackupError.
    """
    if pyrage is None:
        raise BackupError(NOT_INSTALLED)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise BackupError(f"the key file {path} cannot be read: {reason}") from None
    lines = [line.strip() for line in text.splitlines()]
    try:
        if any("OPENSSH PRIVATE KEY" in line or "RSA PRIVATE KEY" in line for line in lines):
            return [pyrage.ssh.Identity.from_buffer(text.encode())]
        keys = [line for line in lines if line.upper().startswith(AGE_SECRET)]
        identities = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except pyrage.IdentityError as error:
        raise BackupError(f"the key file {path} holds no usable key: {error}") from None
    if not identities:
        raise BackupError(
            f"the key file {path} holds no private key: expected a line {AGE_SECRET}1…, as "
            "`age-keygen` writes it, or an OpenSSH key without a passphrase"
        )
    return identities


def directory_mistakes(directory: Path) -> list[str]:
    """Why backups cannot be written there; it need not exist yet."""
    place = directory
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        return [f"backup_directory is {directory}, but {place} is no directory"]
    if not os.access(place, os.W_OK | os.X_OK):
        return [f"backup_directory is {directory}, but {place} cannot be written by this user"]
    return []


class Packing:
    """What age reads: the pieces of an archive, summed and then compressed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: with the header of gzip
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._ended = False
        self.size = 0
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        """The next bytes, at most ``size``; b"" at the end."""
        try:
            while len(self._buffer) < size and not self._ended:
                self._fill()
        except BaseException as error:  # through age only its text would come
            self.error = error
            raise
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        return part

    def _fill(self) -> None:
        piece = next(self._pieces, b"")
        if piece:
            self.size += len(piece)
            self._digest.update(piece)
            self._buffer += self._packer.compress(piece)
        else:
            self._buffer += self._packer.flush()
            self._ended = True

    @property
    def sha256(self) -> str:
        """Of all pieces that were read."""
        return self._digest.hexdigest()


def write_backup(
    path: Path, pieces: Iterable[bytes], recipients: list[Any], expected: Mapping[str, Any]
) -> None:
    """Encrypt an archive to a file that has its name only when it is whole, and on the disk.

    ``expected`` has the archive's bytes and sha256. Raises BackupError and OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{PARTIAL}")
    source = Packing(pieces)
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            try:
                pyrage.encrypt_io(source, stream, recipients)
            except pyrage.EncryptError as error:
                raise source.error or BackupError(f"age cannot encrypt: {error}") from None
            stream.flush()
            os.fsync(stream.fileno())
        if (source.size, source.sha256) != (expected["bytes"], expected["sha256"]):
            raise BackupError(
                f"{source.size} bytes with sha256 {source.sha256} came from the node, expected "
                f"{expected['bytes']} with {expected['sha256']}: run the same command again"
            )
        partial.rename(path)
        sync_path(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def backups_of(directory: Path, cluster: str) -> list[Path]:
    """The backups of a cluster, the newest first."""
    name = re.compile(rf"{re.escape(cluster)}-[0-9]{{8}}T[0-9]{{6}}Z{re.escape(SUFFIX)}")
    paths = directory.iterdir() if directory.is_dir() else ()
    return sorted((path for path in paths if name.fullmatch(path.name)), reverse=True)


def read_proof(backup: Path) -> dict[str, Any] | None:
    """What ``kubedrill backup verify`` wrote beside a backup; None where it is of another file."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        proof = json.loads(Path(f"{backup}{PROOF}").read_text(encoding="utf-8"))
        if proof["sha256"] == sum_file(backup):
            return dict(proof)
    return None


def prune(directory: Path, cluster: str, most: int) -> list[Path]:
    """Remove the oldest backups beyond ``most``, but never the newest that was proven."""
    backups = backups_of(directory, cluster)
    proven = next((path for path in backups if read_proof(path)), None)
    old = [path for path in backups[most:] if path != proven]
    for path in old:
        path.unlink()
        Path(f"{path}{PROOF}").unlink(missing_ok=True)
    for path in directory.glob(f".*{SUFFIX}{PARTIAL}"):
        if time.time() - path.stat().st_mtime > ABANDONED_S:
            path.unlink()
    return old


def sum_file(path: Path) -> str:
    """The sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_backup(
    path: Path,
    identities: list[Any],
    receive: Callable[[dict[str, Any], str], IO[bytes] | None] = lambda _manifest, _name: None,
) -> dict[str, Any]:
    """Decrypt a backup, check every part's sum, and return its manifest.

    ``receive`` is given the manifest and each part's name, and returns where the part is written
    to, None for nowhere. What it wrote counts only where this returns.

    Raises BackupError with all that is wrong, and OSError.
    """
    if not path.is_file():
        raise BackupError(f"there is no backup {path}")
    read_end, write_end = os.pipe()
    refusals: list[BackupError] = []
    decrypting = threading.Thread(
        target=_decrypt, args=(path, identities, write_end, refusals), daemon=True
    )
    decrypting.start()
    with os.fdopen(read_end, "rb") as pipe:
        try:
            manifest, mistakes = _read_archive(pipe, receive)
        except UNREADABLE as error:
            manifest, mistakes = {}, [f"it is no backup of kubedrill: {error}"]
        while pipe.read(CHUNK):  # age says at its end whether something is missing
            pass
    decrypting.join()
    if refusals:  # what age refuses explains what the archive lacks
        raise refusals[0]
    if mistakes:
        raise BackupError(*mistakes)
    return manifest


def _decrypt(path: Path, identities: list[Any], write_end: int, refusals: list[Any]) -> None:
    with path.open("rb") as source, suppress(BrokenPipeError), os.fdopen(write_end, "wb") as sink:
        try:
            pyrage.decrypt_io(source, sink, identities)
        except pyrage.DecryptError as error:
            refusals.append(BackupError(_explain(str(error))))
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                refusals.append(BackupError(_explain(str(error))))


def _explain(error: str) -> str:
    """What age's words mean for a backup.

    >>> _explain("No matching keys found")
    'it is encrypted to other keys than those of the key file'
    """
    if "matching keys" in error:
        return "it is encrypted to other keys than those of the key file"
    return f"it was cut or changed since it was written, or is no file of age ({error})"


def _read_archive(
    pipe: IO[bytes], receive: Callable[[dict[str, Any], str], IO[bytes] | None]
) -> tuple[dict[str, Any], list[str]]:
    with tarfile.open(fileobj=pipe, mode="r|gz") as tar:
        first = tar.next()
        if first is None or first.name != MANIFEST or first.size > MOST_MANIFEST:
            raise ValueError(f"expected {MANIFEST} first")
        manifest = json.loads((tar.extractfile(first) or pipe).read())
        check_manifest(manifest)
        parts = dict(manifest["parts"])
        mistakes = [f"{name} is missing" for name in NEEDED if name not in parts]
        while member := tar.next():
            expected = parts.pop(member.name, None)
            content = tar.extractfile(member)
            if expected is None or content is None:
                mistakes.append(f"{member.name} is not in its manifest")
                continue
            size, total = _copy(content, receive(manifest, member.name))
            if (size, total) != (expected["bytes"], expected["sha256"]):
                mistakes.append(
                    f"{member.name} has {size} bytes with sha256 {total}, expected "
                    f"{expected['bytes']} with {expected['sha256']}"
                )
    return manifest, [*mistakes, *(f"{name} is missing" for name in parts)]


def check_manifest(manifest: Any) -> None:
    """Refuse what no manifest holds, so that nobody after this needs to ask.

    Raises ValueError, KeyError and TypeError.
    """
    if manifest["schema"] != SCHEMA:
        raise ValueError(f"schema {manifest['schema']!r}, this release reads {SCHEMA}")
    datetime.strptime(manifest["taken"], TAKEN).replace(tzinfo=UTC)
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", manifest["kubernetes"]):
        raise ValueError(f"{manifest['kubernetes']!r} is no release of Kubernetes")
    etcd, identity = manifest["etcd"], manifest["identity"]
    numbers = [etcd["revision"], etcd["keys"], *etcd["kinds"].values()]
    numbers += [part["bytes"] for part in manifest["parts"].values()]
    texts = [manifest["cluster"], etcd["version"], *etcd["kinds"], *identity.values()]
    texts += [part["sha256"] for part in manifest["parts"].values()]
    texts += [node[field] for node in manifest["nodes"] for field in ("name", "kubelet")]
    if not all(type(number) is int for number in numbers):
        raise ValueError("its manifest has another value for a number")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("its manifest has another value for a text")


def _copy(content: IO[bytes], target: IO[bytes] | None) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    while chunk := content.read(CHUNK):
        size += len(chunk)
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return size, digest.hexdigest()
