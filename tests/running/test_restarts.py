"""When a worker that ended is started again: soon, then later and later, and not for ever when none lives."""

from __future__ import annotations

from node.running.restarts import FIRST_S, LIMIT, MOST_S, STEADY_S, Restarts


def test_a_worker_that_dies_now_and_then_is_started_again_soon() -> None:
    restarts = Restarts(2)
    assert [restarts.after(1, STEADY_S) for _ in range(100)] == [FIRST_S] * 100


def test_one_that_dies_at_once_waits_longer_and_longer_while_another_serves() -> None:
    restarts = Restarts(2)
    pauses = [restarts.after(1, 0.1) for _ in range(100)]
    assert None not in pauses
    assert pauses[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert pauses[-1] == MOST_S
    assert restarts.after(1, STEADY_S) == FIRST_S, "it has lived since"


def test_when_all_die_at_once_again_and_again_it_is_given_up() -> None:
    restarts = Restarts(3)
    for worker in (1, 2, 3):
        for _ in range(LIMIT - 1):
            assert restarts.after(worker, 0) is not None
    assert restarts.after(1, 0) is not None
    assert restarts.after(2, 0) is not None
    assert restarts.after(3, 0) is None


def test_who_failed_long_ago_and_lives_is_no_reason_to_give_up() -> None:
    restarts = Restarts(2)
    for _ in range(LIMIT):
        restarts.after(1, 0)
    restarts.steady(1)
    assert all(restarts.after(2, 0) is not None for _ in range(3 * LIMIT))
