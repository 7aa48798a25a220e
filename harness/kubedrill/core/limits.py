"""Default limits that many drills share, and the outage limits of a drill with their reasons.

The limit comes from the configuration (``drills.<name>`` in kubedrill.yml), else from the drill;
the prediction only stands beside it, for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubedrill.base.model import OutageLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubedrill.config.limits import Limits
    from kubedrill.core.predictions import Expected, Prediction

PATIENT_S = 3.0
"""Seconds for what a drill does not touch, or should cost a moment only.

A probe gives up after 1 s, so two slow answers in a row, as a small machine gives them while pods
start, are an outage of up to 2 s.
"""

NODE_LOSS_S = 60
"""Seconds: 50 s grace + 5 s monitor period until Kubernetes takes a dead node's pods out of
Services, and a margin."""

PLANE_LOSS_S = 80
"""Seconds: 15 s lease + 2 s retry until another controller manager leads where the active one is
lost with its node; 50 s grace + 5 s monitor period begin then; and a margin."""

APP, API, DNS = "app-*", "api-*", "dns*"
"""Globs over probe names, one for each group of users."""

_OF_ALL = ("p50_s", "p99_s", "slow_factor", "slow_s", "failed_share")


def expected_limits(limits: Limits, expected: Expected) -> list[OutageLimit]:
    """The limits of a drill beside what it should do.

    What happens side by side does not add up: the slowest counts.
    """
    return [
        _limit(limits, APP, expected.app, expected.app_why),
        _limit(limits, API, expected.api, expected.api_why),
        _limit(limits, DNS, expected.dns, expected.dns_why),
    ]


def _limit(limits: Limits, probes: str, parts: Sequence[Prediction], otherwise: str) -> OutageLimit:
    given = {
        name.removeprefix(f"{group}_"): value
        for group in (probes.rstrip("-*"),)
        for name, value in limits.model_dump().items()
        if name.startswith(group) or name in _OF_ALL
    }
    lines = [line for part in parts for line in part.because] or [otherwise]
    if len(parts) > 1:
        lines.append("these run side by side: the slowest counts")
    predicted = max((part.seconds for part in parts), default=0.0)
    costs = sum(part.seconds * part.share for part in parts)
    return OutageLimit(
        probes,
        given.pop("outage_s"),
        round(predicted, 3),
        tuple(lines),
        share=round(min(1.0, costs / predicted), 4) if predicted else 1.0,
        least_s=round(max((part.least_s for part in parts), default=0.0), 3),
        **given,
    )
