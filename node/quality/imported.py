"""Records of the former centres as items: what is shown of each, and the links among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select, tuple_

from node.domain.joining import code_key, name_key, same_key
from node.domain.record import Document
from node.domain.trades import Trade
from node.errors import Malformed
from node.quality import content, lags, links
from node.quality.items import Key, Row, empty, held, of_keys, put
from node.quality.measures import CONTENT, DUPLICATE, LINKS, UNREPAIRED
from node.quality.yardstick import Yardstick
from node.store import payloads
from node.store.tables import RecordView, TradeView, table
from node.wire.document import decode

_trades, _records = table(TradeView), table(RecordView)
KINDS = ("trade.notice", "trade.candidates", "trade.result", "trade.listing")
Groups = dict[str, dict[int, list[Row] | None]]
_JOINS = ("code_key", "name_key", "same_key")
_WINDOW = 256
"""So many entries of a log are read at once: a pack's worth."""


def take(conn: Connection, versions: Sequence[Row], yardstick: Yardstick, today: str) -> None:
    """Take in versions of records (rows of `record_view`) and judge anew what they are linked to.

    An item is made of the version that the lists show now; of older ones it only counts that they had faults.
    """
    keys = {_key(row) for row in versions}
    shown, old = _shown(conn, keys), held(conn, keys)
    # Of most records there is one version, and that is at hand.
    all_versions = [*versions, *_earlier(conn, {_key(row) for row in versions if row["version"] > 1})]
    places = [(row["log_id"], row["idx"], row["kind"]) for row in (*all_versions, *shown.values())]
    documents = _documents(conn, places)
    faults: dict[Key, int] = {}
    first: dict[Key, Row] = {}
    for version in sorted(all_versions, key=lambda row: -row["version"]):
        first[_key(version)] = version
        document = documents.get((version["log_id"], version["idx"]))
        if document is not None:
            _, bad = content.of_record(version["kind"], document, yardstick)
            faults[_key(version)] = faults.get(_key(version), 0) | bad & CONTENT
    new: dict[Key, Row | None] = dict.fromkeys(old)
    for key, row in shown.items():
        document = documents.get((row["log_id"], row["idx"]))
        if document is not None:
            new[key] = _item(row, document, old.get(key), first[key], faults.get(key, 0), yardstick)
    put(conn, old, new)
    judge_links(conn, [row for row in (*old.values(), *new.values()) if row is not None], today)


def judge_links(conn: Connection, rows: Iterable[Row], today: str) -> None:
    """Judge anew the links of all items that share a key with one of these rows."""
    rows = list(rows)
    groups: Groups = {name: of_keys(conn, name, {row[name] for row in rows}, links.MOST) for name in _JOINS}
    near = held(conn, map(_key, rows))
    for found in groups.values():
        near |= {_key(row): row for group in found.values() for row in group or ()}
    # The neighbours of a neighbour count for it too: a notice may be joined to one by code and to another by name.
    for name in _JOINS:
        groups[name] |= of_keys(conn, name, {row[name] for row in near.values()} - groups[name].keys(), links.MOST)
    put(conn, near, {key: _linked(row, groups, today) for key, row in near.items()})


def _linked(row: Row, groups: Groups, today: str) -> Row:
    # A record without a code has the empty group; one whose group is None shares its code with too many.
    by_code, by_name, alike = (groups[name].get(row[name], []) for name in _JOINS)
    judged, bad = (0, 0) if by_code is None or by_name is None else links.linked(row, [*by_code, *by_name], today)
    again, wrong = (0, 0) if alike is None else links.repeated(row, alike)
    kept = ~(LINKS | DUPLICATE)
    due = {"due_day": links.PAST} if links.is_past(row["due_day"], today) else {}
    return row | due | {"judged": row["judged"] & kept | judged | again, "bad": row["bad"] & kept | bad | wrong}


