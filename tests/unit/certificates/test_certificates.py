"""What is read of certificates, of the servers that show them and of the processes that use them.

With the standard library alone, as on a node.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pki
import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import certificates
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.certificates import Place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("issued", "lasts"),
    [
        (datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC), timedelta(days=365)),
        (datetime(2049, 12, 31, tzinfo=UTC), timedelta(days=365)),  # written in another form
        (datetime(1999, 1, 1, 1, tzinfo=UTC), timedelta(hours=1)),
    ],
)
def test_when_a_certificate_was_issued_and_expires(
    tmp_path: Path, issued: datetime, lasts: timedelta
) -> None:
    pair = pki.make_pair(issued, lasts)
    (tmp_path / "one.crt").write_text("text before\n" + pair[0] + pki.make_pair(issued, lasts)[0])
    (tmp_path / "one.conf").write_text(pki.make_kubeconfig(pair))
    for name in ("one.crt", "one.conf"):
        actual = certificates.read(tmp_path / name)
        assert actual.issued == issued.timestamp()
        assert actual.expires == (issued + lasts).timestamp()


def test_what_is_no_certificate_is_refused_and_never_half_read() -> None:
    pem, _ = pki.make_pair(datetime.now(UTC), timedelta(days=1))
    der = ssl.PEM_cert_to_DER_cert(pem)
    assert certificates.parse(der).expires
    for length in range(120):
        with pytest.raises(ValueError, match=r"cut short|no X.509"):
            certificates.parse(der[:length])
    with pytest.raises(ValueError, match=r"no X.509"):
        certificates.parse(b"\x31" + der[1:])


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda path: path.unlink(), "cannot be read (No such file"),
        (lambda path: path.write_text("nothing"), "it has no certificate"),
        (lambda path: path.write_text(path.read_text()[:90]), "it has no certificate"),
        (
            lambda path: path.write_text(pki.make_pair(datetime.now(UTC), timedelta(1))[0]),
            "it does not belong to its key",
        ),
        (lambda path: path.with_suffix(".key").unlink(), "cannot be read (No such file"),
        (lambda path: path.with_suffix(".key").write_text(""), "it does not belong to its key"),
    ],
)
def test_a_pair_that_cannot_be_used_is_named(tmp_path: Path, break_it: Any, reason: str) -> None:
    pki.write_pki(tmp_path)
    assert certificates.explain_unusable(tmp_path, "pki/etcd/peer.crt") == ""
    break_it(tmp_path / "pki/etcd/peer.crt")
    assert reason in certificates.explain_unusable(tmp_path, "pki/etcd/peer.crt")


def test_a_kubeconfig_s_pair_is_tried_too(tmp_path: Path) -> None:
    pki.write_pki(tmp_path)
    assert certificates.explain_unusable(tmp_path, "scheduler.conf") == ""
    one, other = (pki.make_pair(datetime.now(UTC), timedelta(1)) for _ in range(2))
    (tmp_path / "scheduler.conf").write_text(pki.make_kubeconfig((one[0], other[1])))
    assert "its key" in certificates.explain_unusable(tmp_path, "scheduler.conf")
    (tmp_path / "scheduler.conf").write_text("users: [{user: {token: x}}]")
    assert certificates.explain_unusable(tmp_path, "scheduler.conf") == "it has no certificate"


class Server:
    """Shows a certificate on loopback, and asks clients for one as etcd does."""

    def __init__(self, file: Path, version: ssl.TLSVersion, asks: bool) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(file, file.with_suffix(".key"))
        self.context.maximum_version = version
        if asks:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(file.with_name("peer.crt"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(plain, server_side=True) as stream:
                    stream.recv(1)
            except OSError:
                plain.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return pki.write_pki(tmp_path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("component", "name"),
    [("kube-apiserver", "pki/apiserver.crt"), ("etcd", "pki/etcd/server.crt")],
)
def test_the_certificate_that_a_server_shows(
    folder: Path, version: ssl.TLSVersion, component: str, name: str
) -> None:
    file = folder / name
    server = Server(file, version, asks=component == "etcd")
    place = Place(component, "127.0.0.1", server.port, file)
    try:
        assert certificates.served(place) == certificates.read(file).sha256
    finally:
        server.socket.close()


def test_nobody_that_answers_shows_none(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        file = folder / "pki/apiserver.crt"
        assert certificates.served(Place("kube-apiserver", "127.0.0.1", port, file), 0.1) == ""
    assert certificates.served(Place("kube-apiserver", "127.0.0.1", port, file), 0.1) == ""


def test_when_a_process_started() -> None:
    assert certificates.started(1 << 30) == 0
    before = time.time()
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    try:
        assert abs(certificates.started(child) - before) < 2
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_where_the_servers_listen(folder: Path, tmp_path: Path) -> None:
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    (manifests / "kube-apiserver.yaml").write_text("    - --secure-port=6444\n")
    for listens, host in (("10.0.0.1:2380", "10.0.0.1"), ("[fd00::1]:2380", "fd00::1")):
        (manifests / "etcd.yaml").write_text(f"    - --listen-peer-urls=https://{listens}\n")
        places = certificates.serving_places(folder, manifests)
        assert [(each.component, each.host, each.port, each.file.name) for each in places] == [
            ("kube-apiserver", "127.0.0.1", 6444, "apiserver.crt"),
            ("etcd", "127.0.0.1", 2379, "server.crt"),
            ("etcd", host, 2380, "peer.crt"),
        ]


class Servers:
    """Processes of static pods and what they show, in memory."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        now = time.time()
        self.folder = folder
        self.starts = dict.fromkeys(certificates.STATIC_PODS, now + 5)
        self.shows: dict[Path, str] = {}
        pids = {name: number for number, name in enumerate(certificates.STATIC_PODS, 1)}
        names = {number: name for name, number in pids.items()}

        def processes(name: str) -> list[int]:
            return [pids[name]] if name in self.starts else []

        monkeypatch.setattr(certificates, "processes", processes)
        monkeypatch.setattr(certificates, "started", lambda pid: self.starts[names[pid]])
        monkeypatch.setattr(certificates, "served", self._served)
        monkeypatch.setattr(certificates, "serving_places", lambda _folder: self.places())

    def places(self) -> list[Place]:
        files = {"kube-apiserver": "pki/apiserver.crt", "etcd": "pki/etcd/peer.crt"}
        return [Place(name, "::1", 1, self.folder / file) for name, file in files.items()]

    def _served(self, place: Place) -> str:
        return self.shows.get(place.file, certificates.read(place.file).sha256)


