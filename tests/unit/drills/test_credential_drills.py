"""Clients of API servers in memory, which are told of a revocation late.

Tokens are signed by the real openssl.
"""

import base64
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fake_context import fake_context
from kubernetes.client import ApiException

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.cluster.api_client import ApiUnavailable
from kubedrill.cluster.hosts import CommandResult
from kubedrill.config import Settings
from kubedrill.drills import ALL, credential_drills
from kubedrill.drills.credential_drills import Since
from kubedrill.faults import Revoked, credentials
from kubedrill.faults.credentials import LIFE_S, TokenExpired, claims

NOW = 1_800_000_000


def token(algorithm: str = "RS256", **more: Any) -> str:
    parts = (
        {"alg": algorithm, "kid": "k"},
        {"iat": NOW, "exp": NOW + LIFE_S, "sub": "system:serviceaccount:a:b", **more},
    )
    return ".".join([*(_b64(json.dumps(part).encode()) for part in parts), "sig"])


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Cluster:
    """The API: each API server grants what is there.

    ``late`` ones go on for that many questions after a deletion.
    """

    def __init__(self, algorithm: str = "RS256", **late: int) -> None:
        self.algorithm = algorithm
        self.late, self.there, self.asked = (
            late,
            {"Namespace", "ServiceAccount", "RoleBinding"},
            list[str](),
        )
        self.core = self

    def delete(self, objects: list[Any]) -> None:
        self.there -= {obj["kind"] for obj in objects}

    def apply(self, objects: list[Any]) -> None:
        self.there |= {obj["kind"] for obj in objects}

    def create_namespaced_service_account_token(self, *_: Any) -> Any:
        return SimpleNamespace(status=SimpleNamespace(token=token(self.algorithm)))

    def remove_namespace(self, _name: str) -> None:
        self.there.discard("Namespace")

    def client_cert_files(self) -> tuple[Path, Path, Path]:
        return Path("ca"), Path("crt"), Path("key")

    def read_namespace(self, _name: str) -> Any:
        if "Namespace" not in self.there:
            raise ApiException(status=404)
        return SimpleNamespace(metadata=SimpleNamespace(deletion_timestamp=None))

    def answer(self, server: tuple[str, int], _path: str, output: str, **_: Any) -> int:
        address, _ = server
        self.asked.append(address)
        expected = 200 if "RoleBinding" in self.there else 403
        expected = expected if "ServiceAccount" in self.there else 401
        if claims(output)["exp"] < NOW:
            expected = 401
        if expected != 200 and self.late.get(address, 0) > 0:
            self.late[address] -= 1
            return 200
        return expected


