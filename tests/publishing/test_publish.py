from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select, text

from node.domain.codes import Division
from node.domain.record import Amendment, Document, Draft, Outcome
from node.errors import Frozen, Rejected, StorageFailed
from node.publishing import publish as publishing
from node.publishing.batch import uuid7
from node.publishing.publish import Publisher
from node.store import checkpoints, logs, payloads
from node.store.db import Store
from node.store.tables import METADATA, Issued, LogCheckpoint, LogTail, PayloadPack, PayloadRow, table
from node.tlog.checkpoint import open_checkpoint
from node.tlog.merkle import leaf_hash
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.header import Header
from tests.publishing.made import (
    NOW_MS,
    ORIGIN,
    SOURCE,
    clock,
    division,
    divisions,
    expert,
    memory_store,
    publisher,
    seeded,
    signer,
)


def header_at(store: Store, index: int) -> Header:
    return headers.parse(store.read_now(lambda conn: logs.entry(conn, logs.get(conn, ORIGIN).id, index)))


def leaf_at(store: Store, index: int) -> bytes:
    return leaf_hash(store.read_now(lambda conn: logs.entry(conn, logs.get(conn, ORIGIN).id, index)))


def rows_of_all_tables(store: Store) -> dict[str, int]:
    """Number of rows of every table that has some."""

    def work(conn: Connection) -> dict[str, int]:
        counts = {
            name: conn.execute(select(func.count()).select_from(each)).scalar_one()
            for name, each in METADATA.tables.items()
            if conn.dialect.has_table(conn, name)
        }
        return {name: count for name, count in counts.items() if count}

    return store.read_now(work)


def head(store: Store) -> tuple[int, bytes]:
    """Size and root of the newest head, once its note was verified."""

    def work(conn: Connection) -> tuple[int, bytes]:
        state = logs.get(conn, ORIGIN)
        note = checkpoints.note(conn, state.id, state.head_size, ORIGIN)
        opened, _, _ = open_checkpoint(note.encode(), [signer().verifier])
        assert (opened.size, opened.root) == (state.head_size, state.head_root)
        assert state.head_root == logs.stored_root(conn, state.id, state.head_size)
        return opened.size, opened.root

    return store.read_now(work)


async def only(sequencer: Publisher, item: Draft | Amendment) -> Outcome:
    (outcome,) = await sequencer.publish([item])
    return outcome


# --- what a published record is ------------------------------------------------------------------------------------


async def test_a_record_is_logged_signed_and_held(store: Store) -> None:
    sequencer = publisher(store)
    await sequencer.open_log()
    assert head(store)[0] == 0

    outcome = await only(sequencer, expert("E-1"))

    assert (outcome.state, outcome.version, outcome.index) == ("published", 1, 0)
    assert head(store)[0] == 1
    header = header_at(store, 0)
    assert (header.kind, header.version, header.prev_leaf) == ("expert.profile", 1, None)
    assert header.record_id == outcome.record_id
    assert [(s.name, s.audience) for s in header.sections] == [("main", "shared"), ("employment", "restricted")]
    for section in header.sections:
        held = store.read_now(lambda conn, name=section.name: payloads.get(conn, 1, 0, name))
        assert held is not None
        payload_bytes.check(*held, section.commitment)
    state = store.read_now(lambda conn: logs.get(conn, ORIGIN))
    assert (state.own, state.stored_size, state.payload_next) == (True, 1, 1)


async def test_opening_the_log_twice_signs_once(store: Store) -> None:
    for _ in range(2):
        await publisher(store).open_log()
    counts = rows_of_all_tables(store)
    assert {name: counts[name] for name in counts if name.startswith("log")} == {
        "log": 1,
        "log_checkpoint": 1,
        "log_signature": 1,
    }


