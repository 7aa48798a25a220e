"""Messages to real servers on loopback, only where there is news.

Metrics, JUnit and Markdown of a cycle.
"""

from __future__ import annotations

import json
import socket
import threading
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from nights import Planted, drill_entry, limit_entry, make_nights, run_document, seeded
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from kubedrill.base.errors import ConfigErrors, StepFailed, UsageError
from kubedrill.base.results import VerdictKind
from kubedrill.config import Notify
from kubedrill.nightly.state import CellState, CycleState, PartState, Store
from kubedrill.notify.deliver import find_cycle, tell_cycle
from kubedrill.notify.metrics import push_metrics, registry_of, write_metrics
from kubedrill.notify.send import VARIABLE, read_urls, send
from kubedrill.notify.summary import junit, markdown, news_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASS, FAIL, ABORTED = VerdictKind.PASS, VerdictKind.FAIL, VerdictKind.ABORTED
HOSTILE = "<b>|*bold*| \x07 `x`"


def cycle(
    number: int, *verdicts: VerdictKind | None, reason: str = "because", ended: bool = True
) -> CycleState:
    cells = [
        CellState(
            key=f"{topology}_1.35.4-1.36.3_cluster-upgrade", topology=topology,
            versions=("1.35.4", "1.36.3"),
            during="cluster-upgrade", cluster=f"night-{number}", verdict=verdict, reason=reason,
            runs=[f"run-{number}"],
            parts=[PartState(name="up", started="x", seconds=61.5, result="ok", verdict=verdict)],
        )
        for topology, verdict in zip(("1+1", "3+2"), verdicts, strict=True)
    ]  # fmt: skip
    started = f"2026-03-{number:02}T02:00:00+00:00"
    return CycleState(
        cycle=f"202603{number:02}T020000Z", plan="nightly", plan_path="p", digest="d",
        started=started,
        ended=started if ended else "", cells=cells,
    )  # fmt: skip


class Mails(Message):
    """Keeps what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.result: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.result.append(message_from_bytes(message.as_bytes(), policy=default))


@pytest.fixture
def mail() -> Iterator[tuple[str, list[Any]]]:
    handler = Mails()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield (
            f"mailto://127.0.0.1:{port}?from=drills@example.org&to=team@example.org",
            handler.result,
        )
    finally:
        controller.stop()


class Server(ThreadingHTTPServer):
    """Keeps what is sent to it."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, bytes]] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, body))
        self.send_response(self.server.status)
        self.end_headers()

    do_POST = do_PUT = _take  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
        del format, args


@pytest.fixture
def server() -> Iterator[Server]:
    result = Server()
    thread = threading.Thread(target=result.serve_forever, daemon=True)
    thread.start()
    try:
        yield result
    finally:
        result.shutdown()
        result.server_close()
        thread.join()


def test_a_mail_and_a_webhook_get_the_whole_summary(
    mail: tuple[str, list[Any]], server: Server
) -> None:
    url, mails = mail
    state = cycle(2, PASS, FAIL)
    text = markdown(state, news_of(state, [cycle(1, PASS, PASS)], []))
    chat = f"mmost://{server.place}/0123456789abcdef0123456789abcdef"
    send([url, f"json://{server.place}/hook", chat], "kubedrill nightly: FAIL", text)
    [received] = mails
    assert received["Subject"] == "kubedrill nightly: FAIL"
    assert received["To"] == "team@example.org"
    body = "".join(
        part.get_content() for part in received.walk() if part.get_content_maintype() == "text"
    )
    assert "FAIL, was PASS" in body
    hook, message = server.asked
    assert hook[1] == "/hook"
    assert "FAIL, was PASS" in json.loads(hook[2])["message"]
    assert "FAIL, was PASS" in json.loads(message[2])["text"]


def test_a_service_that_refuses_is_named_without_its_url(server: Server) -> None:
    server.status = 500
    with pytest.raises(StepFailed) as caught:
        send([f"json://user:hunter2secret@{server.place}/hook-token-123"], "t", "b")
    assert "1 of 1 services took no message: json" in str(caught.value)
    assert "hunter2secret" not in str(caught.value)
    assert "hook-token-123" not in str(caught.value)


def test_urls_come_from_a_private_file_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "urls"
    file.write_text("# who is told\njson://localhost/a\n\n")
    file.chmod(0o600)
    monkeypatch.setenv(VARIABLE, "json://localhost/b")
    assert read_urls(file) == ["json://localhost/b", "json://localhost/a"]
    file.chmod(0o640)
    with pytest.raises(UsageError, match="can be read by others"):
        read_urls(file)
    file.chmod(0o600)
    file.write_text("nonsense://secret-token\njson://localhost/a\nwhat\n")
    with pytest.raises(ConfigErrors) as caught:
        read_urls(file)
    assert len(caught.value.mistakes) == 2
    assert "line 1" in caught.value.mistakes[0]
    assert "secret-token" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        ((PASS, PASS), (PASS, PASS), 0),
        ((PASS, PASS), (PASS, FAIL), 1),
        ((FAIL, FAIL), (FAIL, PASS), 1),
        ((FAIL, FAIL), (FAIL, FAIL), 0),
        (None, (PASS, PASS), 0),
        (None, (PASS, ABORTED), 1),
        ((PASS, FAIL), (PASS, None), 0),
    ],
)
def test_only_changes_are_news(before: Any, now: Any, news: int) -> None:
    earlier = [cycle(1, *before)] if before else []
    assert len(news_of(cycle(3, *now), earlier, []).verdicts) == news


