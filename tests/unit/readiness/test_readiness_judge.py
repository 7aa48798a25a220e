"""Missing data is never a pass, and the outcome says so in words, JSON and exit code."""

import json
from dataclasses import fields, replace
from pathlib import Path

import jsonschema
import pytest
from ready_cluster import node, with_node

from kubedrill.readiness.judge import judge
from kubedrill.readiness.model import Answer, ApiServer, Severity, Snapshot, Version
from kubedrill.readiness.rules import ALL, PER_NODE
from kubedrill.readiness.to_json import to_json

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "reference" / "readiness.schema.json").read_text()
)
ANSWERS = [
    field.name
    for field in fields(Snapshot)
    if field.type == "Objects" or str(field.type).startswith("Answer[")
]


def test_a_ready_cluster_is_ready(ready: Snapshot) -> None:
    outcome = judge(ready)
    assert [f for f in outcome.findings if f.severity is not Severity.INFO] == []
    assert (outcome.exit_code, outcome.verdict) == (0, "ready")


def test_every_answer_is_looked_at() -> None:
    assert len(ANSWERS) == 12
    assert set(ANSWERS) - {"timers"} == {name for rule in ALL for name in rule.needs}


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "timers"])
def test_an_answer_that_is_missing_is_never_a_pass(ready: Snapshot, name: str) -> None:
    outcome = judge(replace(ready, **{name: Answer(error="the API is silent")}))
    assert (outcome.exit_code, outcome.verdict) == (3, "unknown")
    (missing,) = outcome.of(Severity.UNKNOWN)
    assert missing.subject == name
    assert "the API is silent" in missing.actual


@pytest.mark.parametrize("field", list(PER_NODE))
def test_a_silent_node_is_never_a_pass(ready: Snapshot, field: str) -> None:
    outcome = judge(
        replace(
            ready, **{field: {**getattr(ready, field), "cp1": Answer(error="no route to host")}}
        )
    )
    assert outcome.exit_code == 3
    (missing,) = outcome.of(Severity.UNKNOWN)
    assert missing.subject == "node cp1"
    assert "no route to host" in missing.actual


def test_a_prediction_without_timers_says_so(ready: Snapshot) -> None:
    outcome = judge(replace(ready, timers=Answer(error="no keepalived.conf")))
    assert [f.rule for f in outcome.of(Severity.WARNING)] == ["predicted-outage"]


@pytest.mark.parametrize("field", ["nodes", "api_servers"])
def test_a_version_that_nobody_can_read_is_unknown(ready: Snapshot, field: str) -> None:
    odd = Answer((*ready.nodes.get()[:-1], node("w2", kubelet="dev")))
    servers = {**ready.api_servers, "cp3": Answer(ApiServer("dev", ()))}
    outcome = judge(
        replace(ready, nodes=odd) if field == "nodes" else replace(ready, api_servers=servers)
    )
    assert outcome.exit_code == 3


def test_a_blocker_outweighs_what_is_unknown(ready: Snapshot) -> None:
    broken = with_node(ready, node("w1", Ready="Unknown"))
    outcome = judge(replace(broken, trials=Answer(error="no bundle")))
    assert outcome.exit_code == 1
    assert [f.severity.value for f in outcome.findings][:2] == ["blocker", "unknown"]


def test_the_json_is_what_its_schema_says(ready: Snapshot) -> None:
    outcome = judge(replace(ready, target=Version(1, 37, 0), uses=Answer(error="x")))
    document = json.loads(to_json(outcome))
    jsonschema.validate(document, SCHEMA)
    assert (
        document["counts"]["blocker"]
        == len([f for f in document["findings"] if f["severity"] == "blocker"])
        > 0
    )
    assert {rule["name"] for rule in document["rules"]} == {rule.name for rule in ALL}


def test_every_rule_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "readiness-rules.md").read_text()
    assert [rule.name for rule in ALL if f"| `{rule.name}` |" not in text] == []


def test_every_finding_but_an_info_says_what_was_expected_and_what_to_do(ready: Snapshot) -> None:
    outcome = judge(replace(ready, target=Version(1, 38, 0), etcd_snapshot=Answer(error="x")))
    for finding in outcome.findings:
        assert finding.rule
        if finding.severity is not Severity.INFO:
            assert finding.expected, finding
            assert finding.action, finding
