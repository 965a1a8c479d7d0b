"""Each record once and no more, whatever the line does; and a word for each that does not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from node.uplink import held, outbox, sending, status
from node.uplink.outbox import depth
from tests.uplink.world import World, blacklist, listing, sold

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


async def test_a_record_is_sent_once_and_said_again_changes_nothing(world: World) -> None:
    world.put(A, blacklist(A))
    await world.drain()
    world.put(A, blacklist(A))
    await world.drain()
    assert world.states() == [("302", "accepted")]
    assert world.receiver.seen == [("302", "1")]


async def test_a_lost_answer_is_asked_for_under_the_same_key(world: World) -> None:
    world.put(A, blacklist(A))
    world.receiver.script.append("lose")
    await world.drain()
    assert world.states() == [("302", "accepted")]
    assert world.there() == [("302", "held", 1)]
    assert world.receiver.seen == [("302", "1"), ("302", "1")]


async def test_a_crash_between_sending_and_the_answer_is_like_a_lost_answer(world: World) -> None:
    world.put(A, blacklist(A))
    await world.send(settle=False)
    await world.drain()
    assert world.states() == [("302", "accepted")] and world.there() == [("302", "held", 1)]


async def test_a_change_while_the_answer_is_open_becomes_an_update(world: World) -> None:
    world.put(A, blacklist(A))
    world.receiver.script.append("lose")
    await world.send()
    world.put(A, blacklist(A, "另一原因"), version=2)
    await world.drain()
    assert world.states() == [("302", "accepted")]
    assert world.there() == [("302", "held", 2)]
    # First exactly what was sent before, then the change.
    assert world.receiver.seen == [("302", "1"), ("302", "1"), ("302", "2")]
    assert "另一原因" in world.rows()[0]["accepted"]


async def test_a_withdrawal_while_the_answer_is_open_finds_out_first(world: World) -> None:
    world.put(A, blacklist(A))
    world.receiver.script.append("lose")
    await world.send()
    world.withdraw(A)
    await world.drain()
    assert world.states() == [("302", "deleted")] and world.there() == [("302", "deleted", 1)]


async def test_what_was_never_sent_is_withdrawn_without_a_word(world: World) -> None:
    world.put(A, blacklist(A))
    world.withdraw(A)
    await world.drain()
    assert world.states() == [("302", "deleted")] and world.receiver.seen == []


async def test_a_record_that_comes_back_gets_a_new_key(world: World) -> None:
    world.put(A, blacklist(A))
    await world.drain()
    before = world.rows()[0]["data_key"]
    world.withdraw(A)
    await world.drain()
    world.put(A, blacklist(A), version=3)
    await world.drain()
    assert world.rows()[0]["data_key"] != before
    assert world.there() == [("302", "deleted", 1), ("302", "held", 1)]


async def test_a_record_that_comes_back_while_its_delete_is_open_is_reported_anew(world: World) -> None:
    world.put(A, blacklist(A))
    await world.drain()
    world.withdraw(A)
    await world.send(settle=False)
    world.put(A, blacklist(A), version=3)
    await world.drain()
    assert world.states() == [("302", "accepted")]
    assert world.there() == [("302", "deleted", 1), ("302", "held", 1)]


async def test_a_fault_holds_the_record_here_and_a_new_version_frees_it(world: World) -> None:
    world.put(A, blacklist(A, ""))
    await world.drain()
    assert world.states() == [("302", "held")] and world.receiver.seen == []
    faults = sending.faults_of(world.rows()[0]["faults"])
    assert ("RECORD_REASON", "NotNull") in {(fault.field, fault.rule) for fault in faults}
    world.put(A, blacklist(A), version=2)
    await world.drain()
    assert world.states() == [("302", "accepted")]


async def test_a_child_waits_for_its_parent_and_goes_by_itself(world: World) -> None:
    world.put(B, sold("P1", B))
    world.put(A, listing("P1", SELLER_NAME=""))
    await world.drain()
    assert sorted(world.states()) == [("700", "held"), ("701", "blocked")]
    blocked = next(row for row in world.rows() if row["number"] == "701")
    assert sending.faults_of(blocked["faults"])[0].rule == "Parent"
    world.put(A, listing("P1"), version=2)
    await world.drain()
    assert sorted(world.states()) == [("700", "accepted"), ("701", "accepted")]
    assert world.receiver.seen == [("700", "1"), ("701", "1")]


async def test_a_parent_of_two_records_stays_until_the_last_has_gone(world: World) -> None:
    world.put(A, listing("P1"))
    world.put(B, listing("P1"), sold("P1", B))
    await world.drain()
    world.withdraw(A)
    await world.drain()
    assert sorted(world.states()) == [("700", "accepted"), ("701", "accepted")]
    world.withdraw(B)
    await world.drain()
    assert sorted(world.states()) == [("700", "deleted"), ("701", "deleted")]
    # The child first.
    assert world.receiver.seen[-2:] == [("701", "3"), ("700", "3")]


async def test_a_busy_receiver_is_tried_again_and_given_up_in_the_end(world: World) -> None:
    world.put(A, blacklist(A))
    world.receiver.script.extend(["busy", "busy", "busy"])
    await world.drain()
    row = world.rows()[0]
    assert row["state"] == "dead" and row["answer"] == "系统忙，请稍后重试"
    assert world.store.write_now(lambda conn: status.retry(conn, world.now_ms, wanted=status.Filter())) == 1
    await world.drain()
    assert world.states() == [("302", "accepted")]


async def test_waits_grow(world: World) -> None:
    world.put(A, blacklist(A))
    world.receiver.script.extend(["fail", "fail"])
    waits = []
    for _ in range(2):
        await world.send()
        waits.append(world.rows()[0]["next_ms"] - world.now_ms)
        world.now_ms = world.rows()[0]["next_ms"]
    assert waits == [10_000, 20_000]


async def test_what_the_receiver_refuses_is_kept_with_its_words(world: World) -> None:
    """A second sender's books know what ours do not: here a key that the receiver has from somewhere else."""
    world.put(A, blacklist(A))
    await world.send()
    other = World()
    other.above.close()
    other.receiver = world.receiver
    other.put(B, blacklist(B))
    await other.drain()
    row = other.rows()[0]
    assert row["state"] == "rejected" and "DATA_KEY已存在" in row["answer"]
    other.store.close()


