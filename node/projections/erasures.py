"""Orders to erase, heeded: each node judges every order by itself, then erases in one transaction (DESIGN L23).

An order is a `record.erasure` in the log of the origin itself or of a node above it. It counts when the erasure keys of
two different nodes of the trust policy signed it, one of them the origin's node or a node above it, and when every
place that it names is a section of the record that it names. Any other goes to quarantine with the reason.

What was ordered once stays erased: a tombstone is no row of a read table, and no rebuild takes it away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, and_, exists, select

from node.clock import Clock
from node.domain.erasure import Erasure
from node.errors import BadSignature, Malformed, NotFound
from node.projections.reading import HELD
from node.projections.shape import text
from node.store import cursors, erased, logs, payloads, word_index
from node.store.db import Store
from node.store.tables import Erased, Quarantine, RecordView, table
from node.store.upsert import insert_or_replace
from node.tlog.note import parse_note
from node.trusted import Trusted
from node.wire import erasure
from node.wire import header as headers
from node.wire.document import decode
from node.wire.erasure import ErasureOrder
from node.wire.trust import TrustPolicy

KIND = "record.erasure"
REFUSED, EARLY = "erasure-refused", "erasure-early"
_PROTECTED = (KIND, "log.", "trust.")
"""Kinds that begin so are about logs and trust, what the rest is judged by."""
_POLICY_FACT = "erasure_policy"
_FILES_FACT = "erasure_files"
_WORDS_FACT = "erasure_words"
_AGAIN = "again"
_records = table(RecordView)
_erased = table(Erased)
_quarantine = table(Quarantine)

ShowAgain = Callable[[Connection, int, set[int]], None]
"""Projects these indexes of the log of this id again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an order does nothing: a code of `REASONS`, and the reason in words."""

    code: str
    reason: str


class Eraser:
    """Heeds the orders that have come to this node. Running it again is harmless."""

    def __init__(self, store: Store, trusted: Trusted, clock: Clock) -> None:
        self._store = store
        self._trusted = trusted
        self._clock = clock

    async def run(self, show_again: ShowAgain) -> int:
        """Erase what is ordered and not erased yet; gives how many orders did something."""
        try:
            policy = self._trusted.policy
        except NotFound:
            return 0
        done = 0
        for log_id, index in await self._store.read(partial(_open_orders, policy=policy)):
            work = partial(_heed, policy=policy, log_id=log_id, index=index, now_ms=self._clock(), show=show_again)
            done += await self._store.write(work)
        if await self._store.read(partial(cursors.fact, name=_POLICY_FACT)) != policy.hash():
            await self._store.write(partial(cursors.set_fact, name=_POLICY_FACT, value=policy.hash()))
        await self._clear_files()
        return done

    async def _clear_files(self) -> None:
        """Have the bytes out of the files too; a reader that holds them up is waited for until the next run."""
        if await self._store.read(partial(cursors.fact, name=_FILES_FACT)) != "due":
            return
        while await self._store.write(_purge_words):
            pass
        if await self._store.truncate_wal():
            await self._store.write(partial(cursors.set_fact, name=_FILES_FACT, value=""))


def _purge_words(conn: Connection) -> bool:
    """One step of clearing the word index of what is gone; tells whether there is more to do."""
    state = cursors.fact(conn, _WORDS_FACT)
    if not state:
        return False
    more = word_index.purge(conn, first=state == "due")
    cursors.set_fact(conn, _WORDS_FACT, "begun" if more else "")
    return more


def start_over(conn: Connection) -> None:
    """Have every order judged and carried out again with the next run."""
    cursors.set_fact(conn, _POLICY_FACT, _AGAIN)


def judge(conn: Connection, policy: TrustPolicy, order_origin: str, data: bytes) -> tuple[ErasureOrder, Fault | None]:
    """The order in these bytes and why it does nothing, if so; `order_origin` is the log that it lies in.

    Raises Malformed when the bytes are no order at all.
    """
    order = erasure.parse(parse_note(data))
    refused = partial(Fault, REFUSED)
    node = policy.node_of_origin(order.origin)
    if node is None:
        return order, refused("the trust policy knows no such origin")
    responsible = {node, *policy.path_up(node)}
    if policy.node_of_origin(order_origin) not in responsible:
        return order, refused("neither the origin nor a node above it has logged the order")
    try:
        signed = signers(policy, data)
    except (Malformed, BadSignature) as error:
        return order, refused(error.detail)
    if len(signed) < 2:
        return order, refused(f"the erasure keys of {len(signed)} node signed it, two different nodes must")
    if responsible.isdisjoint(signed):
        return order, refused("neither the origin's node nor a node above it is among its signers")
    return order, _places_fault(conn, order)


def signers(policy: TrustPolicy, data: bytes) -> frozenset[str]:
    """The nodes whose erasure keys signed an order while they were in use. Raises Malformed, BadSignature."""
    order = erasure.parse(parse_note(data))
    held = {}
    for grant in policy.grants(use="erasure"):
        ended = policy.retired_at(grant.key)
        if ended is None or order.time_s <= ended:
            held[grant.key] = grant.node
    return erasure.open_order(data, held, held.__getitem__)[1]


def _places_fault(conn: Connection, order: ErasureOrder) -> Fault | None:
    state = logs.find(conn, order.origin)
    if state is None or order.places[-1][0] >= state.stored_size:
        return Fault(EARLY, "the entries that it names have not come to this node yet")
    for index, section in order.places:
        try:
            header = headers.parse(logs.entry(conn, state.id, index))
        except Malformed:
            return Fault(REFUSED, f"entry {index} is no header")
        if header.record_id != order.record_id or header.section(section) is None:
            return Fault(REFUSED, f"entry {index} is not a version of that record with that section")
        if header.kind.startswith(_PROTECTED):
            return Fault(REFUSED, f"a {header.kind} is never erased")
    return None


def _open_orders(conn: Connection, policy: TrustPolicy) -> list[tuple[int, int]]:
    """(log id, index) of orders that have not been heeded; those refused before only under another policy."""
    heeded = exists().where(and_(_erased.c.by_log_id == _records.c.log_id, _erased.c.by_idx == _records.c.idx))
    which = and_(_records.c.kind == KIND, _records.c.content == HELD)
    known = cursors.fact(conn, _POLICY_FACT)
    if known != _AGAIN:
        which = and_(which, ~heeded)
    if known == policy.hash():
        of = and_(_quarantine.c.log_id == _records.c.log_id, _quarantine.c.idx == _records.c.idx)
        which = and_(which, ~exists().where(and_(of, _quarantine.c.code == REFUSED)))
    rows = conn.execute(select(_records.c.log_id, _records.c.idx).where(which).order_by(_records.c.seq))
    return [(row.log_id, row.idx) for row in rows]


def _heed(conn: Connection, policy: TrustPolicy, log_id: int, index: int, now_ms: int, show: ShowAgain) -> int:
    state, held = logs.by_id(conn, log_id), payloads.get(conn, log_id, index, "main")
    if held is None:
        return 0
    try:
        body: Erasure = decode(KIND, held[1]).body
        order, fault = judge(conn, policy, state.origin, body.order.encode("utf-8", "surrogatepass"))
    except Malformed as error:
        _set_aside(conn, log_id, index, Fault(REFUSED, error.detail))
        return 0
    if fault is not None:
        _set_aside(conn, log_id, index, fault)
        return 0
    target = logs.get(conn, order.origin)
    fresh = erased.erase(
        conn,
        target.id,
        order.places,
        record_id=order.record_id,
        order_id=order.order_id,
        by_log_id=log_id,
        by_index=index,
        now_ms=now_ms,
    )
    conn.execute(_quarantine.delete().where(and_(_quarantine.c.log_id == log_id, _quarantine.c.idx == index)))
    show(conn, target.id, {place for place, _ in order.places})
    if fresh:
        cursors.set_fact(conn, _FILES_FACT, "due")
        cursors.set_fact(conn, _WORDS_FACT, "due")
    return int(fresh)


def _set_aside(conn: Connection, log_id: int, index: int, fault: Fault) -> None:
    row = {"log_id": log_id, "idx": index, "kind": KIND, "code": fault.code, "reason": text(fault.reason)}
    insert_or_replace(conn, _quarantine, [row])
