"""The board's tables kept level with the read tables, a batch at a time, by `record_view.seq`.

New versions come in the order of `seq`; a trade is judged once it has been replayed with them. A crash loses nothing:
each batch and its cursor are one transaction. Where the read tables were made anew, or what is judged by has changed,
all is judged again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, and_, delete, select

from node.clock import Clock
from node.domain import KINDS
from node.domain.acts import Act
from node.domain.record import Document
from node.errors import Malformed, NotFound
from node.quality import items, lags, links, trades, yardstick
from node.quality.items import Key, Row, key_of
from node.quality.judging import Judge
from node.quality.measures import LATE_PUBLISHED
from node.quality.stamps import Stamps, stamp, stamps, unstamped
from node.rules import Rules
from node.store import cursors, logs, payloads
from node.store.db import READ_TABLES, Store
from node.store.tables import RecordView, TradeView, table
from node.store.tables_trading import ActView
from node.tlog.tiles import WIDTH
from node.trusted import Trusted
from node.wire.document import decode

BATCH: Final = 400
VERSION: Final = 1
"""Rises when the same records would give other rows."""
_OF, _SEQ = "quality_of", "quality_seq"
_GENERATION = "view_generation"  # of `node.projections.follow`
_TRADES_OF, _TRADES_SEQ = "trade_state_of", "trade_state_seq"  # of `node.trading.refresh`
_KINDS = tuple(name for name in KINDS if name.startswith("trade."))
_OF_TRADES = ("trade.act", "trade.step")
_records = table(RecordView)
_views = table(TradeView)
_acts = table(ActView)
Above = dict[int, tuple[Stamps, Stamps]]


async def _at_once() -> None:
    return None


class Keeper:
    """Judges what is new. Running it again is harmless."""

    def __init__(
        self,
        store: Store,
        rules: Rules,
        trusted: Trusted,
        clock: Clock,
        *,
        calm: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        self._store = store
        self._rules = rules
        self._trusted = trusted
        self._clock = clock
        self._calm = calm

    async def run(self) -> int:
        """Bring the board up to date; gives how many records and trades were judged."""
        if await self._store.read(partial(cursors.fact, name=_OF)) != await self._store.read(self._of):
            await self._store.write(self._start_over, READ_TABLES)
        done = 0
        for step in (self._new, self._due, self._stamp):
            # Most runs find nothing: that is found out by reading, so that the writer is left to those who have work.
            while await self._store.read(partial(step, look=True)):
                done += await self._store.write(step, READ_TABLES, snapshot=True)
                await self._calm()
        return done

    async def rebuild(self) -> int:
        """Judge everything again."""
        await self._store.write(self._start_over, READ_TABLES)
        return await self.run()

    def _stamp_of(self, conn: Connection) -> str:
        """The end of `trade_state_of` while trades stand as the read tables and the rules are now."""
        return f" {cursors.fact(conn, _GENERATION) or ''} {self._rules.stamp}"

    def _of(self, conn: Connection) -> str:
        tables = [(name, sorted(values)) for name, values in sorted(self._rules.tables.items())]
        digest = hashlib.sha256(msgspec.msgpack.encode(tables)).hexdigest()[:16]
        return f"{VERSION} {yardstick.load().stamp} {digest}{self._stamp_of(conn)}"

    def _start_over(self, conn: Connection) -> None:
        conn.execute(delete(items.items))
        conn.execute(delete(items.sums))
        cursors.reset(conn, "quality_hub")
        cursors.reset(conn, "quality_top")
        cursors.set_fact(conn, _SEQ, "0")
        cursors.set_fact(conn, _OF, self._of(conn))

    # --- what is new ------------------------------------------------------------------------------------------------

    def _new(self, conn: Connection, *, look: bool = False) -> int:
        """Judge the next batch; with `look` only say how many there are, one at most."""
        seq = int(cursors.fact(conn, _SEQ) or "0")
        which = and_(_records.c.kind.in_(_KINDS), _records.c.seq > seq)
        found = conn.execute(select(_records).where(which).order_by(_records.c.seq).limit(1 if look else BATCH))
        level = (cursors.fact(conn, _TRADES_OF) or "").endswith(self._stamp_of(conn))
        reached = int(cursors.fact(conn, _TRADES_SEQ) or "0") if level else 0
        rows: list[Mapping[str, Any]] = []
        for row in found.mappings():
            if row["kind"] in _OF_TRADES and row["seq"] > reached:
                break  # its trade has not been replayed with it
            rows.append(row)
        if look or not rows:
            return len(rows)
        keys = list(dict.fromkeys((row["log_id"], row["record_id"]) for row in rows))
        made = self._made(conn, rows, keys)
        touched = _trades_of(conn, keys)
        now_ms = self._clock()
        standing = trades.standing(conn, touched, now_ms)
        old = links.held(conn, keys) | _old_trades(conn, touched)
        self._put(conn, old, made + list(standing.values()))
        cursors.set_fact(conn, _SEQ, str(rows[-1]["seq"]))
        return len(rows)

    def _made(self, conn: Connection, rows: Sequence[Mapping[str, Any]], keys: Sequence[Key]) -> list[Row]:
        """Items of the records whose newest version counts, judged by themselves."""
        current = _in_pieces(conn, _records, keys, _records.c.state == "current")
        views = _in_pieces(conn, _views, keys)
        before = links.held(conn, keys)
        places = {(row["log_id"], row["idx"]): row["kind"] for row in (*rows, *current.values())}
        documents = _documents(conn, places)
        judge = Judge(yardstick.load(), self._rules.book, self._rules.tables)
        above = self._above(conn, {log_id for log_id, _ in keys})
        ever: dict[Key, int] = {}
        for row in rows:
            document = documents.get((row["log_id"], row["idx"]))
            if document is not None:
                key = key_of(row)
                ever[key] = ever.get(key, 0) | judge.content(row["kind"], document)[1]
        made = []
        for key, row in current.items():
            view, document = views.get(key), documents.get((row["log_id"], row["idx"]))
            if view is None or document is None or view["idx"] != row["idx"]:
                continue  # not for lists, or not held here
            item = items.of_record(view, row["version"], row["claimed_ms"])
            item["judged"], item["bad"] = judge.content(row["kind"], document)
            item["ever"] = item["bad"] | ever.get(key, 0) | before.get(key, {}).get("ever", 0)
            self._time(item, document, judge)
            known = before.get(key, {})
            if known.get("version") == item["version"]:
                item |= {name: known[name] for name in ("hub_lag", "top_lag")}
            stamp(item, above[key[0]])
            made.append(item)
        return made

    def _time(self, item: Row, document: Document[Any], judge: Judge) -> None:
        body = document.body
        if isinstance(body, Act):
            lag = item["claimed_ms"] - body.at
            item["judged"] |= LATE_PUBLISHED
            item["bad"] |= LATE_PUBLISHED if lag > judge.yardstick.publish_within_hours * lags.HOUR_MS else 0
            item["lag"] = lags.bucket(lag)
            return
        if end_ms := items.end_of(item["day"]):
            item["lag"] = lags.bucket(item["claimed_ms"] - end_ms)
        if item["step"] == "notice" and judge.yardstick.expects_result(body.stage):
            item["due_day"] = items.later(item["day"], judge.yardstick.days_for(item["category"]))

    def _put(self, conn: Connection, old: Mapping[Key, Row], new: Sequence[Row]) -> None:
        """Write these in the place of those, and judge again whoever hangs together with them."""
        named = links.keys_of([*old.values(), *new])
        before = links.facts(conn, named)
        rest = before
        if old:
            items.replace(conn, list(old.values()), [])
            rest = links.facts(conn, named)
        after = links.together(rest, new)
        others = links.partners(conn, links.stirred(before, after))
        known = after | links.facts(conn, links.keys_of(others) - set(named))
        today = items.day_of(self._clock())
        items.replace(conn, others, [_linked(row, known, today) for row in others])
        items.replace(conn, [], [_linked(row, known, today) for row in new])

    # --- what time brings -------------------------------------------------------------------------------------------

    def _due(self, conn: Connection, *, look: bool = False) -> int:
        """Look again at what waited for a day that has passed."""
        now_ms = self._clock()
        today = items.day_of(now_ms)
        rows = links.due(conn, today, 1 if look else BATCH)
        if look or not rows:
            return len(rows)
        waiting = [row for row in rows if row["sort"] == items.RECORD]
        known = links.facts(conn, links.keys_of(waiting))
        again = [_linked(row, known, today) for row in waiting]
        whole = [row for row in rows if row["sort"] == items.TRADE]
        standing = trades.standing(conn, {row["trade"] for row in whole}, now_ms)
        again += [items.settle(standing[key_of(row)]) for row in whole if key_of(row) in standing]
        items.replace(conn, rows, again)
        return len(rows)

    def _above(self, conn: Connection, log_ids: set[int]) -> Above:
        """For each log what the two nodes above its node have signed of it."""
        found: Above = {}
        for log_id in log_ids:
            names = self._path(logs.by_id(conn, log_id).origin)
            signed = [stamps(conn, log_id, name) for name in names[:2]]
            signed += [Stamps()] * (2 - len(signed))
            found[log_id] = (signed[0], signed[1])
        return found

    def _path(self, origin: str) -> list[str]:
        try:
            policy = self._trusted.policy
        except NotFound:
            return []
        node = policy.node_of_origin(origin)
        return [] if node is None else policy.path_up(node)

    def _stamp(self, conn: Connection, *, look: bool = False) -> int:
        """Note when records reached the nodes above, once these have signed for them."""
        for state in logs.all_logs(conn):
            above = self._above(conn, {state.id})[state.id]
            for signed, stage, name in zip(above, ("quality_hub", "quality_top"), ("hub_lag", "top_lag"), strict=True):
                start = cursors.get(conn, stage, state.id)
                if signed.size <= start:
                    continue
                if look:
                    return 1
                rows = unstamped(conn, state.id, name, start, signed.size, BATCH)
                again = []
                for row in rows:
                    item = dict(row)
                    stamp(item, above)
                    again.append(item)
                items.replace(conn, rows, again)
                # What is judged later than this is stamped as it is judged.
                cursors.move(conn, stage, state.id, signed.size if len(rows) < BATCH else rows[-1]["idx"])
                return len(rows)
        return 0


def _linked(row: Row, known: Mapping[links.Named, links.Facts], today: str) -> Row:
    item = dict(row)
    if item["sort"] == items.RECORD:
        links.judge(item, known, today)
    return items.settle(item)


def _documents(conn: Connection, places: Mapping[tuple[int, int], str]) -> dict[tuple[int, int], Document[Any]]:
    """What is held of these places, by (log, index); what cannot be read is left out: it is in quarantine."""
    found: dict[tuple[int, int], Document[Any]] = {}
    bundles = {(log_id, idx // WIDTH) for (log_id, idx), kind in places.items() if kind != "trade.step"}
    for log_id, n in sorted(bundles):
        held = payloads.read_range(conn, log_id, n * WIDTH, (n + 1) * WIDTH, ("public",))
        for (idx, section), payload in held.items():
            kind = places.get((log_id, idx), "trade.step")
            if section == "main" and kind != "trade.step":
                try:
                    found[log_id, idx] = decode(kind, payload.payload)
                except Malformed:
                    continue
    return found


def _in_pieces(conn: Connection, view: Table, keys: Sequence[Key], *also: Any) -> dict[Key, Mapping[str, Any]]:
    found: dict[Key, Mapping[str, Any]] = {}
    for log_id in {log_id for log_id, _ in keys}:
        mine = [record_id for each, record_id in keys if each == log_id]
        which = and_(view.c.log_id == log_id, view.c.record_id.in_(mine), *also)
        found |= {key_of(row): row for row in conn.execute(select(view).where(which)).mappings()}
    return found


def _trades_of(conn: Connection, keys: Sequence[Key]) -> set[str]:
    """The trades to which acts belong: those shown now, and those of items that stood under these records."""
    shown = {row["trade"] for row in _in_pieces(conn, _acts, keys).values()}
    return {trade for trade in shown | {row["trade"] for row in links.held(conn, keys).values()} if trade}


def _old_trades(conn: Connection, touched: set[str]) -> dict[Key, Row]:
    """The items of these trades that are there."""
    ids = [bytes.fromhex(trade) for trade in sorted(touched) if trades.is_key(trade)]
    which = and_(items.items.c.record_id.in_(ids), items.items.c.sort == items.TRADE)
    return {key_of(row): dict(row) for row in conn.execute(select(items.items).where(which)).mappings()}