async def test_a_repeat_is_unchanged_and_a_change_is_a_new_version(store: Store) -> None:
    sequencer = publisher(store)
    first = await only(sequencer, division("500103", "渝中区"))
    again = await only(sequencer, division("500103", "渝中区"))
    changed = await only(sequencer, division("500103", "渝中"))
    old = await only(publisher(store), division("500103", "渝中区"))

    assert again == replace(first, state="unchanged")
    assert (changed.state, changed.version, changed.index) == ("published", 2, 1)
    assert changed.record_id == first.record_id
    assert old == replace(first, state="unchanged"), "what an earlier version said is a repeat too"


async def test_the_same_key_of_another_kind_is_another_record(store: Store) -> None:
    other = Draft("expert.class", "500103", division("500103").sections, {"code": "500103"})
    one, two = await publisher(store).publish([division("500103"), other])
    assert one.record_id != two.record_id
    assert (two.state, two.version) == ("published", 1)


async def test_a_log_grows_over_several_bundles(store: Store) -> None:
    sequencer = publisher(store)
    for start, end in ((0, 100), (100, 300), (300, 812), (812, 813)):
        outcomes = await sequencer.publish(divisions(range(start, end)))
        assert [outcome.index for outcome in outcomes] == list(range(start, end))
        assert head(store)[0] == end
    counts = rows_of_all_tables(store)
    assert (counts["log_bundle"], counts["log_tail"], counts["payload_pack"]) == (3, 45, 3)
    assert counts["payload_row"] == 45, "payloads of full bundles are folded"


async def test_without_items_nothing_is_signed(store: Store) -> None:
    sequencer = publisher(store)
    await sequencer.open_log()
    before = rows_of_all_tables(store)
    assert await sequencer.publish([]) == []
    assert rows_of_all_tables(store) == before


async def test_a_frozen_log_is_not_signed(store: Store) -> None:
    sequencer = publisher(store)
    await only(sequencer, division("500103"))
    store.write_now(lambda conn: logs.freeze(conn, 1, "fork"))
    with pytest.raises(Frozen, match="fork"):
        await only(sequencer, division("500104"))
    assert head(store)[0] == 1


async def test_news_is_told_only_when_something_was_published(store: Store) -> None:
    told: list[int] = []
    sequencer = publisher(store, on_publish=lambda: told.append(head(store)[0]))
    for _ in range(2):
        await only(sequencer, division("500103"))
    assert told == [1]


# --- L3: the chain of versions -------------------------------------------------------------------------------------


async def test_L3_each_version_names_the_leaf_before(store: Store) -> None:
    sequencer = publisher(store)
    for name in ("一", "二", "三"):
        await only(sequencer, division("500103", name))
    chain = [header_at(store, index) for index in range(3)]
    assert [header.version for header in chain] == [1, 2, 3]
    assert [header.prev_leaf for header in chain] == [None, leaf_at(store, 0), leaf_at(store, 1)]
    assert len({header.record_id for header in chain}) == 1


async def test_L3_the_version_before_may_be_of_the_same_batch(store: Store) -> None:
    sequencer = publisher(store)
    items = [division("500103", "一"), division("500104"), division("500103", "二"), division("500103", "一")]
    outcomes = await sequencer.publish(items)
    assert [(o.state, o.version, o.index) for o in outcomes] == [
        ("published", 1, 0),
        ("published", 1, 1),
        ("published", 2, 2),
        ("unchanged", 1, 0),
    ]
    assert header_at(store, 2).prev_leaf == leaf_at(store, 0)


async def test_L3_a_withdrawal_is_a_new_version(store: Store) -> None:
    def withdraw(current: Document[Any] | None) -> Document[Any]:
        assert current is not None
        return Document(current.key, current.body, SOURCE, status="withdrawn", reason="错误")

    sequencer = publisher(store)
    await only(sequencer, division("500103"))
    outcome = await only(sequencer, Amendment("code.division", "500103", withdraw, {"withdrawn": "2025-01-01"}))
    assert (outcome.state, outcome.version) == ("published", 2)
    held = store.read_now(lambda conn: payloads.get(conn, 1, 1, "main"))
    assert held is not None
    assert payload_bytes.decode(held[1])["status"] == "withdrawn"
    assert payload_bytes.decode(held[1])["body"]["name"] == "某区", "what was withdrawn stays readable"


