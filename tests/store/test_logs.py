from __future__ import annotations

import multiprocessing
import random
import sqlite3
import threading
from hashlib import sha256
from itertools import pairwise
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from node.errors import BadProof, Conflict, Malformed, NotFound, StorageFailed
from node.store import logs
from node.store.db import Store
from node.tlog.merkle import EMPTY_ROOT, leaf_hash, root_of, verify_consistency, verify_inclusion
from node.tlog.tiles import WIDTH, consistency_proof, decode_bundle, encode_bundle, inclusion_proof
from tests.publishing.made import ORIGIN, OTHER, file_store, memory_store

LOG_TABLES = ("log_bundle", "log_tile", "log_tail", "log_node")


def entry(index: int) -> bytes:
    return b"entry %d" % index + bytes(index % 5)


def entries(start: int, end: int) -> list[bytes]:
    return [entry(index) for index in range(start, end)]


def contents(conn: Connection, log_id: int) -> dict[str, list[Any]]:
    """All rows of the four log tables of one log, without its number."""
    found = {}
    for name in LOG_TABLES:
        rows = conn.execute(text(f"SELECT * FROM {name} WHERE log_id = {log_id} ORDER BY 1, 2, 3"))
        found[name] = [tuple(row)[1:] for row in rows]
    return found


# --- the one door --------------------------------------------------------------------------------------------------

# Steps of any size, those around a bundle's edge more often.
STEPS = st.lists(st.one_of(st.integers(1, 700), st.sampled_from([1, 255, 256, 257, 511, 512])), min_size=1, max_size=6)


@settings(max_examples=40)
@given(STEPS)
def test_any_chunking_gives_the_same_bytes_as_one_append(steps: list[int]) -> None:
    store = memory_store()
    size = sum(steps)

    def work(conn: Connection) -> None:
        pieces, whole = logs.ensure(conn, ORIGIN), logs.ensure(conn, OTHER)
        at = 0
        for step in steps:
            assert logs.append(conn, pieces.id, at, entries(at, at + step)) == at + step
            at += step
        logs.append(conn, whole.id, 0, entries(0, size))
        assert contents(conn, pieces.id) == contents(conn, whole.id)
        assert logs.stored_root(conn, pieces.id, size) == root_of([leaf_hash(item) for item in entries(0, size)])

    store.write_now(work)
    store.close()


def test_one_by_one_over_two_bundles(store: Store) -> None:
    def work(conn: Connection) -> None:
        pieces, whole = logs.ensure(conn, ORIGIN), logs.ensure(conn, OTHER)
        for index in range(600):
            logs.append(conn, pieces.id, index, [entry(index)])
        logs.append(conn, whole.id, 0, entries(0, 600))
        held = contents(conn, pieces.id)
        assert held == contents(conn, whole.id)
        assert {name: len(rows) for name, rows in held.items()} == {
            "log_bundle": 2,
            "log_tile": 2,
            "log_tail": 88,
            "log_node": 2,
        }

    store.write_now(work)


def test_the_256th_hash_of_a_level_folds_its_row(store: Store) -> None:
    size = WIDTH * WIDTH

    def grow(conn: Connection) -> dict[str, list[Any]]:
        state = logs.ensure(conn, ORIGIN)
        logs.append(conn, state.id, 0, entries(0, size - 1))
        before = contents(conn, state.id)
        assert [(level, index) for level, index, _ in before["log_node"]] == [(1, index) for index in range(255)]
        logs.append(conn, state.id, size - 1, [entry(size - 1)])
        return contents(conn, state.id)

    held = store.write_now(grow)
    assert [(level, index) for level, index, _ in held["log_node"]] == [(2, 0)]
    assert [(level, n) for level, n, _ in held["log_tile"]][-1] == (1, 0)
    assert held["log_tail"] == []
    assert held["log_node"][0][2] == store.read_now(lambda conn: logs.stored_root(conn, 1, size))


def test_an_append_at_a_wrong_place_is_a_conflict_that_changes_nothing(store: Store) -> None:
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, entries(0, 300)))
    before = store.read_now(lambda conn: contents(conn, 1))
    for start in (0, 256, 299, 301, 10_000):
        with pytest.raises(Conflict) as caught:
            store.write_now(lambda conn, start=start: logs.append(conn, 1, start, [b"x"]))  # type: ignore[misc]
        assert caught.value.size == 300
    assert store.read_now(lambda conn: contents(conn, 1)) == before


def test_an_append_of_nothing_changes_nothing(store: Store) -> None:
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, entries(0, 3)))
    assert store.write_now(lambda conn: logs.append(conn, 1, 3, [])) == 3
    assert len(store.read_now(lambda conn: contents(conn, 1))["log_tail"]) == 3


