"""From entries to messages: what is new in the logs of this hub and its districts, after the uplink's cursor.

It goes no further than the read tables have come, for these say which version of a record counts. A record whose
content has not come yet is noted and looked at again; nothing behind it waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, and_, delete, select

from node.domain.acts import Act
from node.domain.folding import Trade, amended_by, replay
from node.domain.record import Document
from node.domain.rulebook import Rulebook
from node.domain.standard import Standard
from node.domain.tradecodes import CodeTable
from node.errors import Malformed, Refused
from node.store import cursors, logs, payloads
from node.store.logs import LogState
from node.store.tables import RecordView, table
from node.store.tables_trading import ActView
from node.store.tables_uplink import UplinkLate
from node.store.upsert import insert_or_ignore
from node.uplink import acts, credit, experts, legacy, mapping, numbers, outbox, parties
from node.uplink.outbox import Origin
from node.uplink.shape import Case, Message, Sender, clean, moment
from node.wire import header as headers
from node.wire.document import decode

STAGE, PROJECTED = "uplink", "project"
BATCH = 200
_records, _acts, _late = table(RecordView), table(ActView), table(UplinkLate)

TRADES = ("trade.result", "trade.candidates", "trade.notice", "trade.listing")
ACTS = ("trade.act", "trade.step")
OTHERS = ("entity.company", "credit.score", "credit.behaviour", "credit.blacklist", "expert.profile")
KINDS = (*TRADES, *ACTS, *OTHERS)


@dataclass(frozen=True)
class Desk:
    """What a record is turned into messages with: `codes` are letters and classes of
    numbers; `centres` gives a node's centre and division by its log's origin.
    """

    standard: Standard
    sender: Sender
    rules: Rulebook
    codes: CodeTable
    centres: Mapping[str, tuple[str, str]]
    now_ms: int

    def centre(self, origin: str) -> tuple[str, str]:
        return self.centres.get(origin.rpartition("/")[0], (self.sender.centre, self.sender.division))


def step(conn: Connection, desk: Desk) -> int:
    """Take what is new, a batch at most; gives how many entries. Running it again is harmless."""
    for state in logs.all_logs(conn):
        start = cursors.get(conn, STAGE, state.id)
        end = min(start + BATCH, state.payload_next, cursors.get(conn, PROJECTED, state.id))
        if start < end:
            between = and_(_records.c.log_id == state.id, _records.c.idx >= start, _records.c.idx < end)
            packed = payloads.read_range(conn, state.id, start, end)
            for row in _rows(conn, between):
                main = packed.get((row["idx"], "main"))
                _take(conn, desk, state, row, None if main is None else main.payload)
            cursors.move(conn, STAGE, state.id, end)
            return end - start
    return 0


def late(conn: Connection, desk: Desk) -> int:
    """Take what was passed because its content had not come, and has since."""
    waiting = conn.execute(select(_late.c.log_id, _late.c.idx).limit(BATCH)).all()
    done = 0
    for log_id, index in waiting:
        here = and_(_records.c.log_id == log_id, _records.c.idx == index)
        row = next(iter(_rows(conn, here)), None)
        if row is not None and row["content"] in ("missing", "unreadable"):
            continue
        conn.execute(delete(_late).where(and_(_late.c.log_id == log_id, _late.c.idx == index)))
        if row is not None:
            _take(conn, desk, logs.by_id(conn, log_id), row)
            done += 1
    return done


def _rows(conn: Connection, which: Any) -> Sequence[RowMapping]:
    wanted = and_(which, _records.c.kind.in_(KINDS), _records.c.state != "superseded")
    return conn.execute(select(_records).where(wanted).order_by(_records.c.idx)).mappings().all()


def _take(conn: Connection, desk: Desk, state: LogState, row: RowMapping, payload: bytes | None = None) -> None:
    if row["content"] in ("missing", "unreadable"):
        insert_or_ignore(conn, _late, [{"log_id": state.id, "idx": row["idx"]}])
        return
    if row["content"] != "held":
        outbox.withdraw(conn, row["record_id"], desk.now_ms)  # withheld or erased: there is nothing to report
        return
    if row["kind"] in ACTS:
        _take_act(conn, desk, state, row)
    elif row["state"] == "withdrawn":
        outbox.withdraw(conn, row["record_id"], desk.now_ms)
    else:
        document = document_of(conn, row, payload)
        if document is not None:
            _put(conn, desk, state, row, document)


def document_of(conn: Connection, row: RowMapping, payload: bytes | None = None) -> Document[Any] | None:
    """The main document of a row of the read tables; `payload` is its bytes where the caller has them."""
    if payload is None:
        stored = payloads.get(conn, row["log_id"], row["idx"], "main")
        payload = None if stored is None else stored[1]
    try:
        return None if payload is None else decode(row["kind"], payload)
    except Malformed:
        return None


def _put(conn: Connection, desk: Desk, state: LogState, row: RowMapping, document: Document[Any]) -> None:
    base, body, kind = row["record_id"].hex(), document.body, row["kind"]
    centre, place = desk.centre(state.origin)
    published = moment(row["claimed_ms"])[:8]
    day = f"{published[:4]}-{published[4:6]}-{published[6:]}"
    case: Case | None = None
    made: list[Message]
    if kind in TRADES:
        url = document.source.url or f"{desk.sender.url}/records/{base}"
        case = legacy.case_of(base, document, claimed_ms=row["claimed_ms"], centre=centre, place=place, url=url)
        made = _of_case(conn, desk, case)
    elif kind == "entity.company":
        made = parties.messages(base, body)
    elif kind == "expert.profile":
        made = experts.messages(base, body)
    elif kind == "credit.score":
        made = credit.score(base, body)
    elif kind == "credit.blacklist":
        made = credit.blacklist(base, body)
    else:
        made = credit.behaviour(base, body, day)
    category = case.category if case is not None else ""
    division = case.division if case is not None else str(getattr(body, "division", "") or place)
    origin = Origin(
        state.id,
        row["idx"],
        row["record_id"],
        row["version"],
        category,
        division or place,
        row["title"],
        row["claimed_ms"],
    )
    outbox.put(conn, desk.standard, desk.sender.system_no, origin, made, desk.now_ms)


def _of_case(conn: Connection, desk: Desk, case: Case) -> list[Message]:
    if not any(case.sets) or case.category not in mapping.TEMPLATES:
        return []
    try:
        given = numbers.of_case(conn, case, desk.sender, desk.codes)
    except Refused:
        return []
    return mapping.of_case(desk.standard, case, given, desk.sender)


# --- acts -------------------------------------------------------------------------------------------------------------


def _take_act(conn: Connection, desk: Desk, state: LogState, row: RowMapping) -> None:
    document = document_of(conn, row)
    if document is None:
        return
    act: Act = document.body
    trade, records = trade_of(conn, desk.rules, state, act.trade)
    if row["state"] == "withdrawn":
        outbox.withdraw(conn, row["record_id"], desk.now_ms)
        # What it changed in earlier acts is as it was before.
        again = list(trade.acts) if trade is not None else []
    else:
        changed = amended_by(trade, act) if trade is not None else None
        again = [act] + ([changed] if changed is not None else [])
    for each in again:
        record = records.get(each.seq)
        if record is not None:
            _put_act(conn, desk, state, record, each, trade)


def trade_of(
    conn: Connection, rules: Rulebook, state: LogState, key: str
) -> tuple[Trade | None, dict[int, RowMapping]]:
    """The fold of a trade's acts as this node holds them, and the record of each act; no fold without its rules."""
    node = state.origin.rpartition("/")[0]
    mine = [log.id for log in logs.all_logs(conn) if log.origin.rpartition("/")[0] == node]
    on = and_(_records.c.log_id == _acts.c.log_id, _records.c.idx == _acts.c.idx)
    wanted = and_(_acts.c.trade == key, _acts.c.log_id.in_(mine))
    query = select(_records, _acts.c.seq.label("seq"), _acts.c.withdrawn.label("gone")).join_from(_acts, _records, on)
    held_acts: list[Act] = []
    records: dict[int, RowMapping] = {}
    gone: list[int] = []
    for row in conn.execute(query.where(wanted).order_by(_acts.c.seq)).mappings():
        document = document_of(conn, row)
        if document is None:
            continue
        act: Act = document.body
        # What an act keeps from the public is a fact of its trade all the same: a later act's sets ask for it.
        held_acts.append(msgspec.structs.replace(act, fields={**act.fields, **inner_of(conn, row)}))
        if row["gone"]:
            gone.append(document.body.seq)
        else:
            records[document.body.seq] = row
    try:
        return replay(held_acts, rules, withdrawn=gone), records
    except Malformed:
        return None, records


