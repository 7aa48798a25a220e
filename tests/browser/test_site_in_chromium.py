"""The site in a real browser.

Opened from the disk, clicked, by keyboard, on a phone, dark, with 2,000 runs.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from access import LEAST_CONTRAST, contrasts, luminance, violations
from nights import (
    Planted,
    drill_entry,
    failed_check,
    limit_entry,
    make_nights,
    run_document,
    seeded,
    series_of_outages,
)
from playwright.sync_api import Browser, Page, expect

from kubedrill.base.document import NotRun
from kubedrill.base.results import VerdictKind
from kubedrill.site.write import write_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kubedrill.base.document import RunDocument

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>'


def history() -> list[RunDocument]:
    """45 nights of 3+2, the last 10 with the API's outage doubled; some of 1+1.

    One that failed; hostile text.
    """
    nights = make_nights(seeded("site"), 45, changed=10, planted=Planted(factor=3.0))
    small = series_of_outages([0.5, 0.6, 0.5, 9.0], topology="1+1")
    renamed = [
        run.model_copy(update={"run": f"small-{number}"}) for number, run in enumerate(small)
    ]
    bad = drill_entry(
        "cluster-upgrade", 60, topology="1+1", kubernetes_after="1.36.3",
        verdict=VerdictKind.FAIL, reason=HOSTILE,
        predicted=(limit_entry("api-*", 9.0),), checks=(failed_check("no residue"),),
    )  # fmt: skip
    failed = run_document(
        [bad], 60, run="hostile", cluster=HOSTILE, not_run=(NotRun(name="latency", reason=HOSTILE),)
    )
    return [*nights, *renamed, failed]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reports = tmp_path_factory.mktemp("site") / "reports"
    runs = history()
    (reports / runs[0].run / "record").mkdir(parents=True)
    (reports / runs[0].run / "record" / "cluster-upgrade.1.ansible.log").write_text("PLAY [Plan]")
    (reports / runs[0].run / "index.html").write_text("<h1>the report</h1>")
    cell = reports / "nightly" / "20260301T020000Z" / "1+1_1.35.4-1.36.3_cluster-upgrade"
    cell.mkdir(parents=True)
    (cell / "up.1.log").write_text("what it said")
    (cell.parent / "cycle.json").write_text(json.dumps(cycle(runs[0].run)))
    return write_site(runs, reports / "site", reports)


def cycle(run: str) -> dict[str, Any]:
    folder = "1+1_1.35.4-1.36.3_cluster-upgrade"
    part = {
        "name": "up",
        "started": "2026-03-01T02:00:00+00:00",
        "seconds": 81.2,
        "result": "time limit",
        "reason": "did not end",
        "log": f"{folder}/up.1.log",
    }
    cell = {
        "key": folder, "topology": "1+1", "versions": ["1.35.4", "1.36.3"],
        "during": "cluster-upgrade",
        "verdict": "ABORTED", "reason": "up did not end within its limit", "runs": [run],
        "kept": True, "cluster": "nightly-1",
        "parts": [part, part | {"name": "upgrade", "result": "failed", "verdict": "INCONCLUSIVE"}],
    }  # fmt: skip
    started = "2026-03-01T02:00:00+00:00"
    saved = {
        "cycle": "20260301T020000Z",
        "plan": "nightly",
        "plan_path": "plan.yml",
        "digest": "0",
        "started": started,
        "ended": started,
    }
    return saved | {"stopped": [], "cells": [cell]}


class Opened:
    """A page with everything that it complained about or asked the network for."""

    def __init__(self, browser: Browser, path: Path, address: str = "", **options: Any) -> None:
        options = {"viewport": {"width": 1300, "height": 900}, **options}
        self.page: Page = browser.new_page(**options)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(f"{path.as_uri()}{address}")

    def close(self) -> None:
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith(("file:", "data:"))] == []
        self.page.close()


@pytest.fixture
def opened(browser: Browser, site: Path) -> Iterator[Opened]:
    result = Opened(browser, site)
    yield result
    result.close()


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def test_the_matrix_shows_the_latest_verdicts_and_leads_to_the_runs(opened: Opened) -> None:
    page = opened.page
    rows = page.locator(".matrix tbody tr")
    assert rows.locator("th").all_inner_texts() == ["1.35.4 → 1.36.3", "1.35.4"]
    assert page.locator(".matrix thead th").all_inner_texts() == ["1+1", "3+2"]
    upgrades = rows.nth(0).locator(".tile b").all_inner_texts()
    assert upgrades[0] == "FAIL"
    rows.nth(0).locator("a").first.click()
    expect(page.locator("h1")).to_have_text("Runs")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert "topology=1%2B1" in page.url


def test_what_got_worse_is_told_on_the_first_page(opened: Opened) -> None:
    flags = opened.page.locator(".flag.worse")
    assert flags.count() >= 1
    assert "outage api-*" in opened.page.locator(".grid h3").all_inner_texts()


def test_a_run_leads_to_its_report_and_to_the_one_before(opened: Opened, site: Path) -> None:
    page = opened.page
    name = next(run for run in json_of(site)["runs"] if run["report"])["run"]
    page.goto(f"{site.as_uri()}#/run/{name}")
    expect(page.locator("h1")).to_have_text(name)
    assert page.get_by_role("link", name="cluster-upgrade.1.ansible.log").get_attribute("href")
    page.locator("a.report").click()
    expect(page.locator("h1")).to_have_text("the report")
    newest = json_of(site)["runs"][1]["run"]
    page.goto(f"{site.as_uri()}#/run/{newest}")
    page.get_by_text("Compare with the one before").click()
    expect(page.locator("h1")).to_have_text("Two runs side by side")
    assert newest in page.url


def json_of(site: Path) -> dict[str, Any]:
    text = (site.parent / "data.js").read_text()
    result: dict[str, Any] = json.loads(text.removeprefix("window.KUBEDRILL=").rstrip(";\n"))
    return result


def test_two_runs_are_compared_by_their_address(browser: Browser, site: Path) -> None:
    names = [run["run"] for run in json_of(site)["runs"]]
    one, other = "small-0", "small-3"
    assert {one, other} <= set(names)
    opened = Opened(browser, site, f"#/compare/{one}/{other}")
    row = opened.page.locator("tr", has_text="api-*: longest outage")
    assert row.locator("td").all_inner_texts()[1:] == ["0.5 s", "9.0 s", "+8.5 s"]
    opened.page.get_by_text("Swap them").click()
    swapped = ["9.0 s", "0.5 s", "\N{MINUS SIGN}8.5 s"]
    expect(row.locator("td")).to_contain_text(["api-*: longest outage", *swapped])
    opened.close()


def test_two_runs_are_chosen_for_a_comparison(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.locator("h1")).to_have_text("Runs")
    boxes = page.locator("tbody input[type=checkbox]")
    boxes.nth(3).check()
    assert page.get_by_text("Choose another one").is_disabled()
    boxes.nth(1).check()
    page.get_by_text("Compare two").click()
    expect(page.locator("h1")).to_have_text("Two runs side by side")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Runs")


def test_runs_are_found_and_the_address_keeps_what_was_asked(opened: Opened) -> None:
    page = opened.page
    page.goto(f"{page.url.split('#')[0]}#/runs")
    page.locator("#find").fill("1+1")
    page.keyboard.press("Enter")
    page.wait_for_url("**find=1%2B1")
    expect(page.locator("tbody tr")).to_have_count(5)
    page.locator("#verdict").select_option("FAIL")
    page.wait_for_url("**verdict=FAIL**")
    page.reload()
    assert 1 <= page.locator("tbody tr").count() <= 2
    assert page.locator("#find").input_value() == "1+1"


def test_nights_tell_what_each_part_took_and_lead_to_their_logs(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("link", name="Nights").click()
    expect(page.locator("h1")).to_have_text("Nights")
    text = page.locator("tbody").inner_text()
    assert "ABORTED" in text
    assert "up did not end within its limit (its cluster was kept)" in text
    assert "up time limit, 81 s" in text
    assert "upgrade INCONCLUSIVE, 81 s" in text
    assert page.get_by_role("link", name="run 1").get_attribute("href")
    page.get_by_role("link", name="up", exact=True).click()
    expect(page.locator("body")).to_contain_text("what it said")


def test_a_plot_is_walked_by_the_arrow_keys(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("link", name="Trends", exact=True).click()
    expect(page.locator("h1")).to_have_text("Trends")
    svg = page.locator("svg.plot").first
    svg.focus()
    page.keyboard.press("End")
    last = page.locator(".readout").first.inner_text()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".readout").first.inner_text() != last
    page.keyboard.press("Enter")
    page.wait_for_url("**/run/**")


def test_everything_is_reached_by_the_keyboard(opened: Opened) -> None:
    page = opened.page
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href') || ''"))
    assert {"#main", "#/", "#/trends", "#/runs", "#/nights"} <= set(reached)
    assert any(href.startswith("#/runs?") for href in reached), "tiles of the matrix"
    assert any(href.startswith("#/run/") for href in reached), "runs"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "where the focus is can be seen"


def test_hostile_text_does_nothing(browser: Browser, site: Path) -> None:
    opened = Opened(browser, site, "#/run/hostile")
    assert HOSTILE in opened.page.locator("main").inner_text()
    opened.page.goto(f"{site.as_uri()}#/run/{HOSTILE}")
    opened.page.reload()
    assert heading(opened.page) == "Nothing here"
    opened.close()


@pytest.mark.parametrize(
    "page", ["", "#/trends", "#/runs", "#/nights", "#/run/hostile", "#/compare/small-0/small-3"]
)
def test_on_a_phone_nothing_sticks_out(browser: Browser, site: Path, page: str) -> None:
    opened = Opened(browser, site, page, viewport={"width": 375, "height": 740})
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 375])
@pytest.mark.parametrize(
    "page", ["", "#/trends", "#/runs", "#/nights", "#/run/small-3", "#/compare/small-0/small-3"]
)
def test_axe_finds_nothing(
    browser: Browser, site: Path, page: str, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 740}
    opened = Opened(browser, site, page, viewport=size, color_scheme=scheme)
    assert violations(opened.page) == []
    opened.close()


def test_light_and_dark_can_be_read(browser: Browser, site: Path) -> None:
    for scheme, dark in (("light", False), ("dark", True)):
        opened = Opened(browser, site, color_scheme=scheme)
        ground = luminance(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert (ground < 0.1) is dark
        for selector in (".pill", ".tile b", ".soft", "h1"):
            measured = contrasts(opened.page, selector)
            assert all(each >= LEAST_CONTRAST for each in measured), (scheme, selector, measured)
        opened.close()


def test_2000_runs_stay_quick(browser: Browser, tmp_path: Path) -> None:
    began = time.monotonic()
    path = write_site(make_nights(seeded("many"), 2000), tmp_path / "site", tmp_path)
    made = time.monotonic() - began
    opened = Opened(browser, path)
    shown = opened.page.evaluate("performance.now()")
    for address in ("trends", "runs", "runs?page=20", "runs?find=drain", "nights"):
        took = opened.page.evaluate(
            """address => new Promise(done => { const t = performance.now(); location.hash =
            '#/' + address;
               window.addEventListener('hashchange',
               () => requestAnimationFrame(() => requestAnimationFrame(
                 () => done(performance.now() - t))), { once: true }); })""",
            address,
        )
        assert took < 20_000, f"{address}: {took} ms; under 200 on an idle machine"
    assert opened.page.locator("h1").inner_text() == "Nights"
    assert shown < 60_000, "ms until shown; under 1,000 on an idle machine"
    assert made < 300, "seconds; 3 on an idle machine"
    opened.close()


def test_an_empty_history_says_so(browser: Browser, tmp_path: Path) -> None:
    opened = Opened(browser, write_site([], tmp_path / "site", tmp_path))
    assert "No run is in the history yet" in opened.page.locator("main").inner_text()
    opened.close()
