"""What people see: tables by severity, blockers first, and the verdict at the end."""

import io
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ready_cluster import node, with_node
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[2] / "records"))
from nights import drill_entry, limit_entry, run_document

from kubedrill.base.model import Node
from kubedrill.cli.readiness import measured_upgrades, print_readiness
from kubedrill.config import Settings
from kubedrill.history.store import History
from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import Answer, Snapshot


def printed(snapshot: Snapshot) -> str:
    written = io.StringIO()
    print_readiness(judge(snapshot), Console(width=120, file=written))
    return written.getvalue()


def test_findings_are_grouped_by_severity_and_the_verdict_comes_last(ready: Snapshot) -> None:
    cordoned = node("w2", Ready="False")
    cordoned.spec.unschedulable = True
    text = printed(
        replace(with_node(ready, cordoned), uses=Answer(error="[bold]the API is silent[/]"))
    )
    places = [
        text.index(word)
        for word in (
            "blocker (1)",
            "unknown (1)",
            "warning (",
            "info (",
            "test to v1.36.3: NOT READY",
        )
    ]
    assert places == sorted(places)
    assert "[bold]the API is silent[/]" in text  # an error's own words are never taken for markup
    assert "to do: repair it" in text


def test_a_ready_cluster_says_so(ready: Snapshot) -> None:
    text = printed(ready)
    assert "test to v1.36.3: ready" in text
    assert "32 of 32 rules have nothing against it" in text


def test_what_is_unknown_is_not_called_ready(ready: Snapshot) -> None:
    text = printed(replace(ready, trials=Answer(error="no bundle")))
    assert "NOT KNOWN" in text
    assert "31 of 32 rules" in text


def test_earlier_upgrades_on_as_many_nodes_say_how_their_prediction_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    nodes = tuple(Node(f"n{n}", "", ("control_plane",) if n < 3 else ("worker",)) for n in range(5))
    inventory: Any = SimpleNamespace(nodes=nodes, external=False, vars={})
    assert measured_upgrades(inventory, Settings()) == []
    limit = limit_entry("api-*", 4.0, predicted_s=2.0)
    runs = [
        run_document([drill_entry("cluster-upgrade", night, predicted=(limit,), **more)], night)
        for night, more in enumerate([{}, {"topology": "1+1"}])
    ]
    with History.open(create=True) as history:
        history.add(runs)
    [line] = measured_upgrades(inventory, Settings())
    assert line.startswith("earlier upgrades: cluster-upgrade on 3+2, api-*: within the prediction")
    assert line.endswith("on 0 of 1 nights, worst 4 s")