def _put_act(conn: Connection, desk: Desk, state: LogState, row: RowMapping, act: Act, trade: Trade | None) -> None:
    centre, place = desk.centre(state.origin)
    base = row["record_id"].hex()
    case = acts.case_of(
        base,
        act,
        trade,
        desk.standard,
        inner=inner_of(conn, row),
        centre=centre,
        place=place,
        url=f"{desk.sender.url}/records/{base}",
        public=_is_public(conn, row),
    )
    made = _of_case(conn, desk, case)
    origin = Origin(
        row["log_id"],
        row["idx"],
        row["record_id"],
        row["version"],
        act.category,
        case.division or place,
        clean(act.title)[:400],
        act.at,
    )
    outbox.put(conn, desk.standard, desk.sender.system_no, origin, made, desk.now_ms)


def _is_public(conn: Connection, row: RowMapping) -> bool:
    main = headers.parse(logs.entry(conn, row["log_id"], row["idx"])).section("main")
    return main is not None and main.audience == "public"


def inner_of(conn: Connection, row: RowMapping) -> dict[str, Any]:
    """The fields of an act that are not disclosed, as far as this node has them."""
    stored = payloads.get(conn, row["log_id"], row["idx"], "inner")
    if stored is None:
        return {}
    try:
        found = msgspec.msgpack.decode(stored[1])
    except msgspec.MsgspecError:
        return {}
    return found if isinstance(found, dict) else {}
