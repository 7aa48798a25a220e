"""Drills that rotate what the order service is told and trusted with.

By which ways they send, and what they judge.
"""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fake_context import fake_context

from kubedrill.drills import ALL, order_rotations
from kubedrill.drills.order_rotations import DRILLS
from kubedrill.orders import pki
from kubedrill.orders.ledger import ACKNOWLEDGED, NS, Ledger, Write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BY_WHAT = {drill.what: drill for drill in DRILLS}


def context(folder: Path) -> Any:
    nodes = [SimpleNamespace(address="10.0.0.2")]
    return fake_context(
        "kubedrill-orders/it",
        path=folder / "drill.jsonl",
        inventory=SimpleNamespace(endpoint_address="10.0.0.1", nodes=nodes),
    )


class Live:
    """What runs: its greeting, certificate and login, and the traffic that was sent."""

    def __init__(self) -> None:
        self.pairs = [pki.new_authority("one"), pki.new_authority("two")]
        self.greetings = ["Hello"]
        self.logins_used = ["a"]
        self.plans: list[Any] = []
        self.failed: dict[str, int] = {}
        self.versions = ["v1"]
        self.breaks = False

    def traffic(self, plan: Any, path: Path, _timeouts: Any) -> Any:
        self.plans.append((plan, path.name))
        writes = {
            f"{plan.run}-{i}": Write("", 0, i * NS, ACKNOWLEDGED, i * NS + 1) for i in range(300)
        }
        ledger = Ledger(writes, {}, dict.fromkeys(writes, 1))
        if plan.url.startswith("https"):
            ledger.failed.update(self.failed)
        flow = SimpleNamespace(check=lambda: None, stop=lambda: None, read_back=lambda: ledger)

        @contextmanager
        def running() -> Iterator[Any]:
            yield flow

        return running()

    def rotation(self, *_: Any) -> Any:
        def greeting(text: str) -> None:
            if self.breaks and len(self.greetings) == 1:
                self.greetings.append("half")
                raise OSError
            self.greetings.append(text)

        def logins() -> str:
            self.logins_used.append("b")
            return "b"

        def certificate() -> int:
            self.pairs.pop(0)
            return pki.serial(self.pairs[0].certificate)

        return SimpleNamespace(
            greeting=greeting,
            live_greeting=lambda: self.greetings[-1],
            logins=logins,
            side=lambda: self.logins_used[-1],
            finish=lambda: None,
            certificate=certificate,
        )

    def service(self, *_: Any) -> Any:
        def deploy(version: str) -> None:
            if self.breaks and len(self.versions) == 1:
                self.versions.append("half")
                raise OSError
            self.versions.append(version)

        return SimpleNamespace(
            status=lambda: SimpleNamespace(version=self.versions[-1]), deploy=deploy
        )


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Live:
    result = Live()
    certificates = SimpleNamespace(
        authority=lambda: "PEM", serving=lambda: result.pairs[0].certificate
    )
    monkeypatch.setattr(order_rotations, "Traffic", result.traffic)
    monkeypatch.setattr(order_rotations, "Rotation", result.rotation)
    monkeypatch.setattr(order_rotations, "OrderService", result.service)
    monkeypatch.setattr(order_rotations, "Certificates", lambda _: certificates)
    monkeypatch.setattr(order_rotations, "sustain_traffic", lambda *_: None)
    return result


@pytest.mark.parametrize(
    ("what", "check"),
    [
        ("config", "every web pod greets anew"),
        ("certificate", "a new certificate is served everywhere"),
        ("passwords", "another login is in use"),
        ("version", "there and back"),
    ],
)
def test_orders_are_sent_by_both_ways_and_every_request_counts(
    live: Live, tmp_path: Path, what: str, check: str
) -> None:
    ctx = context(tmp_path)
    BY_WHAT[what].run(ctx)
    assert ctx.checks[check][0] is True
    assert {name for name, (ok, _) in ctx.checks.items() if not ok} == set()
    assert {name.partition(":")[0] for name in ctx.checks} == {"node port", "ingress", check}
    assert f"fault on kubedrill-orders/it: rotate {what}" in ctx.log
    (plain, plain_file), (tls, tls_file) = live.plans
    assert (plain.url, tls.url) == ("http://10.0.0.1:30081", "https://10.0.0.1:30443")
    assert (plain_file, tls_file) == ("drill.node.ledger", "drill.ingress.ledger")
    assert not tls.run.startswith(f"{plain.run}-"), (
        "the read-back of one must not find the other's orders"
    )
    assert len(ctx.undos) == 0


def test_one_failed_request_is_a_failure_though_its_repetition_was_acknowledged(
    live: Live, tmp_path: Path
) -> None:
    live.failed = {"http-503": 1}
    ctx = context(tmp_path)
    BY_WHAT["passwords"].run(ctx)
    assert [name for name, (ok, _) in ctx.checks.items() if not ok] == [
        "ingress: no request failed"
    ]
    assert ctx.checks["ingress: no request failed"][1] == "1 write http-503"


def test_the_service_goes_to_its_other_version_and_back(live: Live, tmp_path: Path) -> None:
    live.versions = ["v2"]
    BY_WHAT["version"].run(context(tmp_path))
    assert live.versions == ["v2", "v1", "v2"]


@pytest.mark.parametrize(
    ("what", "seen"), [("config", ["Hello", "half", "Hello"]), ("version", ["v1", "half", "v1"])]
)
def test_what_was_there_is_put_back_when_the_drill_dies(
    live: Live, tmp_path: Path, what: str, seen: list[str]
) -> None:
    live.breaks = True
    ctx = context(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011 - whatever ends it
        BY_WHAT[what].run(ctx)
    ctx.undos.unwind()
    assert {"config": live.greetings, "version": live.versions}[what] == seen


def test_the_drills_are_known_by_name_and_need_the_order_service() -> None:
    assert {
        "orders-config-rotated",
        "orders-certificate-rotated",
        "orders-secret-rotated",
        "orders-rollout",
    } <= ALL.keys()
    assert all("kubedrill app deploy" in drill.needs for drill in DRILLS)