def test_an_entry_that_no_bundle_could_hold_is_refused_at_the_door(store: Store) -> None:
    def work(conn: Connection) -> None:
        state = logs.ensure(conn, ORIGIN)
        logs.append(conn, state.id, 0, [b"x" * 65_535])
        logs.append(conn, state.id, 1, [b"x" * 65_536])

    with pytest.raises(Malformed, match="65535"):
        store.write_now(work)


def test_a_lost_tail_row_stops_the_append_instead_of_shifting_what_follows() -> None:
    store = memory_store()
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, entries(0, 200)))
    store.write_now(lambda conn: conn.execute(text("DELETE FROM log_tail WHERE idx = 7")))
    with pytest.raises(StorageFailed):
        store.write_now(lambda conn: logs.append(conn, 1, 200, entries(200, 300)))
    store.write_now(lambda conn: conn.execute(text("DELETE FROM log_tail")))
    with pytest.raises(StorageFailed):
        store.write_now(lambda conn: logs.append(conn, 1, 200, entries(200, 300)))
    assert store.read_now(lambda conn: logs.get(conn, ORIGIN)).stored_size == 200
    store.close()


# --- reading -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grown() -> Any:
    """A log of 600 entries, in memory."""
    store = memory_store()
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, entries(0, 600)))
    yield store
    store.close()


@pytest.mark.parametrize("width", [1, 2, 87, 88, 255, 256])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_bundles_and_tiles_of_any_width(grown: Store, n: int, width: int) -> None:
    first, last = n * 256, n * 256 + width
    if last > 600:
        with pytest.raises(NotFound):
            grown.read_now(lambda conn: logs.read_bundle(conn, 1, n, width))
        with pytest.raises(NotFound):
            grown.read_now(lambda conn: logs.read_tile(conn, 1, 0, n, width))
        return
    assert grown.read_now(lambda conn: logs.read_bundle(conn, 1, n, width)) == encode_bundle(entries(first, last))
    leaves = [leaf_hash(item) for item in entries(first, last)]
    assert grown.read_now(lambda conn: logs.read_tile(conn, 1, 0, n, width)) == b"".join(leaves)


def test_a_higher_tile_is_made_of_full_ones_only(grown: Store) -> None:
    roots = [root_of([leaf_hash(item) for item in entries(n * 256, n * 256 + 256)]) for n in range(2)]
    assert grown.read_now(lambda conn: logs.read_tile(conn, 1, 1, 0, 2)) == b"".join(roots)
    assert grown.read_now(lambda conn: logs.read_tile(conn, 1, 1, 0, 1)) == roots[0]
    for level, n, width in ((1, 0, 3), (2, 0, 1), (1, 1, 1), (63, 0, 1)):
        with pytest.raises(NotFound):
            grown.read_now(lambda conn, a=level, b=n, c=width: logs.read_tile(conn, 1, a, b, c))  # type: ignore[misc]


@settings(max_examples=60)
@given(st.integers(0, 600), st.integers(0, 600))
def test_entries_of_any_stretch(grown: Store, start: int, end: int) -> None:
    if start <= end:
        assert grown.read_now(lambda conn: logs.entries(conn, 1, start, end)) == entries(start, end)


def test_entries_that_are_not_stored_are_not_found(grown: Store) -> None:
    for start, end in ((0, 601), (599, 601), (600, 601), (5000, 5001)):
        with pytest.raises(NotFound):
            grown.read_now(lambda conn, a=start, b=end: logs.entries(conn, 1, a, b))  # type: ignore[misc]
    assert grown.read_now(lambda conn: logs.entry(conn, 1, 599)) == entry(599)


@settings(max_examples=60)
@given(st.integers(1, 600), st.data())
def test_proofs_from_stored_tiles_verify(grown: Store, size: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))

    def work(conn: Connection) -> None:
        tiles = logs.tile_reader(conn, 1)
        root, old_root = logs.stored_root(conn, 1, size), logs.stored_root(conn, 1, old)
        assert root == root_of([leaf_hash(item) for item in entries(0, size)])
        verify_inclusion(index, size, leaf_hash(entry(index)), inclusion_proof(tiles, index, size), root)
        verify_consistency(old, size, old_root, root, consistency_proof(tiles, old, size))

    grown.read_now(work)


def test_the_edge_is_that_of_all_entries(grown: Store) -> None:
    edge = grown.read_now(lambda conn: logs.edge(conn, logs.get(conn, ORIGIN)))
    assert (edge.size, edge.root()) == (600, root_of([leaf_hash(item) for item in entries(0, 600)]))


