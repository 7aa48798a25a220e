"""What an autoscaler did under load, from repeated looks at it. All pure.

Nothing is claimed finer than the looks: each change happened after the last look that did not show
it was asked for, and before the first that did was answered. Times in nanoseconds of
CLOCK_MONOTONIC, results in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from kubedrill.base.model import NS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubedrill.load.autoscaler_watch import Observation

LAG_S = 60.0
"""A load is seen by the autoscaler at most so long after it began: the kubelet counts every 10-15
s, metrics-server reads every 15 s and needs two readings, the autoscaler looks every 15 s
(kube-controller-manager's --horizontal-pod-autoscaler-sync-period)."""

GAP_S = 5.0
"""Looks come once a second; what happens in a longer gap may be missed, and is reported as such."""

Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class LoadPhase:
    """When a step of load began and ended."""

    rate: float
    begun: int
    ended: int


@dataclass(frozen=True, slots=True)
class NewPod:
    """A pod that came after a scale-up.

    Seconds from the step of load; None: it did not happen before the end.

    ``answered_s`` is the first write that it acknowledged; the answers name their pod.
    """

    name: str
    ready_s: Bounds | None
    answered_s: Bounds | None


@dataclass(frozen=True, slots=True)
class ScaleUp:
    """The autoscaler asked for more pods.

    ``rates`` are the steps of load that may have caused it: more than one where steps are shorter
    than LAG_S, and the bounds count from all of them.
    """

    before: int
    after: int
    rates: tuple[float, ...]
    decided_s: Bounds
    metrics: str
    pods: tuple[NewPod, ...]


@dataclass(frozen=True, slots=True)
class ScaleDown:
    """What became of the added pods.

    Seconds from the end of the load; None: not within ``watched_s``.
    """

    to: int
    decided_s: Bounds | None
    gone_s: Bounds | None
    watched_s: float


@dataclass(frozen=True, slots=True)
class Autoscaled:
    """What one autoscaler did.

    ``down`` is None where it added nothing; ``lines`` is for people.
    """

    name: str
    observations: tuple[Observation, ...]
    ups: tuple[ScaleUp, ...]
    down: ScaleDown | None
    lines: tuple[str, ...]


def account(
    name: str,
    observations: Sequence[Observation],
    phases: Sequence[LoadPhase],
    first_answers: Mapping[str, int],
    watched_until: int,
) -> Autoscaled:
    """Tell what an autoscaler did.

    ``first_answers`` says when each pod first acknowledged a write.
    """
    if not observations or not phases:
        unknown = ("not known: the API answered no question about it",)
        return Autoscaled(name, tuple(observations), (), None, unknown)
    ups = tuple(_scale_ups(observations, phases, first_answers))
    down = _scale_down(observations, phases[-1].ended, watched_until) if ups else None
    lines = _describe(observations, ups, down, watched_until)
    if ups and not first_answers:
        lines.append(
            "no answer named its pod, so when new pods first answered is not known: kubedrill app "
            "deploy"
        )
    return Autoscaled(name, tuple(observations), ups, down, tuple(lines))


def _scale_ups(
    observations: Sequence[Observation],
    phases: Sequence[LoadPhase],
    first_answers: Mapping[str, int],
) -> list[ScaleUp]:
    rises = [
        (old, new)
        for old, new in pairwise(observations)
        if new.desired > old.desired and new.answered > phases[0].begun
    ]
    known = set(observations[0].pods)
    ups = []
    for number, (old, new) in enumerate(rises):
        until = (
            rises[number + 1][0].answered if number + 1 < len(rises) else observations[-1].answered
        )
        came = [
            name
            for observation in observations
            if old.asked <= observation.asked <= until
            for name in sorted(observation.pods)
        ]
        names = [name for name in dict.fromkeys(came) if name not in known][
            : new.desired - old.desired
        ]
        known.update(came)
        causes = _causes(old.asked, new.answered, phases)
        pods = tuple(_new_pod(pod, observations, causes, first_answers.get(pod)) for pod in names)
        rates = tuple(phase.rate for phase in causes)
        decided = _since(causes, old.asked, new.answered)
        ups.append(ScaleUp(old.desired, new.desired, rates, decided, new.metrics, pods))
    return ups


def _causes(after: int, by: int, phases: Sequence[LoadPhase]) -> list[LoadPhase]:
    """The steps that may have caused a change.

    Those that began within LAG_S before it, else the one that ran.
    """
    begun = [phase for phase in phases if phase.begun <= by] or [phases[0]]
    recent = [phase for phase in begun if after - phase.begun <= LAG_S * NS]
    return recent or [begun[-1]]


def _since(causes: Sequence[LoadPhase], after: int, by: int) -> Bounds:
    """From the last of the possible causes at the least, from the first of them at the most."""
    return max(0.0, (after - causes[-1].begun) / NS), (by - causes[0].begun) / NS


def _new_pod(
    name: str,
    observations: Sequence[Observation],
    causes: Sequence[LoadPhase],
    answered: int | None,
) -> NewPod:
    turned = next(
        (
            (old, new)
            for old, new in pairwise(observations)
            if name in new.ready and name not in old.ready
        ),
        None,
    )
    ready = _since(causes, turned[0].asked, turned[1].answered) if turned else None
    return NewPod(name, ready, None if answered is None else _since(causes, answered, answered))


def _scale_down(
    observations: Sequence[Observation], loaded_until: int, watched_until: int
) -> ScaleDown:
    """How long until it asks for as many as before the load, and until the others are gone."""
    first = observations[0].desired
    decided = _settled(observations, lambda observation: observation.desired <= first, loaded_until)
    gone = _settled(
        observations,
        lambda observation: observation.desired <= first and len(observation.pods) <= first,
        loaded_until,
    )
    return ScaleDown(first, decided, gone, max(0.0, (watched_until - loaded_until) / NS))


def _settled(
    observations: Sequence[Observation], holds: Callable[[Observation], bool], loaded_until: int
) -> Bounds | None:
    """Between the last look that does not hold and the one after it.

    None where the last of all does not.
    """
    wrong = [number for number, observation in enumerate(observations) if not holds(observation)]
    if not wrong or wrong[-1] == len(observations) - 1:
        return None
    old, new = observations[wrong[-1]], observations[wrong[-1] + 1]
    return max(0.0, (old.asked - loaded_until) / NS), max(0.0, (new.answered - loaded_until) / NS)


def _describe(
    observations: Sequence[Observation],
    ups: Sequence[ScaleUp],
    down: ScaleDown | None,
    watched_until: int,
) -> list[str]:
    lines = []
    edges = [
        *(observation.answered for observation in observations),
        max(watched_until, observations[-1].answered),
    ]
    gap_s = max((later - earlier) / NS for earlier, later in pairwise(edges))
    if gap_s > GAP_S:
        lines.append(f"no answer about it for {gap_s:.0f} s: what happened then is not known")
    if not ups:
        seen = "was seen" if gap_s > GAP_S else "happened"
        lines.append(
            f"no scale-up {seen}: {observations[0].desired} pods wanted before the load; "
            f"{_peak(observations)}"
        )
    for up in ups:
        steps = " or ".join(f"{rate:g}/s" for rate in up.rates)
        lines.append(
            f"{up.before} → {up.after} pods wanted {between(up.decided_s)} after the step to "
            f"{steps} began"
        )
        lines += [_describe_pod(pod) for pod in up.pods]
        if not up.pods:
            lines.append("no new pod was seen after that")
    if down is not None:
        missing = f"not within {down.watched_s:.0f} s"
        decided = between(down.decided_s) if down.decided_s else missing
        gone = between(down.gone_s) if down.gone_s else missing
        lines.append(
            f"back to {down.to} pods after the load: wanted {decided}, the others gone {gone}"
        )
    if any(observation.desired >= observation.most for observation in observations):
        lines.append(f"it reached its maximum of {observations[0].most} pods")
    lines += [
        f"it complained: {problem}"
        for problem in dict.fromkeys(observation.problem for observation in observations)
        if problem
    ]
    return lines


def _peak(observations: Sequence[Observation]) -> str:
    known = [observation for observation in observations if observation.share is not None]
    if not known:
        return "it had no metrics"
    highest = max(known, key=lambda observation: observation.share or 0)
    return f"it saw {highest.metrics} at most"


def _describe_pod(pod: NewPod) -> str:
    ready = f"ready {between(pod.ready_s)}" if pod.ready_s else "was not seen ready"
    answered = (
        f"first answer {between(pod.answered_s)}" if pod.answered_s else "no answer of it was seen"
    )
    return f"{pod.name}: {ready}, {answered}"


def between(bounds: Bounds) -> str:
    """Seconds with their bounds, for people.

    >>> between((3.04, 4.1)), between((3.0, 3.01))
    ('3.0 to 4.1 s', '3.0 s')
    """
    low, high = (f"{value:.1f}" for value in bounds)
    return f"{low} s" if low == high else f"{low} to {high} s"