# --- L4: order and numbers -----------------------------------------------------------------------------------------


async def test_L4_order_is_the_index_and_never_the_clock(store: Store) -> None:
    times = iter([NOW_MS, NOW_MS - 86_400_000, NOW_MS - 1])
    sequencer = Publisher(store, signer(), lambda: next(times), random=seeded(1))
    outcomes = [await only(sequencer, item) for item in divisions(range(3))]
    assert [outcome.index for outcome in outcomes] == [0, 1, 2]
    assert header_at(store, 1).claimed_ms < header_at(store, 0).claimed_ms


async def test_L4_a_number_with_a_point_is_rejected(store: Store) -> None:
    wrong = Document("1", Division(code="1", name="x", level=1.5), SOURCE)  # type: ignore[arg-type]
    outcome = await only(publisher(store), Draft("code.division", "1", {"main": wrong}, {"level": "1.5"}))
    assert outcome.state == "rejected"
    assert outcome.error is not None
    assert outcome.error.field == "body.level"


# --- amendments and rejections -------------------------------------------------------------------------------------


def renaming(key: str, name: str, seen: list[str]) -> Amendment:
    def apply(current: Document[Any] | None) -> Document[Any]:
        if current is None:
            raise Rejected("nothing to change", field="key")
        seen.append(current.body.name)
        return Document(key, Division(code=key, name=name), SOURCE)

    return Amendment("code.division", key, apply, {"renamed": name})


async def test_an_amendment_gets_what_came_before(store: Store) -> None:
    seen: list[str] = []
    await only(publisher(store), division("500103", "一"))
    outcomes = await publisher(store).publish([renaming("500103", "二", seen), renaming("500103", "三", seen)])
    assert seen == ["一", "二"], "from the store, then from the same batch"
    assert [outcome.version for outcome in outcomes] == [2, 3]
    again = await only(publisher(store), renaming("500103", "二", seen))
    assert (again.state, again.version) == ("unchanged", 2)


async def test_an_amendment_of_a_folded_record_reads_its_pack(store: Store) -> None:
    sequencer = publisher(store)
    await sequencer.publish(divisions(range(256)))
    seen: list[str] = []
    assert (await only(sequencer, renaming("000007", "新名", seen))).version == 2
    assert seen == ["某区"]


async def test_an_amendment_without_a_record_is_rejected(store: Store) -> None:
    outcome = await only(publisher(store), renaming("500103", "二", []))
    assert outcome.state == "rejected"
    assert outcome.error is not None
    assert outcome.error.field == "key"


def unreadable() -> list[Draft]:
    good = division("1")
    return [
        Draft("no.such.kind", "1", good.sections, {"n": 1}),
        Draft("code.division", "1", {}, {"n": 2}),
        Draft("code.division", "1", {**good.sections, "extra": good.sections["main"]}, {"n": 3}),
        division("1", "e\u0301"),
        division("1", "\ud800"),
        Draft("code.division", "\ud800", {"main": Document("\ud800", Division(code="1", name=""), SOURCE)}, {"n": 4}),
        Draft("code.division", "1", good.sections, {"said": object()}),
        Draft("code.division", "1", good.sections, {"said": 2**70}),
        Draft(
            "code.division", "1", {"main": Document("1", Division(code="1", name="n", level=2**70), SOURCE)}, {"n": 5}
        ),
        Draft("code.division", "1", {"main": object()}, {"n": 6}),
        division("1", "长" * 400_000),
    ]


