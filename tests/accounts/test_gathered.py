"""Acts that are gathered before they are recorded: the log does not grow with log-ins, and nothing is lost."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select, text

from node import provision
from node.accounts import gathered, hands, trail
from node.accounts.audit import Audit
from node.accounts.gathered import Limits
from node.accounts.trail import Filter
from node.app import Node, build
from node.domain.accounts import AuditAct, AuditBatch, AuditEntry
from node.domain.hands import Hand
from node.domain.powers import refusal
from node.errors import Conflict
from node.store import logs, payloads
from node.store.db import Store
from node.store.tables import RecordView, table
from node.store.tables_accounts import AuditHour
from node.wire.document import decode
from tests.web.persons import CHEAP, PASSWORD, Clock, made_node, serving

World = tuple[Node, Clock]
NAME = "wang.fang@500103"
HOUR = 3_600_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    bounds = {"max_acts_per_hour": 4, "max_party_acts_per_hour": 6, "max_sessions": 3}
    async with serving(tmp_path / "n", clock, settings=bounds) as (node, _client):
        await node.accounts.add("wang.fang", "王芳", ["acceptance"], PASSWORD)
        yield node, clock


async def size(node: Node) -> int:
    found = await node.store.read(lambda conn: logs.find(conn, node.settings.origin))
    assert found is not None
    return found.stored_size


async def shown(node: Node, **wanted: str) -> list[dict[str, object]]:
    await node.projector.run()
    rows, _ = await node.store.read(lambda conn: trail.piece(conn, Filter(**wanted)))
    return rows


async def test_a_flood_of_log_ins_makes_one_record_and_counts_the_rest(world: World) -> None:
    node, clock = world
    before = await size(node)
    for _ in range(30):
        await node.accounts.log_out((await node.accounts.log_in("wang.fang", PASSWORD)).person)
    assert await size(node) == before, "nothing is recorded by logging in"
    assert await node.audit.flush() == 1 and await size(node) == before + 1
    assert await node.audit.flush() == 0, "the hour is not over: what was only counted waits"
    rows = await shown(node, account=NAME)
    sorts = [row["action"] for row in rows if row["action"] in ("log-in", "log-out")]
    assert (sorts.count("log-in"), sorts.count("log-out")) == (4, 4)
    clock.now_ms += HOUR
    assert await node.audit.flush() == 1 and await node.audit.flush() == 0
    counted = [row for row in await shown(node, account=NAME) if "26" in str(row["detail"])]
    assert {row["action"] for row in counted} == {"log-in", "log-out"}
    hours = select(func.count()).select_from(table(AuditHour))
    assert await node.store.read(lambda conn: conn.execute(hours).scalar()) == 0


async def test_entries_are_shown_as_before_and_each_signature_verifies(world: World) -> None:
    node, clock = world
    person = (await node.accounts.log_in("wang.fang", PASSWORD, address="192.0.2.1")).person
    clock.now_ms += 1000
    await node.accounts.log_out(person)
    await node.audit.flush()
    rows = await shown(node, account=NAME, action="log-")
    told = [(row["action"], row["at_ms"], row["role"], row["address"], row["node"], row["object"]) for row in rows]
    now, me = clock.now_ms, node.settings.name
    assert told == [
        ("log-out", now, "acceptance", "192.0.2.1", me, NAME),
        ("log-in", now - 1000, "acceptance", "192.0.2.1", me, NAME),
    ]
    place = (rows[0]["log_id"], rows[0]["idx"])

    def look(conn):  # type: ignore[no-untyped-def]
        held = payloads.get(conn, *place, "main")
        assert held is not None
        batch = decode("audit.batch", held[1]).body
        node_of = node.trusted.policy.node_of_origin
        return hands.findings_of(conn, batch, node_of), hands.finding_at(conn, "audit.batch", *place, node_of)

    found, whole = await node.store.read(look)
    assert found == ["verified", "verified"] and whole == "verified"
    # Page by page the same rows come, none twice.
    first, after = await node.store.read(lambda conn: trail.piece(conn, Filter(account=NAME, action="log-"), None, 1))
    assert after is not None
    second, end = await node.store.read(lambda conn: trail.piece(conn, Filter(account=NAME, action="log-"), after, 1))
    assert [first[0]["action"], second[0]["action"], end] == ["log-out", "log-in", None]


async def test_what_waits_survives_the_process(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 after the log-in, then between the record and what is taken away after it: recorded once."""
    node, clock = world
    await node.accounts.log_in("wang.fang", PASSWORD)
    settings, limits = node.settings, Limits(4, 6)
    again = Audit(node.store, node.publisher, clock, node=settings.name, title=settings.title, limits=limits)
    name = await node.store.write(lambda conn: gathered.next_batch(conn, settings.name, clock()))
    body = await node.store.read(lambda conn: gathered.body(conn, settings.name, name))
    assert [each.act.action for each in body.entries] == ["log-in"]
    before = await size(node)
    with monkeypatch.context() as killed, pytest.raises(Conflict):
        killed.setattr(gathered, "drop", _die)
        await node.audit.flush()
    assert await size(node) == before + 1
    await node.accounts.log_in("wang.fang", PASSWORD)
    assert await again.flush() == 2 and await size(node) == before + 2, "the first one was in the log already"
    assert len(await shown(node, account=NAME, action="log-in")) == 2


def _die(*_given: object, **_more: object) -> None:
    raise Conflict("killed here")