def _item(shown: Row, document: Document[Any], before: Row | None, first: Row, ever: int, yardstick: Yardstick) -> Row:
    body: Trade = document.body
    judged, bad = content.of_record(shown["kind"], document, yardstick)
    ever |= bad & CONTENT
    if ever:
        judged |= UNREPAIRED
        bad |= UNREPAIRED if bad & CONTENT else 0
    if before is not None:
        # Links stand until they are judged again, in this same transaction.
        judged |= before["judged"] & (LINKS | DUPLICATE)
        bad |= before["bad"] & (LINKS | DUPLICATE)
    row = empty(
        **{name: shown[name] for name in ("log_id", "record_id", "idx", "version", "kind", "category", "title")},
        sort="imported",
        step=content.step_of(shown["kind"], body.stage),
        division=shown["division"][:6],
        day=shown["published_on"],
        first_idx=first["idx"],
        claimed_ms=first["claimed_ms"],
        code_key=code_key(body.category, body.project_code, body.section_code),
        name_key=name_key(body.category, body.project_name),
        same_key=_same(shown),
        judged=judged,
        bad=bad,
        ever=ever,
        doc=shown["doc"],
    )
    row |= {name: before[name] for name in ("hub_lag", "top_lag")} if before else {}
    row["lag"] = _lag(row)
    row["due_day"] = links.due_day(row, body.stage, yardstick)
    return row


def _lag(row: Row) -> int:
    """From the day that the source gives; a source without a day says nothing."""
    ms = lags.day_ms(row["day"])
    return lags.UNKNOWN if ms is None else lags.bucket(row["claimed_ms"] - ms)


def _same(shown: Row) -> int:
    names = (
        "kind",
        "category",
        "title",
        "project_code",
        "section_code",
        "published_on",
        "owner",
        "winner",
        "amount_text",
    )
    return same_key(*(str(shown[name]) for name in names), str(shown["amount_fen"]), str(shown["division"]))


def _shown(conn: Connection, keys: Collection[Key]) -> dict[Key, Row]:
    """What the lists show of these records now, and of which version."""
    wanted, found = sorted(keys), {}
    same = and_(_records.c.log_id == _trades.c.log_id, _records.c.idx == _trades.c.idx)
    for start in range(0, len(wanted), _WINDOW):
        which = tuple_(_trades.c.log_id, _trades.c.record_id).in_(wanted[start : start + _WINDOW])
        statement = select(_trades, _records.c.version, _records.c.claimed_ms).join(_records, same).where(which)
        for row in conn.execute(statement).mappings():
            found[row["log_id"], row["record_id"]] = dict(row)
    return found


def _earlier(conn: Connection, keys: Collection[Key]) -> list[Row]:
    """All versions of these records, in the same log."""
    wanted, found = sorted(keys), []
    for start in range(0, len(wanted), _WINDOW):
        some = wanted[start : start + _WINDOW]
        which = and_(_records.c.record_id.in_([record_id for _, record_id in some]), _records.c.kind.in_(KINDS))
        found += [dict(row) for row in conn.execute(select(_records).where(which)).mappings()]
    return [row for row in found if _key(row) in keys]


def _documents(conn: Connection, places: Iterable[tuple[int, int, str]]) -> dict[tuple[int, int], Document[Any]]:
    """What the entries at these places (log, index, kind) say, as far as it is held here and can be read."""
    wanted: dict[tuple[int, int], dict[int, str]] = {}
    for log_id, index, kind in places:
        wanted.setdefault((log_id, index // _WINDOW), {})[index] = kind
    found = {}
    for (log_id, _), kinds in wanted.items():
        stored = payloads.read_range(conn, log_id, min(kinds), max(kinds) + 1)
        for index, kind in kinds.items():
            payload = stored.get((index, "main"))
            try:
                if payload is not None:
                    found[log_id, index] = decode(kind, payload.payload)
            except Malformed:
                continue
    return found


def _key(row: Mapping[str, Any]) -> Key:
    return row["log_id"], row["record_id"]
