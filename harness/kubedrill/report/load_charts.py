"""The plots of a load test as SVG, from load.json alone.

Colours are the page's, so that light and dark both work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 26, 44
_POINTS = 400
"""Of a line over time, at most: a step of an hour has 3,600 seconds."""


@dataclass(frozen=True)
class Axis:
    """Places values between two pixels; ``log`` for times, which span decades."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Pixel of a value; what lies outside is held at the edge."""
        low, high, value = (
            math.log10(v) if self.log else v for v in (self.low, self.high, max(value, self.low))
        )
        return round(
            self.begin + (self.end - self.begin) * min(1.0, (value - low) / (high - low)), 1
        )

    def ticks(self) -> list[float]:
        """Round values along it, about five; on a logarithmic axis 1, 2, 5, 10, ...

        >>> Axis(0, 230, 0, 1).ticks(), Axis(8, 300, 0, 1, log=True).ticks()
        ([0.0, 50.0, 100.0, 150.0, 200.0], [10.0, 20.0, 50.0, 100.0, 200.0])
        """
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            few = (1, 2, 5) if len(decades) <= 4 else (1,)
            return [
                v for d in decades for v in (m * 10.0**d for m in few) if self.low <= v <= self.high
            ]
        rough = (self.high - self.low) / 5
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(m * size for m in (1, 2, 5, 10) if m * size >= rough * 0.9999)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step) + 1)]


def throughput_chart(result: Mapping[str, Any]) -> Markup:
    """Asked against acknowledged rate, the line of a service that keeps up, and the knee."""
    steps = result["steps"]
    most = 1.08 * max(max(step["rate"], step["throughput"]) for step in steps)
    x, y = _across(most), Axis(0, most, HEIGHT - BOTTOM, TOP)
    parts = [_frame(x, y, "asked, writes/s", "acknowledged, writes/s")]
    parts += _knee(result, x)
    parts.append(_line("ideal", [(x.at(0), y.at(0)), (x.at(most), y.at(most))]))
    parts.append(_line("done", [(x.at(step["rate"]), y.at(step["throughput"])) for step in steps]))
    for step in steps:
        label = (
            f"{step['rate']:g}/s asked, {step['throughput']:.1f}/s acknowledged, "
            f"{step['errors']:.2%} errors"
        )
        parts.append(_dot("done", x.at(step["rate"]), y.at(step["throughput"]), label))
    return _svg("throughput", "Acknowledged rate over asked rate", parts)


def latency_chart(result: Mapping[str, Any]) -> Markup:
    """p50, p99 and p99.9 over the asked rate on a logarithmic scale.

    An open dot at the top took for ever.
    """
    steps, objective = result["steps"], result["objective"]
    finite = [step["times_ms"][name] for step in steps for name in ("p50", "p99", "p99.9")]
    times = [*(value for value in finite if value), objective["within_ms"]]
    x = _across(1.08 * max(step["rate"] for step in steps))
    y = Axis(min(times) / 1.5, max(times) * 2, HEIGHT - BOTTOM, TOP, log=True)
    parts = [_frame(x, y, "asked, writes/s", "ms from when it was due")]
    limit = y.at(objective["within_ms"])
    parts += _knee(result, x)
    parts.append(_line("goal", [(LEFT, limit), (WIDTH - RIGHT, limit)]))
    for number, name in enumerate(("p50", "p99", "p99.9")):
        values = [(step["rate"], step["times_ms"][name]) for step in steps]
        parts.append(
            _line(
                f"p{number}",
                [(x.at(rate), y.at(ms) if ms is not None else TOP) for rate, ms in values],
            )
        )
        for rate, ms in values:
            label = f"{rate:g}/s: {name} {'for ever' if ms is None else f'{ms:,.1f} ms'}"
            kind = f"p{number} open" if ms is None else f"p{number}"
            parts.append(_dot(kind, x.at(rate), TOP if ms is None else y.at(ms), label))
    return _svg("latency", "Times of writes over asked rate", parts)