async def test_a_log_that_cannot_be_written_to_keeps_what_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    node, _ = world
    await node.accounts.log_in("wang.fang", PASSWORD)

    async def frozen(_items: object) -> None:
        raise Conflict("frozen for the test")

    with monkeypatch.context() as away:
        away.setattr(node.audit, "_publisher", type("P", (), {"publish": staticmethod(frozen)})())
        assert await node.audit.flush() == 0
    assert await node.audit.flush() == 1
    assert len(await shown(node, action="log-in")) == 1


async def test_parties_together_cannot_fill_the_log_however_many_they_are(world: World) -> None:
    node, clock = world
    for number in range(5):
        await node.accounts.add(f"firm{number}", f"公司{number}", ["bidder"], PASSWORD, own=True)
    for number in range(5):
        for _ in range(3):
            await node.accounts.log_in(f"firm{number}", PASSWORD)
    await node.accounts.log_in("wang.fang", PASSWORD)
    clock.now_ms += HOUR
    assert await node.audit.flush() == 1
    rows = await shown(node)
    parties = [row for row in rows if str(row["account"]).startswith("firm")]
    assert len(parties) == 6, "as many as the limit for all of them"
    (rest,) = [row for row in rows if row["account"] == gathered.PARTIES]
    assert rest["action"] == "log-in" and "14" in str(rest["detail"])
    assert [row["account"] for row in rows if row["action"] == "log-in" and row["account"] == NAME] == [NAME]


async def test_a_record_holds_so_much_and_the_rest_is_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, _ = world
    monkeypatch.setattr(gathered, "MAX_BYTES", 1200)
    for _ in range(4):
        await node.accounts.log_in("wang.fang", PASSWORD)
    assert await node.audit.flush() == 2
    assert len(await shown(node, action="log-in")) == 4


async def test_the_largest_record_fits(world: World) -> None:
    """With the longest texts there may be, as many entries and counts as a record takes are below its limit."""
    node, clock = world
    wide = "界" * 400
    hand = Hand("x", "y", "00" * 32, "00" * 64, version=2)

    def fill(conn):  # type: ignore[no-untyped-def]
        for number in range(400):
            act = AuditAct(
                account=f"{number}@500103",
                realm="service",
                action="log-in",
                object=wide,
                detail=wide,
                at=clock(),
                node=node.settings.name,
            )
            gathered.put(conn, f"{number}/{clock()}/x", act, hand, Limits(9, 9))
        table_of = table(AuditHour)
        for number in range(1200):
            row = {"account": f"{number:040}@500103", "action": "a" * 64, "hour_ms": 0, "number": 10**9, "most": 1}
            conn.execute(table_of.insert().values(**row, batch=""))

    await node.store.write(fill)
    before = await size(node)
    assert await node.audit.flush() == await size(node) - before
    left = await node.store.read(lambda conn: conn.execute(text("select count(*) from audit_waiting")).scalar())
    assert left == 0


async def test_a_session_that_is_none_of_ones_own_leaves_no_trace(world: World) -> None:
    node, _ = world
    person = (await node.accounts.log_in("wang.fang", PASSWORD)).person
    for _ in range(3):
        await node.accounts.end_session(person, hashlib.sha256(b"nobody's").digest())
    await node.accounts.log_out(person)
    await node.accounts.log_out(person)
    await node.audit.flush()
    assert [row["action"] for row in await shown(node, account=NAME)].count("session.end") == 0
    assert len(await shown(node, account=NAME, action="log-out")) == 1


async def test_text_that_no_record_can_hold_keeps_no_other_from_being_recorded(world: World) -> None:
    node, _ = world
    person = (await node.accounts.log_in("wang.fang", PASSWORD)).person
    await node.store.write(lambda conn: node.audit.gather(conn, person, "session.end", "e\u0301 \ud800", "x" * 999))
    assert await node.audit.flush() == 1
    (row,) = await shown(node, action="session.end")
    assert str(row["object"]).startswith("é") and len(str(row["detail"])) == 400


def test_a_node_records_what_is_done_at_itself_alone() -> None:
    act = AuditAct(account="a", realm="service", action="log-in", object="a", at=1, node="other")
    entries = [AuditEntry(key="k", act=act, hand=Hand("a", ""))]
    assert refusal("district", "audit.batch", AuditBatch(node="me", entries=entries), "me") is not None
    assert refusal("district", "audit.batch", AuditBatch(node="other"), "me") is not None
    assert refusal("district", "audit.batch", AuditBatch(node="me"), "me") is None


async def test_the_record_says_nothing_to_the_public(world: World) -> None:
    node, _ = world
    await node.accounts.log_in("wang.fang", PASSWORD)
    await node.audit.flush()
    await node.projector.run()
    view = table(RecordView)
    title = await node.store.read(
        lambda conn: conn.execute(select(view.c.title).where(view.c.kind == "audit.batch")).scalar_one()
    )
    assert title == "操作留痕汇总"


async def test_a_node_that_stops_records_what_waits(tmp_path: Path) -> None:
    made = made_node(tmp_path / "n")
    node = Node(made.settings, clock=Clock(), password_cost=CHEAP)
    signer = provision.keyring.policy_signer(made.settings.keys, made.settings.name, create=True)
    async with TestClient(TestServer(build(node))):
        await node.trusted.adopt([provision.first_policy("ggzy.example/cq", signer, [made], {})])
        await node.accounts.add("wang.fang", "王芳", ["acceptance"], PASSWORD)
        await node.accounts.log_in("wang.fang", PASSWORD)
        before = await size(node)
    store = Store(made.settings.database)
    try:
        waiting = store.read_now(lambda conn: conn.execute(text("select count(*) from audit_waiting")).scalar())
        found = store.read_now(lambda conn: logs.find(conn, made.settings.origin))
    finally:
        store.close()
    assert waiting == 0 and found is not None and found.stored_size == before + 1
