from __future__ import annotations

from hashlib import sha256

import pytest
from sqlalchemy import Connection, text

from node.errors import BadProof, NotFound
from node.store import checkpoints, logs
from node.store.db import Store
from node.tlog.checkpoint import Checkpoint
from node.tlog.note import KeyType
from tests.publishing.made import ORIGIN, signer

LOG = signer()
WITNESS = signer("hub.example/witness", KeyType.COSIGNATURE)
MIRROR = signer("hub.example/mirror", KeyType.COSIGNATURE)


def head(size: int) -> str:
    return Checkpoint(ORIGIN, size, sha256(b"%d" % size).digest()).text()


def put(conn: Connection, size: int, *, time_s: int = 0, mirror: bool = False) -> None:
    lines = [LOG.sign_note(head(size))]
    if time_s:
        lines.append((MIRROR if mirror else WITNESS).cosign(head(size), time_s))
    checkpoints.put(conn, logs.ensure(conn, ORIGIN).id, size, head(size), lines)


def sizes(conn: Connection) -> list[int]:
    return list(conn.execute(text("SELECT size FROM log_checkpoint ORDER BY size")).scalars())


def test_a_note_has_all_lines_the_logs_own_first(store: Store) -> None:
    def work(conn: Connection) -> None:
        put(conn, 5, time_s=9)
        put(conn, 5, time_s=9, mirror=True)
        note = checkpoints.note(conn, 1, 5, ORIGIN)
        assert note.text == head(5)
        assert [line.name for line in note.signatures] == [ORIGIN, "hub.example/mirror", "hub.example/witness"]
        for size in (4, 6):
            assert checkpoints.text(conn, 1, size) is None
            with pytest.raises(NotFound):
                checkpoints.note(conn, 1, size, ORIGIN)

    store.write_now(work)


def test_a_newer_line_of_a_signer_replaces_the_older(store: Store) -> None:
    def work(conn: Connection) -> None:
        put(conn, 5, time_s=9)
        put(conn, 5, time_s=10)
        assert checkpoints.note(conn, 1, 5, ORIGIN).signatures[1] == WITNESS.cosign(head(5), 10)
        assert conn.execute(text("SELECT count(*) FROM log_signature")).scalar() == 2

    store.write_now(work)


def test_two_keys_of_one_name_both_stay(store: Store) -> None:
    def work(conn: Connection) -> None:
        put(conn, 5)
        other = type(LOG)(ORIGIN, KeyType.ED25519, bytes(range(32)))
        checkpoints.put(conn, 1, 5, head(5), [other.sign_note(head(5))])
        assert len(checkpoints.note(conn, 1, 5, ORIGIN).signatures) == 2

    store.write_now(work)


def test_another_text_of_the_same_size_is_never_taken(store: Store) -> None:
    other = Checkpoint(ORIGIN, 5, bytes(32)).text()
    store.write_now(lambda conn: put(conn, 5))
    with pytest.raises(BadProof):
        store.write_now(lambda conn: checkpoints.put(conn, 1, 5, other, [LOG.sign_note(other)]))
    assert store.read_now(lambda conn: checkpoints.note(conn, 1, 5, ORIGIN)).text == head(5)


def test_the_newest_of_each_signer(store: Store) -> None:
    def work(conn: Connection) -> None:
        for size in (1, 5, 9):
            put(conn, size)
        put(conn, 5, time_s=3)
        put(conn, 1, time_s=2, mirror=True)
        assert checkpoints.newest_signed_by(conn, 1, ORIGIN) == 9
        assert checkpoints.newest_signed_by(conn, 1, WITNESS.name) == 5
        assert checkpoints.newest_signed_by(conn, 1, "nobody") is None
        assert checkpoints.newest_signed_by(conn, 2, ORIGIN) is None
        everyone = {1: {ORIGIN, MIRROR.name}, 5: {ORIGIN, WITNESS.name}, 9: {ORIGIN}}
        assert checkpoints.signers(conn, 1) == everyone
        assert checkpoints.signers(conn, 1, beyond=4) == {size: everyone[size] for size in (5, 9)}

    store.write_now(work)


def test_pruning_keeps_the_newest_and_each_signers_newest(store: Store) -> None:
    def work(conn: Connection) -> None:
        for size in range(20):
            put(conn, size)
        put(conn, 3, time_s=1)
        put(conn, 7, time_s=2)
        put(conn, 4, time_s=2, mirror=True)
        assert checkpoints.prune(conn, 1, keep=5) == 13
        assert sizes(conn) == [4, 7, 15, 16, 17, 18, 19]
        assert checkpoints.prune(conn, 1, keep=5) == 0
        assert conn.execute(text("SELECT count(*) FROM log_signature WHERE size < 15")).scalar() == 4
        assert checkpoints.prune(conn, 1, keep=100) == 0
        assert checkpoints.prune(conn, 99, keep=0) == 0

    store.write_now(work)


def test_evidence_is_kept_once(store: Store) -> None:
    def work(conn: Connection) -> None:
        put(conn, 5)
        for seen_ms in (1, 2):
            checkpoints.keep_evidence(conn, 1, seen_ms, "fork", b"held \xff", b"shown")
        checkpoints.keep_evidence(conn, 1, 3, "fork", b"held \xff", b"shown otherwise")
        rows = conn.execute(text("SELECT seen_ms, held, shown FROM log_evidence ORDER BY id")).all()
        assert rows == [(1, "held \ufffd", "shown"), (3, "held \ufffd", "shown otherwise")]

    store.write_now(work)
