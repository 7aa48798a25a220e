"""What the live mutants say of themselves, and what those of the application change, as far as
no cluster is needed.
"""

from __future__ import annotations

import copy
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mutants_page
import pytest
from livekit import LIVE, Called, Cluster, LiveMutant, evidence
from recordkit import Kit

from kubedrill.apps import sample
from kubedrill.config import Settings
from kubedrill.drills import ALL
from kubedrill.runner.run import RunResult
from kubedrill.verdict import judge

APP = [mutant for mutant in LIVE.values() if mutant.group == "app_mutants"]
GOOD = {version: sample.load(version) for version in sample.VERSIONS}


@pytest.mark.parametrize("mutant", LIVE.values(), ids=list(LIVE))
def test_each_says_what_is_broken_and_which_drill_tells(mutant: LiveMutant) -> None:
    assert mutant.drill in ALL
    assert mutant.broken.endswith(".")
    assert len(mutant.reason) > 10
    assert (mutant.called is Called.PASS) == mutant.broken.startswith("Not broken")
    assert mutant.group in {module.__name__ for module in mutants_page.LIVE_GROUPS}


@pytest.mark.parametrize("mutant", APP, ids=[mutant.name for mutant in APP])
def test_an_application_is_changed_while_it_is_planted_only(
    mutant: LiveMutant, monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    nothing: Any = None
    cluster = Cluster(make_inventory(), Settings(), nothing, nothing, monkeypatch)
    with ExitStack() as stack:
        stack.enter_context(mutant.plant(cluster))
        for version, good in GOOD.items():
            changed = sample.load(version)
            assert (changed == good) is (mutant.called is Called.PASS)
            assert sample.of_kind(changed, "Deployment")["spec"]["template"]["spec"]["containers"][
                0
            ]["image"].endswith(version)
    monkeypatch.undo()
    assert sample.load("v1") == GOOD["v1"]


def test_no_prestop_leaves_no_drain_at_all(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    nothing: Any = None
    with LIVE["no-prestop"].plant(
        Cluster(make_inventory(), Settings(), nothing, nothing, monkeypatch)
    ):
        spec = sample.of_kind(sample.load("v1"), "Deployment")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    names = [entry["name"] for entry in container["env"]]
    assert names == ["DRAIN_SECONDS", "POD_NAME", "NODE_NAME"]
    assert container["env"][0]["value"] == "0"


def test_what_a_run_was_called() -> None:
    failed = judge(Kit().fail("api-write", 6, 11).record())
    assert evidence(RunResult(Path("x"), (failed,)))[0] is Called.FAIL
    assert "out for 4.9" in evidence(RunResult(Path("x"), (failed,)))[1]
    passed = judge(Kit().record())
    assert evidence(RunResult(Path("x"), (passed,))) == (Called.PASS, passed.reason)
    missed = RunResult(Path("x"), (), {"coredns-killed": "needs CoreDNS pods on 2 nodes or more"})
    assert evidence(missed) == (
        Called.INCONCLUSIVE,
        "not run: needs CoreDNS pods on 2 nodes or more",
    )


def test_files_of_nodes_are_put_back_by_hand_and_by_timer(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    asked: list[list[str]] = []
    hosts: Any = SimpleNamespace(
        change=lambda _node, argv: asked.append(argv) or SimpleNamespace(stdout="")
    )
    nothing: Any = None
    cluster = Cluster(make_inventory(), Settings(), hosts, nothing, monkeypatch)
    with pytest.raises(ZeroDivisionError), cluster.changed("w1", "/etc/x", "false", "x"):
        raise ZeroDivisionError
    armed, changed, restored, disarmed = asked
    assert armed[0] == "systemd-run"
    assert armed[-1].replace("$$", "$") == restored[-1], (
        "the timer does what the end does; systemd reads $$ as $"
    )
    assert "cp -a $f $f.mutant" in changed[-1]
    assert "systemctl stop kubedrill-mutant-x.timer" in disarmed[-1]


def test_settings_that_a_mutant_exchanges_are_its_own(
    monkeypatch: pytest.MonkeyPatch, make_inventory: Any
) -> None:
    nothing: Any = None
    cluster = Cluster(make_inventory(), Settings(), nothing, nothing, monkeypatch)
    other = replace(cluster)
    other.wait(20, vip_held=5)
    assert (other.settings.timeouts.recovery, other.settings.timeouts.vip_held) == (20, 5)
    assert cluster.settings == Settings()
    assert copy.copy(cluster.settings.timeouts).recovery == Settings().timeouts.recovery