async def test_a_lost_record_is_reported_anew_under_its_key(world: World) -> None:
    world.put(A, blacklist(A))
    await world.drain()
    from tests.uplink.world import items

    world.above.write_now(lambda conn: conn.execute(items.delete()))
    world.put(A, blacklist(A, "另一原因"), version=2)
    await world.drain()
    assert world.states() == [("302", "accepted")] and world.there() == [("302", "held", 1)]


async def test_a_value_that_must_be_unique_is_held_by_the_first(world: World) -> None:
    fields = {
        "ANNOUNCEMENT_GUID": "G1",
    }
    assert held.packaged().sets["600"].fields["ANNOUNCEMENT_GUID"].unique
    first = world.store.write_now(lambda conn: sending._taken(conn, "600", "ANNOUNCEMENT_GUID", "G1", 1))
    assert not first
    world.store.write_now(lambda conn: sending._claim(conn, held.packaged().sets["600"], fields, 1))
    assert world.store.read_now(lambda conn: sending._taken(conn, "600", "ANNOUNCEMENT_GUID", "G1", 2))
    assert not world.store.read_now(lambda conn: sending._taken(conn, "600", "ANNOUNCEMENT_GUID", "G1", 1))


def test_parents_lie_before_their_children() -> None:
    standard = held.packaged()
    for number in standard.sets:
        for link in standard.links(number):
            assert depth(standard, link.parent) < depth(standard, number)


def test_keys_have_their_form(world: World) -> None:
    world.put(A, blacklist(A), listing("P1"))
    for row in world.rows():
        assert len(row["data_key"]) == 22
        assert row["data_key"].startswith(f"9120{row['number']}") and row["data_key"].isdigit()


class Line(RuleBasedStateMachine):
    """Records come, change and go while requests and answers are lost in any order."""

    records = (A, B, C)

    def __init__(self) -> None:
        super().__init__()
        self.world = World(max_tries=1000)
        self.said: dict[bytes, str | None] = {}
        self.version = 0

    def teardown(self) -> None:
        self.world.receiver.script.clear()
        self.world.receiver.down = False
        run(self.world.drain())
        self.holds_what_was_said()
        self.world.close()

    @rule(record=st.sampled_from(records), reason=st.sampled_from(["甲", "乙", "丙"]))
    def say(self, record: bytes, reason: str) -> None:
        self.version += 1
        self.said[record] = reason
        self.world.put(record, blacklist(record, reason), version=self.version)

    @rule(record=st.sampled_from(records))
    def withdraw(self, record: bytes) -> None:
        self.said[record] = None
        self.world.withdraw(record)

    @rule(wrong=st.lists(st.sampled_from(["", "busy", "fail", "lose"]), max_size=4))
    def send(self, wrong: list[str]) -> None:
        self.world.receiver.script.clear()
        self.world.receiver.script.extend(wrong)
        run(self.world.send())

    @precondition(lambda self: bool(self.said))
    @rule()
    def crash(self) -> None:
        run(self.world.send(settle=False))

    @rule()
    def wait(self) -> None:
        self.world.now_ms += 4_000_000

    @invariant()
    def none_is_there_twice(self) -> None:
        held_there = [number for number, state, _ in self.world.there() if state == "held"]
        assert len(held_there) <= len(self.said)

    def holds_what_was_said(self) -> None:
        wanted = {record.hex(): reason for record, reason in self.said.items() if reason is not None}
        rows = {row["subject"]: row for row in self.world.rows()}
        for record, reason in wanted.items():
            assert rows[record]["state"] == "accepted", rows[record]
            assert outbox.decode(rows[record]["accepted"])["RECORD_REASON"] == reason
        assert sum(state == "held" for _, state, _ in self.world.there()) == len(wanted)


def run(work: Any) -> None:
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def test_any_order_of_losses_ends_with_each_record_once() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Line,
        settings=settings(
            max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
