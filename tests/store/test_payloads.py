from __future__ import annotations

import random
from itertools import pairwise

import pytest
from sqlalchemy import Connection, text

from node.store import logs, payloads
from node.store.db import Store
from node.wire import pack as packs
from node.wire.pack import Pack, PayloadRow
from tests.publishing.made import ORIGIN


def rows(start: int, end: int, *sections: str, seed: int = 1) -> list[PayloadRow]:
    made = random.Random(f"{seed} {start} {end} {sections}")
    return [
        PayloadRow(index, section, made.randbytes(16), made.randbytes(30))
        for index in range(start, end)
        for section in sections
    ]


def places(conn: Connection) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """(index, section) of loose rows, and (bundle, audience) of packs."""
    loose = conn.execute(text("SELECT idx, section FROM payload_row ORDER BY idx, section")).all()
    packed = conn.execute(text("SELECT n, audience FROM payload_pack ORDER BY n, audience")).all()
    return [(row[0], row[1]) for row in loose], [(row[0], row[1]) for row in packed]


@pytest.fixture
def log(store: Store) -> Store:
    store.write_now(lambda conn: logs.ensure(conn, ORIGIN))
    return store


def test_rows_are_read_back_one_by_one_and_in_ranges(log: Store) -> None:
    public, shared = rows(0, 10, "main"), rows(3, 6, "more")

    def work(conn: Connection) -> None:
        payloads.put_rows(conn, 1, "public", public)
        payloads.put_rows(conn, 1, "shared", shared)
        payloads.put_rows(conn, 1, "public", rows(0, 10, "main", seed=2))
        assert payloads.get(conn, 1, 4, "main") == (public[4].salt, public[4].payload), "what is there already stays"
        assert payloads.get(conn, 1, 4, "none") is None
        assert payloads.get(conn, 2, 4, "main") is None
        assert payloads.read_range(conn, 1, 4, 6) == {(r.index, r.section): r for r in [*public[4:6], *shared[1:3]]}
        assert set(payloads.read_range(conn, 1, 0, 10, ["shared"])) == {(3, "more"), (4, "more"), (5, "more")}
        assert payloads.read_range(conn, 1, 0, 10, []) == {}

    log.write_now(work)


def test_a_full_bundle_is_folded_into_a_pack_for_each_audience(log: Store) -> None:
    public, shared = rows(0, 256, "main"), rows(7, 9, "a", "b")

    def work(conn: Connection) -> None:
        payloads.put_rows(conn, 1, "public", [*public, *rows(256, 260, "main")])
        payloads.put_rows(conn, 1, "shared", shared)
        payloads.fold(conn, 1, ORIGIN, 0)
        loose, packed = places(conn)
        assert loose == [(index, "main") for index in range(256, 260)]
        assert packed == [(0, "public"), (0, "shared")]
        data = conn.execute(text("SELECT data FROM payload_pack WHERE audience = 'shared'")).scalar_one()
        assert packs.parse(data) == Pack(ORIGIN, 0, 256, "shared", tuple(shared))
        assert payloads.get(conn, 1, 8, "b") == (shared[3].salt, shared[3].payload)
        assert len(payloads.read_range(conn, 1, 250, 260)) == 10
        payloads.fold(conn, 1, ORIGIN, 0)
        assert places(conn) == (loose, packed)

    log.write_now(work)


def test_a_bundle_with_a_gap_is_not_folded_until_it_is_found(log: Store) -> None:
    def work(conn: Connection) -> None:
        all_rows = rows(0, 256, "main")
        payloads.put_rows(conn, 1, "public", [row for row in all_rows if row.index != 9])
        payloads.mark_missing(conn, 1, [(9, "main")])
        payloads.fold(conn, 1, ORIGIN, 0)
        assert places(conn)[1] == []
        payloads.put_rows(conn, 1, "public", [all_rows[9]])
        assert payloads.found(conn, 1, [(9, "main"), (10, "main")]) == [(9, "main")]
        assert payloads.found(conn, 1, [(9, "main")]) == []
        payloads.fold(conn, 1, ORIGIN, 0)
        assert places(conn) == ([], [(0, "public")])

    log.write_now(work)


def test_a_pack_is_stored_as_it_came_and_lets_loose_rows_go(log: Store) -> None:
    data = packs.encode(Pack(ORIGIN, 256, 512, "public", tuple(rows(256, 512, "main"))))

    def work(conn: Connection) -> None:
        payloads.put_rows(conn, 1, "public", rows(250, 260, "main"))
        payloads.put_rows(conn, 1, "shared", rows(258, 259, "more"))
        payloads.put_packs(conn, 1, [(1, "public", data)])
        payloads.put_packs(conn, 1, [(1, "public", b"another")])
        assert places(conn)[0] == [*((index, "main") for index in range(250, 256)), (258, "more")]
        assert payloads.packed(conn, 1, ORIGIN, 256, 512, ["public"])[0] == [data]

    log.write_now(work)


def test_packs_are_made_for_what_does_not_lie_packed(log: Store) -> None:
    public = rows(0, 300, "main")

    def work(conn: Connection) -> None:
        payloads.put_rows(conn, 1, "public", public)
        payloads.put_rows(conn, 1, "shared", rows(5, 6, "more"))
        payloads.fold(conn, 1, ORIGIN, 0)
        made = payloads.packed(conn, 1, ORIGIN, 256, 300, ["public", "shared", "restricted"])[0]
        assert [packs.parse(each) for each in made] == [Pack(ORIGIN, 256, 300, "public", tuple(public[256:]))]
        part = payloads.packed(conn, 1, ORIGIN, 4, 6, {"public", "shared"})[0]
        assert [(p.audience, [row.index for row in p.rows]) for p in map(packs.parse, part)] == [
            ("public", [4, 5]),
            ("shared", [5]),
        ]
        # A late row beside the pack: the stored bytes no longer say everything.
        payloads.put_rows(conn, 1, "public", rows(100, 101, "late"))
        (whole,) = payloads.packed(conn, 1, ORIGIN, 0, 256, ["public"])[0]
        assert len(packs.parse(whole).rows) == 257

    log.write_now(work)


def test_missing_sections_are_listed_in_order_and_once(log: Store) -> None:
    def work(conn: Connection) -> None:
        payloads.mark_missing(conn, 1, [(9, "main"), (3, "more"), (3, "main")])
        payloads.mark_missing(conn, 1, [(9, "main")])
        payloads.mark_missing(conn, 1, [])
        assert payloads.missing(conn, 1) == [(3, "main"), (3, "more"), (9, "main")]
        assert payloads.missing(conn, 1, 4, 10) == [(9, "main")]
        assert payloads.missing(conn, 1, 0, 9) == [(3, "main"), (3, "more")]
        assert payloads.missing(conn, 1, limit=1) == [(3, "main")]
        assert payloads.missing(conn, 2) == []

    log.write_now(work)


def test_a_stretch_too_large_for_one_pack_travels_in_several(log: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "MAX_PACK_BYTES", 2000)
    all_rows = rows(0, 256, "main")

    def work(conn: Connection) -> None:
        payloads.put_rows(conn, 1, "public", all_rows)
        payloads.fold(conn, 1, ORIGIN, 0)
        assert places(conn)[1] == [], "no reader would take that pack, so the rows stay"
        made = [packs.parse(data) for data in payloads.packed(conn, 1, ORIGIN, 0, 256, ["public"])[0]]
        assert [row for each in made for row in each.rows] == all_rows
        assert all(before.end == after.start for before, after in pairwise(made))

    log.write_now(work)
