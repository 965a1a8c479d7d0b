from __future__ import annotations

import ast
import inspect
import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, text

from node.domain.audience import AUDIENCES
from node.publishing import fsck, fsck_findings, fsck_records, fsck_tree
from node.publishing.fsck import Finding, check
from node.publishing.fsck_findings import CODES, MAX_OF_A_CODE
from node.store import checkpoints, logs, payloads
from node.store.db import Store
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import EMPTY_ROOT
from node.tlog.note import KeyType, Signature, VerifierKey
from node.wire import header as headers
from node.wire import pack as packs
from node.wire import payload as payload_bytes
from node.wire.header import Header, SectionRef
from node.wire.pack import PayloadRow
from tests.publishing.made import NOW_MS, ORIGIN, OTHER, division, expert, file_store, memory_store, publisher, signer

HUB = "ggzy.example/cq/500000"
WITNESS = signer(f"{HUB}/witness", KeyType.COSIGNATURE)
MIRROR = signer(f"{HUB}/mirror", KeyType.COSIGNATURE)
COSIGNERS = [WITNESS.verifier, MIRROR.verifier]
MIRRORED = 520
OWN = 300


def keys(origin: str) -> list[VerifierKey]:
    return [signer(origin).verifier] if origin in (ORIGIN, OTHER) else []


def audiences(origin: str) -> frozenset[str]:
    return frozenset(AUDIENCES if origin == ORIGIN else ("public", "shared"))


def judge(conn: Connection) -> list[Finding]:
    return check(conn, keys=keys, cosigners=COSIGNERS, audiences=audiences)


def codes(found: list[Finding]) -> set[str]:
    return {finding.code for finding in found}


