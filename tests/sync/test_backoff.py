"""How long a node that does not answer is left alone (DESIGN L18)."""

from __future__ import annotations

from node.sync.run import Backoff, PassReport

DOWN = PassReport(unreachable=True)


class Clock:
    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


def wait_ms(backoff: Backoff, clock: Clock) -> int:
    """Milliseconds until the next try is due."""
    start = clock.now_ms
    while not backoff.due():
        clock.now_ms += 100
    return clock.now_ms - start


def test_L18_waits_double_up_to_five_minutes_and_begin_anew_after_an_answer() -> None:
    clock = Clock()
    backoff = Backoff(clock, first_ms=10_000, most_ms=300_000, chance=lambda: 1.0)
    assert backoff.due()
    waits = []
    for _ in range(8):
        backoff.note(DOWN)
        waits.append(wait_ms(backoff, clock))
    assert waits == [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]
    backoff.note(PassReport(failures={"some log": "bad-proof"}))
    assert backoff.due(), "a node that answers is not left alone, even when a log of it failed"
    backoff.note(DOWN)
    assert wait_ms(backoff, clock) == 10_000


def test_L18_jitter_spreads_the_return_over_half_the_wait() -> None:
    for chance, expected in ((0.0, 5_000), (0.5, 7_500), (1.0, 10_000)):
        clock = Clock()
        backoff = Backoff(clock, first_ms=10_000, most_ms=300_000, chance=lambda chance=chance: chance)
        backoff.note(DOWN)
        assert wait_ms(backoff, clock) == expected


def test_L12_L18_a_node_that_is_too_busy_is_asked_again_when_it_said_and_a_little_later_by_chance() -> None:
    for chance, expected in ((0.0, 20_000), (1.0, 40_000)):
        clock = Clock()
        backoff = Backoff(clock, first_ms=10_000, most_ms=300_000, chance=lambda chance=chance: chance)
        assert backoff.wait_s() == 0
        backoff.note(PassReport(busy_s=20, failures={"some log": "overloaded"}))
        assert backoff.wait_s() == expected / 1000
        clock.now_ms += expected - 1
        assert not backoff.due()
        clock.now_ms += 1
        assert backoff.due()
        backoff.note(PassReport(busy_s=300))
        clock.now_ms += 300_000
        assert backoff.due(), "never longer than the longest wait"
        backoff.note(PassReport())
        assert backoff.due()
