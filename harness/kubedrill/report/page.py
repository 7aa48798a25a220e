"""index.html: one page with its own styles, scripts and data.

It loads nothing, so it works offline and in mail.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kubedrill.base.model import NS, Record
from kubedrill.base.results import DrillVerdict, LimitResult, Outage, VerdictKind
from kubedrill.report.ansible_log import AnsibleLog, links
from kubedrill.report.run import Run, ended, since
from kubedrill.report.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubedrill.base.model import Span

ASSETS = Path(__file__).parent / "assets"
OUTAGES_SHOWN = 100  # in the table; verdict.json and the timeline have all of them
_WORDS = {"PASS": "passed", "FAIL": "failed", "INCONCLUSIVE": "inconclusive", "ABORTED": "aborted"}


@dataclass(frozen=True)
class Scale:
    """Places a limit's seconds on a bar from 0 to just above the largest, in percent."""

    top: float

    def at(self, seconds: float) -> float:
        """Percent of the bar's width."""
        return round(min(100.0, 100 * seconds / self.top), 2)


def templates() -> Environment:
    """The pages' templates: all text is escaped, and a name that is missing is an error."""
    return Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_html(run: Run, logs: Mapping[str, Sequence[AnsibleLog]]) -> str:
    """The whole page. All text of the records is escaped, in HTML and in the data for the script.

    ``logs`` are those of each drill's playbooks, by the drill's name.
    """
    environment = templates()
    environment.filters["seconds"] = seconds
    template = environment.get_template("page.html.j2")
    linked = [links(logs[record.header.drill], record.spans) for record in run.records]
    drills = [
        _drill(number, record, verdict) | {"tasks": _tasks(record, places)}
        for number, ((record, verdict), places) in enumerate(
            zip(run.drills, linked, strict=True), 1
        )
    ]
    return template.render(
        run=run,
        summary=_summary(run),
        drills=drills,
        header=run.records[0].header if run.records else None,
        style=_asset("style.css"),
        script=Markup("\n").join(_asset(name) for name in ("draw.js", "timeline.js")),
        data=_script_json([timeline(*both) for both in zip(run.records, linked, strict=True)]),
        shown=OUTAGES_SHOWN,
    )


def log_html(run: str, number: int, log: AnsibleLog) -> str:
    """The page of one log of a run's drill; ``number`` counts the drills from 1."""
    return templates().get_template("log.html.j2").render(run=run, drill=f"drill-{number}", log=log)


def seconds(value: float) -> str:
    """Seconds for people: two digits that matter, never less than the tick's tenth.

    >>> seconds(0.0), seconds(0.83), seconds(12.34), seconds(187.2)
    ('0 s', '0.8 s', '12.3 s', '3 min 7 s')
    """
    if value >= 120:
        return f"{int(value // 60)} min {int(value % 60)} s"
    if value == 0:
        return "0 s"
    return f"{value:.1f} s" if value >= 0.1 else f"{value:.2f} s"


def _drill(number: int, record: Record, verdict: DrillVerdict) -> dict[str, Any]:
    return {
        "id": f"drill-{number}",
        "record": record,
        "verdict": verdict,
        "header": record.header,
        "lasted": since(record, ended(record)),
        "results": [(result, _scale(result)) for result in verdict.results],
        "outages": [
            (since(record, o.first_failed), o, _length(o)) for o in _longest(verdict.outages)
        ],
        "degraded": {
            p.probe: (since(record, p.degraded_from), since(record, p.degraded_to))
            for p in verdict.probes
            if p.degraded_from is not None and p.degraded_to is not None
        },
    }


def _tasks(record: Record, places: Mapping[Span, str]) -> list[tuple[float, Span, float, str]]:
    """Ansible's tasks that a log tells of.

    When each began, the task, how long it took, where the log says it.
    """
    spans = sorted(places, key=lambda span: span.start)
    return [
        (since(record, s.start), s, ((s.end or s.start) - s.start) / NS, places[s]) for s in spans
    ]


def _scale(result: LimitResult) -> Scale:
    limit = result.limit
    return Scale(1.15 * max(limit.limit_s, limit.predicted_s, result.longest_s, 0.1))


def _longest(outages: tuple[Outage, ...]) -> list[Outage]:
    """The longest outages, in the order of time."""
    longest = sorted(outages, key=lambda o: -o.longest_s)[:OUTAGES_SHOWN]
    return sorted(longest, key=lambda o: o.first_failed)


def _length(outage: Outage) -> str:
    if outage.open_start or outage.open_end:
        return f"{seconds(outage.shortest_s)} or longer"
    return f"{seconds(outage.shortest_s)} to {seconds(outage.longest_s)}"


def _summary(run: Run) -> str:
    """How many drills ended how: "3 drills: 2 passed, 1 failed"."""
    counts = [
        (sum(v.verdict is kind for v in run.verdicts), _WORDS[kind.value]) for kind in VerdictKind
    ]
    counts += [(len(run.not_run), "not run"), (len(run.missing), "missing")]
    total = len(run.verdicts) + len(run.without_verdict)
    parts = ", ".join(f"{number} {word}" for number, word in counts if number)
    return f"{total} drill{'' if total == 1 else 's'}: {parts}" if total else "no drill was run"


def _asset(name: str) -> Markup:
    return Markup((ASSETS / name).read_text(encoding="utf-8"))  # noqa: S704 - the package's own file


def _script_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    escaped = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(escaped)  # noqa: S704 - nothing is left that HTML would read as markup
