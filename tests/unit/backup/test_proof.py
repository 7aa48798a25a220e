"""A backup is proven by an etcd that serves what its manifest says; etcd's programs are scripts."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_backup_file import KEY, archive, write

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.backup_file import read_proof
from kubedrill.backup import proof, scratch_etcd
from kubedrill.backup.proof import prove
from kubedrill.base.errors import DeadlineExceeded, StepFailed, UsageError
from kubedrill.bundle.errors import Corrupt
from kubedrill.cli.main import run

KEYS = ["/registry/pods/a/b", "/registry/pods/a/c"]
ANSWER = json.dumps({"kvs": [{"key": base64.b64encode(key.encode()).decode()} for key in KEYS]})
SCRIPTS = {
    "etcdutl": '#!/bin/sh\n[ "$(cat snapshot.db | wc -c)" -gt 9 ] && mkdir data\n',
    "etcd": "#!/bin/sh\necho $$ >pid; exec sleep 600\n",
    "etcdctl": f"""#!/bin/sh
case "$*" in *--rev=7*) echo '{ANSWER}';; *health*) echo '[]';; esac
""",
}


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with one bundle, whose programs are scripts, and a place for scratch folders."""
    folder = tmp_path / "cache" / "bundles" / "v1.37.2-amd64" / "bin"
    folder.mkdir(parents=True)
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (tmp_path / "backup.key").write_text(f"{KEY}\n")
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(scratch_etcd, "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(proof, "verify", lambda bundle: bundle.stat())
    monkeypatch.setattr(
        proof.Programs, "path", lambda programs, name: programs.bundle / "bin" / name
    )
    monkeypatch.setenv("KUBEDRILL_CACHE", str(tmp_path / "cache"))
    return folder.parents[1]


def script(bundles: Path, name: str, text: str) -> None:
    (bundles / "v1.37.2-amd64" / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")


def prove_it(tmp_path: Path, bundles: Path, content: bytes | None = None, **options: Any) -> Any:
    backup = write(tmp_path, content)
    return prove(backup, tmp_path / "backup.key", bundles, lambda _line: None, **options), backup


def test_a_proof_is_written_beside_the_backup_and_nothing_else_is_left(
    tmp_path: Path, bundles: Path
) -> None:
    result, backup = prove_it(tmp_path, bundles)
    assert result.differences == ()
    path = Path(f"{backup}.proof.json")
    text = json.loads(path.read_text())
    assert (text["kinds"], text["keys"], text["revision"]) == ({"pods": 2}, 2, 7)
    assert read_proof(backup) == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert list((tmp_path / "memory").iterdir()) == []


def test_the_etcd_is_stopped_and_its_folder_was_private(tmp_path: Path, bundles: Path) -> None:
    script(
        bundles, "etcd", f"stat -c %a . >{tmp_path}/mode; echo $$ >{tmp_path}/pid; exec sleep 600"
    )
    written = f"[ -s {tmp_path}/pid ] || exit 1"  # it answers no earlier than it runs
    script(bundles, "etcdctl", SCRIPTS["etcdctl"].replace("#!/bin/sh", written))
    prove_it(tmp_path, bundles)
    assert (tmp_path / "mode").read_text().strip() == "700"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_other_keys_than_the_manifest_s_are_no_proof(
    tmp_path: Path, bundles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"version": "3", "revision": 7, "keys": 4, "kinds": {"pods": 3, "secrets": 1}}
    backup = write(tmp_path, archive({"etcd": counts}))
    status = run(["backup", "verify", str(backup), "--identity", str(tmp_path / "backup.key")])
    output = capsys.readouterr().out
    assert status == 1
    assert "pods: 2 keys, expected 3" in output
    assert "secrets: 0 keys, expected 1" in output
    assert not Path(f"{backup}.proof.json").exists()
    del bundles


def test_the_command_says_that_it_is_proven(
    tmp_path: Path, bundles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = write(tmp_path)
    status = run(["backup", "verify", str(backup), "--identity", str(tmp_path / "backup.key")])
    assert status == 0
    assert "proven: 2 keys of 1 kinds" in capsys.readouterr().out
    del bundles


def test_a_backup_of_another_cluster_and_one_without_a_bundle_are_refused(
    tmp_path: Path, bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="of cluster 'lab', expected 'mine'"):
        prove_it(tmp_path, bundles, cluster="mine")
    monkeypatch.undo()
    with pytest.raises(Corrupt, match="there is no such folder"):
        prove_it(tmp_path, tmp_path / "none")


@pytest.mark.parametrize("name", ["etcdutl", "etcdctl"])
def test_what_etcd_s_programs_refuse_is_said_and_nothing_is_left(
    tmp_path: Path, bundles: Path, name: str
) -> None:
    script(bundles, name, 'case "$*" in *health*) echo [];; *) echo "bad pages" >&2; exit 1;; esac')
    with pytest.raises(StepFailed, match="bad pages"):
        prove_it(tmp_path, bundles)
    assert list((tmp_path / "memory").iterdir()) == []


def test_an_etcd_that_never_answers_ends_the_proof(tmp_path: Path, bundles: Path) -> None:
    script(bundles, "etcdctl", "echo refused >&2; exit 1")
    with pytest.raises(DeadlineExceeded, match="refused"):
        prove_it(tmp_path, bundles, seconds=0.1)
    assert list((tmp_path / "memory").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_proof_leaves_nothing(
    tmp_path: Path, bundles: Path, number: signal.Signals
) -> None:
    """The restore takes long, and the command is told to stop meanwhile."""
    script(bundles, "etcdutl", f"touch {tmp_path}/began; exec sleep 600")
    backup = write(tmp_path)
    # a shell without job control makes its children ignore SIGINT
    code = (
        "import signal, sys, pathlib\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from kubedrill.backup import proof, scratch_etcd\n"
        "from kubedrill.cli.main import main\n"
        f"scratch_etcd.MEMORY = pathlib.Path({str(tmp_path / 'memory')!r})\n"
        "proof.verify = lambda bundle: None\n"
        "proof.Programs.path = lambda programs, name: programs.bundle / 'bin' / name\n"
        "main(sys.argv[1:])\n"
    )
    argv = ["backup", "verify", str(backup), "--identity", str(tmp_path / "backup.key")]
    process = subprocess.Popen([sys.executable, "-c", code, *argv])
    wait_until((tmp_path / "began").exists)
    assert list((tmp_path / "memory").iterdir())
    process.send_signal(number)
    assert process.wait(60) == 4
    assert list((tmp_path / "memory").iterdir()) == []


def wait_until(happened: Any) -> None:
    scratch_etcd.wait_for("it to begin", lambda: happened() or None, seconds=60, setting="steady")
