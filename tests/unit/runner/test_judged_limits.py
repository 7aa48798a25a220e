"""Outages are judged by nights before, as the run's plan has them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from nights import drill_entry, limit_entry, run_document
from recordkit import Kit, write

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Leaves, OutageLimit
from kubedrill.base.plan import Baseline, RunPlan, read_plan, write_plan
from kubedrill.base.results import VerdictKind
from kubedrill.config import Settings
from kubedrill.drills import find_drills
from kubedrill.history.store import History
from kubedrill.record import read_record
from kubedrill.report import rebuild_report
from kubedrill.report.document import make_document
from kubedrill.runner import baselines
from kubedrill.runner.baselines import judged_limits, read_baselines
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from pathlib import Path

OLD = Baseline(
    drill="failover-vip", kubernetes="1.35", kubernetes_after="1.35", probes="api-*", nights=12,
    limit_s=3.9, because="3 times 1.3 s, the worst of 12 nights",
)  # fmt: skip


def limit(baseline: Baseline, limit_s: float = 60.0, kubernetes: str = "1.35.4") -> OutageLimit:
    drill: Any = SimpleNamespace(
        name="failover-vip",
        leaves=Leaves.UNCHANGED,
        outage_limits=lambda _: [OutageLimit("api-*", limit_s, 0.0)],
    )
    ctx: Any = None
    [only] = judged_limits(drill, ctx, [baseline], kubernetes)
    return only


def test_a_baseline_below_the_objective_is_what_outages_are_judged_by() -> None:
    actual = limit(OLD)
    assert (actual.limit_s, actual.allowed_s, actual.source) == (60.0, 3.9, "baseline")
    assert actual.limit_because == OLD.because


@pytest.mark.parametrize("limit_s", [3.9, 2.0])
def test_it_is_never_wider_than_the_objective(limit_s: float) -> None:
    actual = limit(OLD, limit_s)
    assert (actual.baseline_s, actual.allowed_s, actual.source) == (None, limit_s, "objective")
    assert replace(actual, baseline_s=1e9).allowed_s == limit_s


@pytest.mark.parametrize(
    ("baseline", "kubernetes", "why"),
    [
        (OLD, "1.36.3", "no night of it from 1.36 to 1.36"),
        (OLD.model_copy(update={"kubernetes_after": "1.36"}), "1.35.4", "no night of it from"),
        (OLD.model_copy(update={"probes": "app-*"}), "1.35.4", "no night of it from"),
        (OLD.model_copy(update={"limit_s": None, "because": "too few"}), "1.35.4", "too few"),
        (Baseline(drill="failover-vip", because="no night at all"), "1.35.4", "no night at all"),
    ],
    ids=["release", "upgrade", "probes", "few", "none"],
)
def test_without_nights_of_the_same_the_objective_holds_and_says_why(
    baseline: Baseline, kubernetes: str, why: str
) -> None:
    actual = limit(baseline, kubernetes=kubernetes)
    assert (actual.allowed_s, actual.source) == (60.0, "objective")
    assert actual.limit_because.startswith(why)


def test_an_upgrade_is_compared_with_upgrades_to_the_same_release(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drill: Any = SimpleNamespace(
        name="cluster-upgrade",
        leaves=Leaves.UPGRADED,
        outage_limits=lambda _: [OutageLimit("api-*", 60.0, 0.0)],
    )
    of_upgrade = OLD.model_copy(update={"drill": "cluster-upgrade", "kubernetes_after": "1.36"})
    ctx: Any = SimpleNamespace(cluster=None)
    for release, source in (("v1.36.3", "baseline"), ("v1.35.9", "objective")):
        monkeypatch.setattr(baselines, "choose_release", lambda _, to=release: to)
        [only] = judged_limits(drill, ctx, [of_upgrade], "1.35.4")
        assert only.source == source


@pytest.fixture
def settings(tmp_path: Path, make_inventory: Any) -> Settings:
    """The history has ten nights of this cluster."""
    url = f"sqlite:///{tmp_path}/history.db"
    facts = {"database": url, "host": "build-1", "network": "flannel-vxlan", "app": "hello"}
    settings = Settings.model_validate({"limits_from_history": {}, "history": facts})
    labels = baselines.host_facts(make_inventory(), settings)["labels"]
    entry = limit_entry("api-*", 1.3)
    with History.open(url, create=True) as history:
        history.add(
            [
                run_document([drill_entry(night=n, predicted=(entry,), **labels)], n)
                for n in range(10)
            ]
        )
    return settings


def test_the_plan_fixes_them_before_the_run(settings: Settings, make_inventory: Any) -> None:
    drills = find_drills(["failover-vip", "node-drain", "game-day"])
    actual, digest = read_baselines(drills, make_inventory(), settings)
    assert [(each.drill, each.nights, each.limit_s) for each in actual] == [
        ("failover-vip", 10, 3.9),
        ("node-drain", 0, None),
        ("game-day", 0, None),
    ]
    assert "others each time" in actual[-1].because
    assert len(digest) == 64
    assert read_baselines(drills, make_inventory(), Settings()) == ([], "")


def test_before_the_first_night_the_objective_holds(
    settings: Settings, make_inventory: Any, tmp_path: Path
) -> None:
    (tmp_path / "history.db").unlink()
    [only], _ = read_baselines(find_drills(["node-drain"]), make_inventory(), settings)
    assert only.because.startswith("no night of it on ")
    assert not (tmp_path / "history.db").exists()


def test_a_history_that_cannot_be_read_stops_the_run_before_it_begins(
    settings: Settings, make_inventory: Any, tmp_path: Path
) -> None:
    (tmp_path / "history.db").write_bytes(b"no database, though it is asked for" * 100)
    with pytest.raises(StepFailed, match="file is not a database"):
        read_baselines(find_drills(["node-drain"]), make_inventory(), settings)


def kit(baseline_s: float | None, out_s: float = 5.0) -> Kit:
    """All of the API fails for a time, under an objective of 20 s."""
    made = Kit(lasts_s=60, limit_s=20.0).fail("api-write", 6, 6 + out_s)
    made.limits = [replace(made.limits[0], baseline_s=baseline_s, limit_because=OLD.because)]
    return made


def test_an_outage_beyond_the_baseline_fails_and_says_where_the_limit_is_from() -> None:
    assert judge(kit(None).record()).verdict is VerdictKind.PASS
    assert judge(kit(9.0).record()).verdict is VerdictKind.PASS
    result = judge(kit(3.9).record())
    assert result.verdict is VerdictKind.FAIL
    assert result.reason.endswith(
        "limit 3.9 s (baseline: 3 times 1.3 s, the worst of 12 nights; objective 20 s)"
    )


def test_it_bounds_outages_and_leaves_shares_to_the_objective() -> None:
    """As the pods of a dead node: one request in three fails for a long time."""
    made = Kit(lasts_s=60, limit_s=20.0).fail("api-write", 6, 16, every=3)
    made.spans = [replace(made.spans[0], end=made.spans[0].start + 30 * 10**9)]
    made.limits = [replace(made.limits[0], share=0.34)]
    assert judge(made.record()).verdict is VerdictKind.PASS
    made.limits = [replace(made.limits[0], baseline_s=3.0)]
    assert judge(made.record()).verdict is VerdictKind.PASS


@pytest.mark.parametrize(
    ("planned", "verdict"),
    [([OLD.model_copy(update={"limit_s": 9.0, "probes": "*"})], "PASS"), ([], "INCONCLUSIVE"),
     ([OLD], "INCONCLUSIVE")],
    ids=["planned", "none", "another"],
)  # fmt: skip
def test_a_baseline_that_the_plan_does_not_have_is_no_pass(
    tmp_path: Path, planned: list[Baseline], verdict: str
) -> None:
    made = kit(9.0)
    directory = tmp_path / made.header.run
    (directory / "record").mkdir(parents=True)
    write(made.record(), directory / "record" / "failover-vip.jsonl")
    plan = RunPlan(
        run=made.header.run, cluster="local", seed=7, drills=["failover-vip"],
        tool_version="0.2.0", config_sha256="", baselines=planned, history_sha256="a",
    )  # fmt: skip
    write_plan(directory, plan)
    assert read_plan(directory) == plan
    result = rebuild_report(directory, point_latest=False)
    assert result.verdict.value == verdict
    [entry] = make_document(result).drills[0].predicted
    assert (entry.source, entry.baseline_s, entry.limit_s) == ("baseline", 9.0, 20.0)
    assert "baseline 9 s" in (directory / "junit.xml").read_text()
    page = (directory / "index.html").read_text()
    assert "<small>baseline</small>" in page
    assert OLD.because in page
    assert read_record(directory / "record" / "failover-vip.jsonl").limits[0].baseline_s == 9.0
