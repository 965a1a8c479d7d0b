"""Read tables that are not what the logs say: found, named by place and column, never by what they hold."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy import text

from node.projections import PROJECTIONS, fsck_views
from node.projections.follow import STAGE, Projector
from node.publishing import fsck
from node.store import cursors, erased, logs, payloads
from node.store.view_rows import VIEWS
from node.wire.pack import PayloadRow
from tests.projections.world import EAST, SALT, blacklisted, open_world, result, score

POLICY = SimpleNamespace(
    closed=(),
    lineage=lambda origin: ((origin, None),),
    member=lambda name: None,
    node_of_origin=lambda origin: None,
    hash=lambda: "policy",
)
TRUSTED = SimpleNamespace(policy=POLICY, me="ggzy.example/cq/500000")


@pytest.fixture(params=["sqlite", "postgres"])
def world(request):
    with open_world(request.param) as made:
        yield made


def accounted(world):
    def work(conn):
        for log_id in world.ids.values():
            logs.move_payload_next(conn, log_id, logs.by_id(conn, log_id).stored_size)

    world.store.write_now(work)


@pytest.fixture
async def filled(world):
    """A record of two versions, one without its content, one that nobody can read, credit, and another log's."""
    first = world.put(result("一"), project=False)
    world.put(result("二"), after=first, project=False)
    world.put(result("没有内容"), held=False, project=False)
    world.entry(EAST, b"no header")
    world.put(score(), kind="credit.score", project=False)
    world.put(blacklisted(), kind="credit.blacklist", project=False)
    accounted(world)
    projector = Projector(world.store, TRUSTED)
    await projector.run()
    return world, projector


def look(world, projector):
    return world.store.read_now(lambda conn: list(fsck_views.check(projector, conn)))


def change(world, sql):
    world.store.write_now(lambda conn: conn.execute(text(sql)))


def test_read_tables_as_they_were_made_differ_nowhere(filled):
    world, projector = filled
    assert look(world, projector) == []
    full = {view.name for view in VIEWS if world.rows(f"select 1 from {view.name}")}
    assert {"record_view", "trade_view", "credit_view", "quarantine"} <= full, "there was something to compare"


def test_a_count_or_a_word_that_is_gone_is_found(filled):
    world, projector = filled
    change(world, "UPDATE view_count SET number = number + 1 WHERE field = 'category'")
    assert [place for _, place, _ in look(world, projector)] == ["view_count"]
    change(world, "UPDATE view_count SET number = number - 1 WHERE field = 'category'")
    if world.store.url.startswith("sqlite"):
        words = "INSERT INTO trade_view_words(trade_view_words, rowid, terms)"
        change(world, f"{words} SELECT 'delete', doc, '渝中' FROM trade_view")
    else:
        change(world, "UPDATE trade_view SET terms = terms[2:]")
    assert [place for _, place, _ in look(world, projector)] == ["trade_view words"]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE trade_view SET title = '另一个'", ("entry 1 trade_view", "title")),
        ("UPDATE trade_view SET amount_fen = amount_fen + 1", ("entry 1 trade_view", "amount_fen")),
        ("UPDATE trade_view SET amount_fen = NULL", ("entry 1 trade_view", "amount_fen")),
        ("UPDATE trade_view SET made_up = NOT made_up", ("entry 1 trade_view", "made_up")),
        ("UPDATE trade_view SET title = 'x', search = 'x'", ("entry 1 trade_view", "title, search")),
        ("UPDATE record_view SET state = 'current' WHERE idx = 0", ("entry 0 record_view", "state")),
        ("UPDATE record_view SET claimed_ms = 5 WHERE idx = 4", ("entry 4 record_view", "claimed_ms")),
        ("UPDATE quarantine SET reason = 'x' WHERE idx = 3", ("entry 3 quarantine", "reason")),
        ("DELETE FROM credit_view WHERE idx = 5", ("entry 5 credit_view", "the row is missing")),
        ("DELETE FROM record_view WHERE idx = 5", ("entry 5 record_view", "the row is missing")),
        ("UPDATE quarantine SET idx = 1 WHERE idx = 3", ("entry 1 quarantine", "there should be no such row")),
    ],
)
def test_a_changed_row_is_named_by_place_and_column(filled, sql, found):
    world, projector = filled
    change(world, sql)
    seen = look(world, projector)
    assert (EAST, *found) in seen and len(seen) <= 2
    assert "另一个" not in str(seen)