def test_logs_are_found_by_name_hash_and_number(store: Store) -> None:
    def work(conn: Connection) -> None:
        assert logs.find(conn, ORIGIN) is None
        with pytest.raises(NotFound):
            logs.get(conn, ORIGIN)
        with pytest.raises(NotFound):
            logs.by_hash(conn, "00" * 32)
        other = logs.ensure(conn, OTHER)
        made = logs.ensure(conn, ORIGIN, own=True)
        assert made == logs.ensure(conn, ORIGIN) == logs.get(conn, ORIGIN) == logs.by_id(conn, made.id)
        assert logs.by_hash(conn, sha256(ORIGIN.encode()).hexdigest()) == made
        assert (made.head_root, made.witnessed_root, made.stored_size) == (EMPTY_ROOT, EMPTY_ROOT, 0)
        assert logs.all_logs(conn) == [made, other], "the own log first"
        logs.append(conn, made.id, 0, entries(0, 3))
        logs.append(conn, other.id, 0, entries(0, 4))
        assert logs.total_stored(conn) == 7

    store.write_now(work)


# --- heads: compare and swap ---------------------------------------------------------------------------------------


def test_L7_the_head_moves_only_from_what_was_read(store: Store) -> None:
    def work(conn: Connection) -> None:
        before = logs.ensure(conn, ORIGIN)
        logs.append(conn, before.id, 0, entries(0, 10))
        root = logs.stored_root(conn, before.id, 4)
        logs.move_head(conn, before, 4, root)
        with pytest.raises(Conflict) as caught:
            logs.move_head(conn, before, 5, logs.stored_root(conn, before.id, 5))
        assert caught.value.size == 4
        now = logs.get(conn, ORIGIN)
        assert (now.head_size, now.head_root) == (4, root)
        logs.move_head(conn, now, 4, root)
        with pytest.raises(Conflict):
            logs.move_head(conn, now, 4, bytes(32))
        with pytest.raises(Conflict):
            logs.move_head(conn, now, 3, logs.stored_root(conn, before.id, 3))
        with pytest.raises(Conflict):
            logs.move_head(conn, now, 11, bytes(32))
        logs.freeze(conn, before.id, "fork")
        with pytest.raises(Conflict):
            logs.move_head(conn, logs.get(conn, ORIGIN), 10, logs.stored_root(conn, before.id, 10))
        assert (logs.get(conn, ORIGIN).head_size, logs.get(conn, ORIGIN).frozen) == (4, "fork")

    store.write_now(work)


def test_the_witnessed_head_moves_only_from_what_was_read(store: Store) -> None:
    def work(conn: Connection) -> None:
        before = logs.ensure(conn, ORIGIN)
        logs.move_witnessed(conn, before, 7, b"\x01" * 32)
        with pytest.raises(Conflict) as caught:
            logs.move_witnessed(conn, before, 8, b"\x02" * 32)
        assert caught.value.size == 7
        now = logs.get(conn, ORIGIN)
        for size, root in ((6, b"\x02" * 32), (7, b"\x02" * 32)):
            with pytest.raises(Conflict):
                logs.move_witnessed(conn, now, size, root)
        logs.move_witnessed(conn, now, 7, b"\x01" * 32)
        logs.move_witnessed(conn, now, 9, b"\x02" * 32)
        assert logs.get(conn, ORIGIN).witnessed_size == 9

    store.write_now(work)


def test_a_root_is_checked_against_stored_entries(store: Store) -> None:
    def work(conn: Connection) -> None:
        state = logs.ensure(conn, ORIGIN)
        logs.append(conn, state.id, 0, entries(0, 300))
        logs.check_root(conn, state.id, 300, root_of([leaf_hash(item) for item in entries(0, 300)]))
        with pytest.raises(BadProof):
            logs.check_root(conn, state.id, 299, root_of([leaf_hash(item) for item in entries(0, 300)]))

    store.write_now(work)


def test_payload_next_never_goes_back(store: Store) -> None:
    def work(conn: Connection) -> None:
        state = logs.ensure(conn, ORIGIN)
        for position in (5, 3, 7, 0):
            logs.move_payload_next(conn, state.id, position)
        assert logs.get(conn, ORIGIN).payload_next == 7

    store.write_now(work)


# --- L6: the log only grows ----------------------------------------------------------------------------------------

