"""Reading hosts, etcd, the bundle's programs.

And the whole command against a cluster that is silent.
"""

import base64
import gzip
import io
import json
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubedrill.base.errors import StepFailed
from kubedrill.bundle.programs import Programs, take_out, unpacked_size
from kubedrill.cli.main import run
from kubedrill.readiness import node_script
from kubedrill.readiness.gather import newest_snapshot, read_backups
from kubedrill.readiness.hosts import parse_etcd, parse_host
from kubedrill.readiness.model import Version
from kubedrill.readiness.target import read_bundle
from kubedrill.readiness.trials import Setting, try_all

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def made() -> tuple[str, str]:
    """A certificate and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def test_only_kubeadms_own_files_are_expected_to_hold_a_certificate(
    tmp_path: Path, made: tuple[str, str]
) -> None:
    folder = tmp_path / "etc/kubernetes"
    (folder / "pki").mkdir(parents=True)
    (folder / "resolv.conf").write_text("nameserver 10.0.0.1\n")
    (folder / "pki/ca.crt").write_text(made[0])
    (folder / "super-admin.conf").write_text("kind: Config\n")
    result, unreadable = node_script.read_certificates(tmp_path)
    assert list(result) == [str(folder / "pki/ca.crt")]
    assert unreadable == [str(folder / "super-admin.conf")]


def test_certificates_are_taken_and_keys_are_not(tmp_path: Path, made: tuple[str, str]) -> None:
    certificate, key = made
    both = tmp_path / "kubelet-client-current.pem"
    both.write_text(key + certificate)
    assert node_script.certificates_of(both) == [certificate.strip()]
    conf = tmp_path / "admin.conf"
    conf.write_text(
        f"users:\n- user:\n    client-certificate-data: "
        f"{base64.b64encode(certificate.encode()).decode()}\n"
        f"    client-key-data: {base64.b64encode(key.encode()).decode()}\n"
    )
    assert node_script.certificates_of(conf) == [certificate.strip()]


def test_a_kubeconfig_that_points_to_a_file_is_fine_and_nonsense_is_not(tmp_path: Path) -> None:
    points = tmp_path / "kubelet.conf"
    points.write_text(
        "users:\n- user:\n    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n"
    )
    assert node_script.certificates_of(points) == []
    broken = tmp_path / "x.crt"
    broken.write_text("nothing")
    assert node_script.certificates_of(broken) is None
    assert node_script.certificates_of(tmp_path / "missing.crt") is None


def test_the_script_runs_as_it_is_sent_and_its_answer_is_understood(tmp_path: Path) -> None:
    source = Path(node_script.__file__).read_text()
    words = [sys.executable, "-", str(tmp_path), "v1.36.3-amd64"]
    done = subprocess.run(words, input=source, capture_output=True, text=True, check=True)
    facts = parse_host("here", done.stdout)
    assert facts.cgroup in (1, 2)
    assert not facts.has_bundle
    assert all(disk.total >= disk.available > 0 for disk in facts.disks.values())
    assert (
        parse_host(
            "here", done.stdout.replace(json.dumps(json.loads(done.stdout)["images"]), "null")
        ).images
        is None
    )


def test_what_a_host_says_is_parsed(made: tuple[str, str]) -> None:
    disk = {"device": 1, "total": 10, "available": 5}
    output = {
        "certificates": {
            "/etc/kubernetes/pki/apiserver.crt": [made[0]],
            "/x.crt": ["-----BEGIN CERTIFICATE-----"],
        },
        "unreadable": [],
        "disks": {"/var/lib/containerd": disk},
        "images": ["a"],
        "kubelet_args": [],
        "kubeadm": "v1.35.4",
        "cgroup": 2,
        "has_bundle": True,
    }
    facts = parse_host("cp1", json.dumps(output))
    (certificate,) = facts.certificates
    assert (certificate.subject, certificate.is_ca) == ("CN=kube-apiserver", False)
    assert certificate.not_after == NOW + timedelta(days=365)
    assert facts.unreadable == ("/x.crt",)
    del output["cgroup"]
    with pytest.raises(StepFailed, match="cannot be understood"):
        parse_host("cp1", json.dumps(output))


STATUS = {
    "header": {"member_id": 1, "revision": 9},
    "version": "3.6.6",
    "leader": 1,
    "dbSize": 100,
    "dbSizeInUse": 40,
}


@pytest.mark.parametrize(("more", "quota"), [({"dbSizeQuota": 2147483648}, 2147483648), ({}, 0)])
def test_etcds_sizes_are_read(more: dict[str, int], quota: int) -> None:
    lines = [[{"Endpoint": "e", "Status": {**STATUS, **more}}], {"members": [{"name": "cp1"}]}, {}]
    facts = parse_etcd("cp1", "\n".join(json.dumps(line) for line in lines))
    assert (facts.member.db_bytes, facts.in_use, facts.quota, facts.member.leads) == (
        100,
        40,
        quota,
        True,
    )


@pytest.mark.parametrize("text", ["", "[]\n{}\n{}", "not json", '[{"Status": {}}]\n{}\n{}'])
def test_an_answer_of_etcd_that_cannot_be_understood_is_an_error(text: str) -> None:
    with pytest.raises(StepFailed, match="etcd on cp1"):
        parse_etcd("cp1", text)


PROGRAM = """#!/bin/sh
for word in "$@"; do
  case "$word" in
    --version=true | --good=* ) ;;
    --feature-gates=Known=true) echo "Warning: setting GA feature gate Known=true" >&2 ;;
    --feature-gates=*)
      echo 'E run.go: "command failed" err="unrecognized feature gate: Gone"' >&2; exit 1 ;;
    *) echo "usage text" >&2; echo "Error: unknown flag: $word" >&2; exit 1 ;;
  esac
