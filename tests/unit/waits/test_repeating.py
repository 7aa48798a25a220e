"""What is done again and again beside other work.

Begun late, side by side, ended without waiting for ever.
"""

from __future__ import annotations

import threading
import time

from kubedrill.base.waits import Repeating

OFTEN_S, PATIENCE_S, FAR_S = 0.001, 60.0, 3600.0


def test_each_job_is_done_again_and_again_until_the_end_and_none_waits_for_another() -> None:
    stuck, enough = threading.Event(), threading.Semaphore(0)
    with Repeating([lambda: stuck.wait(PATIENCE_S), enough.release], OFTEN_S, PATIENCE_S) as result:
        for _ in range(5):
            assert enough.acquire(timeout=PATIENCE_S)
        assert not result.ended
        stuck.set()
    assert result.ended
    while enough.acquire(blocking=False):
        pass
    assert not enough.acquire(timeout=0.05), "nothing begins after the end"


def test_what_hangs_is_left_alone_after_the_patience() -> None:
    begun, hang = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        hang.wait(PATIENCE_S)

    with Repeating([job, job], OFTEN_S, patience_s=0.01):
        assert begun.wait(PATIENCE_S)
        left = time.monotonic()
    assert time.monotonic() - left < PATIENCE_S / 2
    hang.set()


def test_a_job_that_is_not_yet_due_is_not_waited_for() -> None:
    done: list[int] = []
    began = time.monotonic()
    with Repeating([lambda: done.append(1)], FAR_S, FAR_S):
        pass
    assert time.monotonic() - began < PATIENCE_S
    assert done == []


def test_a_job_may_end_it() -> None:
    times: list[int] = []

    def once() -> None:
        times.append(1)
        result.end()

    result = Repeating([once], OFTEN_S, PATIENCE_S)
    with result:
        for thread in result._threads:
            thread.join(PATIENCE_S)
    assert times == [1]