def append_signed(conn: Connection, origin: str, entries: list[bytes], *, own: bool = False) -> int:
    """Store entries and sign their head, as a log that is mirrored here."""
    state = logs.ensure(conn, origin, own=own)
    size = logs.append(conn, state.id, state.stored_size, entries)
    root = logs.stored_root(conn, state.id, size)
    head = Checkpoint(origin, size, root).text()
    cosigned = [key.cosign(head, NOW_MS // 1000) for key in (WITNESS, MIRROR)]
    checkpoints.put(conn, state.id, size, head, [signer(origin).sign_note(head), *cosigned])
    logs.move_witnessed(conn, state, size, root)
    logs.move_head(conn, logs.by_id(conn, state.id), size, root)
    return state.id


def mirror_something(conn: Connection) -> None:
    """A mirrored log with payloads of two audiences: packs, loose rows, one missing, one not for this node."""
    rng = random.Random(5)
    entries, rows = [], []
    for index in range(MIRRORED):
        sections = []
        for name, audience in (("main", "public"), ("more", "shared"), ("secret", "restricted")):
            if name == "main" or index % 7 == 0:
                salt, payload = rng.randbytes(16), payload_bytes.encode({"index": index, "name": name})
                sections.append(SectionRef(name, audience, payload_bytes.commitment(salt, payload)))
                if audience != "restricted" and index != 515:
                    rows.append((audience, PayloadRow(index, name, salt, payload)))
        record = rng.randbytes(16)
        entries.append(headers.encode(Header("code.division", 1, record, 1, None, NOW_MS, "public", tuple(sections))))
    for start, end in ((0, 100), (100, 400), (400, 511), (511, MIRRORED)):
        log_id = append_signed(conn, OTHER, entries[start:end])
    for audience, row in rows:
        payloads.put_rows(conn, log_id, audience, [row])
    payloads.mark_missing(conn, log_id, [(515, "main")])
    for n in range(MIRRORED // 256):
        payloads.fold(conn, log_id, OTHER, n)
    # Entries that are no headers of ours are stored too (L15).
    append_signed(conn, OTHER, [b"", b"\x00" * 4000, b"no header"])
    logs.move_payload_next(conn, log_id, MIRRORED)


@pytest.fixture(scope="session")
def filled(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with an own log of 300 entries and a mirrored one of 523; its triggers are gone, so it can be damaged."""
    path = tmp_path_factory.mktemp("filled") / "node.db"
    path.write_bytes(migrated.read_bytes())
    store = file_store(path)

    def own(conn: Connection) -> None:
        for start in range(0, OWN, 60):
            made = [expert(f"E-{n}") if n % 10 == 3 else division(f"{n:06d}") for n in range(start, start + 60)]
            publisher(store, seed=start)._publish(conn, made)
        publisher(store, seed="again")._publish(conn, [division("000001", "新名")])
        head = checkpoints.text(conn, 1, 180)
        assert head is not None
        checkpoints.put(conn, 1, 180, head, [WITNESS.cosign(head, 5), MIRROR.cosign(head, 6)])

    store.write_now(own)
    store.write_now(mirror_something)
    assert store.read_now(judge) == []
    store.write_now(drop_triggers)
    yield store
    store.close()


def drop_triggers(conn: Connection) -> None:
    for name in conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
        conn.execute(text(f"DROP TRIGGER {name}"))
    # Else the judge would rightly name every trigger that is gone (tests/crash/test_schema.py).
    conn.execute(text("DELETE FROM alembic_version"))


@contextmanager
def damaged(store: Store) -> Iterator[Connection]:
    """A connection whose changes are undone afterwards."""
    with store._engine.connect().execution_options(ggzy_write=True) as conn:
        work = conn.begin()
        try:
            yield conn
        finally:
            work.rollback()


# --- clean stores --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513, 600])
async def test_a_clean_own_log_has_no_findings(store: Store, size: int) -> None:
    sequencer = publisher(store)
    await sequencer.open_log()
    for start in range(0, size, 200):
        await sequencer.publish([division(f"{n:06d}") for n in range(start, min(size, start + 200))])
    assert store.read_now(judge) == []


@pytest.mark.parametrize("size", [65_535, 65_537])
def test_a_clean_log_with_several_levels_has_no_findings(size: int) -> None:
    store = memory_store()
    entries = [n.to_bytes(4, "big") for n in range(size)]

    def work(conn: Connection) -> None:
        for at in range(0, size, 33_000):
            append_signed(conn, OTHER, entries[at : at + 33_000])

    store.write_now(work)
    assert store.read_now(judge) == []
    store.close()


def test_an_empty_database_has_no_findings(store: Store) -> None:
    assert store.read_now(judge) == []


def test_a_mirror_that_has_only_witnessed_has_no_findings(store: Store) -> None:
    def work(conn: Connection) -> None:
        state = logs.ensure(conn, OTHER)
        logs.append(conn, state.id, 0, [b"x"] * 300)
        head = Checkpoint(OTHER, 1000, sha256(b"not yet here").digest())
        logs.move_witnessed(conn, state, head.size, head.root)
        checkpoints.put(conn, state.id, head.size, head.text(), [signer(OTHER).sign_note(head.text())])

    store.write_now(work)
    assert store.read_now(judge) == []


def test_progress_counts_entries(filled: Store) -> None:
    told: list[tuple[int, int]] = []
    filled.read_now(lambda conn: check(conn, keys=keys, progress=lambda done, total: told.append((done, total))))
    done = [step[0] for step in told]
    assert done == sorted(done)
    assert told[-1] == (OWN + 1 + MIRRORED + 3, OWN + 1 + MIRRORED + 3)


# --- one flipped bit, anywhere -------------------------------------------------------------------------------------

BYTES = [
    ("log_bundle", "data"),
    ("log_tile", "hashes"),
    ("log_tail", "entry"),
    ("log_node", "hash"),
    ("payload_row", "payload"),
    ("payload_row", "salt"),
    ("payload_pack", "data"),
    ("issued", "leaf"),
    ("issued", "said_hash"),
    ("issued", "key_hash"),
    ("issued", "digest"),
    ("issued", "record_id"),
    ("log", "head_root"),
    ("log", "witnessed_root"),
    ("log", "origin_hash"),
    ("log_checkpoint", "text"),
    ("log_signature", "line"),
    ("log_signature", "signer"),
    ("log_signature", "key_id"),
    ("payload_row", "audience"),
    ("payload_row", "section"),
    ("payload_pack", "audience"),
]


@pytest.mark.parametrize(("of", "column"), BYTES)
def test_a_flipped_bit_is_found(filled: Store, of: str, column: str) -> None:
    rows = filled.read_now(
        lambda conn: conn.execute(
            text(f"SELECT rowid AS id, typeof({column}) AS type, CAST({column} AS BLOB) AS data FROM {of}")
        ).all()
    )
    rows = [row for row in rows if row.data]

    @settings(max_examples=15)
    @given(st.data())
    def flip(data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(rows))
        at, bit = data.draw(st.integers(0, len(row.data) - 1)), data.draw(st.integers(0, 7))
        changed = bytearray(row.data)
        changed[at] ^= 1 << bit
        if of == "payload_pack" and column == "data" and same_pack(row.data, bytes(changed)):
            return
        with damaged(filled) as conn:
            new = f"CAST(:new AS {'TEXT' if row.type == 'text' else 'BLOB'})"
            conn.execute(
                text(f"UPDATE {of} SET {column} = {new} WHERE rowid = :id"), {"new": bytes(changed), "id": row.id}
            )
            found = judge(conn)
        assert [finding for finding in found if finding.severity == "fault"], f"byte {at} of row {row.id}"

    flip()


def same_pack(one: bytes, other: bytes) -> bool:
    """A few bits of a compressed frame mean nothing; then nothing that anybody reads has changed."""
    try:
        return packs.parse(one) == packs.parse(other)
    except Exception:
        return False


def test_the_place_of_a_flipped_bit_is_named(filled: Store) -> None:
    with damaged(filled) as conn:
        conn.execute(text("UPDATE log_tail SET entry = CAST(entry || x'00' AS BLOB) WHERE log_id = 1 AND idx = 270"))
        conn.execute(
            text("UPDATE log_tile SET hashes = CAST(zeroblob(32) || substr(hashes, 33) AS BLOB) WHERE log_id = 2")
        )
        found = judge(conn)
    assert ("entry-unreadable", "entry 270", ORIGIN) in {(f.code, f.place, f.origin) for f in found}
    assert {(f.code, f.place) for f in found if f.origin == OTHER} == {
        ("leaf-differs", "entry 0"),
        ("leaf-differs", "entry 256"),
    }
    assert {"head-root-wrong", "checkpoint-root-wrong", "issued-wrong"} <= codes(found)
    for finding in found:
        assert finding.zh.startswith(CODES[finding.code].zh)
        assert finding.en.startswith(CODES[finding.code].en)
        assert finding.advice_zh
        assert finding.advice_en


# --- rows that are gone, too many, or at another place --------------------------------------------------------------

RENUMBER = (
    "UPDATE {table} SET {column} = -1 - {column} WHERE log_id = 2 AND {column} IN (0, 1)",
    "UPDATE {table} SET {column} = 2 + {column} WHERE log_id = 2 AND {column} IN (-1, -2)",
)
SWAP_TAIL = (
    "UPDATE log_tail SET idx = -idx WHERE log_id = 1 AND idx IN (280, 281)",
    "UPDATE log_tail SET idx = 561 + idx WHERE log_id = 1 AND idx IN (-280, -281)",
)
EXTRA_TILE = "INSERT INTO log_tile (log_id, level, n, hashes) VALUES (2, {}, {}, zeroblob(8192))"
EXTRA_NODE = "INSERT INTO log_node (log_id, level, idx, hash) VALUES (2, {}, {}, zeroblob(32))"
DAMAGE: list[tuple[list[str], set[str]]] = [
    (["DELETE FROM log_bundle WHERE log_id = 2 AND n = 0"], {"bundle-missing"}),
    (["DELETE FROM log_bundle WHERE log_id = 2"], {"bundle-missing"}),
    (["DELETE FROM log_bundle WHERE log_id = 2 AND n = 1", "DELETE FROM log_tile WHERE log_id = 2 AND n = 1"],
     {"bundle-missing", "tree-broken"}),
    (["DELETE FROM log_tile WHERE log_id = 2 AND n = 1"], {"tile-missing"}),
    (["DELETE FROM log_node WHERE log_id = 2 AND idx = 1"], {"node-missing"}),
    (["DELETE FROM log_tail WHERE log_id = 2 AND idx = 514"], {"tail-missing", "tree-broken"}),
    (["DELETE FROM log_tail WHERE log_id = 2"], {"tail-missing", "tree-broken"}),
    (["UPDATE log_bundle SET data = CAST(substr(data, 1, length(data) - 1) AS BLOB) WHERE log_id = 2"],
     {"bundle-unreadable"}),
    (["UPDATE log_bundle SET data = CAST(data || x'000161' AS BLOB) WHERE log_id = 2"], {"bundle-unreadable"}),
    (["UPDATE log_bundle SET data = x'' WHERE log_id = 2"], {"bundle-unreadable"}),
    (["UPDATE log_tile SET hashes = CAST(substr(hashes, 33) AS BLOB) WHERE log_id = 2 AND n = 1"], {"tile-wrong"}),
    (["UPDATE log_node SET hash = zeroblob(32) WHERE log_id = 2 AND idx = 0"], {"node-wrong"}),
    ([each.format(table="log_bundle", column="n") for each in RENUMBER], {"leaf-differs"}),
    ([each.format(table="log_bundle", column="n") for each in RENUMBER]
     + [each.format(table="log_tile", column="n") for each in RENUMBER], {"node-wrong", "head-root-wrong"}),
    ([each.format(table="log_node", column="idx") for each in RENUMBER], {"node-wrong"}),
    (list(SWAP_TAIL), {"head-root-wrong", "issued-wrong", "payload-wrong"}),
    (["INSERT INTO log_bundle (log_id, n, data) VALUES (2, 2, x'')"], {"bundle-extra"}),
    (["INSERT INTO log_bundle (log_id, n, data) VALUES (2, -1, x'')"], {"bundle-extra"}),
    ([EXTRA_TILE.format(0, 2)], {"tile-extra"}),
    ([EXTRA_TILE.format(1, 0)], {"tile-extra"}),
    ([EXTRA_TILE.format(9, 0)], {"tile-extra"}),
    ([EXTRA_NODE.format(1, 2)], {"node-extra"}),
    ([EXTRA_NODE.format(0, 0)], {"node-extra"}),
    ([EXTRA_NODE.format(2, 0)], {"node-extra"}),
    (["INSERT INTO log_tail (log_id, idx, entry) VALUES (2, 523, x'61')"], {"tail-extra"}),
    (["INSERT INTO log_tail (log_id, idx, entry) VALUES (2, 511, x'61')"], {"tail-extra"}),
    (["UPDATE log SET stored_size = 522 WHERE id = 2"], {"log-state-wrong", "tail-extra"}),
    (["UPDATE log SET stored_size = 256, head_size = 100, payload_next = 5 WHERE id = 2"],
     {"bundle-extra", "head-root-wrong"}),
    (["UPDATE log SET stored_size = 1000000000000005 WHERE id = 2"], {"bundle-missing", "tree-broken", "tail-missing"}),
    (["UPDATE log SET stored_size = -5 WHERE id = 2"], {"log-state-wrong", "bundle-extra"}),
    (["UPDATE log SET payload_next = 524 WHERE id = 2"], {"log-state-wrong"}),
    (["UPDATE log SET witnessed_size = -1 WHERE id = 2"], {"log-state-wrong"}),
    (["DELETE FROM log_checkpoint WHERE log_id = 2 AND size = 523"], {"head-unsigned", "signature-orphan"}),
    ([f"DELETE FROM log_signature WHERE log_id = 2 AND size = 523 AND signer = '{OTHER}'"],
     {"head-unsigned", "checkpoint-unsigned"}),
    (["UPDATE log_checkpoint SET size = 99 WHERE log_id = 2 AND size = 100"], {"checkpoint-misplaced"}),
    (["UPDATE log SET head_size = 240, head_root = zeroblob(32) WHERE id = 1"],
     {"head-root-wrong", "checkpoint-beyond", "log-unsigned-end"}),
    (["UPDATE log_checkpoint SET text = replace(text, '\n', '') WHERE size = 100"],
     {"checkpoint-unreadable", "signature-wrong"}),
    (["UPDATE log_checkpoint SET text = replace(text, '/cq/', '/sc/') WHERE size = 100"],
     {"checkpoint-misplaced", "signature-wrong"}),
    (["UPDATE log_signature SET line = line || line WHERE size = 100"], {"signature-unreadable"}),
    (["UPDATE log_signature SET line = replace(line, char(10), '') WHERE size = 100"], {"signature-unreadable"}),
    (["UPDATE payload_pack SET n = 2 WHERE log_id = 2 AND n = 0 AND audience = 'public'"],
     {"pack-extra", "payload-lost"}),
    (["UPDATE payload_pack SET audience = 'restricted' WHERE log_id = 2 AND n = 0 AND audience = 'public'"],
     {"pack-misplaced", "payload-lost"}),
    (["UPDATE payload_pack SET n = 5 - n WHERE log_id = 2 AND audience = 'public' AND n = 1"],
     {"pack-extra", "payload-lost"}),
    (["UPDATE payload_row SET idx = 800 WHERE log_id = 2 AND idx = 516"], {"payload-extra", "payload-lost"}),
    (["UPDATE payload_row SET section = 'other' WHERE log_id = 2 AND idx = 516"], {"payload-extra", "payload-lost"}),
    (["UPDATE payload_row SET audience = 'local' WHERE log_id = 2 AND idx = 516"], {"payload-audience"}),
    (["DELETE FROM payload_row WHERE log_id = 2 AND idx = 516"], {"payload-lost"}),
    (["DELETE FROM payload_missing"], {"payload-lost"}),
    (["INSERT INTO payload_missing (log_id, idx, section) VALUES (2, 516, 'main')"], {"missing-held"}),
    (["INSERT INTO payload_missing (log_id, idx, section) VALUES (2, 7, 'more')"], {"missing-held"}),
    (["INSERT INTO payload_missing (log_id, idx, section) VALUES (2, 516, 'none')"], {"missing-extra"}),
    (["INSERT INTO payload_missing (log_id, idx, section) VALUES (2, 900, 'main')"], {"missing-extra"}),
    (["UPDATE issued SET version = 7 WHERE idx = 5"], {"issued-wrong"}),
    (["UPDATE issued SET idx = 6 WHERE idx = 5"], {"issued-wrong"}),
    (["UPDATE issued SET idx = 900 WHERE idx = 5"], {"issued-extra"}),
    (["UPDATE issued SET idx = -1 WHERE idx = 5"], {"issued-extra"}),
    (["UPDATE log SET frozen = 'fork' WHERE id = 1"], {"log-frozen"}),
    (["INSERT INTO cursor (stage, log_id, position) VALUES ('x', 77, 0)"], {"database-reference"}),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "expected"), DAMAGE, ids=[str(at) for at in range(len(DAMAGE))])
def test_damage_is_found_and_named(filled: Store, statements: list[str], expected: set[str]) -> None:
    with filled._engine.connect() as loose:  # foreign keys can be switched off only outside a transaction
        loose.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        loose = loose.execution_options(ggzy_write=True)
        work = loose.begin()
        try:
            for statement in statements:
                assert loose.execute(text(statement)).rowcount, statement
            found = judge(loose)
        finally:
            work.rollback()
            loose.connection.dbapi_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]
    assert expected <= codes(found), sorted(codes(found))
    damaged_log = (
        OTHER if "log_id = 2" in statements[0] or "(2," in statements[0] or "id = 2" in statements[0] else None
    )
    if damaged_log:
        assert {finding.origin for finding in found} == {damaged_log}, "the other log is not touched by it"


def test_each_damage_of_a_higher_level_is_found() -> None:
    store = memory_store()
    size = 65_536 + 300
    store.write_now(lambda conn: append_signed(conn, OTHER, [n.to_bytes(4, "big") for n in range(size)]))
    statements = (
        "UPDATE log_tile SET hashes = zeroblob(8192) WHERE level = 1 AND n = 0",
        "UPDATE log_node SET hash = zeroblob(32) WHERE level = 2 AND idx = 0",
        "DELETE FROM log_node WHERE level = 1 AND idx = 256",
        "INSERT INTO log_tile (log_id, level, n, hashes) VALUES (1, 2, 0, x'')",
        "INSERT INTO log_tile (log_id, level, n, hashes) VALUES (1, 1, 1, x'')",
    )
    with damaged(store) as conn:
        for statement in statements:
            assert conn.execute(text(statement)).rowcount == 1
        found = judge(conn)
    assert {(finding.code, finding.place) for finding in found} == {
        *(("tile-wrong", f"tile 1/0 hash {at}") for at in range(MAX_OF_A_CODE)),
        ("tile-wrong", ""),
        ("node-wrong", "node 2/0"),
        ("node-missing", "node 1/256"),
        ("tile-extra", "tile 2/0"),
        ("tile-extra", "tile 1/1"),
    }
    store.close()


# --- signatures ----------------------------------------------------------------------------------------------------


def put_line(conn: Connection, line: Signature) -> None:
    head = checkpoints.text(conn, 2, 100)
    assert head is not None
    checkpoints.put(conn, 2, 100, head, [line])


def test_an_unknown_key_is_a_warning(filled: Store) -> None:
    with damaged(filled) as conn:
        head = checkpoints.text(conn, 2, 100)
        assert head is not None
        put_line(conn, signer("someone.example/else", KeyType.COSIGNATURE).cosign(head, 7))
        found = judge(conn)
    assert [(f.code, f.severity, f.place) for f in found] == [
        ("signature-key-unknown", "warning", "checkpoint 100 someone.example/else")
    ]


def test_without_keys_only_what_is_known_is_verified(filled: Store) -> None:
    assert filled.read_now(lambda conn: check(conn, keys=None)) == []
    found = filled.read_now(lambda conn: check(conn, keys=lambda origin: []))
    assert codes(found) == {"signature-key-unknown", "head-unsigned"}
    assert {f.origin for f in found if f.severity == "fault"} == {ORIGIN}, "our own key must be known to us"


def test_a_key_of_another_log_or_use_is_not_taken(filled: Store) -> None:
    others = [signer(OTHER).verifier]
    found = filled.read_now(lambda conn: check(conn, keys=lambda origin: others, cosigners=COSIGNERS))
    assert {(f.code, f.origin) for f in found} == {("signature-key-unknown", ORIGIN), ("head-unsigned", ORIGIN)}


def test_another_logs_signature_does_not_sign_a_head(filled: Store) -> None:
    with damaged(filled) as conn:
        head = checkpoints.text(conn, 2, 523)
        assert head is not None
        conn.execute(text(f"DELETE FROM log_signature WHERE log_id = 2 AND size = 523 AND signer = '{OTHER}'"))
        checkpoints.put(conn, 2, 523, head, [signer(ORIGIN).sign_note(head)])
        assert {"head-unsigned", "checkpoint-unsigned"} <= codes(judge(conn))


# --- the report ----------------------------------------------------------------------------------------------------


def test_repeated_findings_are_told_twenty_times_and_counted(filled: Store) -> None:
    with damaged(filled) as conn:
        conn.execute(text("UPDATE log_tile SET hashes = zeroblob(8192) WHERE log_id = 1"))
        conn.execute(text("UPDATE payload_row SET idx = idx + 1000 WHERE log_id = 2"))
        found = [f for f in judge(conn) if f.code in ("leaf-differs", "payload-extra")]
    for code, total in (("leaf-differs", 256), ("payload-extra", 8)):
        told = [finding for finding in found if finding.code == code]
        if total <= MAX_OF_A_CODE:
            assert len(told) == total
        else:
            assert len(told) == MAX_OF_A_CODE + 1
            assert (told[-1].place, told[-1].en) == ("", f"{CODES[code].en}: {total - MAX_OF_A_CODE} more")


def test_many_stray_rows_are_counted(filled: Store) -> None:
    with damaged(filled) as conn:
        rows = [{"log_id": 2, "idx": 10_000 + at, "entry": b"x"} for at in range(500)]
        conn.execute(logs.tail.insert(), rows)
        found = judge(conn)
    assert len(found) == MAX_OF_A_CODE + 1
    assert found[-1].en.endswith(": 480 more")


def test_one_unreadable_log_does_not_stop_the_others(filled: Store) -> None:
    def broken(origin: str) -> frozenset[str]:
        if origin == ORIGIN:
            raise RuntimeError("no such thing\nsecond line")
        return audiences(origin)

    with damaged(filled) as conn:
        conn.execute(text("DELETE FROM log_node WHERE log_id = 2"))
        found = check(conn, keys=keys, cosigners=COSIGNERS, audiences=broken)
    assert [(f.origin, f.code) for f in found] == [
        (ORIGIN, "log-unreadable"),
        (OTHER, "node-missing"),
        (OTHER, "node-missing"),
    ]
    assert found[0].en.endswith("RuntimeError: no such thing")


def test_a_row_that_is_no_text_any_more_hides_no_other_log(filled: Store) -> None:
    with damaged(filled) as conn:
        conn.execute(text("UPDATE log SET origin = CAST(x'ff' AS TEXT) WHERE id = 1"))
        conn.execute(text("DELETE FROM log_node WHERE log_id = 2 AND idx = 0"))
        found = judge(conn)
    assert [(f.origin, f.place, f.code) for f in found] == [
        ("", "log 1", "log-unreadable"),
        (OTHER, "node 1/0", "node-missing"),
    ]


def test_a_damaged_file_is_reported(filled: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with filled._engine.connect() as conn:
        conn.connection.dbapi_connection.execute("VACUUM INTO ?", (str(copy),))  # type: ignore[union-attr]
    data = bytearray(copy.read_bytes())
    at = data.find(ORIGIN.encode() + b"\n")
    page = at // 4096 * 4096
    data[page : page + 100] = bytes(100)
    copy.write_bytes(data)
    engine = create_engine(f"sqlite:///{copy}")
    with engine.connect() as conn:
        found = judge(conn)
    engine.dispose()
    assert "database-damaged" in codes(found)


def test_it_changes_nothing(filled: Store) -> None:
    before = filled.read_now(lambda conn: conn.execute(text("SELECT total_changes()")).scalar())
    filled.read_now(judge)
    assert filled.read_now(lambda conn: conn.execute(text("PRAGMA query_only")).scalar()) == 0
    with filled._engine.connect() as conn:
        conn.exec_driver_sql("PRAGMA query_only=ON")
        assert judge(conn) == []
        conn.rollback()
        conn.exec_driver_sql("PRAGMA query_only=OFF")
        conn.rollback()
    assert before is not None


# --- the judge stands apart ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [fsck, fsck_tree, fsck_records, fsck_findings])
def test_it_shares_no_code_with_the_writers(module: Any) -> None:
    def allowed(name: str) -> bool:
        known = (
            "node.errors",
            "node.store.tables",
            "node.store.migrate",
            "node.tlog.note",
            "node.wire",
            "node.wire.header",
        )
        return name in known or name.startswith("node.publishing.fsck_")

    tree = ast.parse(inspect.getsource(module))
    imported = {each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom) and each.module}
    assert [name for name in imported if name.startswith("node") and not allowed(name)] == []


def test_its_tree_is_that_of_rfc_6962() -> None:
    assert fsck_tree.EMPTY == EMPTY_ROOT
    leaves = [sha256(bytes([n])).digest() for n in range(70)]

    def mth(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        split = 1 << (len(part) - 1).bit_length() - 1
        return sha256(b"\x01" + mth(part[:split]) + mth(part[split:])).digest()

    tree = fsck_tree.Tree()
    for size, value in enumerate(leaves, 1):
        tree.add(0, value)
        assert tree.root() == mth(leaves[:size])


def test_every_code_has_its_words() -> None:
    for code, words in CODES.items():
        assert code == code.lower()
        assert words.zh
        assert words.en
        assert words.advice.zh
        assert words.advice.en
