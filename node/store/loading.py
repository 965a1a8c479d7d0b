"""A trade's acts out of the log: `act_view` says where they lie, their payloads what they say.

A trade belongs to one node, told by the origin of its log without the epoch. An act that another node publishes under
the same key changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, and_, select

from node.domain import engine, sections
from node.domain.acts import Act
from node.domain.engine import Trade
from node.domain.hands import Hand, Stated
from node.domain.record import Document
from node.domain.rulebook import Rulebook
from node.errors import NotFound
from node.store import payloads
from node.store.tables import Log, RecordView, table
from node.store.tables_trading import ActView
from node.wire.document import decode
from node.wire.pack import PayloadRow

_acts = table(ActView)
_log = table(Log)
_records = table(RecordView)
_hands = msgspec.msgpack.Decoder(Hand)
_maps = msgspec.msgpack.Decoder(dict[str, Any])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One act as recorded: where its newest version lies, and what it says.

    `act` has the fields of all sections held here; `inner` is that section as it is, `hand` who did it, None where that
    section is not held. `stated` is what the hand stands under.
    """

    origin: str
    index: int
    record_id: bytes
    version: int
    kind: str
    leaf: bytes
    claimed_ms: int
    withdrawn: bool
    reason: str
    act: Act
    document: Document[Act]
    inner: Mapping[str, Any] = field(default_factory=dict)
    hand: Hand | None = None
    stated: Stated = field(default_factory=partial(Stated, "", "", b""))


def node_of(origin: str) -> str:
    """The node whose log this is.

    >>> node_of("ggzy.example/cq/500103/2")
    'ggzy.example/cq/500103'
    """
    return origin.rpartition("/")[0]


def holders(conn: Connection, key: str) -> list[str]:
    """The nodes that have published acts of this trade; the one whose it is first.

    That is the one whose registration came here first, our own before all others: who repeats another's key, later,
    takes nothing over.
    """
    of = and_(_acts.c.trade == key, _log.c.id == _acts.c.log_id)
    rows = conn.execute(
        select(_log.c.origin, _log.c.own, _acts.c.seq, _acts.c.log_id).where(of).order_by(_acts.c.seq, _acts.c.log_id)
    ).all()
    ranked = sorted(rows, key=lambda row: (not row.own, row.seq != 1, row.log_id))
    return list(dict.fromkeys(node_of(row.origin) for row in ranked))


def recorded(conn: Connection, key: str, node: str = "") -> list[Recorded]:
    """The acts of a trade by number; `node` is whose, the one that holds it when empty. Raises NotFound."""
    if not node:
        found = holders(conn, key)
        if not found:
            raise not_found(key)
        node = found[0]
    rows = [row for row in _rows(conn, key) if node_of(row["origin"]) == node]
    if not rows:
        raise not_found(key)
    first: dict[int, Recorded] = {}
    for row in rows:
        each = _read(conn, row)
        # Two records under one number: the one that came first is the act, whatever its node says later.
        if each is not None:
            first.setdefault(each.act.seq, each)
    return [first[seq] for seq in sorted(first)]


def trade_of(conn: Connection, rules: Rulebook, key: str, node: str = "") -> tuple[Trade, list[Recorded]]:
    """Any node's trade, replayed from what is held here, and the records of its acts, withdrawn ones too.

    Raises NotFound; Malformed where it cannot be replayed, for example without its rule package.
    """
    acts = recorded(conn, key, node)
    return replayed(acts, rules), acts


def replayed(acts: Sequence[Recorded], rules: Rulebook) -> Trade:
    """Raises Malformed as `engine.replay` does."""
    return engine.replay([each.act for each in acts], rules, withdrawn=withdrawn_of(acts))


def withdrawn_of(acts: Iterable[Recorded]) -> frozenset[int]:
    return frozenset(each.act.seq for each in acts if each.withdrawn)


def not_found(key: str) -> NotFound:
    return NotFound(f"no trade {key} is held here", zh=f"本节点没有交易 {key}", field="trade")


def _rows(conn: Connection, key: str) -> list[Mapping[str, Any]]:
    same = and_(_records.c.log_id == _acts.c.log_id, _records.c.idx == _acts.c.idx)
    columns = (
        _acts.c.log_id,
        _acts.c.idx,
        _acts.c.record_id,
        _acts.c.kind,
        _log.c.origin,
        _records.c.version,
        _records.c.leaf,
        _records.c.claimed_ms,
    )
    statement = (
        select(*columns)
        .join(_log, _log.c.id == _acts.c.log_id)
        .join(_records, same)
        .where(_acts.c.trade == key)
        .order_by(_acts.c.seq, _acts.c.log_id, _acts.c.idx)
    )
    return [dict(row) for row in conn.execute(statement).mappings()]


def _read(conn: Connection, row: Mapping[str, Any]) -> Recorded | None:
    index = row["idx"]
    held = payloads.read_range(conn, row["log_id"], index, index + 1)
    main = held.get((index, "main"))
    if main is None:
        return None  # erased or lost since it was projected: a gap
    document: Document[Act] = decode(row["kind"], main.payload)
    kept = held.get((index, "inner"))
    inner = _decoded(kept, _maps) or {}
    act = msgspec.structs.replace(document.body, fields=sections.join(document.body.fields, inner))
    return Recorded(
        row["origin"],
        index,
        row["record_id"],
        row["version"],
        row["kind"],
        row["leaf"],
        row["claimed_ms"],
        document.status == "withdrawn",
        document.reason,
        act,
        document,
        inner,
        _decoded(held.get((index, "hand")), _hands),
        Stated(row["kind"], document.key, main.payload, None if kept is None else kept.payload),
    )


def _decoded(row: PayloadRow | None, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """What a section says; None where it is not held, or where its origin wrote something else there."""
    if row is None:
        return None
    try:
        return decoder.decode(row.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