@pytest.mark.parametrize("place", range(len(unreadable())))
async def test_a_rejected_item_leaves_no_trace_and_stops_nobody(store: Store, place: int) -> None:
    wrong = unreadable()[place]
    sequencer = publisher(store)
    await sequencer.open_log()
    before = rows_of_all_tables(store)

    (outcome,) = await sequencer.publish([wrong])
    assert outcome.state == "rejected"
    assert isinstance(outcome.error, Rejected)
    assert (outcome.record_id, outcome.index) == (None, None)
    assert rows_of_all_tables(store) == before

    outcomes = await sequencer.publish([division("2"), wrong, division("1"), division("3")])
    assert [(o.state, o.version, o.index) for o in outcomes] == [
        ("published", 1, 0),
        ("rejected", 0, None),
        ("published", 1, 1),
        ("published", 1, 2),
    ]
    assert head(store)[0] == 3


async def test_a_rejected_change_keeps_the_chain(store: Store) -> None:
    sequencer = publisher(store)
    outcomes = await sequencer.publish([division("1", "一"), division("1", "e\u0301"), division("1", "二")])
    assert [o.state for o in outcomes] == ["published", "rejected", "published"]
    assert header_at(store, 1).prev_leaf == leaf_at(store, 0)


# --- L5: one sequencer ---------------------------------------------------------------------------------------------


async def test_L5_concurrent_callers_get_consecutive_indexes_and_their_own_outcomes(store: Store) -> None:
    sequencer = publisher(store)
    calls = [[division(f"{call:03d}{item:03d}") for item in range(call % 5)] for call in range(60)]
    answers = await asyncio.gather(*(sequencer.publish(items) for items in calls))
    assert [len(answer) for answer in answers] == [len(items) for items in calls]
    indexes = [outcome.index for answer in answers for outcome in answer]
    assert sorted(indexes) == list(range(len(indexes)))
    for items, answer in zip(calls, answers, strict=True):
        for item, outcome in zip(items, answer, strict=True):
            assert outcome.index is not None
            held = store.read_now(lambda conn, index=outcome.index: payloads.get(conn, 1, index, "main"))
            assert held is not None
            assert payload_bytes.decode(held[1])["key"] == item.key
    assert head(store)[0] == len(indexes)


async def test_L5_callers_that_come_together_share_a_signature(store: Store) -> None:
    sequencer = publisher(store)
    await sequencer.open_log()
    await asyncio.gather(*(sequencer.publish([item]) for item in divisions(range(40))))
    notes = store.read_now(lambda conn: conn.execute(select(func.count()).select_from(table(LogCheckpoint))).scalar())
    assert notes is not None
    assert notes < 10


async def test_L5_the_business_row_and_the_entry_are_one_transaction(store: Store) -> None:
    outcomes = await publisher(store).publish([division("1"), expert("E-1")])
    rows = store.read_now(lambda conn: conn.execute(select(table(Issued)).order_by(table(Issued).c.idx)).all())
    assert [(row.idx, row.record_id, row.version) for row in rows] == [(o.index, o.record_id, 1) for o in outcomes]
    assert [row.leaf for row in rows] == [leaf_at(store, 0), leaf_at(store, 1)]


async def test_L5_a_caller_that_gives_up_does_not_stop_the_others(store: Store) -> None:
    sequencer = publisher(store)
    calls = [asyncio.create_task(sequencer.publish([item])) for item in divisions(range(5))]
    await asyncio.sleep(0)
    calls[1].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[1], asyncio.CancelledError)
    done = [answer[0].state for answer in answers if isinstance(answer, list)]
    assert done == ["published"] * 4


# --- L7: the head is durable before the note leaves ----------------------------------------------------------------


