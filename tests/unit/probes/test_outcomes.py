"""Every way to fail a probe has its outcome, and no bad answer passes for a good one."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from ports import free_port

from kubedrill.probes.sampler.http1 import Connection
from kubedrill.probes.sampler.kinds import KINDS, Spec, outcome_of
from kubedrill.probes.sampler.ticks import Probe, Sample

sys.path.insert(0, str(Path(__file__).parent))
from probed_servers import resolving, serving

PATIENT_S = 60.0
"""A timeout that nothing runs into, however crowded the machine is."""


async def fire(spec: Spec, times: int = 1) -> list[Sample]:
    """Fire a probe by hand, one request after the other."""
    samples: list[Sample] = []
    probe = Probe(spec, KINDS[spec.kind](spec), samples.append)
    for seq in range(times):
        await probe._ask(seq, 0)
    probe.close()
    return samples


def spec(port: int, kind: str = "http", reuse: bool = False, **more: object) -> Spec:
    target = (
        f"http://127.0.0.1:{port}/api/v1/namespaces/x/configmaps/probe" if "api" in kind else ""
    )
    return Spec(
        "p", kind, target or f"http://127.0.0.1:{port}/", reuse, **{"timeout_s": PATIENT_S, **more}
    )


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("ok", "ok"),
        ("chunked", "ok"),
        ("until-eof", "ok"),
        ("close", "ok"),
        ("503", "http-503"),
        ("wrong", "wrong-answer"),
        ("html", "wrong-answer"),
        ("not-http", "wrong-answer"),
        ("hang", "timeout"),
        ("reset", "reset"),
        ("cut", "reset"),
    ],
)
@pytest.mark.parametrize("reuse", [False, True])
def test_http(mode: str, outcome: str, reuse: bool) -> None:
    async def main() -> list[Sample]:
        async with serving(mode) as server:
            return await fire(
                spec(server.port, reuse=reuse, timeout_s=0.15 if mode == "hang" else PATIENT_S)
            )

    ((*_, result, who),) = asyncio.run(main())
    assert result == outcome
    assert who == ("hello-1" if outcome == "ok" else "")


def test_refused_unreachable_and_plain_text_where_tls_is_due() -> None:
    async def main() -> list[str]:
        async with serving("banner") as server:
            specs = [
                spec(free_port()),
                Spec("p", "http", "http://255.255.255.255/", False, timeout_s=PATIENT_S),
                Spec("p", "http", f"https://127.0.0.1:{server.port}/", False, timeout_s=PATIENT_S),
            ]
            return [(await fire(s))[0][5] for s in specs]

    assert asyncio.run(main()) == ["refused", "unreachable", "tls"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for shop.example with its key, in one file, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "shop.pem"
    words = [
        "-subj",
        "/CN=shop.example",
        "-addext",
        "subjectAltName=DNS:shop.example",
        "-days",
        "2",
    ]
    key = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(path),
        "-out",
        "-",
    ]
    done = subprocess.run([*key, *words], capture_output=True, check=True)
    path.write_bytes(path.read_bytes() + done.stdout)
    return path


@pytest.mark.parametrize(
    ("trusts", "host", "verify", "outcome"),
    [
        (True, "shop.example", True, "ok"),
        (True, "other.example", True, "tls"),
        (True, "", True, "tls"),  # the certificate is not for an address
        (False, "shop.example", True, "tls"),
        (False, "", False, "ok"),
    ],
)
def test_a_server_is_known_by_its_name_and_not_by_its_address(
    certificate: Path, trusts: bool, host: str, verify: bool, outcome: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    tls = {**({"ca": str(certificate)} if trusts else {}), **({} if verify else {"verify": "no"})}

    async def main() -> tuple[str, list[bytes]]:
        async with serving("html", context) as server:
            target = f"https://127.0.0.1:{server.port}/"
            one = Spec("p", "http-status", target, False, timeout_s=PATIENT_S, tls=tls, host=host)
            return (await fire(one))[0][5], server.requests

    result, requests = asyncio.run(main())
    assert result == outcome
    assert all(f"Host: {host or '127.0.0.1'}".encode() in head for head in requests)
    assert bool(requests) is (outcome == "ok")


class GivenUpAtTheHandshake(Connection):
    """A connection whose request runs into its timeout as the TLS handshake ends."""

    opening: asyncio.Future[Connection]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.opening.cancel()


def test_a_connection_given_up_at_its_handshake_leaves_its_descriptor_to_no_other(
    certificate: Path,
) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate)
    client_side = ssl.create_default_context(cafile=str(certificate))

    async def main() -> None:
        async with serving("html", server_side) as server:
            address = ("127.0.0.1", server.port, client_side, PATIENT_S, "shop.example")
            given_up = GivenUpAtTheHandshake
            given_up.opening = asyncio.ensure_future(given_up.open(*address))
            with pytest.raises(asyncio.CancelledError):
                await given_up.opening
            (await Connection.open(*address)).abort()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "mode", "outcome"),
    [
        ("api-read", "object", "ok"),
        ("api-read", "ok", "wrong-answer"),
        ("api-read", "503", "http-503"),
        ("api-write", "ok", "ok"),
        ("api-write", "lost-write", "wrong-answer"),
        ("http-status", "html", "ok"),
        ("http-status", "503", "http-503"),
    ],
)
def test_api(kind: str, mode: str, outcome: str) -> None:
    async def main() -> list[Sample]:
        async with serving(mode) as server:
            return await fire(spec(server.port, kind))

    assert asyncio.run(main())[0][5] == outcome


def test_expected_body_is_compared() -> None:
    async def main() -> list[str]:
        async with serving("html") as server:
            return [
                (await fire(spec(server.port, expect=body)))[0][5]
                for body in ("<html>welcome</html>", "<html>")
            ]

    assert asyncio.run(main()) == ["ok", "wrong-answer"]


@pytest.mark.parametrize(
    ("mode", "expect", "outcome"),
    [
        ("ok", "127.0.0.1", "ok"),
        ("ok", "127.0.0.2", "wrong-answer"),
        ("empty", "", "wrong-answer"),
        ("servfail", "", "dns-servfail"),
        ("nxdomain", "", "dns-nxdomain"),
        ("junk", "", "wrong-answer"),
        ("hang", "", "timeout"),
    ],
)
def test_dns(mode: str, expect: str, outcome: str) -> None:
    async def main() -> str:
        async with resolving(mode) as port:
            seconds = 0.15 if mode == "hang" else PATIENT_S
            one = Spec(
                "p",
                "dns",
                "app.test.",
                False,
                timeout_s=seconds,
                expect=expect,
                resolver=f"127.0.0.1:{port}",
            )
            return (await fire(one))[0][5]

    assert asyncio.run(main()) == outcome


def test_dns_port_closed() -> None:
    one = Spec(
        "p", "dns", "app.test.", False, timeout_s=PATIENT_S, resolver=f"127.0.0.1:{free_port()}"
    )
    assert asyncio.run(fire(one))[0][5] == "refused"


def test_http_to_a_name_asks_the_resolver_itself() -> None:
    async def main() -> list[str]:
        async with serving() as server, resolving() as port, resolving("servfail") as broken:
            url = f"http://app.test:{server.port}/"
            return [
                (
                    await fire(
                        Spec(
                            "p", "http", url, False, timeout_s=PATIENT_S, resolver=f"127.0.0.1:{p}"
                        )
                    )
                )[0][5]
                for p in (port, broken)
            ]

    assert asyncio.run(main()) == ["ok", "dns-servfail"]


def test_new_opens_and_reused_keeps() -> None:
    async def main(reuse: bool) -> tuple[int, int]:
        async with serving() as server:
            await fire(spec(server.port, reuse=reuse), times=5)
            return server.connections, len(server.requests)

    assert asyncio.run(main(False)) == (5, 5)
    assert asyncio.run(main(True)) == (1, 5)


def test_reused_reconnects_after_connection_close_without_a_failure() -> None:
    async def main() -> tuple[list[str], int]:
        async with serving("close") as server:
            samples = await fire(spec(server.port, reuse=True), times=3)
            return [s[5] for s in samples], server.connections

    assert asyncio.run(main()) == (["ok"] * 3, 3)


def test_a_reset_request_is_sent_once_and_counted() -> None:
    """A client that retries would turn this failure into a success that no user had."""

    async def main() -> tuple[list[str], int]:
        async with serving() as server:
            samples: list[Sample] = []
            one = spec(server.port, reuse=True)
            probe = Probe(one, KINDS[one.kind](one), samples.append)
            await probe._ask(0, 0)
            server.mode = "reset"
            await probe._ask(1, 0)
            server.mode = "ok"
            await probe._ask(2, 0)
            return [s[5] for s in samples], len(server.requests)

    assert asyncio.run(main()) == (["ok", "reset", "ok"], 3)


def test_a_hanging_request_does_not_hold_up_the_next_one() -> None:
    async def main() -> list[str]:
        async with serving("hang") as server:
            samples: list[Sample] = []
            one = spec(
                server.port, reuse=True, timeout_s=3
            )  # the second answer has to come in this time, too
            probe = Probe(one, KINDS[one.kind](one), samples.append)
            first = asyncio.create_task(probe._ask(0, 0))
            while not server.requests:  # noqa: ASYNC110 - a list cannot be awaited
                await asyncio.sleep(0)
            server.mode = "ok"
            await probe._ask(1, 0)
            await first
            return [s[5] for s in samples]

    assert asyncio.run(main()) == ["ok", "timeout"]


def test_a_bug_of_ours_is_no_outcome() -> None:
    with pytest.raises(ZeroDivisionError):
        outcome_of(ZeroDivisionError())
