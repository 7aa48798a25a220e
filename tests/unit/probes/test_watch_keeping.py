"""The process that keeps the watch ledger, against API servers that are honest or not."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import until

from kubedrill.base.results import Finding, VerdictKind
from kubedrill.probes.process import Helper
from kubedrill.record import read_record
from kubedrill.verdict.view import View
from kubedrill.verdict.watch_ledger import judge_watches

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "records"))

from recordkit import Kit, write
from watched_api import Server, api_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubedrill.base.model import Record

WRITES = 12


def keep(folder: Path, servers: list[Server], *also: tuple[str, str]) -> Record:
    """Keep a ledger for some writes, and read it."""
    clients = {f"cp{n}": each.url for n, each in enumerate(servers, 1)}
    clients |= {"endpoint": servers[-1].url, **dict(also)}
    kit = Kit(lasts_s=1)
    kit.header = replace(kit.header, watched=tuple(clients))
    path = write(kit.record(), folder / "record.jsonl")
    config = {
        "record": str(path),
        "path": "/api/v1/namespaces/n/configmaps",
        "name": "watch-ledger",
        "clients": clients,
        "tls": {},
        "write_s": 0.05,
        "list_s": 0.2,
        "catch_up_s": 1.5,
    }
    (folder / "config.json").write_text(json.dumps(config))
    with Helper("sampler.watch_ledger", str(folder / "config.json")) as helper:
        assert helper.start(60, "probes_ready") == "ready"
        store = servers[0].store
        until("some writes", lambda: len(store.revisions) > WRITES)
        helper.check()
        helper.stop(60)
    return read_record(path)


def judged(record: Record) -> list[Finding]:
    """What the ledger's rules say; the rest of the record is not about it."""
    findings = list(judge_watches(View(record)))
    return [each for each in findings if "while the cluster was drilled" not in each.text]


def test_an_honest_api_has_nothing_held_against_it(tmp_path: Path) -> None:
    with api_servers(3) as servers:
        record = keep(tmp_path, servers)
        assert judged(record) == []
        kinds = {line.kind for line in record.watched}
        assert kinds >= {"write", "conflict", "list", "open", "event", "closed"}
        acknowledged = {line.revision for line in record.watched if line.kind == "write"}
        assert acknowledged <= {revision for revision, _ in servers[0].store.revisions}
        events = {s.revision for s in record.watched if s.kind == "event" and s.client == "cp2"}
        assert max(acknowledged) in events


def test_watches_that_break_go_on_from_their_last_revision(tmp_path: Path) -> None:
    with api_servers(2) as servers:
        servers[0].cuts_after = 3
        record = keep(tmp_path, servers)
    assert judged(record) == []
    assert sum(s.kind == "open" and s.client == "cp1" for s in record.watched) >= 2


def test_after_410_gone_a_list_is_gone_on_from(tmp_path: Path) -> None:
    with api_servers(2) as servers:
        servers[0].is_gone_after = 3
        record = keep(tmp_path, servers)
    assert judged(record) == []
    kinds = [line.kind for line in record.watched if line.client == "cp1"]
    assert "gone" in kinds


@contextmanager
def _serving(answer: bytes) -> Iterator[str]:
    """A server that gives everybody the same answer."""

    class Same(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(65536):
                self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Same) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def leave_out(server: Server) -> None:
    server.leaves_out = 4


def repeat(server: Server) -> None:
    server.repeats = 4


def list_old(server: Server) -> None:
    server.lists_old = True


def take_any_base(server: Server) -> None:
    server.takes_any_base = True


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (leave_out, "the watch through cp1 missed revision"),
        (repeat, "the watch through cp1 repeated revision"),
        (list_old, "stale list: cp1 listed"),
        (take_any_base, "lost update: cp1 acknowledged"),
    ],
)
def test_an_api_that_is_not_honest_fails(
    damage: Callable[[Server], None], finding: str, tmp_path: Path
) -> None:
    with api_servers(2) as servers:
        damage(servers[0])
        findings = judged(keep(tmp_path, servers))
    assert [
        each.text for each in findings if each.verdict is VerdictKind.FAIL and finding in each.text
    ]


def test_a_server_that_is_down_makes_it_inconclusive_and_nothing_else(tmp_path: Path) -> None:
    with api_servers(2) as servers:
        findings = judged(keep(tmp_path, servers, ("cp3", "http://127.0.0.1:9")))
    assert {each.verdict for each in findings} == {VerdictKind.INCONCLUSIVE}
    assert "nobody watched through cp3" in findings[0].text


def test_what_is_no_api_at_all_ends_nothing(tmp_path: Path) -> None:
    words = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
    with api_servers(2) as servers, _serving(words) as url:
        record = keep(tmp_path, servers, ("cp3", url))
    assert {each.verdict for each in judged(record)} == {VerdictKind.INCONCLUSIVE}
