"""Reading back a batch: the cheap way gives what the tiles give, also where hashes fold into a tile (DESIGN L8)."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from node.errors import StorageFailed
from node.store import checkpoints, logs, readback
from node.store.db import Store
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash
from node.tlog.tiles import WIDTH, Edge
from tests.publishing.made import ORIGIN, divisions, publisher, signer

FOLD = WIDTH * WIDTH


def signed(store: Store, size: int) -> Edge:
    """Give our log so many entries of no meaning, with a signed head; the edge is computed apart from the store."""
    entries = [b"%d" % number for number in range(size)]
    edge = Edge()
    edge.extend([leaf_hash(entry) for entry in entries])

    def work(conn: Connection) -> None:
        state = logs.ensure(conn, ORIGIN, own=True)
        logs.append(conn, state.id, 0, entries)
        logs.move_payload_next(conn, state.id, size)
        said = Checkpoint(ORIGIN, size, edge.root()).text()
        checkpoints.put(conn, state.id, size, said, [signer().sign_note(said)])
        logs.move_head(conn, state, size, edge.root())

    store.write_now(work)
    return edge


def grown(edge: Edge, store: Store, size: int) -> bytes:
    """The root of the log of `size` entries, from the edge of before and the entries that came."""
    entries = store.read_now(lambda conn: logs.entries(conn, 1, edge.size, size))
    edge.extend([leaf_hash(entry) for entry in entries])
    return edge.root()


@pytest.mark.parametrize(
    ("before", "batch"),
    [(0, 300), (700, 3), (1023, 1), (700, 900), (FOLD - 10, 20), (FOLD - 300, 700), (FOLD + 1, 300)],
)
async def test_the_signed_root_is_that_of_all_entries(store: Store, before: int, batch: int) -> None:
    edge = signed(store, before)
    sequencer = publisher(store)
    await sequencer.publish(divisions(range(batch)))
    state = store.read_now(lambda conn: logs.get(conn, ORIGIN))
    assert (state.stored_size, state.head_size) == (before + batch, before + batch)
    assert state.head_root == grown(edge, store, before + batch)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 5 * WIDTH + 7, FOLD, FOLD + 3 * WIDTH, 2 * FOLD + 300])
def test_the_right_edge_is_that_of_the_tiles(store: Store, size: int) -> None:
    signed(store, size)
    base = size - size % WIDTH

    def work(conn: Connection) -> tuple[readback.RightEdge | None, Edge]:
        return readback.right_edge(conn, 1, base, size), Edge.from_tiles(logs.tile_reader(conn, 1), base)

    found, edge = store.read_now(work)
    assert found is not None
    assert found.entries == [b"%d" % number for number in range(base, size)]
    assert found.edge(base).hashes == edge.hashes


@pytest.mark.parametrize(
    "what",
    [
        "UPDATE log_tile SET hashes = cast(zeroblob(1) || substr(hashes, 2) AS BLOB) WHERE level = 1",
        "UPDATE log_tile SET hashes = cast(zeroblob(1) || substr(hashes, 2) AS BLOB) WHERE level = 0 AND n = 255",
        "UPDATE log_bundle SET data = cast(substr(data, 1, 9) || x'FF' || substr(data, 11) AS BLOB) WHERE n = 255",
        "UPDATE log_node SET hash = zeroblob(32) WHERE level = 2",
        "DELETE FROM log_node WHERE level = 2",
    ],
)
async def test_L8_a_bit_that_changes_where_hashes_are_folded_prevents_signing(
    store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    signed(store, FOLD - 10)
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    move = logs.move_payload_next

    def flip(conn: Connection, log_id: int, position: int) -> None:
        move(conn, log_id, position)
        for name in conn.execute(text(triggers)).scalars().all():
            conn.execute(text(f"DROP TRIGGER {name}"))
        assert conn.execute(text(what)).rowcount > 0

    monkeypatch.setattr(logs, "move_payload_next", flip)
    with pytest.raises(StorageFailed, match="nothing was signed"):
        await publisher(store).publish(divisions(range(20)))
    assert store.read_now(lambda conn: logs.get(conn, ORIGIN).head_size) == FOLD - 10


async def test_L8_a_lost_tile_of_a_full_bundle_prevents_signing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sequencer, move = publisher(store), logs.move_payload_next
    await sequencer.publish(divisions(range(250)))

    def lose(conn: Connection, log_id: int, position: int) -> None:
        move(conn, log_id, position)
        conn.execute(text("DROP TRIGGER log_tile_no_delete"))
        assert conn.execute(text("DELETE FROM log_tile")).rowcount == 1

    with monkeypatch.context() as patch:
        patch.setattr(logs, "move_payload_next", lose)
        with pytest.raises(StorageFailed):
            await sequencer.publish(divisions(range(300, 310)))
    assert (await sequencer.publish(divisions(range(300, 310))))[0].index == 250
