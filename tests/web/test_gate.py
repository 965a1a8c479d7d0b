"""L12, L18: work is bounded, waits are bounded, and one sender of many requests starves no other; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from node.errors import Overloaded
from node.web.gate import MOST_RETRY_S, Budget, Gate
from tests.simulation.virtual import run


class Story:
    """What became of each visit, in the order of entering: key, virtual second of entering."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.entered: list[tuple[str, float]] = []
        self.refused: list[tuple[str, float, int]] = []
        self.most = 0

    async def visit(self, key: str, stay_s: float, at_s: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(at_s)
        try:
            async with self.gate.enter(key):
                self.entered.append((key, round(loop.time(), 6)))
                self.most = max(self.most, self.gate.inside)
                await asyncio.sleep(stay_s)
        except Overloaded as full:
            self.refused.append((key, round(loop.time(), 6), full.retry_after_s))


def tell(gate: Callable[[], Gate], *visits: tuple[str, float] | tuple[str, float, float]) -> Story:
    """Let these visits (key, stay[, at]) happen, begun in this order."""

    async def main() -> Story:
        story = Story(gate())
        await asyncio.gather(*(story.visit(*visit) for visit in visits))
        assert (story.gate.inside, story.gate.waiting) == (0, 0), "everything was given back"
        assert story.gate.refused == len(story.refused)
        return story

    return run(main)


def gate(
    places: int = 2, waiting: int = 100, wait_s: float = 100, each: int | None = None, turns: int = 1
) -> Callable[[], Gate]:
    return lambda: Gate("things", places, waiting=waiting, wait_s=wait_s, each=each, turns=turns)


def test_so_many_are_inside_and_the_rest_wait_in_their_order() -> None:
    story = tell(gate(2), *[("a", 1.0)] * 5)
    assert story.most == 2
    assert [at for _, at in story.entered] == [0, 0, 1, 1, 2]


def test_one_key_with_many_starves_no_other() -> None:
    story = tell(gate(2), *[("many", 1.0)] * 20, ("one", 1.0), ("two", 1.0))
    assert ("one", 1.0) in story.entered and ("two", 1.0) in story.entered


def test_keys_take_turns() -> None:
    story = tell(gate(1), *[("a", 1.0)] * 3, *[("b", 1.0)] * 3, *[("c", 1.0)] * 3)
    keys = [key for key, _ in story.entered]
    assert all(set(keys[at : at + 3]) == {"a", "b", "c"} for at in (1, 4)), keys


async def rounds(story: Story, key: str, count: int) -> None:
    """So many visits one after the other, as a sender makes them."""
    for _ in range(count):
        await story.visit(key, 1.0)
        await asyncio.sleep(0.01)


def ended(turns: int, needs: dict[str, int]) -> dict[str, float]:
    """When each sender was let in for the last time: a gate of one place, a count of visits for each sender."""

    async def main() -> Story:
        story = Story(gate(1, turns=turns)())
        await asyncio.gather(*(rounds(story, key, count) for key, count in needs.items()))
        return story

    return dict(run(main).entered)


def test_what_takes_a_few_visits_is_finished_before_others_begin() -> None:
    senders = {f"s{number}": 2 for number in range(5)}
    by_turns, in_a_row = ended(1, senders), ended(3, senders)
    assert min(by_turns.values()) >= 5, "taking single turns all end together"
    assert min(in_a_row.values()) < 3
    assert sum(in_a_row.values()) < sum(by_turns.values())
    assert max(in_a_row.values()) <= max(by_turns.values()) + 1


def test_turns_in_a_row_end_so_that_nobody_waits_for_an_endless_sender() -> None:
    last = ended(3, {"endless": 30, "one": 1, "two": 1})
    assert last["one"] < 8 and last["two"] < 8


def test_one_key_never_takes_all_places_where_it_may_not() -> None:
    story = tell(gate(4, each=2), *[("a", 1.0)] * 4, ("b", 1.0, 0.5))
    assert story.most == 3
    assert ("b", 0.5) in story.entered, "there was a place left for another"


def test_who_waits_too_long_is_told_when_to_come_back() -> None:
    story = tell(gate(1, wait_s=2), ("a", 10.0), ("b", 1.0), ("c", 1.0, 9.0))
    assert story.refused == [("b", 2.0, 1)]
    assert ("c", 10.0) in story.entered


def test_the_time_to_come_back_grows_with_the_queue_up_to_a_limit() -> None:
    visits = [(f"k{n}", 20.0) for n in range(30)]
    story = tell(gate(1, waiting=3, wait_s=30), *visits, *[("late", 20.0, 25.0)] * 4)
    told = [retry for _, at, retry in story.refused if at >= 25]
    assert max(told) > 1 and max(told) <= MOST_RETRY_S


def test_beyond_the_queue_the_greediest_is_sent_back_not_the_newcomer() -> None:
    story = tell(gate(1, waiting=3), *[("many", 1.0)] * 5, ("one", 1.0))
    assert [key for key, _, _ in story.refused] == ["many", "many"]
    assert ("one", 1.0) in story.entered


def test_of_many_single_ones_the_last_is_sent_back() -> None:
    story = tell(gate(1, waiting=2), ("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 1.0))
    assert [key for key, _, _ in story.refused] == ["d"]


def test_no_waiting_at_all() -> None:
    story = tell(gate(1, waiting=0, wait_s=0), ("a", 1.0), ("b", 1.0), ("c", 1.0, 2.0))
    assert [key for key, _, _ in story.refused] == ["b"]
    assert story.entered == [("a", 0.0), ("c", 2.0)]


def test_whoever_goes_away_while_he_waits_leaves_no_hole() -> None:
    async def main() -> Story:
        story = Story(gate(1)())
        first = asyncio.create_task(story.visit("a", 5.0))
        gone = [asyncio.create_task(story.visit("b", 1.0)) for _ in range(3)]
        stays = asyncio.create_task(story.visit("c", 1.0))
        await asyncio.sleep(1)
        for task in gone:
            task.cancel()
        await asyncio.gather(first, stays)
        assert (story.gate.inside, story.gate.waiting) == (0, 0)
        return story

    assert run(main).entered == [("a", 0.0), ("c", 5.0)]


def test_a_place_given_to_one_who_goes_away_at_that_moment_is_passed_on() -> None:
    async def main() -> Story:
        story = Story(gate(1)())
        first = asyncio.create_task(story.visit("a", 1.0))
        second = asyncio.create_task(story.visit("b", 1.0))
        third = asyncio.create_task(story.visit("c", 1.0))
        first.add_done_callback(lambda _: second.cancel())
        await asyncio.gather(first, second, third, return_exceptions=True)
        assert (story.gate.inside, story.gate.waiting) == (0, 0)
        return story

    assert ("c", 1.0) in run(main).entered


def test_a_fault_inside_gives_the_place_back() -> None:
    async def main() -> int:
        made = gate(1)()
        for _ in range(3):
            try:
                async with made.enter("a"):
                    raise ConnectionError
            except ConnectionError:
                pass
        return made.inside

    assert run(main) == 0


# --- bytes ----------------------------------------------------------------------------------------------------------


def holding(most: int, *holders: tuple[int, float, float]) -> list[tuple[int, float]]:
    """(place, virtual second) of each holder (weight, at, stay) in the order in which they got their bytes."""

    async def main() -> list[tuple[int, float]]:
        budget, got, loop = Budget(most), [], asyncio.get_running_loop()

        async def one(place: int, weight: int, at_s: float, stay_s: float) -> None:
            await asyncio.sleep(at_s)
            async with budget.hold(weight):
                assert budget.held <= most
                got.append((place, loop.time()))
                await asyncio.sleep(stay_s)

        await asyncio.gather(*(one(place, *holder) for place, holder in enumerate(holders)))
        assert budget.held == 0
        return got

    return run(main)


def test_no_more_bytes_are_held_than_there_are_and_the_first_comes_first() -> None:
    assert holding(10, (6, 0, 1), (6, 0, 1), (4, 0, 1)) == [(0, 0), (1, 1), (2, 1)], "small ones do not overtake"
    assert holding(10, (5, 0, 1), (5, 0, 2), (5, 0, 1)) == [(0, 0), (1, 0), (2, 1)]


def test_what_is_larger_than_all_there_is_goes_alone() -> None:
    assert holding(10, (3, 0, 1), (99, 0, 1), (3, 0, 1)) == [(0, 0), (1, 1), (2, 2)]


def test_whoever_goes_away_while_he_waits_for_bytes_holds_none() -> None:
    async def main() -> list[str]:
        budget, got = Budget(10), []

        async def one(name: str, weight: int) -> None:
            async with budget.hold(weight):
                got.append(name)
                await asyncio.sleep(5)

        first = asyncio.create_task(one("first", 4))
        await asyncio.sleep(0)
        large = asyncio.create_task(one("large", 10))
        small = asyncio.create_task(one("small", 4))
        await asyncio.sleep(1)
        assert got == ["first"]
        large.cancel()
        await asyncio.sleep(0.1)
        assert got == ["first", "small"], "who waited behind him goes on"
        await asyncio.gather(first, small)
        assert budget.held == 0
        return got

    run(main)
