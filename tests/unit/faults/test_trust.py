"""Certificates that have expired, made by the real openssl.

File descriptors of a real process; clocks that are set.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fault_nodes import Nodes, context, ok, order, refused

from kubedrill.base.errors import DeadlineExceeded, UsageError
from kubedrill.config import Settings, Timeouts
from kubedrill.faults import ClockSkew, DescriptorsUsedUp, ExpiredCertificate
from kubedrill.faults.certificate import expire
from kubedrill.faults.clock import skew
from kubedrill.faults.descriptors import use_up

SANS = "subjectAltName=DNS:kubernetes,IP:10.96.0.1\nextendedKeyUsage=serverAuth"


def sh(line: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"} if path else None
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False, env=environment
    )


def good(line: str, path: Path | None = None) -> str:
    done = sh(line, path)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """An authority, the API server's certificate, and the kubelet's, a link as on a node."""
    made = f"""cd {tmp_path} && mkdir bin
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=kubernetes \
      -days 10 2>/dev/null
    printf '{SANS}' > ext
    for name in apiserver:/CN=kube-apiserver kubelet:/O=system:nodes/CN=system:node:cp1; do
      file=${{name%%:*}}
      openssl req -newkey rsa:2048 -nodes -keyout $file.key -out $file.csr \
        -subj "${{name#*:}}" 2>/dev/null
      openssl x509 -req -in $file.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 5 \
        -extfile ext -out $file.crt 2>/dev/null
    done
    cat kubelet.crt kubelet.key > kubelet-2026.pem && ln -s kubelet-2026.pem kubelet.pem"""
    good(made)
    (tmp_path / "bin/systemctl").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/said\n')
    (tmp_path / "bin/systemctl").chmod(0o755)
    return tmp_path


def local(line: str, pki: Path) -> str:
    return line.replace("/run/kubedrill-fault-ca", f"{pki}/work")


def shown(file: Path) -> str:
    return good(
        f"openssl x509 -in {file} -noout -subject -pubkey -ext subjectAltName,extendedKeyUsage"
    )


def test_an_expired_serving_certificate_is_the_same_but_for_its_dates_and_goes_again(
    pki: Path,
) -> None:
    file, script = pki / "apiserver.crt", expire("apiserver", str(pki))
    before, text = shown(file), file.read_text()
    good(local(script.inject, pki))
    assert sh(f"openssl x509 -in {file} -checkend 0 -noout").returncode == 1
    assert shown(file) == before
    assert "OK" in good(f"openssl verify -no_check_time -CAfile {pki}/ca.crt {file}")
    assert "expired" in sh(f"openssl verify -CAfile {pki}/ca.crt {file}").stderr
    assert file.stat().st_mode & 0o777 == 0o644
    for _ in range(2):  # safe to repeat
        good(local(script.undo, pki))
    assert file.read_text() == text
    assert not (pki / "work").exists()
    assert not list(pki.glob("*.kubedrill-fault"))


def test_an_expired_kubelet_certificate_keeps_its_key_and_the_link_comes_back(pki: Path) -> None:
    file, script = pki / "kubelet.pem", expire("kubelet", str(pki), str(pki / "kubelet.pem"))
    before = shown(file)
    good(local(script.inject, pki), pki / "bin")
    assert sh(f"openssl x509 -in {file} -checkend 0 -noout").returncode == 1
    assert shown(file) == before
    assert good(f"openssl pkey -in {file} -pubout") == good(
        f"openssl pkey -in {pki}/kubelet.key -pubout"
    )
    assert file.stat().st_mode & 0o777 == 0o600
    for _ in range(2):
        good(local(script.undo, pki), pki / "bin")
    assert file.readlink() == Path("kubelet-2026.pem")
    output = (pki / "said").read_text().splitlines()
    assert output == ["restart --no-block kubelet", "reset-failed kubelet", "restart kubelet"]


def test_without_an_authority_nothing_is_replaced(pki: Path) -> None:
    text = (pki / "apiserver.crt").read_text()
    (pki / "ca.key").unlink()
    assert sh(local(expire("apiserver", str(pki)).inject, pki)).returncode != 0
    assert (pki / "apiserver.crt").read_text() == text


PROCESS = """
import os, sys
kept = open("/dev/null")
for line in sys.stdin:
    try:
        open("/dev/null").close()
        print("opened", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
"""


def test_a_process_can_open_nothing_until_its_descriptors_are_given_back(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout

    def ask() -> str:
        process.stdin.write("\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    try:
        assert ask() == "opened"
        limit = good(
            f"prlimit --pid {process.pid} --nofile --noheadings --output SOFT,HARD"
        ).split()
        script = use_up("kube-apiserver", str(tmp_path), str(process.pid))
        good(script.inject)
        assert ask() == "Too many open files"
        for _ in range(2):
            good(script.undo)
        assert ask() == "opened"
        assert (
            good(f"prlimit --pid {process.pid} --nofile --noheadings --output SOFT,HARD").split()
            == limit
        )
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.wait()
    good(script.undo)
    for nobody in (
        "",
        "0",
    ):  # systemd says 0 of a service that does not run, which prlimit takes for itself
        assert (
            sh(use_up("kube-apiserver", str(tmp_path), f"$(echo {nobody})").inject).returncode == 1
        )
    (tmp_path / "kubedrill-fault-files-kube-apiserver").write_text(f"{process.pid} 1024\n")
    good(script.undo)  # a process that is gone took its limit with it
    assert list(tmp_path.iterdir()) == []


CLOCK = """#!/bin/sh
# date: a clock that can be set, in ms after boot.
case "$1" in
-s)
  t=${2#@}; case $t in *.*) ;; *) t=$t.000 ;; esac
  echo "set $t" >> $LOG; echo "${t%.*}${t#*.}" > $CLOCK ;;
+%s%3N) cat $CLOCK ;;
+%s) echo $(($(cat $CLOCK) / 1000)) ;;
esac
"""
KEEPER = '#!/bin/sh\necho "$*" >> $LOG\n[ "$1" != is-active ] || [ "$3" = chrony ]\n'


def test_a_clock_is_set_right_by_the_time_since_boot_however_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"date": CLOCK, "systemctl": KEEPER}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    clock, log, file = tmp_path / "clock", tmp_path / "log", tmp_path / "file"
    clock.write_text("5000000\n")
    monkeypatch.setenv("CLOCK", str(clock))
    monkeypatch.setenv("LOG", str(log))
    script = skew(600, str(file))
    good(script.undo, tmp_path)  # nothing was broken
    assert clock.read_text() == "5000000\n"
    good(script.inject, tmp_path)
    assert clock.read_text() == "5600000\n"
    assert "stop chrony" in log.read_text()
    good(script.undo, tmp_path)
    right = int(clock.read_text())
    assert 5_000_000 <= right < 5_060_000  # it went on meanwhile
    assert log.read_text().splitlines()[-1] == "start chrony"
    good(script.undo, tmp_path)
    assert int(clock.read_text()) == right
    assert not file.exists()


@pytest.mark.parametrize(
    "fault",
    [ExpiredCertificate("cp2", "apiserver"), ExpiredCertificate("cp2", "kubelet"), ClockSkew("cp2"),
     DescriptorsUsedUp("cp2", "kube-apiserver"), DescriptorsUsedUp("cp2", "containerd")],
)  # fmt: skip
def test_the_undo_is_armed_before_and_run_before_it_is_disarmed(
    make_inventory: Any, fault: Any
) -> None:
    nodes = Nodes({"s_client": ok("Certificate will not expire\n")})
    fault.inject(context(nodes, make_inventory()))
    assert [i for i, line in enumerate(nodes.lines("cp2")) if "systemd-run" in line] == [1]
    assert len(nodes.lines("cp2")) == 3
    nodes.commands.clear()
    fault.heal(context(nodes, make_inventory()))
    assert order(nodes.lines("cp2"), "/bin/sh -c", ".timer")


def test_an_api_server_has_to_show_what_stands_in_the_file(make_inventory: Any) -> None:
    fault, settings = (
        ExpiredCertificate("cp2", "apiserver"),
        Settings(timeouts=Timeouts(recovery=0.1)),
    )
    still, silent = (
        replace(context(Nodes({"s_client": ok(output)}), make_inventory()), settings=settings)
        for output in ("Certificate will expire\n", "")
    )
    with pytest.raises(DeadlineExceeded, match=r"its good certificate.*will expire"):
        fault.heal(still)
    with pytest.raises(DeadlineExceeded, match="it answers nobody"):
        fault.heal(silent)


def test_each_says_why_it_is_not_available(make_inventory: Any) -> None:
    container = context(Nodes(), make_inventory())
    shared = context(Nodes({"! systemd-detect-virt": refused("")}), make_inventory())
    assert "its clock is its host's" in str(ClockSkew("w1").available(shared))
    assert ClockSkew("w1").available(context(Nodes(), make_inventory())) is None
    assert "no certificate authority" in str(
        ExpiredCertificate("w1", "kubelet").available(container)
    )
    assert "OpenSSL 3" in str(
        ExpiredCertificate("cp1", "kubelet").available(
            context(Nodes({"openssl": refused("")}), make_inventory())
        )
    )
    assert "only control plane" in str(
        ExpiredCertificate("cp1", "apiserver").available(context(Nodes(), make_inventory(1)))
    )
    assert "last of its kind" in str(
        DescriptorsUsedUp("cp1", "kube-apiserver").available(context(Nodes(), make_inventory(1)))
    )
    denied = context(Nodes({"prlimit": refused("Operation not permitted")}), make_inventory())
    assert "Operation not permitted" in str(DescriptorsUsedUp("w1", "containerd").available(denied))


def test_unknown_ones_are_refused() -> None:
    with pytest.raises(
        UsageError, match="no certificate 'etcd'; expected one of: apiserver, kubelet"
    ):
        ExpiredCertificate("cp1", "etcd")
    with pytest.raises(UsageError, match="no service 'coredns'; expected one of: kube-apiserver"):
        DescriptorsUsedUp("cp1", "coredns")
