"""Default limits that many drills share."""

from __future__ import annotations

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
