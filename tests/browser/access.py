"""Whether everybody can read and reach what is on a page: axe-core, WCAG's contrast, targets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGET_PX = 44
"""WCAG 2.2, target size (enhanced)."""
LEAST_CONTRAST = 4.5
"""WCAG 2.2, level AA, of text."""


def violations(page: Page) -> list[str]:
    """All that axe-core finds on a page, its best practices included."""
    result: dict[str, Any] = Axe().run(page).response
    return [
        f"{each['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for each in result["violations"]
        for node in each["nodes"]
    ]


def small_targets(page: Page) -> list[str]:
    """What a finger cannot hit for sure: visible buttons, summaries and links below 44 px."""
    small: list[str] = page.evaluate(
        """least => [...document.querySelectorAll("button, summary, a[href]")]
          .filter(one => one.checkVisibility())
          .map(one => [one, one.getBoundingClientRect()])
          .filter(([, box]) => box.height < least - 0.5 || box.width < least - 0.5)
          .map(([one, box]) => `${one.outerHTML.slice(0, 120)} ${box.width} x ${box.height}`)""",
        TARGET_PX,
    )
    return small


def contrasts(page: Page, selector: str) -> list[float]:
    """The contrast of each element's text with what is behind it."""
    colours = page.locator(selector).evaluate_all(
        """all => all.map(one => { let at = one;
           while (getComputedStyle(at).backgroundColor === 'rgba(0, 0, 0, 0)')
             at = at.parentElement;
           return [getComputedStyle(one).color, getComputedStyle(at).backgroundColor]; })"""
    )
    return [contrast(*pair) for pair in colours]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio; 4.5 is what level AA asks for."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