done
echo Kubernetes v1.36.3
"""


def layer(how: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("usr/local/bin/kube-apiserver")
        info.size, info.mode = len(PROGRAM), 0o755
        tar.addfile(info, io.BytesIO(PROGRAM.encode()))
    pack = {"plain": bytes, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}[how]
    return pack(buffer.getvalue())


def archive(path: Path, how: str = "plain") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in (("index.json", b"{}"), ("blobs/sha256/aa", layer(how))):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_a_program_is_taken_out_of_an_image(tmp_path: Path, how: str) -> None:
    archive(tmp_path / "kube-apiserver.tar", how)
    assert take_out(tmp_path / "kube-apiserver.tar", "kube-apiserver", tmp_path / "out")
    assert (tmp_path / "out").read_text() == PROGRAM
    assert not take_out(tmp_path / "kube-apiserver.tar", "etcd", tmp_path / "none")
    plain = len(layer("plain")) + len("{}")
    packed = len(layer("gzip")) * 4 + len("{}")
    assert unpacked_size(tmp_path / "kube-apiserver.tar") == (packed if how == "gzip" else plain)


def test_an_archive_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("nothing")
    for read in (unpacked_size, lambda path: take_out(path, "etcd", tmp_path / "out")):
        with pytest.raises(StepFailed, match=r"x\.tar cannot be read"):
            read(tmp_path / "x.tar")


def test_flags_and_gates_are_tried_on_the_targets_program(tmp_path: Path) -> None:
    archive(tmp_path / "images" / "kube-apiserver.tar")
    words = ["--good=1", "--gone=1", "--feature-gates=Known=true", "--feature-gates=Gone=true"]
    settings = [
        Setting("kube-apiserver", node, word, carried_over=True)
        for word in words
        for node in ("cp1", "cp2")
    ]
    settings.append(Setting("etcd", "cp1", "--name=cp1", carried_over=False))
    folder = tmp_path / "taken-out"
    folder.mkdir()
    trials, missing = try_all(Programs(tmp_path, folder), settings)
    by_flag = {trial.flag: trial for trial in trials}
    assert by_flag["--good"].accepted
    assert not by_flag["--good"].output
    assert (by_flag["--gone"].accepted, by_flag["--gone"].output) == (
        False,
        "Error: unknown flag: --gone=1",
    )
    assert by_flag["--gone"].nodes == ("cp1", "cp2")
    assert by_flag["feature gate Known"].accepted
    assert "GA feature gate" in by_flag["feature gate Known"].output
    assert "unrecognized feature gate" in by_flag["feature gate Gone"].output
    assert len(missing) == 1
    assert missing[0].startswith("etcd: ")


def test_a_bundle_that_is_not_there_is_a_fault_and_an_inventory_without_bundles_an_error(
    tmp_path: Path,
) -> None:
    facts = read_bundle(str(tmp_path), Version(1, 36, 3))
    assert facts.faults == ("there is no such folder",)
    with pytest.raises(StepFailed, match="cluster_bundles_source"):
        read_bundle("", Version(1, 36, 3))


def test_the_newest_snapshot_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert newest_snapshot("shop").taken is None
    folder = tmp_path / "kubedrill" / "shop" / "snapshots"
    folder.mkdir(parents=True)
    (folder / "a.db").touch()
    (folder / "a.db.partial").touch()
    taken = newest_snapshot("shop").taken
    assert taken is not None
    assert abs(datetime.now(UTC) - taken) < timedelta(minutes=5)


def test_backups_count_by_the_time_they_name_and_proofs_by_their_backup(
    tmp_path: Path, make_inventory: Any
) -> None:
    inventory = make_inventory(backup_directory=str(tmp_path))
    assert read_backups(inventory).taken is None
    for name in ("test-20261201T030000Z", "test-20261130T030000Z", "tests-20261202T030000Z"):
        (tmp_path / f"{name}.tar.gz.age").write_text(name)
    other = tmp_path / "test-20261201T030000Z.tar.gz.age.proof.json"
    other.write_text('{"sha256": "that of a file which this one replaced"}')
    proof = tmp_path / "test-20261130T030000Z.tar.gz.age.proof.json"
    proof.write_text(json.dumps({"sha256": sha256(b"test-20261130T030000Z").hexdigest()}))
    backups = read_backups(inventory)
    assert backups.taken == datetime(2026, 12, 1, 3, tzinfo=UTC)
    assert backups.proven == datetime(2026, 11, 30, 3, tzinfo=UTC)


INVENTORY = """\
cluster:
  children:
    control_planes: {hosts: {cp1: {ansible_host: 127.0.0.1}}}
    workers: {hosts: {w1: {ansible_host: 127.0.0.2}}}
