"""The report's files: complete, escaped, valid, and made again from nothing but the record."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from long_record import long_record
from recordkit import Kit, at, write
from scenarios import bad, failover, good, inconclusive, upgrade

from kubedrill.base.document import schema_text
from kubedrill.base.errors import UsageError
from kubedrill.base.model import Check, CheckId, Event, Leaves, Record
from kubedrill.record import read_record
from kubedrill.report import read_not_run, write_report
from kubedrill.report.timeline import timeline
from kubedrill.verdict import judge

SCHEMA_FILE = Path(__file__).parents[3] / "docs" / "reference" / "verdict.schema.json"
SCHEMA = json.loads(SCHEMA_FILE.read_text())
MISSED = {"latency": "the kernel of w1 has no netem"}


def report(directory: Path, *records: Record, not_run: dict[str, str] | None = None) -> Path:
    write_report(directory, records, [judge(record) for record in records], not_run=not_run)
    return directory


def verdicts(directory: Path) -> dict[str, object]:
    result = json.loads((directory / "verdict.json").read_text())
    jsonschema.validate(result, SCHEMA)
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize("make", [good, bad, inconclusive, failover, upgrade])
def test_verdict_json_follows_the_schema(tmp_path: Path, make: object) -> None:
    assert callable(make)
    result = verdicts(report(tmp_path / "1", make()))
    assert result["cluster"] == "local"
    assert result["run"] == "1"
    assert result["seed"] == 7


def test_the_schema_is_made_from_the_document() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run: python docs/generate"


def test_schema_has_every_field_and_no_other(tmp_path: Path) -> None:
    result = json.loads((report(tmp_path / "1", bad()) / "verdict.json").read_text())
    result["drills"][0]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(result, SCHEMA)


def test_predicted_stands_beside_measured(tmp_path: Path) -> None:
    [drill] = verdicts(report(tmp_path / "1", good()))["drills"]  # type: ignore[misc]
    [predicted] = drill["predicted"]
    assert predicted["predicted_s"] == 1.5
    assert predicted["because"][0] == "keepalived: 3 adverts of 0.3 s"
    assert predicted["measured"]["shortest_s"] == pytest.approx(1.0, abs=0.01)
    assert predicted["measured"]["longest_s"] == pytest.approx(1.2, abs=0.02)
    assert predicted["measured"]["failed"] == 11


def test_outages_say_when_from_the_begin(tmp_path: Path) -> None:
    [drill] = verdicts(report(tmp_path / "1", bad()))["drills"]  # type: ignore[misc]
    [outage] = drill["outages"]
    assert (outage["from_s"], outage["to_s"]) == (
        pytest.approx(6.0, abs=0.01),
        pytest.approx(10.9, abs=0.01),
    )


def test_junit(tmp_path: Path) -> None:
    stopped = Kit()
    stopped.ended = "interrupted"
    directory = report(
        tmp_path / "1", good(), bad(), inconclusive(), stopped.record(), not_run=MISSED
    )
    suite = ET.parse(directory / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "2", "skipped": "1",
    }  # fmt: skip
    assert [case[0].tag for case in suite] == ["system-out", "failure", "error", "error", "skipped"]


def test_requests_failed_and_allowed_stand_apart(tmp_path: Path) -> None:
    kit = Kit()
    kit.limits = [replace(kit.limits[0], max_failed=0)]
    directory = report(tmp_path / "1", kit.record())
    heads = re.findall(r"<th[^>]*>(Requests|Failed|Allowed)</th>", page := page_of(directory))
    assert heads[:3] == ["Requests", "Failed", "Allowed"]
    row = page[page.index("<strong>*</strong>") : page.index("</tr>", page.index("<strong>*"))]
    assert re.findall(r'<td class="num">((?:limit )?[\d,]+)</td>', row) == ["400", "0", "limit 0"]
    [case] = ET.parse(directory / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    assert "*: 400 requests, 0 failed, 0 allowed; longest outage" in str(case[0].text)
    [drill] = verdicts(directory)["drills"]  # type: ignore[misc]
    assert drill["predicted"][0]["measured"]["requests"] == 400


def test_a_limit_without_a_count_allows_any(tmp_path: Path) -> None:
    directory = report(tmp_path / "1", bad())
    assert '<td class="num">no limit</td>' in page_of(directory)
    [case] = ET.parse(directory / "junit.xml").getroot()[0]  # noqa: S314 - our own file
    assert "*: 400 requests, 50 failed, any number allowed" in str(case[0].text)


def page_of(directory: Path) -> str:
    return (directory / "index.html").read_text()


def test_not_run_is_never_passed(tmp_path: Path) -> None:
    result = verdicts(report(tmp_path / "1", good(), not_run=MISSED))
    reason = "the kernel of w1 has no netem"
    assert result["not_run"] == [{"name": "latency", "reason": reason, "missing": False}]
    assert (result["verdict"], result["exit_code"]) == ("INCONCLUSIVE", 3)
    assert len(result["drills"]) == 1  # type: ignore[arg-type]


def test_no_drill_at_all(tmp_path: Path) -> None:
    result = verdicts(report(tmp_path / "1", not_run=MISSED))
    assert (result["verdict"], result["seed"]) == ("INCONCLUSIVE", None)
    assert "NOT RUN" in (tmp_path / "1" / "index.html").read_text()


def test_rebuilt_offline_from_the_record_is_the_same(tmp_path: Path) -> None:
    first = report(tmp_path / "1", failover(), not_run=MISSED)
    path = write(failover(), tmp_path / "1" / "record" / "failover-vip.jsonl")
    before = {
        name: (first / name).read_text() for name in ("verdict.json", "junit.xml", "index.html")
    }
    report(tmp_path / "1", read_record(path))
    assert {name: (first / name).read_text() for name in before} == before


def test_latest_points_to_the_newest_run(tmp_path: Path) -> None:
    report(tmp_path / "20260101", good())
    report(tmp_path / "20260102", good())
    latest = tmp_path / "latest"
    assert latest.is_symlink()
    assert latest.readlink() == Path("20260102")
    report(tmp_path / "20260101", good())
    assert latest.readlink() == Path("20260102"), "a rebuilt older run is not the newest"
    assert not list(tmp_path.glob(".latest*"))


def test_latest_of_the_user_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(UsageError, match="expected the link"):
        report(tmp_path / "1", good())


def test_foreign_verdict_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text('{"weather": "sunny"}')
    with pytest.raises(UsageError, match=r"expected the verdict\.json of a run"):
        read_not_run(tmp_path)


HOSTILE = '</script><script>alert("1")</script><img src=x onerror=alert(2)>&\x00'


def hostile() -> Record:
    kit = Kit().fail("api-write", 6.0, 6.5, HOSTILE).span("step", HOSTILE, HOSTILE, 5.5, 7)
    kit.header = replace(kit.header, title=HOSTILE, cluster=HOSTILE, drill=HOSTILE)
    kit.checks.append(Check(HOSTILE, False, HOSTILE, HOSTILE))
    kit.events.append(Event("event", HOSTILE, HOSTILE, at(6), {HOSTILE: HOSTILE}))
    kit.limits[0] = replace(kit.limits[0], because=(HOSTILE,))
    return kit.record()


def test_all_text_is_escaped(tmp_path: Path) -> None:
    directory = report(tmp_path / "1", hostile(), not_run={HOSTILE: HOSTILE})
    page = (directory / "index.html").read_text()
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<img" not in page
    ET.parse(directory / "junit.xml")  # noqa: S314 - our own file
    verdicts(directory)


def test_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = (report(tmp_path / "1", good()) / "index.html").read_text()
    beside = r'href="(?:verdict\.json|junit\.xml|drills/failover-vip\.html)"'
    page = re.sub(beside, "", page)
    assert not re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"|url\(|@import|fetch\(|import\(', page)
    assert "default-src 'none'" in page


def test_no_failure_is_lost_by_downsampling() -> None:
    kit = (
        Kit(lasts_s=1200.0)
        .fail("api-write", 100.0, 900.0, every=7)
        .fail("app-nodeport-new", 600.03, 600.13, "reset")
    )
    drawn = {p["name"]: p for p in timeline(kit.record())["probes"]}
    write_probe, app = drawn["api-write"], drawn["app-nodeport-new"]
    assert len(write_probe["buckets"]) <= 3001 < write_probe["samples"]
    assert (
        sum(f[2] for f in write_probe["failures"])
        == write_probe["failed"]
        == sum(b[2] for b in write_probe["buckets"])
    )
    assert sum(b[1] + b[2] for b in write_probe["buckets"]) == write_probe["samples"]
    assert [f[2:] for f in app["failures"]] == [[1, "reset"]]


def test_shortest_outages_of_a_day_stay_apart() -> None:
    lost = [100_000, 100_001, 100_003, 500_000]
    record = long_record(864_000, probes=3, failed={"api-write": lost})
    [drawn] = [probe for probe in timeline(record)["probes"] if probe["name"] == "api-write"]
    assert len(drawn["buckets"]) <= 3001
    assert drawn["width"] > 28_000, "ms: each bucket is far wider than an outage"
    assert [
        (round(start, -2), round(end, -2), count) for start, end, count, _ in drawn["failures"]
    ] == [(seq * 100, seq * 100, 1) for seq in lost]


def test_many_failures_and_many_probes_make_no_huge_page() -> None:
    record = long_record(4_000, probes=200, failed={"app-1": list(range(0, 4_000, 2))})
    probes = timeline(record)["probes"]
    assert sum(len(probe["buckets"]) for probe in probes) <= 60_000 + 200
    [flapping] = [probe for probe in probes if probe["failed"]]
    assert len(flapping["failures"]) <= 2 * 300
    assert sum(count for _, _, count, _ in flapping["failures"]) == 2_000


def test_releases_are_drawn_where_one_changed() -> None:
    kit = (
        Kit()
        .span("release", "w1", "worker v1.35.4", 0, 7)
        .span("release", "cp1", "control plane v1.36.3", 0, None)
    )
    assert "release" not in [lane["lane"] for lane in timeline(kit.record())["lanes"]]
    kit.span("release", "w1", "worker v1.36.3", 7, None)
    [drawn] = [lane for lane in timeline(kit.record())["lanes"] if lane["lane"] == "release"]
    assert {row["name"]: len(row["spans"]) for row in drawn["rows"]} == {"cp1": 1, "w1": 2}


def test_lanes_and_open_spans() -> None:
    drawn = timeline(failover())
    assert [lane["lane"] for lane in drawn["lanes"]] == [
        "fault",
        "step",
        "node",
        "etcd-leader",
        "vip",
    ]
    [vip] = [lane for lane in drawn["lanes"] if lane["lane"] == "vip"]
    held = [(span[2], span[1], span[5]) for span in vip["rows"][0]["spans"]]
    assert held == [("cp1", 31_000.0, False), ("cp2", drawn["end"], True)]


def test_spans_that_are_never_closed_last_to_the_end_of_a_cut_record(tmp_path: Path) -> None:
    kit = Kit().span("step", "cp1", "wait", 7, None)
    kit.ended = ""
    [drill] = verdicts(report(tmp_path / "1", kit.record()))["drills"]  # type: ignore[misc]
    assert (drill["ended"], drill["verdict"]) == ("", "INCONCLUSIVE")


def test_a_document_says_where_an_upgrade_led(tmp_path: Path) -> None:
    kit = Kit()
    kit.header = replace(kit.header, leaves=Leaves.UPGRADED)
    kit.checks.append(Check("reworded", True, "v1.36.3", "v1.36.3", CheckId.UPGRADED))
    [drill] = verdicts(report(tmp_path / "1", kit.record()))["drills"]  # type: ignore[misc]
    assert (drill["kubernetes"], drill["kubernetes_after"]) == ("v1.35.4", "1.36.3")
    assert drill["leaves"] == "upgraded"
    del kit.checks[-1]
    [drill] = verdicts(report(tmp_path / "2", kit.record()))["drills"]  # type: ignore[misc]
    assert drill["kubernetes_after"] == ""


def test_a_start_that_is_no_time_is_left_empty(tmp_path: Path) -> None:
    kit = Kit()
    kit.header = replace(kit.header, started="at night")
    [drill] = verdicts(report(tmp_path / "1", kit.record()))["drills"]  # type: ignore[misc]
    assert drill["started"] == ""