async def test_L7_the_head_is_durable_before_anybody_hears_of_it(store: Store, database: Path) -> None:
    heard: list[tuple[int, int]] = []

    def listen() -> None:
        # Another process's view: only what is committed.
        other = sqlite3.connect(database)
        size = other.execute("SELECT head_size FROM log").fetchone()[0]
        signed = other.execute("SELECT count(*) FROM log_signature WHERE size = ?", (size,)).fetchone()[0]
        other.close()
        heard.append((size, signed))

    sequencer = publisher(store, on_publish=listen)
    for item in divisions(range(3)):
        await only(sequencer, item)
        size = heard[-1][0]
        assert size == len(heard)
    assert heard == [(1, 1), (2, 1), (3, 1)]


async def test_L7_a_commit_that_fails_gives_out_no_note(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sequencer = publisher(store)
    await only(sequencer, division("1"))
    before = rows_of_all_tables(store), head(store)

    def fail(conn: Connection) -> None:
        raise OSError("power cut")

    event.listen(store._engine, "commit", fail)
    with pytest.raises(OSError, match="power cut"):
        await only(sequencer, division("2"))
    event.remove(store._engine, "commit", fail)
    assert (rows_of_all_tables(store), head(store)) == before
    assert (await only(sequencer, division("2"))).index == 1


@pytest.mark.parametrize(
    "stage",
    [
        "logs.append",
        "payloads.put_rows",
        "payloads.fold",
        "logs.move_payload_next",
        "checkpoints.put",
        "logs.move_head",
    ],
)
@pytest.mark.parametrize("after", [False, True])
async def test_a_kill_between_two_steps_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, stage: str, after: bool
) -> None:
    sequencer = publisher(store)
    await sequencer.publish(divisions(range(250)))
    before = rows_of_all_tables(store), head(store)
    module, name = stage.split(".")
    step: Callable[..., Any] = getattr(getattr(publishing, module), name)

    def killed(*args: Any, **options: Any) -> Any:
        if after:
            step(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(getattr(publishing, module), name, killed)
        with pytest.raises(KeyboardInterrupt):
            store.write_now(lambda conn: sequencer._publish(conn, divisions(range(250, 260))))
    assert (rows_of_all_tables(store), head(store)) == before
    outcomes = await sequencer.publish(divisions(range(250, 260)))
    assert [outcome.index for outcome in outcomes] == list(range(250, 260))


async def test_a_failed_call_fails_its_callers_and_no_later_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sequencer = publisher(store)
    with monkeypatch.context() as patch:
        patch.setattr(publishing.logs, "move_head", lambda *_: (_ for _ in ()).throw(StorageFailed("broken")))
        answers = await asyncio.gather(
            *(sequencer.publish([item]) for item in divisions(range(3))), return_exceptions=True
        )
    assert all(isinstance(answer, StorageFailed) for answer in answers)
    assert (await only(sequencer, division("1"))).index == 0


# --- L8: nothing is signed that was not read back ------------------------------------------------------------------


def drop_triggers(store: Store) -> None:
    def work(conn: Connection) -> None:
        for name in conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            conn.execute(text(f"DROP TRIGGER {name}"))

    store.write_now(work)


FLIPS = {
    "new tail entry": "UPDATE log_tail SET entry = cast(substr(entry, 1, 40) || x'FF' || substr(entry, 42) AS BLOB)"
    " WHERE idx = (SELECT max(idx) FROM log_tail)",
    "old tail entry": "UPDATE log_tail SET entry = cast(substr(entry, 1, 40) || x'FF' || substr(entry, 42) AS BLOB)"
    " WHERE idx = (SELECT min(idx) FROM log_tail)",
    "new bundle": "UPDATE log_bundle SET data = cast(substr(data, 1, 40) || x'FF' || substr(data, 42) AS BLOB)"
    " WHERE n = (SELECT max(n) FROM log_bundle)",
    "new tile": "UPDATE log_tile SET hashes = cast(zeroblob(1) || substr(hashes, 2) AS BLOB)"
    " WHERE n = (SELECT max(n) FROM log_tile)",
    "hash row": "UPDATE log_node SET hash = cast(zeroblob(1) || substr(hash, 2) AS BLOB)",
    "lost tail entry": "DELETE FROM log_tail WHERE idx = (SELECT max(idx) FROM log_tail)",
}


@pytest.mark.parametrize(
    ("what", "before", "batch"),
    [
        ("new tail entry", 0, 5),
        ("new tail entry", 300, 5),
        ("old tail entry", 5, 5),
        ("old tail entry", 300, 5),
        ("new bundle", 250, 10),
        ("new tile", 250, 10),
        ("hash row", 250, 10),
        ("lost tail entry", 5, 5),
    ],
)
async def test_L8_a_bit_that_changes_between_write_and_signing_prevents_signing(
    store: Store, monkeypatch: pytest.MonkeyPatch, what: str, before: int, batch: int
) -> None:
    drop_triggers(store)
    sequencer = publisher(store)
    if before:
        await sequencer.publish(divisions(range(before)))
    else:
        await sequencer.open_log()
    held = rows_of_all_tables(store), head(store)
    move = logs.move_payload_next

    def flip(conn: Connection, log_id: int, position: int) -> None:
        move(conn, log_id, position)
        assert conn.execute(text(FLIPS[what])).rowcount > 0

    with monkeypatch.context() as patch:
        patch.setattr(logs, "move_payload_next", flip)
        with pytest.raises(StorageFailed):
            await sequencer.publish(divisions(range(1000, 1000 + batch)))
    assert (rows_of_all_tables(store), head(store)) == held, "the transaction leaves nothing, and no new signature"
    assert (await only(sequencer, division("999999"))).index == before


@pytest.mark.parametrize("what", ["new tail entry", "old tail entry", "hash row", "lost tail entry"])
async def test_L8_a_bit_that_changed_since_the_last_head_prevents_signing(store: Store, what: str) -> None:
    drop_triggers(store)
    sequencer = publisher(store)
    await sequencer.publish(divisions(range(300)))
    store.write_now(lambda conn: conn.execute(text(FLIPS[what])))
    for batch in (divisions(range(1000, 1001)), divisions(range(1000, 1300))):
        with pytest.raises(StorageFailed):
            await sequencer.publish(batch)


# --- small parts ---------------------------------------------------------------------------------------------------


def test_uuid7_is_version_7_with_the_time_in_front() -> None:
    made = uuid7(NOW_MS, seeded(3))
    assert len(made) == 16
    assert int.from_bytes(made[:6], "big") == NOW_MS
    assert made[6] >> 4 == 7
    assert made[8] >> 6 == 0b10
    assert uuid7(0, lambda n: b"\xff" * n).hex() == "0000000000007fffbfffffffffffffff"


async def test_publishing_works_in_memory_too() -> None:
    store = memory_store()
    sequencer = Publisher(store, signer(), clock, random=seeded(1))
    await sequencer.publish(divisions(range(600)))
    assert head(store)[0] == 600
    store.close()


async def test_a_bundle_too_large_for_a_pack_keeps_its_rows(store: Store) -> None:
    """256 payloads may be more than a pack holds; then they stay rows, and travel in several packs."""
    sequencer = publisher(store)
    big = "长" * 300_000
    await sequencer.publish([division(str(n), big + str(n)) for n in range(80)])
    await sequencer.publish(divisions(range(1000, 1176)))
    counts = rows_of_all_tables(store)
    assert table(PayloadPack).name not in counts
    assert counts[table(PayloadRow).name] == 256
    assert counts.get(table(LogTail).name) is None
    made: list[bytes] = []
    start = 0
    while start < 256:
        part, start = store.read_now(lambda conn, at=start: payloads.packed(conn, 1, ORIGIN, at, 256, ["public"]))
        made += part
    assert len(made) > 1
    rows = [row for data in made for row in publishing.payloads.packs.parse(data).rows]
    assert [row.index for row in rows] == list(range(256))
