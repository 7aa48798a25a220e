"""What people see: tables by severity, blockers first, and the verdict at the end."""

import io
from dataclasses import replace

from ready_cluster import node, with_node
from rich.console import Console

from kubedrill.cli.readiness import print_readiness
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
    assert "31 of 31 rules have nothing against it" in text


def test_what_is_unknown_is_not_called_ready(ready: Snapshot) -> None:
    text = printed(replace(ready, trials=Answer(error="no bundle")))
    assert "NOT KNOWN" in text
    assert "30 of 31 rules" in text