def test_a_verdict_is_compared_with_the_last_one_that_there_was() -> None:
    earlier = [cycle(1, PASS, FAIL), cycle(2, PASS, None)]
    assert not news_of(cycle(3, PASS, FAIL), earlier, [])
    assert "was FAIL" in news_of(cycle(3, PASS, PASS), earlier, []).verdicts[0]


def test_what_newly_got_worse_is_news_once() -> None:
    runs = make_nights(seeded("worse"), 45, changed=10, planted=Planted(factor=3.0))
    fresh = cycle(1, PASS, PASS)
    fresh.cells[0].runs = [run.run for run in runs[-10:]]
    worse = news_of(fresh, [], runs).worse
    assert any("outage api-*" in text for text in worse)
    fresh.cells[0].runs = [runs[-1].run]
    assert news_of(fresh, [], runs).worse == (), "it was worse the night before already"


def test_a_cycle_that_stopped_is_news() -> None:
    state = cycle(2, PASS, None, ended=False)
    state.stopped = ["2026-03-02: the disk is full"]
    assert news_of(state, [cycle(1, PASS, PASS)], []).stopped == "2026-03-02: the disk is full"


def saved(folder: Path, *states: CycleState) -> None:
    for state in states:
        Store(folder / state.cycle, state).save()


def test_the_whole_of_it(
    tmp_path: Path, mail: tuple[str, list[Any]], server: Server, monkeypatch: Any
) -> None:
    url, mails = mail
    monkeypatch.setenv(VARIABLE, url)
    saved(tmp_path, cycle(1, PASS, PASS), cycle(2, PASS, PASS), cycle(3, PASS, FAIL))
    settings = Notify(metrics_file=str(tmp_path / "kubedrill.prom"), gateway=server.place)
    assert (
        tell_cycle(find_cycle(tmp_path, "20260302T020000Z"), [], settings)
        == "nobody is told: nothing changed"
    )
    assert mails == []
    assert (
        tell_cycle(find_cycle(tmp_path, "20260302T020000Z"), [], settings, always=True) == "1 told"
    )
    assert tell_cycle(find_cycle(tmp_path, "latest"), [], settings) == "1 told"
    assert [result["Subject"] for result in mails] == [
        "kubedrill nightly: PASS, 2 of 2 cells passed",
        "kubedrill nightly: FAIL, 1 of 2 cells passed",
    ]
    assert "Changed since" in (tmp_path / "20260303T020000Z" / "summary.md").read_text()
    assert (tmp_path / "20260303T020000Z" / "junit.xml").exists()
    assert server.asked[-1][:2] == ("PUT", "/metrics/job/kubedrill/plan/nightly")
    assert b'verdict="FAIL"' in server.asked[-1][2]
    with pytest.raises(UsageError, match="no cycle 'x'"):
        find_cycle(tmp_path, "x")


def test_metrics_are_read_by_both_parsers(tmp_path: Path) -> None:
    run = run_document(
        [drill_entry("cluster-upgrade", predicted=(limit_entry("api-*", 1.5),))], run="run-1"
    )
    registry = registry_of(cycle(1, PASS, FAIL), [run])
    path = tmp_path / "a" / "kubedrill.prom"
    write_metrics(registry, path)
    for parse in (openmetrics, prometheus):
        result = {family.name: family for family in parse(path.read_text(encoding="utf-8"))}
        verdicts = {
            (s.labels["topology"], s.labels["verdict"]): s.value
            for s in result["kubedrill_cell_verdict"].samples
        }
        assert verdicts["1+1", "PASS"] == 1
        assert verdicts["3+2", "FAIL"] == 1
        assert sum(verdicts.values()) == 2
        [longest] = result["kubedrill_outage_longest_seconds"].samples
        assert longest.value == 1.5
        assert longest.labels["probes"] == "api-*"


def test_a_gateway_that_is_not_there_is_told() -> None:
    with pytest.raises(StepFailed, match="push gateway took no metrics"):
        push_metrics(registry_of(cycle(1, PASS, PASS), []), "127.0.0.1:9", "nightly")


def test_hostile_words_stay_words() -> None:
    state = cycle(1, PASS, ABORTED, reason=HOSTILE)
    text = markdown(state, news_of(state, [], []))
    assert "<b>" not in text
    assert r"\|\*bold\*\|" in text
    suite = ET.fromstring(junit(state))  # noqa: S314 - made here
    assert suite.attrib["errors"] == "1"
    assert suite.attrib["failures"] == "0"
    assert [child.tag for child in suite[1]] == ["error"]