def test_the_order_in_which_rows_came_is_no_difference(filled):
    world, projector = filled
    change(world, "UPDATE record_view SET seq = seq + 1000")
    assert look(world, projector) == []


async def test_a_rebuild_mends_it(filled):
    world, projector = filled
    change(world, "UPDATE trade_view SET title = 'x', record_id = record_id || record_id")
    assert look(world, projector)
    await projector.rebuild()
    assert look(world, projector) == []


# PostgreSQL keeps no such text.
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_text_that_is_none_is_found(filled):
    world, projector = filled
    change(world, "UPDATE trade_view SET title = CAST(x'ff' AS TEXT)")
    assert look(world, projector) == [(EAST, "entry 1 trade_view", "title")]


# PostgreSQL keeps no such key.
@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_key_of_another_sort_is_found(filled):
    world, projector = filled
    change(world, "UPDATE trade_view SET record_id = 'text'")
    assert {wrong for _, _, wrong in look(world, projector)} == {"the row is missing", "there should be no such row"}


def test_what_is_not_projected_yet_is_no_difference(filled):
    world, projector = filled
    world.put(result("新"), project=False)
    accounted(world)
    assert look(world, projector) == []


def test_content_that_came_since_is_no_difference(filled):
    world, projector = filled
    (missing,) = [index for (index,) in world.rows("select idx from quarantine where code = 'payload-missing'")]
    late = [PayloadRow(missing, "main", SALT, b"come late")]
    world.store.write_now(lambda conn: payloads.put_rows(conn, world.ids[EAST], "public", late))
    assert look(world, projector) == []


async def test_what_was_erased_is_shown_as_erased_in_both(filled):
    world, projector = filled
    log_id = world.ids[EAST]
    order = {"record_id": b"r", "order_id": b"o", "by_log_id": log_id, "by_index": 0, "now_ms": 1}
    world.store.write_now(lambda conn: erased.erase(conn, log_id, [(1, "main")], **order))
    found = {place for _, place, _ in look(world, projector)}
    assert found == {"entry 1 record_view", "entry 1 trade_view", "view_count"}
    await projector.rebuild()
    assert look(world, projector) == []


def test_a_position_that_cannot_be_is_found(filled):
    world, projector = filled
    log_id = world.ids[EAST]
    world.store.write_now(lambda conn: cursors.move(conn, STAGE, log_id, 99))
    assert look(world, projector) == [(EAST, "cursor 99", "the read tables cannot have come so far")]
    world.store.write_now(lambda conn: cursors.move(conn, STAGE, log_id, 5))
    found = {place for _, place, _ in look(world, projector)}
    assert found == {"entry 5 record_view", "entry 5 credit_view", "view_count"}


def test_tables_that_are_made_anew_anyway_are_not_judged(filled):
    world, projector = filled
    change(world, "UPDATE trade_view SET title = 'x'")
    change(world, "UPDATE meta SET value = 'older' WHERE name = 'view_version'")
    assert look(world, projector) == []


def test_the_judge_tells_of_it_with_advice(filled):
    world, projector = filled
    change(world, "UPDATE trade_view SET title = '另一个'")

    def judge(conn, views):
        return [found for found in fsck.check(conn, keys=None, views=views) if found.code == "view-differs"]

    (found,) = world.store.read_now(lambda conn: judge(conn, lambda conn: fsck_views.check(projector, conn)))
    assert (found.origin, found.place, found.severity) == (EAST, "entry 1 trade_view", "fault")
    assert found.en.endswith(": title") and "另一个" not in str(found)
    assert "ggzy rebuild" in found.advice_zh and "ggzy rebuild" in found.advice_en

    def broken(conn):
        raise LookupError("secret")

    (found,) = world.store.read_now(lambda conn: judge(conn, broken))
    assert found.origin == "" and "LookupError" in found.en and "secret" not in str(found)


def test_every_read_table_is_judged():
    """One that is not among the views could not even be projected beside them."""
    fed = {each.table.name for shown in PROJECTIONS.values() for each in shown}
    assert fed <= {view.name for view in VIEWS}