"""


def silent(tmp_path: Path) -> str:
    path = tmp_path / "hosts.yml"
    path.write_text(INVENTORY)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "known_hosts").touch()
    (tmp_path / "group_vars" / "cluster.yml").write_text(
        f"cluster_virtual_address: 127.0.0.9\ncluster_kubernetes_version: 1.35.4\nansible_port: 1\n"
        "cluster_node_network: 127.0.0.0/24\n"
        "cluster_bundles_source: ''\n"
        f"ansible_ssh_common_args: -o UserKnownHostsFile={tmp_path}/known_hosts -o "
        f"StrictHostKeyChecking=yes\n"
    )
    return str(path)


def test_a_silent_cluster_is_not_ready_it_is_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["readiness", "--upgrade-to", "1.36.3", "-i", silent(tmp_path), "--output", "json"])
        == 3
    )
    output = json.loads(capsys.readouterr().out)
    assert output["verdict"] == "unknown"
    assert any(
        "does not set cluster_bundles_source" in finding["found"] for finding in output["findings"]
    )
    judged = {rule["name"] for rule in output["rules"] if rule["judged"]}
    assert judged == {"backup", "control-planes", "etcd-snapshot", "predicted-outage"}


@pytest.mark.parametrize(
    "argv",
    [
        ["readiness"],
        ["readiness", "--upgrade-to", "1.36"],
        ["readiness", "--upgrade-to", "1.36.3", "-i", "/no"],
    ],
)
def test_usage_errors_end_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    assert "Traceback" not in capsys.readouterr().err