def context(inventory: Any, api: Any, hosts: Any = None) -> Any:
    settings = Settings.model_validate({"timeouts": {"revoked": 1}})
    planes = [node.name for node in inventory.control_planes]
    return fake_context(
        *planes, injects=True, inventory=inventory, api=api, hosts=hosts, settings=settings
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    def wire(cluster: Any) -> Any:
        monkeypatch.setattr(credentials, "ask_with_token", cluster.answer)
        monkeypatch.setattr(credential_drills, "POLL_S", 0.001)
        return cluster

    return wire


def test_each_api_server_is_watched_until_it_refuses_what_was_revoked(
    make_inventory: Any, asked: Any
) -> None:
    cluster = asked(Cluster(**{"172.31.77.12": 3}))
    ctx: Any = context(make_inventory(), cluster)
    ALL["credentials-revoked"].run(ctx)
    assert cluster.there >= {"RoleBinding", "ServiceAccount"}  # given back
    assert set(cluster.asked) == {"172.31.77.11", "172.31.77.12", "172.31.77.13"}
    for what in ("right", "account"):
        ok, result = ctx.checks[f"a revoked {what} is refused by every API server"]
        assert ok is True
        assert result.startswith("cp1 0.0-0.")


def test_an_api_server_that_never_refuses_fails_the_drill_and_is_named(
    make_inventory: Any, asked: Any
) -> None:
    ctx: Any = context(make_inventory(), asked(Cluster(**{"172.31.77.13": 10**9})))
    with pytest.raises(
        DeadlineExceeded, match=r"every API server to answer 403; last seen: cp3 says 200"
    ):
        ALL["credentials-revoked"].run(ctx)
    assert ctx.checks == {}


def test_nothing_is_given_back_to_a_client_that_is_gone(make_inventory: Any) -> None:
    cluster = Cluster()
    ctx: Any = context(make_inventory(), cluster).cluster
    cluster.there.clear()
    for fault in (Revoked("right"), Revoked("account")):
        fault.heal(ctx)
    assert cluster.there == set()


def test_bounds_are_from_the_last_grant_to_the_first_refusal() -> None:
    assert Since(last=10.3, first=10.8).bounds(before=10.0, after=10.1) == "0.2-0.8 s"
    assert Since(last=0.0, first=10.2).bounds(before=10.0, after=10.1) == "0.0-0.2 s"


class Node:
    """A control plane that signs with the key of a test."""

    def __init__(self, key: Path) -> None:
        self.key = key

    def read(self, _node: str, line: str, *, check: bool = True, stdin: str = "") -> CommandResult:
        assert not check
        line = line.replace("/etc/kubernetes/pki/sa.key", str(self.key))
        done = subprocess.run(
            ["sh", "-c", line], input=stdin, capture_output=True, text=True, check=False
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)


KINDS = {
    "RS256": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ES256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ES384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
}


def make_key(path: Path, algorithm: str) -> Path:
    made = ["openssl", "genpkey", "-out", path, "-algorithm", *KINDS[algorithm]]
    subprocess.run(made, check=True, capture_output=True)
    return path


def verify(text: str, key: Path, algorithm: str) -> None:
    """Check the signature as RFC 7518 wants it; raises InvalidSignature."""
    public: Any = load_pem_private_key(key.read_bytes(), None).public_key()
    signed, _, last = text.rpartition(".")
    signature = base64.urlsafe_b64decode(last + "==")
    if algorithm == "RS256":
        public.verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "sa.key", "RS256")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_both_tokens_are_signed_alike_and_differ_in_their_times(
    make_inventory: Any, tmp_path: Path, algorithm: str
) -> None:
    key = make_key(tmp_path / "sa.key", algorithm)
    ctx: Any = context(make_inventory(), Cluster(algorithm=algorithm), Node(key)).cluster
    fault = TokenExpired()
    assert fault.available(ctx) is None
    fault.inject(ctx)
    for text, times in (
        (fault.expired, (NOW - 2 * LIFE_S, NOW - LIFE_S)),
        (fault.valid, (NOW, NOW + LIFE_S)),
    ):
        verify(text, key, algorithm)
        assert (claims(text)["iat"], claims(text)["exp"]) == times
        assert claims(text)["sub"] == "system:serviceaccount:a:b"
    assert fault.expired not in repr(fault)


@pytest.mark.parametrize("broken", ["no key", "ES384"])
def test_a_key_that_kubeadm_does_not_make_is_refused(
    make_inventory: Any, tmp_path: Path, broken: str
) -> None:
    key = tmp_path / "sa.key"
    make_key(key, broken) if broken in KINDS else key.write_text(broken)
    ctx: Any = context(make_inventory(), Cluster(), Node(key)).cluster
    assert "no RSA or ECDSA P-256 key" in str(TokenExpired().available(ctx))


def test_an_expired_token_has_to_be_refused_and_silence_is_no_refusal(
    make_inventory: Any, asked: Any, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = asked(Cluster())
    ctx: Any = context(make_inventory(), cluster, Node(key))
    ALL["token-expired"].run(ctx)
    name = "an expired token is refused"
    assert ctx.checks[name] == (True, "cp1 401, cp2 401, cp3 401")
    cluster.late["172.31.77.12"] = 1
    ctx.ids.clear()
    ALL["token-expired"].run(ctx)
    assert ctx.checks[name] == (False, "cp1 401, cp2 200, cp3 401")

    def silent(server: tuple[str, int], path: str, output: str, **more: Any) -> int:
        if claims(output)["exp"] < NOW:
            raise ApiUnavailable("timed out")
        return int(cluster.answer(server, path, output, **more))

    monkeypatch.setattr(credentials, "ask_with_token", silent)
    ctx.ids.clear()
    ALL["token-expired"].run(ctx)
    assert ctx.checks[name][0] is None
