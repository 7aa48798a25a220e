"""What a drill puts on its record of the effect of its fault, and when it ends for want of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kubedrill.base.errors import KubedrillError, StepFailed, Unsafe
from kubedrill.config import Settings
from kubedrill.core import evidence
from kubedrill.core.evidence import Witness
from kubedrill.drills import ALL
from kubedrill.drills.app_rollout import AppRollout
from kubedrill.faults.base import Effect

if TYPE_CHECKING:
    from kubedrill.core.drill import Drill


@dataclass
class Breaking(Effect):
    """A fault whose effect is seen on the nodes that a test says, at each look."""

    looks: list[set[str]] = field(default_factory=list)
    subject: str = "w1"
    name: str = "broken"
    nodes: tuple[str, ...] = ()

    evidence = "the node is broken"

    def unaffected(self, _cluster: Any, place: str) -> str | None:
        if place not in self.looks[0]:
            if len(self.looks) > 1:
                self.looks.pop(0)
            raise StepFailed(f"{place} could not be asked")
        return None


@pytest.fixture
def ctx(make_inventory: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(evidence, "POLL_S", 0.001)
    settings = Settings.model_validate({"timeouts": {"api_up": 0.05}})
    cluster = SimpleNamespace(inventory=make_inventory(), settings=settings)
    events: list[Any] = []
    return SimpleNamespace(
        cluster=cluster,
        checkpoint=lambda: None,
        events=events,
        event=lambda lane, subject, name, **data: events.append((lane, subject, name, data)),
    )


def witness(ctx: Any, fault: Any) -> Witness:
    return Witness(ctx.cluster, fault, ctx.event, ctx.checkpoint)


def test_the_effect_is_waited_for_and_looked_for_again_before_the_heal(ctx: Any) -> None:
    looking = witness(ctx, Breaking([set(), set(), {"w1"}]))
    looking.wait()
    looking.confirm()
    data = {"fault": "broken", "expected": ["w1"], "seen": ["w1"]}
    assert ctx.events == [
        ("evidence", "w1", "the node is broken", {**data, "when": "begin"}),
        ("evidence", "w1", "the node is broken", {**data, "when": "end"}),
    ]


def test_a_fault_that_did_nothing_ends_the_drill_without_blaming_the_cluster(ctx: Any) -> None:
    with pytest.raises(KubedrillError, match=r"nothing was tested.*w1 could not be asked") as error:
        witness(ctx, Breaking([set()])).wait()
    assert not isinstance(error.value, StepFailed)
    (event,) = ctx.events
    assert event[3]["seen"] == []


def test_another_node_that_has_the_effect_is_named(ctx: Any) -> None:
    with pytest.raises(KubedrillError):
        witness(ctx, Breaking([{"w2"}])).wait()
    (event,) = ctx.events
    assert (event[3]["expected"], event[3]["seen"]) == (["w1"], ["w2"])


def test_every_node_of_a_fault_must_have_it(ctx: Any) -> None:
    fault = Breaking([{"cp1"}], subject="etcd", nodes=("cp1", "cp2"))
    with pytest.raises(KubedrillError, match="cp2 could not be asked"):
        witness(ctx, fault).wait()
    assert ctx.events[0][3]["seen"] == ["cp1"]


def test_what_is_no_node_is_asked_of_its_subject(ctx: Any) -> None:
    witness(ctx, Breaking([{"shop/web"}], subject="shop/web")).wait()
    assert ctx.events[0][3]["expected"] == ["shop/web"]
    with pytest.raises(KubedrillError):
        witness(ctx, Breaking([{"w1", "w2"}], subject="shop/web")).wait()
    assert ctx.events[1][3]["seen"] == [], "no node is asked for what is no node's"


def test_a_fault_that_was_given_back_too_early_is_told(ctx: Any) -> None:
    looking = witness(ctx, Breaking([{"w1"}]))
    looking.wait()
    looking.fault.unaffected = lambda *_: "its SSH server greets"  # type: ignore[method-assign]
    looking.confirm()
    assert ctx.events[1][2] == "w1: its SSH server greets"
    assert ctx.events[1][3]["seen"] == []


def test_a_place_that_cannot_be_asked_for_a_moment_is_asked_again(ctx: Any) -> None:
    answers = iter([StepFailed("the API did not answer"), StepFailed("again"), None])

    class Slow(Breaking):
        def unaffected(self, _cluster: Any, _place: str) -> str | None:
            answer = next(answers)
            if answer:
                raise answer
            return None

    witness(ctx, Slow()).confirm()
    assert ctx.events[0][3]["seen"] == ["w1"]


def test_a_fault_that_is_over_by_itself_is_not_looked_for_again(ctx: Any) -> None:
    short = type("Short", (Breaking,), {"lasts": False})([set()])
    witness(ctx, short).confirm()
    assert ctx.events == []


def test_a_drill_that_must_end_does_not_wait_for_evidence(ctx: Any) -> None:
    def taken_over() -> None:
        raise Unsafe("taken over")

    ctx.checkpoint = taken_over
    with pytest.raises(Unsafe):
        witness(ctx, Breaking([set()])).wait()


def test_a_drill_that_states_no_evidence_is_refused() -> None:
    fields = vars(ALL["app-rollout"]) | {"name": "test", "evidence": ""}
    with pytest.raises(TypeError, match="drill test states no evidence"):
        AppRollout(**fields)


@pytest.mark.parametrize("drill", ALL.values(), ids=list(ALL))
def test_every_drill_states_its_evidence(drill: Drill) -> None:
    assert len(drill.evidence.split()) > 3
