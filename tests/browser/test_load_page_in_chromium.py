"""A load test's page in a real browser: opened from the disk, on a phone, light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from load_results import saturated

from kubedrill.load.result import result, write_result
from kubedrill.report.load_page import load_page_html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PHONE = {"viewport": {"width": 375, "height": 740}}


@pytest.fixture(scope="session")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    test = saturated(tmp_path_factory.mktemp("load"))
    actual = result(test, "kubedrill")
    write_result(test.folder, test, actual)
    path = test.folder / "index.html"
    path.write_text(load_page_html(actual), encoding="utf-8")
    return path


class Opened:
    """A page with everything that it complained about or asked the network for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1300, "height": 900}, **options})
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def close(self) -> None:
        assert self.complaints == []
        assert [url for url in self.asked if not url.startswith(("file:", "data:"))] == []
        self.page.close()


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Opened]:
    actual = Opened(browser, page_file)
    yield actual
    actual.close()


def test_verdict_knee_and_reaction_are_told(opened: Opened) -> None:
    page = opened.page
    assert page.locator("h1").inner_text() == "PASS"
    assert "knee: 150 writes a second (at 225 a second:" in page.locator("#load .meta").inner_text()
    rows = page.locator("#load tbody tr")
    assert [int(text) for text in rows.locator("strong").all_inner_texts()] == [
        25,
        50,
        100,
        150,
        225,
    ]
    assert rows.last.locator("td").last.inner_text().endswith("of the writes were not acknowledged")
    reaction = page.locator("#autoscaler tbody tr")
    assert reaction.locator("td").all_inner_texts()[:2] == ["3 → 4", "100/s"]
    assert "web-d" in reaction.inner_text()


def test_plots_show_what_the_figures_say(opened: Opened) -> None:
    page = opened.page
    circles = page.locator(".throughput circle.done")
    heights = circles.evaluate_all("all => all.map(one => one.getBoundingClientRect().y)")
    assert heights[:4] == sorted(heights[:4], reverse=True), "throughput follows up to the knee"
    ideal = page.locator(".throughput .ideal").evaluate("one => one.getBoundingClientRect().y")
    assert heights[4] > ideal + 20, "and is below what was asked beyond it"
    knee = page.locator(".throughput .knee").bounding_box()
    dots = circles.evaluate_all("all => all.map(one => one.getBoundingClientRect().x)")
    assert dots[3] < knee["x"] < dots[4], "a dot's box begins at its left edge"
    assert page.locator(".latency circle.open").count() == 2, "p99 and p99.9 took for ever at 225/s"
    assert page.locator(".replicas .answer").count() == 1


@pytest.mark.parametrize("options", [{}, PHONE])
def test_nothing_sticks_out_and_texts_can_be_read(
    browser: Any, page_file: Path, options: dict[str, Any]
) -> None:
    opened = Opened(browser, page_file, **options)
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    sizes = opened.page.locator(".chart text").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize) * "
        "one.ownerSVGElement.getScreenCTM().a)"
    )
    assert min(sizes) >= 7.5, "CSS pixels on the screen"
    texts = opened.page.locator(".plots .chart text").evaluate_all(
        """all => all.map(one => {
           const a = one.getBoundingClientRect(), b = one.ownerSVGElement.getBoundingClientRect();
           return a.left >= b.left - 1 && a.right <= b.right + 1
             && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
        })"""
    )
    assert all(texts), "no text is cut by its plot's edge"
    opened.close()


def test_light_and_dark_have_colours_of_their_own(browser: Any, page_file: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        opened = Opened(browser, page_file, color_scheme=scheme)
        grounds.append(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        line, card = opened.page.evaluate(
            """[getComputedStyle(document.querySelector('.throughput polyline.done')).stroke,
                getComputedStyle(document.querySelector('.drill')).backgroundColor]"""
        )
        assert line != card
        opened.close()
    assert grounds[0] != grounds[1]
