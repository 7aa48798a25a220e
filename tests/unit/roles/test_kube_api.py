"""The client of the API server that needs nothing but Python, against real servers on loopback."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from servers import Handler

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import direct
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.kube_api import (
    ApiUnavailable,
    KubeApi,
    KubeconfigError,
    make_answer,
    read_kubeconfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def make_pair(name: str) -> tuple[str, str]:
    """A certificate for loopback that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


class Api(Handler):
    """Answers in JSON over kept connections, and remembers who asked for what by which one."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str, int]]

    def answer(self) -> None:
        peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        who = dict(part[0] for part in peer["subject"])["commonName"] if peer else "nobody"
        self.asked.append((self.command, self.path, str(who), self.client_address[1]))
        if self.path == "/cut":
            self.close_connection = True
            return
        body = json.dumps({"type": self.headers.get("Content-Type", "")}).encode()
        self.send_json(200, body, **{"Content-Length": str(len(body))})


@pytest.fixture(scope="module")
def pairs() -> dict[str, tuple[str, str]]:
    return {name: make_pair(name) for name in ("server", "admin", "stranger")}


@pytest.fixture
def served(tmp_path: Path, pairs: dict[str, tuple[str, str]]) -> Iterator[Any]:
    """An API server that takes the administrator's certificate only."""
    for name, texts in pairs.items():
        (tmp_path / f"{name}.pem").write_text("".join(texts))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(cadata=pairs["admin"][0])
    context.verify_mode = ssl.CERT_REQUIRED
    made: Any = type("Served", (Api,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made.url = f"https://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()
        thread.join()


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def kubeconfig(url: str, authority: str, pair: tuple[str, str]) -> dict[str, Any]:
    user = {"client-certificate-data": encode(pair[0]), "client-key-data": encode(pair[1])}
    cluster = {"server": url, "certificate-authority-data": encode(authority)}
    return {"clusters": [{"cluster": cluster}], "users": [{"user": user}]}


def test_a_kubeconfig_s_certificate_is_shown_and_the_connection_is_kept(
    served: Any, pairs: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in direct.PROXIES:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    api = KubeApi(kubeconfig(served.url, pairs["server"][0], pairs["admin"]))
    assert api.ask("GET", "/api").body == {"type": ""}
    assert api.ask("PATCH", "/api", {"a": 1}).body == {"type": "application/merge-patch+json"}
    assert api.ask("POST", "/api", {"a": 1}).body == {"type": "application/json"}
    assert [entry[:3] for entry in served.asked] == [
        (method, "/api", "admin") for method in ("GET", "PATCH", "POST")
    ]
    assert len({entry[3] for entry in served.asked}) == 1
    api.close()


def test_the_key_is_written_to_no_file(
    pairs: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    load = ssl.SSLContext.load_cert_chain

    def watch(context: ssl.SSLContext, path: str) -> None:
        opened.append(str(Path(path).readlink()))
        load(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watch)
    KubeApi(kubeconfig("https://127.0.0.1:1", pairs["server"][0], pairs["admin"]))
    assert len(opened) == 1
    assert opened[0].startswith("/memfd:")


def test_a_server_of_another_authority_is_not_believed(
    served: Any, pairs: dict[str, tuple[str, str]]
) -> None:
    api = KubeApi(kubeconfig(served.url, pairs["stranger"][0], pairs["admin"]))
    with pytest.raises(ApiUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        api.ask("GET", "/api")
    assert served.asked == []


def test_a_stranger_s_certificate_gets_no_answer(
    served: Any, pairs: dict[str, tuple[str, str]]
) -> None:
    api = KubeApi(kubeconfig(served.url, pairs["server"][0], pairs["stranger"]))
    with pytest.raises(ApiUnavailable, match=r"GET /api had no answer from 127.0.0.1"):
        api.ask("GET", "/api")
    assert served.asked == []


def test_a_connection_that_is_cut_is_opened_anew(
    served: Any, pairs: dict[str, tuple[str, str]]
) -> None:
    api = KubeApi(kubeconfig(served.url, pairs["server"][0], pairs["admin"]))
    api.ask("GET", "/api")
    with pytest.raises(ApiUnavailable, match="POST /cut had no answer"):
        api.ask("POST", "/cut", {})
    assert api.ask("GET", "/api").status == 200
    ports = [entry[3] for entry in served.asked]
    assert ports[0] == ports[1] != ports[2], "what may have been done is not sent twice"
    api.close()


def test_nobody_listens(pairs: dict[str, tuple[str, str]]) -> None:
    api = KubeApi(kubeconfig("https://127.0.0.1:1", pairs["server"][0], pairs["admin"]))
    with pytest.raises(ApiUnavailable, match=r"had no answer from 127.0.0.1:1: .*refused"):
        api.ask("GET", "/api")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"clusters": []}, "has 0 clusters"),
        ({"users": []}, "has 0 users"),
        ({"clusters": [{"cluster": {"server": "cp1:6443"}}]}, "'cp1:6443', expected an https URL"),
        ({"users": [{"user": {"exec": {"command": "x"}}}]}, "user has exec, expected a client"),
        (
            {"users": [{"user": {"client-certificate-data": "%", "client-key-data": "%"}}]},
            "client-certificate-data is not PEM in base64",
        ),
        (
            {
                "users": [
                    {
                        "user": {
                            "client-certificate-data": encode("SECRET"),
                            "client-key-data": encode("SECRET"),
                        }
                    }
                ]
            },
            "client certificate and key cannot be used",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named_without_its_secrets(
    pairs: dict[str, tuple[str, str]], change: dict[str, Any], problem: str
) -> None:
    good = kubeconfig("https://127.0.0.1:1", pairs["server"][0], pairs["admin"])
    with pytest.raises(KubeconfigError, match=problem) as caught:
        KubeApi({**good, **change})
    assert "SECRET" not in str(caught.value)


def program(folder: Path, text: str) -> list[str]:
    path = folder / "kubectl"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


def test_kubectl_gives_its_kubeconfig_and_asks_no_proxy(tmp_path: Path) -> None:
    kubectl = program(tmp_path, 'echo "{\\"argv\\": \\"$*\\", \\"direct\\": \\"$NO_PROXY\\"}"')
    assert read_kubeconfig([*kubectl, "--context", "here"]) == {
        "argv": "--context here config view --raw --minify --flatten --output=json",
        "direct": "*",
    }


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo SECRET; echo 'no such context' >&2; exit 1", "ended with 1: no such context"),
        ("echo SECRET", "did not print a kubeconfig as JSON"),
        ("echo 3", "did not print a kubeconfig as JSON"),
    ],
)
def test_a_kubectl_that_gives_none_is_named_without_what_it_printed(
    tmp_path: Path, script: str, problem: str
) -> None:
    with pytest.raises(KubeconfigError, match=problem) as caught:
        read_kubeconfig(program(tmp_path, script))
    assert "SECRET" not in str(caught.value)
    with pytest.raises(KubeconfigError, match="could not be run"):
        read_kubeconfig([str(tmp_path / "missing")])


def test_an_answer_that_is_no_object_is_words() -> None:
    assert make_answer(503, b"no server\n is available").words == "no server is available"
    assert make_answer(500, "").words == "HTTP 500"
    assert make_answer(429, "{}", "3").retry_after == 3
    assert make_answer(429, "{}", "Wed, 21 Oct 2026 07:28:00 GMT").retry_after == 0