CHANGES = [
    "UPDATE log_bundle SET data = x'00'",
    "UPDATE log_tile SET hashes = x'00'",
    "UPDATE log_tail SET entry = x'00'",
    "UPDATE log_tail SET idx = idx + 1000",
    "UPDATE log_node SET hash = x'00'",
    "DELETE FROM log_bundle",
    "DELETE FROM log_tile",
    "DELETE FROM log_tail",
    "DELETE FROM log_node",
    "INSERT OR REPLACE INTO log_bundle (log_id, n, data) VALUES (1, 0, x'00')",
    "INSERT OR REPLACE INTO log_tile (log_id, level, n, hashes) VALUES (1, 0, 0, x'00')",
    "INSERT OR REPLACE INTO log_tail (log_id, idx, entry) VALUES (1, 299, x'00')",
    "INSERT OR REPLACE INTO log_node (log_id, level, idx, hash) VALUES (1, 1, 0, x'00')",
    "INSERT INTO log_bundle (log_id, n, data) VALUES (1, 0, x'00') ON CONFLICT DO UPDATE SET data = x'00'",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_L6_the_log_refuses_change(store: Store, statement: str) -> None:
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, entries(0, 300)))
    before = store.read_now(lambda conn: contents(conn, 1))
    with pytest.raises(IntegrityError, match="the log only grows"):
        store.write_now(lambda conn: conn.execute(text(statement)))
    assert store.read_now(lambda conn: contents(conn, 1)) == before


def test_L6_another_tool_is_refused_too(store: Store, database: Path) -> None:
    store.write_now(lambda conn: logs.append(conn, logs.ensure(conn, ORIGIN).id, 0, entries(0, 300)))
    tool = sqlite3.connect(database, isolation_level=None)
    for statement in CHANGES:
        if "REPLACE" not in statement:
            with pytest.raises(sqlite3.IntegrityError, match="the log only grows"):
                tool.execute(statement)
    tool.close()


def test_L6_folding_is_allowed_and_only_folding(store: Store) -> None:
    def work(conn: Connection) -> None:
        state = logs.ensure(conn, ORIGIN)
        logs.append(conn, state.id, 0, entries(0, 255))
        logs.append(conn, state.id, 255, entries(255, 258))
        assert [index for index, _ in contents(conn, state.id)["log_tail"]] == [256, 257]

    store.write_now(work)
    with pytest.raises(IntegrityError, match="the log only grows"):
        store.write_now(lambda conn: conn.execute(text("DELETE FROM log_tail WHERE idx = 256")))


# --- races ---------------------------------------------------------------------------------------------------------


def test_L5_of_racing_threads_one_wins_each_place(database: Path) -> None:
    stores = [file_store(database) for _ in range(4)]
    stores[0].write_now(lambda conn: logs.ensure(conn, ORIGIN))
    won: list[tuple[int, int]] = []
    gate = threading.Barrier(len(stores))

    def run(number: int) -> None:
        rng = random.Random(number)
        gate.wait()
        place = 0
        while place < 600:
            new = [b"%d by %d" % (place + offset, number) for offset in range(rng.randint(1, 40))]
            try:
                end = stores[number].write_now(lambda conn, a=place, b=new: logs.append(conn, 1, a, b))  # type: ignore[misc]
                won.append((place, end))
                place = end
            except Conflict as conflict:
                place = conflict.size

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won.sort()
    assert won[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(won)), "no gap, no overlap"
    size = won[-1][1]
    stored = stores[0].read_now(lambda conn: logs.entries(conn, 1, 0, size))
    assert [int(item.split()[0]) for item in stored] == list(range(size))
    for store in stores:
        store.close()


def _racer(path: str, number: int, gate: Barrier, results: Any) -> None:
    store = file_store(Path(path))
    gate.wait()
    try:
        results.put((number, store.write_now(lambda conn: logs.append(conn, 1, 0, [b"%d" % number] * 300))))
    except Conflict as conflict:
        results.put((number, -conflict.size))
    store.close()


def test_L5_of_two_processes_one_wins(database: Path) -> None:
    store = file_store(database)
    store.write_now(lambda conn: logs.ensure(conn, ORIGIN))
    method = multiprocessing.get_context("spawn")
    gate, results = method.Barrier(2), method.Queue()
    racers = [method.Process(target=_racer, args=(str(database), number, gate, results)) for number in range(2)]
    for racer in racers:
        racer.start()
    outcome = dict(results.get() for _ in racers)
    for racer in racers:
        racer.join()
    results.close()
    results.join_thread()
    assert sorted(outcome.values()) == [-300, 300]
    winner = next(number for number, end in outcome.items() if end == 300)
    assert set(store.read_now(lambda conn: logs.entries(conn, 1, 0, 300))) == {b"%d" % winner}
    assert decode_bundle(store.read_now(lambda conn: logs.read_bundle(conn, 1, 0, 256)), 256)
    store.close()
