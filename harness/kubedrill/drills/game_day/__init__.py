"""Game day: a random sequence of faults with rests between, for a given time, under traffic.

By hand: ``kubectl get node,pod -A -w`` beside it, and ``kubectl -n kubedrill-ledger get
configmap``.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from kubedrill import drills
from kubedrill.base.errors import ConfigErrors, DeadlineExceeded, StepFailed
from kubedrill.base.waits import pause
from kubedrill.config.limits import Limits
from kubedrill.core.drill import Drill, Family
from kubedrill.core.ledger import Ledger, Writing, check_ledger
from kubedrill.core.leftovers import Baseline
from kubedrill.core.limits import PLANE_LOSS_S, expected_limits
from kubedrill.core.node_loss import CALM_S
from kubedrill.core.predictions import Expected, Prediction
from kubedrill.core.recovery import wait_clean, wait_healthy
from kubedrill.drills.game_day.orders import OrderUsers
from kubedrill.drills.game_day.rounds import Entry, Round, as_check, judge_rounds, plan
from kubedrill.probes.inside import SELECTOR
from kubedrill.probes.standard import NAMESPACE
from kubedrill.record import now

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedrill.base.model import OutageLimit
    from kubedrill.config import Settings
    from kubedrill.core.context import DrillContext

T = TypeVar("T")

GAME_DAY = "game-day"

_OUTAGES = ("app_outage_s", "api_outage_s", "dns_outage_s")

_DRAWS = 20
"""Draws for a target that does not carry the prober: with two workers, all but one in a million
find the other one."""


def offered() -> dict[str, Drill]:
    """What a game day chooses from, by name."""
    return {name: drill for name, drill in drills.ALL.items() if drill.game_day}


class GameDay(Drill):
    """One fault after the other."""

    def unavailable(self, ctx: DrillContext) -> str | None:
        """Why not: it would choose from drills that do not exist, or cannot be rounds."""
        mistakes = unknown_drills(ctx.cluster.settings)
        return "; ".join(mistakes) or None

    def prepare(self, ctx: DrillContext) -> tuple[str, ...]:
        """Draw the plan; nothing but the seed, the time and what is offered decides."""
        settings = ctx.cluster.settings.game_day
        takes = {
            name: drills.ALL[name].duration_s + settings.rest_s
            for name in settings.drills or offered()
        }
        drawn = plan(ctx.rng, takes, settings.minutes * 60)
        return (f"{settings.minutes:g} min", *map(str, drawn))

    def expected(self, ctx: DrillContext) -> Expected:
        """What the worst of its faults may cost; each round is judged by its own limits besides."""
        why = (
            "the most that one of its faults may cost; each round's check tells its own limit and "
            "prediction"
        )
        most = self._most(ctx)
        app, api, dns = ((Prediction(most[name], (why,)),) for name in _OUTAGES)
        return Expected(app, api, dns)

    def outage_limits(self, ctx: DrillContext) -> list[OutageLimit]:
        """The widest limits of its faults."""
        limits = ctx.limits(self).model_copy(update=self._most(ctx))
        return expected_limits(limits, self.expected(ctx))

    def _most(self, ctx: DrillContext) -> dict[str, float]:
        rounds = (drills.ALL[Entry.read(target).name] for target in ctx.targets[1:])
        every = [ctx.limits(drill) for drill in (self, *rounds)]
        return {name: max(getattr(limits, name) for limits in every) for name in _OUTAGES}

    def run(self, ctx: DrillContext) -> None:
        """Make the rounds, then judge them.

        What goes wrong in a round ends the game day: nothing is broken on top.
        """
        ledger = Ledger(ctx.cluster.api)
        ctx.undos.add("the ledger", ledger.close)
        ledger.open()
        until = time.monotonic() + ctx.cluster.settings.game_day.minutes * 60
        before, made, left_out = Baseline.read(ctx.cluster), list[Round](), dict[str, str]()
        try:
            with Writing(ledger), OrderUsers(ctx) as users:
                for entry in map(Entry.read, ctx.targets[1:]):
                    if time.monotonic() >= until:
                        break
                    done = _round(ctx, entry, len(made) + 1, before, users)
                    if isinstance(done, Round):
                        made.append(done)
                    else:
                        left_out[entry.name] = done
                users.settle()
        except (StepFailed, DeadlineExceeded):
            _judge(ctx, made, left_out)  # the rounds before it were made, and are judged
            raise
        _judge(ctx, made, left_out)
        check_ledger(ctx, ledger)


def unknown_drills(settings: Settings) -> list[str]:
    """What is wrong with the drills that ``game_day.drills`` names.

    [] when they can all be rounds.
    """
    mistakes = []
    for name in settings.game_day.drills:
        if name not in offered():
            like = get_close_matches(name, offered(), n=1)
            hint = f"did you mean {like[0]}? " if like else ""
            mistakes.append(
                f"game_day.drills: {name!r} is no drill of one fault; {hint}expected: "
                f"{', '.join(offered())}"
            )
    return mistakes


def lasting(settings: Settings, minutes: float) -> Settings:
    """Return the same settings with another length of the game day."""
    return settings.model_copy(
        update={"game_day": settings.game_day.model_copy(update={"minutes": minutes})}
    )


def require_known(settings: Settings, where: str) -> None:
    """Refuse a configuration that names drills which cannot be rounds.

    Raises:
        ConfigErrors: all of them at once; nothing was touched.
    """
    mistakes = unknown_drills(settings)
    if mistakes:
        raise ConfigErrors(where, mistakes)


def _round(
    ctx: DrillContext, entry: Entry, number: int, before: Baseline, users: OrderUsers
) -> Round | str:
    """Make one round; where it cannot be made now, return why not."""
    drill, settings = drills.ALL[entry.name], ctx.cluster.settings
    reason = _ask_until_answered(ctx, lambda: drill.unavailable(ctx))
    if reason:
        return _left_out(ctx, entry, reason)
    start = now()
    with ctx.step("game day", f"rest of {settings.game_day.rest_s:g} s before round {number}"):
        _ask_until_answered(
            ctx, ctx.app.deploy
        )  # pods that a fault has put on one worker are spread again
        users.wait_complete()
        pause(settings.game_day.rest_s)
        ctx.wait_answering("*", for_s=CALM_S, seconds=settings.timeouts.steady, setting="steady")
    chosen = _ask_until_answered(ctx, lambda: _choose(drill, ctx, entry.seed))
    if chosen is None:
        return _left_out(
            ctx, entry, "the in-cluster prober stands on every node that it could be made on"
        )
    targets = chosen.targets
    limits = tuple(_ask_until_answered(ctx, lambda: drill.outage_limits(chosen)))
    ctx.event("round", ", ".join(targets), f"round {number}: {drill.name}", seed=entry.seed)
    ctx.cluster.note(", ".join(targets), f"round {number}: {drill.name}")
    drill.run(replace(chosen, round=f"round-{number}-"))
    with ctx.step("game day", f"recover from round {number}"):
        wait_healthy(ctx.cluster)
        left = wait_clean(ctx.cluster, before)
    return Round(number, drill.name, targets, start, now(), limits, tuple(left))


def _left_out(ctx: DrillContext, entry: Entry, reason: str) -> str:
    ctx.cluster.note("game day", f"{entry.name} was not made: {reason}")
    return reason


def _ask_until_answered(ctx: DrillContext, ask: Callable[[], T]) -> T:
    """Ask what may be asked again, until (timeouts.api_up) the API answers: nothing was broken yet.

    Raises:
        DeadlineExceeded: it did not answer; carries its last words.
    """
    answers: list[T] = []
    ctx.cluster.api.wait("the API to answer", lambda: answers.append(ask()), setting="api_up")
    return answers[0]


def _choose(drill: Drill, all_day: DrillContext, seed: int) -> DrillContext | None:
    """Let the drill choose its targets, again where its choice carries the prober.

    Its samples would be lost with the node.
    """
    ctx = replace(all_day, rng=random.Random(seed))  # noqa: S311 - recorded, not secret
    probers = {pod.spec.node_name for pod in ctx.cluster.api.pods(NAMESPACE, SELECTOR)}
    draws = (drill.prepare(ctx) for _ in range(_DRAWS))
    free = (targets for targets in draws if not probers.intersection(targets))
    targets = next(free, None)
    return None if targets is None else replace(ctx, targets=targets)


def _judge(ctx: DrillContext, made: list[Round], left_out: dict[str, str]) -> None:
    """Add each round's verdict, and how many there were.

    A game day without a round proves nothing.
    """
    names = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
    actual = f"{len(made)} rounds{f'; not made: {names}' if names else ''}"
    ctx.check("rounds-made", "rounds were made", True if made else None, actual, "1 or more")
    with ctx.step("game day", "judge every round"):
        pause(
            ctx.cluster.settings.probes.cooldown_s
        )  # the in-cluster prober's samples come a moment later
        ctx.writer.flush()
        for one, verdict in judge_rounds(ctx.writer.path, made):
            check = as_check(one, verdict)
            ctx.check(check.id, check.name, check.ok, check.actual, check.expected)


DRILLS = (
    GameDay(
        name=GAME_DAY,
        title="Game day: a random sequence of faults",
        proves=(
            "the cluster gets over one fault after the other, each within its own limits, and "
            "loses no acknowledged write"
        ),
        needs=("what its faults need; those that cannot be made here are left out, and told"),
        duration_s=1920,
        family=Family.GAME_DAY,
        limits=Limits(app_outage_s=PLANE_LOSS_S, api_outage_s=30, dns_outage_s=PLANE_LOSS_S),
        evidence="that of each round's drill",
        limits_because="the most that one of its faults may cost",
        steps=(
            (
                "Draw the sequence by the seed: each kind of fault once in a random order, then "
                "all "
                "of them again. The targets of this drill are that plan, so that ``kubedrill "
                "replay`` "
                "repeats it."
            ),
            (
                "Write into a ledger all the time, and order from the order service where it is "
                "deployed; what was acknowledged must never be lost."
            ),
            (
                "Rest, then wait until the app is spread over the workers, the order service "
                "complete "
                "and every probe answered."
            ),
            (
                "Make one fault as its own drill does, on a node by the plan's seed that has not "
                "the "
                "in-cluster prober; heal it."
            ),
            (
                "Wait until the cluster is healthy and nothing of the fault is left. Go on with 3 "
                "until the time is over."
            ),
            (
                "Judge every round by the limits of its own drill, and look for every acknowledged "
                "write and order."
            ),
        ),
    ),
)
