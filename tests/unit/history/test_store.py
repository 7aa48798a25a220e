"""Adding, reading back and replacing runs: the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from nights import drill_entry, failed_check, limit_entry, make_nights, run_document, seeded
from sqlalchemy import create_engine, event, text

from kubedrill.base.errors import ConfigErrors, StepFailed, UsageError
from kubedrill.history.database import (
    default_url,
    make_engine,
    parse_url,
    refused_clearly,
    shown,
)
from kubedrill.history.store import History, Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from kubedrill.base.document import RunDocument

ODD = run_document(
    [
        drill_entry(
            "drain-blocked",
            50,
            reason="a budget → 'blocks'; \"quoted\" \0 ünïcode",
            control=None,
            checks=(failed_check("healthy after"), failed_check("no residue")),
            host_facts={"cpus": 2, "deep": [1, {"a": None}]},
            predicted=(
                limit_entry("app-*", 0.1 + 0.2),
                limit_entry("dns*", 0, max_failed=0, open_ended=True),
            ),
            ended="",
            nodes=(),
        ),
        drill_entry("node-drain", 50),
    ],
    50,
    run=f"20240220T020000Z-{2**40}",
    seed=2**40,
    not_run=[{"name": "network-loss", "reason": "no netem"}, {"name": "disk", "reason": ""}],
).condensed()
EMPTY = run_document(
    [], 60, seed=None, cluster="", not_run=[{"name": "zone-outage", "reason": "one node"}]
)


def test_what_is_added_is_read_back_to_the_last_bit(database: str) -> None:
    nights = make_nights(seeded(3), 4)
    with History.open(database, create=True) as history:
        assert history.add([*nights, ODD, EMPTY][::-1]) == [Outcome.ADDED] * 6
    with History.open(database) as history:
        result = {run.run: run for run in history.runs()}
    assert result == {run.run: run for run in [*nights, ODD, EMPTY]}


def test_runs_come_oldest_first(database: str) -> None:
    nights = make_nights(seeded(3), 12)
    with History.open(database, create=True) as history:
        history.add(nights[6:])
        history.add(nights[:6])
        assert history.runs() == nights


def test_the_same_run_again_changes_nothing(database: str) -> None:
    with History.open(database, create=True) as history:
        history.add([ODD])
        assert history.add([ODD, ODD]) == [Outcome.SAME] * 2
        assert history.runs() == [ODD]


def test_a_run_with_another_verdict_is_refused_and_nothing_of_the_batch_is_kept(
    database: str,
) -> None:
    old = run_document([drill_entry()])
    other = run_document([drill_entry(verdict="FAIL")])
    with History.open(database, create=True) as history:
        history.add([old])
        with pytest.raises(
            ConfigErrors, match=f"run {old.run}: its verdict or measurements differ"
        ) as caught:
            history.add([ODD.model_copy(update={"run": "new"}), other])
        assert "--replace" in str(caught.value)
        assert history.runs() == [old]
        assert history.add([other], replace=True) == [Outcome.REPLACED]
        assert history.runs() == [other]


def test_labels_that_a_user_gave_are_kept_when_the_run_is_added_again_without(
    database: str,
) -> None:
    plain = run_document([drill_entry(topology="5 nodes", host="unknown")])
    labelled = plain.relabelled({"topology": "3+2", "host": "build-1"})
    with History.open(database, create=True) as history:
        history.add([labelled])
        assert history.add([plain]) == [Outcome.SAME]
        assert history.runs() == [labelled]
        assert history.add([plain], replace=True) == [Outcome.REPLACED]
        assert history.runs() == [plain]


def test_two_writers_at_once_both_succeed(database: str) -> None:
    """Also while the database is made: whoever comes second finds the tables."""
    halves: list[list[RunDocument]] = [make_nights(seeded(1), 20)[part::2] for part in (0, 1)]
    errors: list[BaseException] = []

    def write(nights: list[RunDocument]) -> None:
        try:
            for night in nights:
                with History.open(database, create=True, timeout_s=120) as history:
                    history.add([night])
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=write, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with History.open(database) as history:
        assert len(history.runs()) == 20


def test_a_write_that_fails_in_the_middle_leaves_nothing(database: str) -> None:
    with History.open(database, create=True) as history:
        history.add([EMPTY])
    engine = create_engine(database.replace("sqlite:", "sqlite+pysqlite:"))
    with engine.begin() as connection:
        connection.execute(text("CREATE UNIQUE INDEX once ON runs (cluster)"))
    engine.dispose()
    with (
        History.open(database) as history,
        pytest.raises(StepFailed, match=r"cluster.*Nothing was changed"),
    ):
        history.add([ODD, ODD.model_copy(update={"run": "another of the same cluster"})])
    engine = create_engine(database)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM runs")).scalar() == 1
    engine.dispose()


def test_a_full_disk_leaves_the_history_so_far_intact(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
    nights = make_nights(seeded(3), 200)
    with History.open(url, create=True) as history:
        history.add(nights[:5])
        history._engine.dispose()
        event.listen(
            history._engine,
            "connect",
            lambda connection, _: connection.execute("PRAGMA max_page_count = 40"),
        )
        with pytest.raises(StepFailed, match=r"full\. Nothing was changed"):
            history.add(nights[5:])
        assert history.runs() == nights[:5]
    with History.open(url) as history:
        history.add(nights[5:])
        assert history.runs() == nights


def test_deleting_a_run_takes_its_parts_along(database: str) -> None:
    with History.open(database, create=True) as history:
        history.add([ODD])
        bare = run_document([], run=ODD.run)
        history.add([bare], replace=True)
        assert history.runs() == [bare]


def test_without_a_database_nothing_is_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no history yet. Add a run"), History.open():
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_empty_server_database_is_told_as_no_history(database: str) -> None:
    with pytest.raises(UsageError, match="there is no history yet"), History.open(database):
        pass


def test_the_default_is_a_file_in_the_users_data_directory(tmp_path: Path) -> None:
    assert default_url() == f"sqlite:///{tmp_path}/data/kubedrill/history.db"
    with History.open(create=True):
        pass
    assert (tmp_path / "data" / "kubedrill" / "history.db").exists()


def test_a_statement_that_hangs_is_ended_by_the_server(postgres_server: str) -> None:
    engine = make_engine(parse_url(postgres_server.format("postgres")), create=False, timeout_s=0.2)
    with (
        pytest.raises(StepFailed, match="statement timeout"),
        refused_clearly("here"),
        engine.connect() as connection,
    ):
        connection.execute(text("SELECT pg_sleep(60)"))
    engine.dispose()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"connect_timeout": "12", "tcp_user_timeout": "12000", "keepalives_idle": "4"}),
        ("&tcp_user_timeout=5", {"connect_timeout": "12", "tcp_user_timeout": "5"}),
    ],
)
def test_a_server_whose_machine_is_gone_is_not_waited_for(
    postgres_server: str, query: str, expected: dict[str, str]
) -> None:
    url = parse_url(postgres_server.format("postgres") + query)
    engine = make_engine(url, create=False, timeout_s=12)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        actual = driver.info.get_parameters()
    engine.dispose()
    assert expected.items() <= actual.items()


def test_a_server_that_takes_the_connection_and_is_silent_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with (
            pytest.raises(StepFailed, match="timeout"),
            History.open(f"postgresql://drills@127.0.0.1:{port}/db", timeout_s=2),
        ):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "history.db",
        "mysql://u:geheim@h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://u:geheim@h",
        "",
        "://",
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str) -> None:
    with pytest.raises(
        UsageError, match=r"expected sqlite:///FILE or postgresql://USER@HOST/DATABASE"
    ) as caught:
        parse_url(url)
    assert "geheim" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    url = parse_url("postgresql://drills:geheim@127.0.0.1:1/db")
    assert "geheim" not in shown(url)
    with (
        pytest.raises(StepFailed) as caught,
        History.open("postgresql://drills:geheim@127.0.0.1:1/db", timeout_s=5),
    ):
        pass
    assert "127.0.0.1" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"these are my notes\n" * 100)
    with (
        pytest.raises(StepFailed, match="not a database"),
        History.open(f"sqlite:///{path}", create=True),
    ):
        pass
    assert path.read_bytes() == b"these are my notes\n" * 100


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot make the history's folder"):
        History.open(f"sqlite:///{tmp_path}/file/history.db", create=True).__enter__()


def test_reading_takes_one_query_however_many_runs_there_are(tmp_path: Path) -> None:
    queries: list[Any] = []
    with History.open(f"sqlite:///{tmp_path}/many.db", create=True) as history:
        history.add(make_nights(seeded(1), 50))
        event.listen(
            history._engine, "before_cursor_execute", lambda *call: queries.append(call[2])
        )
        history.runs()
    assert len([query for query in queries if query.startswith("SELECT")]) == 1