def replica_chart(result: Mapping[str, Any], scaler: Mapping[str, Any]) -> Markup:
    """Wanted and ready pods over time, above the asked and the acknowledged load."""
    steps, looks = result["steps"], scaler["replicas"]
    end = max([steps[-1]["to_s"], *(reading["at_s"] for reading in looks)])
    wide, split = 2 * WIDTH, 168
    x = Axis(0, end, LEFT, wide - RIGHT)
    pods = Axis(
        0,
        max(reading[key] for reading in looks for key in ("wanted", "pods", "ready")) + 1,
        split - 14,
        TOP,
    )
    load = Axis(0, 1.1 * max(step["rate"] for step in steps), HEIGHT - BOTTOM, split + 14)
    parts = [
        _frame(x, pods, "", "pods", wide, bottom=split - 14, whole=True),
        _frame(x, load, "seconds", "writes/s", wide),
    ]
    for step in steps:
        left, right, top = x.at(step["from_s"]), x.at(step["to_s"]), load.at(step["rate"])
        height = round(HEIGHT - BOTTOM - top, 1)
        label = f"{step['rate']:g} writes/s asked, {step['throughput']:.1f} acknowledged"
        box = (
            f'<rect class="asked" x="{left}" y="{top}" '
            f'width="{max(1.0, round(right - left, 1))}" height="{height}">'
        )
        parts.append(f"{box}<title>{escape(label)}</title></rect>")
    every = max(1, math.ceil(len(result["seconds"]) / _POINTS))  # a long test's page stays light
    done = [(x.at(at), load.at(done)) for at, _, done in result["seconds"][::every]]
    parts.append(_line("done", done))
    for key in ("wanted", "ready"):
        parts += [
            _line(
                key, _stairs([(x.at(reading["at_s"]), pods.at(reading[key])) for reading in looks])
            )
        ]
    for up in scaler["scale_ups"]:
        parts += _first_answers(up, result, x)
    return _svg("replicas", f"Pods of {scaler['name']} and load over time", parts, wide)


def _first_answers(up: Mapping[str, Any], result: Mapping[str, Any], x: Axis) -> list[str]:
    """Mark when each new pod first answered.

    Bounds of several steps are drawn from the last one that may have been.
    """
    begun = [step["from_s"] for step in result["steps"] if step["rate"] == up["rates"][-1]]
    marks = []
    for pod in up["pods"]:
        if pod["answered_s"] and begun:
            at = x.at(begun[0] + pod["answered_s"][0])
            label = f"first answer of {pod['name']}"
            marks.append(
                f'<path class="answer" d="M{at} {TOP}v8l-4 -8h8l-4 '
                f'8"><title>{escape(label)}</title></path>'
            )
    return marks


def _across(most: float) -> Axis:
    return Axis(0, most, LEFT, WIDTH - RIGHT)


def _frame(  # noqa: PLR0913 - what stands around a plot
    x: Axis,
    y: Axis,
    below: str,
    beside: str,
    wide: int = WIDTH,
    *,
    bottom: int = HEIGHT - BOTTOM,
    whole: bool = False,
) -> str:
    """Grid, ticks and titles. ``whole``: the values are counts, so ticks are whole numbers."""
    parts = []
    for value in y.ticks():
        if whole and value != int(value):
            continue
        at = y.at(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{wide - RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(
            f'<text class="tick" text-anchor="end" x="{LEFT - 6}" y="{at + 4}">{value:,g}</text>'
        )
    if below:
        mark = '<text class="tick" text-anchor="middle"'
        parts += [
            f'{mark} x="{x.at(value)}" y="{bottom + 17}">{value:,g}</text>' for value in x.ticks()
        ]
        parts.append(
            f'<text class="name" text-anchor="end" x="{wide - RIGHT}" '
            f'y="{HEIGHT - 6}">{below}</text>'
        )
    parts.append(f'<text class="name" x="4" y="{round(y.end - 13, 1)}">{beside}</text>')
    return "".join(parts)


def _knee(result: Mapping[str, Any], x: Axis) -> list[str]:
    """Draw the range that the knee lies in.

    From the last step that held to the first that did not.
    """
    knee = result["knee"]
    if knee["below"] is None:
        return []
    left, right = x.at(knee["rate"] or 0), x.at(knee["below"])
    height = HEIGHT - BOTTOM - TOP
    box = (
        f'<rect class="knee" x="{left}" y="{TOP}" width="{round(right - left, 1)}" '
        f'height="{height}">'
    )
    label = (
        f'<text class="name" text-anchor="middle" x="{round((left + right) / 2, 1)}" '
        f'y="{TOP - 6}">knee</text>'
    )
    return [f"{box}<title>{escape(knee['text'])}</title></rect>", label]


def _line(kind: str, points: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _dot(kind: str, x: float, y: float, label: str) -> str:
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="4"><title>{escape(label)}</title></circle>'


def _stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A count holds until it changes."""
    result = list(points[:1])
    for x, y in points[1:]:
        result += [(x, result[-1][1]), (x, y)]
    return result


def _svg(name: str, label: str, parts: Iterable[str], wide: int = WIDTH) -> Markup:
    head = (
        f'<svg class="chart {name}" viewBox="0 0 {wide} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">'
    )
    return Markup(f"{head}{''.join(parts)}</svg>")  # noqa: S704 - numbers, and texts that are escaped above
