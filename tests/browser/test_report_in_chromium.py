"""The report in a real browser.

Debian's Chromium, driven by Playwright, the page opened from the disk.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from access import LEAST_CONTRAST, contrasts, small_targets, violations
from long_record import long_record
from playwright.sync_api import expect
from recordkit import ALL_PROBES, Kit, at
from scenarios import failover, good, inconclusive, upgrade

from kubedrill.base.model import Event, Record, Span
from kubedrill.report import write_report
from kubedrill.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("reports") / "20261121-043000", failover(), upgrade())


def made(directory: Path, *records: Record) -> Path:
    return write_report(
        directory, records, [judge(r) for r in records], not_run={"latency": "no netem"}
    )


class Opened:
    """A page with everything that it complained about or asked the network for."""

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1300, "height": 900}, **options)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.note(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def note(self, text: str) -> None:
        """Keep what the page says on the console, but not what the browser says about this test
        reading pixels.
        """
        if "readback" not in text:
            self.complaints.append(text)

    def timeline(self, number: int = 0) -> Locator:
        """A timeline, in view and drawn."""
        result = self.page.locator(".timeline").nth(number)
        result.locator(".plot").scroll_into_view_if_needed()
        self.page.wait_for_function(
            "n => document.querySelectorAll('.timeline')[n].dataset.to", arg=number
        )
        return result


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Opened]:
    result = Opened(browser, report)
    yield result
    assert result.complaints == []
    assert [url for url in result.asked if not url.startswith(("file:", "data:"))] == []
    result.page.close()


def shown(timeline: Locator) -> tuple[float, float]:
    """What part of the time axis is shown, in ms, after the next drawing."""
    timeline.page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    return float(timeline.get_attribute("data-from") or -1), float(
        timeline.get_attribute("data-to") or -1
    )


def box(timeline: Locator) -> dict[str, float]:
    result = timeline.locator("canvas.main").bounding_box()
    assert result is not None
    return dict(result)


def row_middle(timeline: Locator, label: str) -> float:
    result = timeline.locator(".labels div", has_text=label).first.bounding_box()
    assert result is not None
    return result["y"] + result["height"] / 2


def point(timeline: Locator, seconds: float, label: str) -> tuple[float, float]:
    """Where a time of a row stands on the screen."""
    start, end = shown(timeline)
    area = box(timeline)
    return area["x"] + (seconds * 1000 - start) / (end - start) * area["width"], row_middle(
        timeline, label
    )


def reds_in_row(timeline: Locator, label: str) -> int:
    """Red pixels of the canvas in the middle of a row."""
    y = row_middle(timeline, label) - box(timeline)["y"]
    return int(
        timeline.locator("canvas.main").evaluate(
            """(canvas, y) => {
              const row = Math.round(y * devicePixelRatio);
              const pixels = canvas.getContext("2d").getImageData(0, row, canvas.width, 1).data;
              let red = 0;
              for (let i = 0; i < pixels.length; i += 4)
                if (pixels[i] > 190 && pixels[i + 1] < 110 && pixels[i + 2] < 125) red++;
              return red;
            }""",
            y,
        )
    )


def test_verdict_and_tables(opened: Opened) -> None:
    assert opened.page.locator("h1").inner_text() == "INCONCLUSIVE"
    assert opened.page.locator(".overview li").count() == 3
    assert "netem" in opened.page.locator(".overview").inner_text()
    table = opened.page.locator(".limits").first
    first = table.inner_text()
    assert "api-*" in first
    assert "1.1 s to 1.3 s" in first
    counts = table.locator("tbody tr").first.locator("td.num").all_inner_texts()[-3:]
    assert counts == ["2,400", "31", "limit 60"], "requests, failed, allowed"


def test_lanes(opened: Opened) -> None:
    timeline = opened.timeline(1)
    lanes = timeline.locator(".labels div[data-lane]").evaluate_all(
        "all => all.map(one => one.dataset.lane)"
    )
    assert set(lanes) == {"fault", "step", "probe", "node", "etcd-leader", "vip", "ansible"}
    assert lanes.count("probe") == len(ALL_PROBES)
    assert lanes.count("ansible") == 5
    heights = timeline.locator(".labels div").evaluate_all(
        "all => all.reduce((sum, one) => sum + one.offsetHeight, 0)"
    )
    assert abs(heights - box(timeline)["height"]) <= 4, "labels stand beside their rows"


@pytest.mark.parametrize(("key", "closer"), [("+", True), ("-", False)])
def test_keyboard_zooms(opened: Opened, key: str, closer: bool) -> None:
    timeline = opened.timeline()
    timeline.focus()
    opened.page.keyboard.press("+")
    before = shown(timeline)
    opened.page.keyboard.press(key)
    after = shown(timeline)
    assert (after[1] - after[0] < before[1] - before[0]) is closer
    opened.page.keyboard.press("ArrowRight")
    assert shown(timeline)[0] >= after[0]
    opened.page.keyboard.press("0")
    assert shown(timeline) == (0, 120_000)


def test_buttons(opened: Opened) -> None:
    timeline = opened.timeline()
    timeline.get_by_title("Zoom in").click()
    assert shown(timeline) == (30_000, 90_000)
    timeline.get_by_title("Move left").click()
    assert shown(timeline) == (12_000, 72_000)
    timeline.get_by_title("Show all").click()
    timeline.get_by_text("next failure").click()
    start, end = shown(timeline)
    assert start < 30_000 < end
    assert end - start == 5_000


def test_wheel_zooms_at_the_pointer_and_leaves_plain_scrolling_alone(opened: Opened) -> None:
    timeline = opened.timeline()
    opened.page.mouse.move(*point(timeline, 30, "api-write"))
    opened.page.mouse.wheel(0, -100)
    assert shown(timeline) == (0, 120_000)
    opened.page.keyboard.down("Control")
    timeline.locator(".plot").scroll_into_view_if_needed()
    opened.page.mouse.move(*point(timeline, 30, "api-write"))
    opened.page.mouse.wheel(0, -200)
    opened.page.keyboard.up("Control")
    start, end = shown(timeline)
    assert end - start < 100_000
    assert (30_000 - start) / (end - start) == pytest.approx(0.25, abs=0.01)


def test_drag_zooms_to_what_was_marked_and_double_click_shows_all(opened: Opened) -> None:
    timeline = opened.timeline()
    y = row_middle(timeline, "api-write")
    opened.page.mouse.move(point(timeline, 25, "api-write")[0], y)
    opened.page.mouse.down()
    opened.page.mouse.move(point(timeline, 45, "api-write")[0], y, steps=5)
    opened.page.mouse.up()
    assert shown(timeline) == (pytest.approx(25_000, abs=150), pytest.approx(45_000, abs=150))
    timeline.locator("canvas.main").dblclick()
    assert shown(timeline) == (0, 120_000)


def test_hover_tells_what_failed_and_during_which_step(opened: Opened) -> None:
    timeline = opened.timeline()
    opened.page.mouse.move(*point(timeline, 30.8, "api-write"))
    text = timeline.locator(".tip").inner_text()
    assert "failed: timeout" in text
    assert "during cp1: wait until served" in text
    opened.page.mouse.move(*point(timeline, 60, "Virtual address"))
    assert "cp2" in timeline.locator(".tip").inner_text()
    opened.page.mouse.move(*point(timeline, 46, "Events"))
    assert '<b onclick="alert(1)">' in timeline.locator(".tip").inner_text(), "text, not markup"
    opened.page.mouse.move(5, 5)
    assert timeline.locator(".tip").is_hidden()


def test_the_clock_on_the_wall_stands_beside_seconds(opened: Opened) -> None:
    timeline = opened.timeline()
    shown(timeline)
    window = timeline.locator(".window")
    dash = "\N{EN DASH}"
    assert window.inner_text() == f"0 s {dash} 2:00 · 04:30:00 {dash} 04:32:00 UTC"
    timeline.get_by_title("Zoom in").click()
    expect(window).to_have_text(f"30.0 s {dash} 1:30.0 · 04:30:30 {dash} 04:31:30 UTC")
    opened.page.mouse.move(*point(timeline, 46, "api-write"))
    assert "04:30:4" in timeline.locator(".tip").inner_text()
    assert "04:30:00 to 04:32:00 UTC" in opened.page.locator(".drill .meta").first.inner_text()
    opened.page.get_by_text("Outages (").first.click()
    row = opened.page.locator("tr", has_text="48.3 s").first
    assert row.locator("td").all_inner_texts()[:3] == ["48.3 s", "04:30:48", "API writes"]


def test_a_time_window_has_an_address(browser: Browser, report: Path) -> None:
    opened = Opened(browser, report)
    opened.page.goto(f"{report.as_uri()}#drill-2@60-90.5")
    timeline = opened.page.locator(".timeline").nth(1)
    expect(timeline).to_have_attribute("data-to", "90500.0")
    assert shown(timeline) == (60_000, 90_500)
    assert timeline.evaluate("one => one.getBoundingClientRect().top < innerHeight")
    opened.page.get_by_text("Outages (").first.click()
    opened.page.locator(".drill").first.locator("a.to", has_text="48.3 s").click()
    first = opened.timeline(0)
    expect(first).not_to_have_attribute("data-to", "120000.0")
    start, end = shown(first)
    assert start < 48_300 < end < start + 5000
    first.locator(".window").click()
    opened.page.reload()
    assert shown(opened.timeline(0)) == (pytest.approx(start, abs=10), pytest.approx(end, abs=10))
    for nonsense in ("#drill-9@1-2", "#drill-1@5-5", "#drill-1@x-y", "#drill-1@1-2<b>"):
        opened.page.goto(f"{report.as_uri()}{nonsense}")
        assert shown(opened.timeline(0)) != (5000, 5000)
    assert opened.complaints == []
    opened.page.close()


def test_what_stands_beside_the_report_is_linked(opened: Opened, report: Path) -> None:
    links = opened.page.locator(".files a, .meta a")
    names = [str(each.get_attribute("href")) for each in links.all()]
    expected = ["verdict.json", "junit.xml", "drills/failover-vip.html"]
    assert names[:3] == expected
    assert all((report.parent / name).is_file() for name in names)
    opened.page.get_by_role("link", name="What this drill does").first.click()
    opened.page.wait_for_url("**/drills/failover-vip.html")
    assert "Proves" in opened.page.locator("main").inner_text()
    assert violations(opened.page) == []
    opened.page.get_by_role("link", name="Back to the report").click()


def test_every_colour_is_in_the_legend(opened: Opened) -> None:
    legend = opened.page.locator(".legend")
    opened.timeline(1)
    text = legend.nth(1).inner_text()
    for words in (
        *("answered", "slowest answer", "failed", "control probe", "no request", "fault window"),
        *("step", "Ansible task", "node ready", "cordoned", "not ready", "top strip"),
        *("cp1", "cp2", "cp3"),
    ):
        assert words in text
    assert "Ansible task" not in legend.nth(0).inner_text(), "what the drill does not have"
    assert (
        legend.nth(1)
        .locator("i")
        .evaluate_all("all => all.every(one => one.offsetWidth > 3 && one.offsetHeight > 3)")
    )


def test_inconclusive_says_what_to_do_next(browser: Browser, tmp_path: Path) -> None:
    opened = Opened(browser, made(tmp_path / "1", inconclusive()))
    text = opened.page.locator(".advice").inner_text()
    assert "A sound view of the cluster was short: app-nodeport-new: the control probe" in text
    assert "To decide it" in text
    assert "is a FAIL" in text
    opened.page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_axe_finds_nothing(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    failing = Kit().record()
    failing = replace(failing, checks=tuple(replace(c, ok=False) for c in failing.checks))
    stopped = replace(good(), ended="aborted", reason="Ctrl-C")
    records = [failover(), upgrade(outage_s=2.6), inconclusive(), failing, stopped]
    records = [
        replace(each, header=replace(each.header, drill=f"drill-{n}", title=f"Drill {n}"))
        for n, each in enumerate(records)
    ]
    opened = Opened(browser, made(tmp_path / "1", *records), color_scheme=scheme)
    opened.page.set_viewport_size({"width": width, "height": 900})
    for number in range(len(records)):
        opened.timeline(number)
    opened.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert violations(opened.page) == []
    pills = opened.page.locator(".pill").all_inner_texts()
    assert {"PASS", "FAIL", "INCONCLUSIVE", "ABORTED", "NOT RUN", "OK"} <= set(pills)
    assert min(contrasts(opened.page, ".pill")) >= LEAST_CONTRAST
    assert opened.complaints == []
    opened.page.close()


class TestOnAPhone:
    """390 px wide, with fingers."""

    @pytest.fixture
    def phone(self, browser: Browser, report: Path) -> Iterator[Opened]:
        opened = Opened(browser, report, has_touch=True, is_mobile=True)
        opened.page.set_viewport_size({"width": 390, "height": 844})
        yield opened
        assert opened.complaints == []
        opened.page.close()

    def test_probe_names_are_read_whole(self, phone: Opened) -> None:
        labels = phone.timeline(0).locator(".labels div[data-lane=probe] span")
        assert labels.all_inner_texts()[:2] == [
            "App from outside, new connections",
            "App from outside, kept connection",
        ]
        assert labels.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")
        assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")

    def test_a_finger_hits_every_target(self, phone: Opened) -> None:
        phone.timeline(0)
        phone.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert small_targets(phone.page) == []

    def test_two_fingers_pinch_and_one_moves(self, phone: Opened) -> None:
        timeline = phone.timeline(0)
        timeline.locator(".labels div", has_text="API writes").scroll_into_view_if_needed()
        area, y = box(timeline), row_middle(timeline, "API writes") + 20
        session = phone.page.context.new_cdp_session(phone.page)

        def touch(kind: str, *shares: float) -> None:
            """Put fingers on shares of the width."""
            touches = [
                {"x": area["x"] + share * area["width"], "y": y, "id": n}
                for n, share in enumerate(shares)
            ]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

        touch("touchStart", 0.4)
        touch("touchStart", 0.4, 0.6)
        for share in (0.35, 0.3, 0.25):
            touch("touchMove", share, 1 - share)
        touch("touchEnd")
        # 40 to 60 % of 120 s, 24 s, lie on half of the width now
        start, end = shown(timeline)
        assert (start, end) == (pytest.approx(36_000, abs=900), pytest.approx(84_000, abs=900))
        touch("touchStart", 0.5)
        for share in (0.55, 0.65, 0.75):
            touch("touchMove", share)
        touch("touchEnd")
        moved = shown(timeline)
        assert moved[1] - moved[0] == pytest.approx(end - start, abs=1)
        assert moved[0] == pytest.approx(start - 12_000, abs=900)

    def test_a_tap_tells_what_is_there(self, phone: Opened) -> None:
        timeline = phone.timeline(0)
        timeline.locator(".labels div", has_text="API writes").scroll_into_view_if_needed()
        x, y = point(timeline, 30.8, "API writes")
        phone.page.touchscreen.tap(x, y + 20)
        assert "failed: timeout" in timeline.locator(".tip").inner_text()


def test_single_failure_is_red_at_every_zoom(browser: Browser, tmp_path: Path) -> None:
    kit = Kit(lasts_s=1800.0).fail("api-write", 900.0, 900.1)
    page = Opened(browser, made(tmp_path / "1", kit.record()))
    timeline = page.timeline()
    while True:
        assert reds_in_row(timeline, "api-write") >= 2
        assert reds_in_row(timeline, "app-nodeport-new") == 0
        start, end = shown(timeline)
        if end - start <= 100:
            break
        timeline.focus()
        page.page.mouse.move(*point(timeline, 900.0, "api-write"))
        page.page.mouse.wheel(0, -200)
        if shown(timeline)[1] - shown(timeline)[0] >= end - start:
            break
    assert shown(timeline)[1] - shown(timeline)[0] < 1000
    assert page.complaints == []
    page.page.close()


def test_dark_mode(browser: Browser, report: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        opened = Opened(browser, report, color_scheme=scheme)
        opened.timeline()
        assert opened.complaints == []
        ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(int(part) for part in ground[4:-1].split(",")))
        opened.page.close()
    assert grounds[0] > 700
    assert grounds[1] < 100


def test_hostile_text_does_nothing(browser: Browser, tmp_path: Path) -> None:
    text = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    kit = (
        Kit()
        .fail("api-write", 6, 6.5, text)
        .span("step", text, text, 5.5, 7)
        .span("node", text, text, 5, 6)
    )
    kit.header = replace(kit.header, title=text)
    kit.events.append(Event("event", text, text, at(6), {text: text}))
    opened = Opened(browser, made(tmp_path / "1", kit.record()))
    timeline = opened.timeline()
    opened.page.mouse.move(*point(timeline, 6.2, "api-write"))
    assert text in timeline.locator(".tip").inner_text()
    assert opened.complaints == []
    opened.page.close()


def test_the_shortest_outage_is_red_among_ten_million_samples(
    browser: Browser, tmp_path: Path
) -> None:
    ticks = 833_334
    record = long_record(
        ticks, 12, {"api-write": [ticks // 2], "app-3": list(range(100, 100 + 36_000, 3))}
    )
    assert len(record.samples) > 10_000_000
    path = made(tmp_path / "1", record)
    assert path.stat().st_size < 4_000_000
    opened = Opened(browser, path)
    timeline = opened.timeline()
    assert [reds_in_row(timeline, name) >= 2 for name in ("api-write", "app-3", "app-4")] == [
        True,
        True,
        False,
    ]
    timeline.get_by_text("next failure").click()
    assert opened.complaints == []
    opened.page.close()


def test_narrow_window_and_a_passed_run(browser: Browser, tmp_path: Path) -> None:
    record = good()
    path = write_report(tmp_path / "1", [record], [judge(record)], not_run={})
    opened = Opened(browser, path)
    opened.page.set_viewport_size({"width": 420, "height": 800})
    opened.timeline()
    assert opened.page.locator("h1").inner_text() == "PASS"
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), (
        "nothing sticks out"
    )
    opened.page.close()


def test_a_task_of_the_timeline_leads_to_its_line_of_the_log(
    browser: Browser, tmp_path: Path
) -> None:
    record = tmp_path / "1" / "record"
    record.mkdir(parents=True)
    filler = "".join(f"ok: [n{number}]\n" for number in range(400))
    log = (
        f"TASK [upgrade : Look] ***\n{filler}\nTASK [drain : Evict the pods] ***\nchanged: "
        f"[cp1]\npassword: hunter22\n"
    )
    (record / "failover-vip.1.ansible.log").write_text(log)
    kit = Kit()
    kit.spans.append(
        Span("ansible", "cp1", "drain: Evict the pods", at(4), at(16), {"result": "changed"})
    )
    opened = Opened(browser, made(tmp_path / "1", kit.record()))
    timeline = opened.timeline()
    row = timeline.locator(".labels div[data-lane=ansible]").bounding_box()
    assert row is not None
    opened.page.mouse.move(point(timeline, 10, "cp1")[0], row["y"] + row["height"] / 2)
    assert "click: its line in the log" in timeline.locator(".tip").inner_text()
    opened.page.mouse.down()
    opened.page.mouse.up()
    opened.page.wait_for_url("**/logs/failover-vip.1.ansible.log.html#L404")
    line = opened.page.locator("li:target")
    assert line.inner_text().split() == ["404", "changed:", "[cp1]"]
    assert line.evaluate(
        "one => { const box = one.getBoundingClientRect(); return box.top >= 0 && box.bottom <= "
        "innerHeight; }"
    )
    assert "hunter22" not in opened.page.content()
    opened.page.get_by_role("link", name="1", exact=True).first.click()
    opened.page.wait_for_url("**/index.html#drill-1")
    opened.page.get_by_text("Ansible's tasks (1)").click()
    opened.page.get_by_role("link", name="drain: Evict the pods").click()
    opened.page.wait_for_url("**#L404")
    assert opened.complaints == []
    opened.page.close()