@pytest.fixture
def servers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(folder, monkeypatch)


def test_servers_that_use_the_files_need_nothing(servers: Servers) -> None:
    assert certificates.inspect_servers(servers.folder) == {"down": {}, "outdated": {}}


@pytest.mark.parametrize("component", certificates.STATIC_PODS)
def test_a_server_that_started_before_its_files_were_written_uses_others(
    servers: Servers, component: str
) -> None:
    """Also one that shows the new certificate: its others may be those of before."""
    servers.starts[component] -= 60
    actual = certificates.inspect_servers(servers.folder)
    assert list(actual["outdated"]) == [component]
    assert actual["down"] == {}


def test_files_that_a_server_does_not_read_say_nothing_of_it(servers: Servers) -> None:
    for name in ("pki/etcd/healthcheck-client.crt", "admin.conf", "super-admin.conf"):
        os.utime(servers.folder / name, (time.time() + 60,) * 2)
    assert certificates.inspect_servers(servers.folder)["outdated"] == {}
    os.utime(servers.folder / "pki/front-proxy-client.crt", (time.time() + 60,) * 2)
    assert list(certificates.inspect_servers(servers.folder)["outdated"]) == ["kube-apiserver"]


def test_a_server_that_shows_another_certificate_is_outdated(servers: Servers) -> None:
    servers.shows[servers.folder / "pki/etcd/peer.crt"] = "another"
    actual = certificates.inspect_servers(servers.folder)["outdated"]
    assert list(actual) == ["etcd"]
    assert "serves another certificate" in actual["etcd"]


def test_what_does_not_run_or_answer_is_down(servers: Servers) -> None:
    del servers.starts["kube-scheduler"]
    servers.shows[servers.folder / "pki/apiserver.crt"] = ""
    assert certificates.inspect_servers(servers.folder) == {
        "down": {"kube-scheduler": "does not run", "kube-apiserver": "does not answer at ::1:1"},
        "outdated": {},
    }
