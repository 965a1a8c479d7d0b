"""Who comes next at the sequencer: clerks are not held up by imports, imports get on, and what waits is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from node.domain.record import Outcome
from node.errors import DiskFull, Overloaded
from node.publishing import queue
from node.publishing.batch import Item
from node.publishing.queue import MAX_BATCH, MAX_WAITING, SLICE, Call, Waiting
from node.store import logs
from node.store.db import Store
from tests.publishing.made import ORIGIN, division, divisions, publisher


def call(items: int, name: str = "a") -> Call:
    made: Sequence[Item] = [division(f"{name}{number}") for number in range(items)]
    return Call(made, asyncio.get_running_loop().create_future())


def outcomes(count: int) -> list[Outcome]:
    return [Outcome("published", b"r", 1, number) for number in range(count)]


async def test_a_clerk_joins_the_next_transaction_whatever_waits_before() -> None:
    waiting = Waiting()
    imports = [call(1000, str(number)) for number in range(3)]
    for each in imports:
        waiting.add(each)
    clerk = call(1)
    waiting.add(clerk)
    turn = waiting.next()
    assert [(each, len(part)) for each, part in turn.parts] == [(clerk, 1), (imports[0], SLICE)]


async def test_imports_take_turns_and_every_turn_brings_one_on() -> None:
    waiting = Waiting()
    first, second = call(SLICE * 2 + 1, "a"), call(SLICE + 1, "b")
    for each in (first, second):
        waiting.add(each)
    seen = []
    while waiting:
        waiting.add(call(1, "clerk"))
        turn = waiting.next()
        for each, part in turn.parts:
            waiting.settle(each, outcomes(len(part)))
        seen.append((turn.parts[-1][0], len(turn.parts[-1][1])))
        if len(seen) == 5:
            break
    assert seen == [(first, SLICE), (second, SLICE), (first, SLICE), (second, 1), (first, 1)]
    assert len(first.answer.result()) == SLICE * 2 + 1 and len(second.answer.result()) == SLICE + 1


async def test_a_turn_has_its_bound_and_keeps_the_order() -> None:
    waiting = Waiting()
    calls = [call(SLICE, str(number)) for number in range(MAX_BATCH // SLICE + 1)]
    for each in calls:
        waiting.add(each)
    assert [each for each, _ in waiting.next().parts] == calls[:-1]
    assert [each for each, _ in waiting.next().parts] == calls[-1:]


async def test_what_waits_is_bounded_and_the_bound_is_given_back() -> None:
    waiting = Waiting()
    whole = call(MAX_WAITING + 1)
    waiting.add(whole)  # alone it may be as long as it likes
    with pytest.raises(Overloaded) as told:
        waiting.add(call(1))
    assert told.value.retry_after_s >= 1 and "请求过多" in told.value.zh
    turn = waiting.next()
    waiting.fail(turn, DiskFull("no room"))
    assert isinstance(whole.answer.exception(), DiskFull) and not waiting
    for _ in range(MAX_WAITING // SLICE):
        waiting.add(call(SLICE))
    with pytest.raises(Overloaded):
        waiting.add(call(1))
    waiting.next()
    waiting.add(call(1))


async def test_a_caller_that_gave_up_leaves_its_rest_behind() -> None:
    waiting = Waiting()
    gone = call(SLICE * 3)
    waiting.add(gone)
    turn = waiting.next()
    gone.answer.cancel()
    waiting.settle(gone, outcomes(len(turn.items)))
    assert not waiting
    waiting.add(call(MAX_WAITING))  # nothing of the rest is counted any more


async def test_everybody_is_told_when_nothing_can_be_published() -> None:
    waiting = Waiting()
    calls = [call(1), call(SLICE + 1), call(2)]
    for each in calls:
        waiting.add(each)
    waiting.fail_all(DiskFull("no room"))
    assert not waiting and all(isinstance(each.answer.exception(), DiskFull) for each in calls)


# --- with the sequencer ---------------------------------------------------------------------------------------------


async def test_clerks_are_published_between_the_slices_of_an_import(store: Store) -> None:
    sequencer = publisher(store)
    many = asyncio.create_task(sequencer.publish(divisions(range(SLICE * 4))))
    await asyncio.sleep(0)
    clerks = await asyncio.gather(*(sequencer.publish([division(f"c{number}")]) for number in range(3)))
    assert not many.done(), "the clerks did not wait for the import"
    answer = await many
    indexes = [each.index for each in answer]
    assert [each.state for each in answer] == ["published"] * SLICE * 4
    assert indexes == sorted(indexes, key=lambda index: index or 0), "an import keeps its own order"
    assert sorted([*indexes, *(one.index for (one,) in clerks)], key=lambda index: index or 0) == list(
        range(SLICE * 4 + 3)
    )


async def test_a_version_in_a_later_slice_names_the_one_in_an_earlier(store: Store) -> None:
    items = [*divisions(range(SLICE)), division("000003", "新名"), division("000003", "某区")]
    *_, changed, again = await publisher(store).publish(items)
    assert (changed.state, changed.version) == ("published", 2)
    assert (again.state, again.version, again.index) == ("unchanged", 1, 3)


async def test_an_import_that_breaks_off_is_run_again_without_harm(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequencer, count = publisher(store), 0
    append = logs.append

    def once(*args: object, **options: object) -> int:
        nonlocal count
        count += 1
        if count == 3:
            raise DiskFull("no room")
        return append(*args, **options)  # type: ignore[arg-type]

    items = divisions(range(SLICE * 4))
    with monkeypatch.context() as patch:
        patch.setattr(logs, "append", once)
        with pytest.raises(DiskFull):
            await sequencer.publish(items)
    assert store.read_now(lambda conn: logs.get(conn, ORIGIN).head_size) == SLICE * 2
    states = [each.state for each in await sequencer.publish(items)]
    assert states == ["unchanged"] * SLICE * 2 + ["published"] * SLICE * 2


async def test_a_storm_is_told_to_come_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MAX_WAITING", 10)
    sequencer = publisher(store)
    calls = (sequencer.publish([item]) for item in divisions(range(30)))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, Overloaded)]
    taken = [each[0].state for each in answers if isinstance(each, list)]
    assert len(taken) == 10 and len(refused) == 20 and set(taken) == {"published"}
    assert (await sequencer.publish(divisions([99])))[0].index == 10
