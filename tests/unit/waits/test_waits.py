from collections.abc import Callable
from typing import Any

import pytest

from kubedrill.base.errors import DeadlineExceeded
from kubedrill.base.waits import Waiting, pause, wait_for


class FakeClock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.time += seconds


def answers(*values: Any) -> Callable[[], Any]:
    rest = list(values)
    return lambda: rest.pop(0) if len(rest) > 1 else rest[0]


def ask(clock: FakeClock, probe: Callable[[], Any], seconds: float = 10, poll_s: float = 1) -> Any:
    return wait_for(
        "the thing", probe, seconds=seconds, setting="node_ready", poll_s=poll_s, clock=clock
    )


def test_what_is_there_at_once_costs_no_sleep() -> None:
    clock = FakeClock()
    assert ask(clock, answers("here")) == "here"
    assert clock.slept == []


def test_falsy_results_are_results() -> None:
    assert ask(FakeClock(), answers(None, 0)) == 0
    assert ask(FakeClock(), answers(None, [])) == []
    assert ask(FakeClock(), answers(None, False)) is False


def test_the_error_carries_the_deadline_its_setting_and_what_was_last_seen() -> None:
    clock = FakeClock()
    with pytest.raises(DeadlineExceeded) as caught:
        ask(clock, answers(Waiting("one of three"), Waiting("two of three")))
    assert (
        str(caught.value)
        == "waited 10 s (timeouts.node_ready) for the thing; last seen: two of three"
    )
    assert caught.value.last_seen == "last seen: two of three"
    assert clock.time == 1010


def test_none_keeps_what_was_seen_before() -> None:
    with pytest.raises(DeadlineExceeded, match="last seen: half"):
        ask(FakeClock(), answers(Waiting("half"), None))


def test_it_asks_once_more_at_the_deadline() -> None:
    clock = FakeClock()
    assert ask(clock, lambda: "late" if clock.time >= 1002.5 else None, seconds=2.5) == "late"
    assert clock.slept == [1, 1, 0.5]


def test_a_slow_probe_is_not_delayed_further() -> None:
    clock = FakeClock()

    def slow() -> str | None:
        clock.time += 3
        return "done" if clock.time >= 1006 else None

    assert ask(clock, slow) == "done"
    assert clock.slept == [0]


def test_a_probe_that_hangs_past_the_deadline_ends_the_wait() -> None:
    clock = FakeClock()

    def hang() -> None:
        clock.time += 60

    with pytest.raises(DeadlineExceeded):
        ask(clock, hang)
    assert clock.slept == []


def test_an_error_of_the_probe_is_not_swallowed() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(FakeClock(), broken)


def test_pause_passes_time() -> None:
    clock = FakeClock()
    pause(5, clock)
    assert clock.slept == [5]
