"""Whom a trade names: rows of `trade_party`, and the trades that name one party.

Owner and agency are those of the trade as corrected; everybody else is named by an act that stands. What an act keeps
back names nobody in public: of it a party is told alone that it is the trade's owner or agency, or that it has bid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from node.domain.engine import Trade
from node.domain.rulebook import ActRule, FieldRule
from node.store.loading import Recorded
from node.store.tables import table
from node.store.tables_trading import TradeDue, TradeParty, TradeState

Row = dict[str, Any]
OWN_PARTS = ("owner", "agency")
BID_PARTS = ("bids.party",)
"""Parts of which a party is told though they are not public: they name it after the end of bidding alone."""
EXPERTS = "experts"
MAX_ROWS = 2000
"""No trade of a real centre comes near; what another node writes must not fill this node's tables."""
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{3,63}")
_parties, _states, _dues = table(TradeParty), table(TradeState), table(TradeDue)


def rows(trade: Trade, acts: Sequence[Recorded]) -> list[Row]:
    """Rows without their place: each code once for a part of an act."""
    found: dict[tuple[str, str, int], Row] = {}
    for row in (*_owners(trade, acts), *_named(trade, acts)):
        if len(found) == MAX_ROWS:
            break
        found.setdefault((row["code"], row["part"], row["seq"]), row)
    return list(found.values())


def of_code(
    conn: Connection, code: str, *, proven: bool, trade: str = "", node: str = "", limit: int = 200
) -> list[Row]:
    """Where a party is named, the trade with the newest act first: rows of `trade_party` with their trade's `state`.

    `trade` and `node` ask for one trade alone. Without `proven` only what is public is given: that the code is the
    asker's own is then his word.
    """
    if not code:
        return []
    same = and_(_states.c.trade == _parties.c.trade, _states.c.node == _parties.c.node)
    parts = (*OWN_PARTS, *BID_PARTS) if proven else ()
    told = or_(_parties.c.public.is_(True), _parties.c.part.in_(parts))
    which = [_parties.c.trade == trade, _parties.c.node == node] if trade else []
    columns = [each.label(f"state_{each.name}") for each in _states.c]
    statement = select(_parties, *columns).join(_states, same).where(_parties.c.code == code, told, *which)
    order = (_states.c.last_ms.desc(), _parties.c.trade, _parties.c.node, _parties.c.n)
    found = []
    for row in conn.execute(statement.order_by(*order).limit(limit)).mappings():
        state = {each.name: row[f"state_{each.name}"] for each in _states.c}
        found.append({each.name: row[each.name] for each in _parties.c} | {"state": state})
    return found


def dues_of_code(conn: Connection, code: str, *, proven: bool, limit: int = 100) -> list[Row]:
    """What is owed in trades whose owner or agency a code is, late first; each with its trade's `title`.

    Without `proven` alone what is owed in public (R30), in trades that name the code in public.
    """
    if not code:
        return []
    mine = and_(
        _parties.c.trade == _dues.c.trade,
        _parties.c.node == _dues.c.node,
        _parties.c.code == code,
        _parties.c.part.in_(OWN_PARTS),
    )
    which = [_dues.c.state == "owed", _dues.c.due_ms.is_not(None)]
    if not proven:
        which += [_dues.c.disclosure != ""]
        mine = and_(mine, _parties.c.public.is_(True))
    same = and_(_states.c.trade == _dues.c.trade, _states.c.node == _dues.c.node)
    named = select(_parties.c.trade).where(mine).exists()
    statement = select(_dues, _states.c.title, _states.c.rules).join(_states, same).where(*which, named)
    order = (_dues.c.due_ms, _dues.c.trade, _dues.c.n)
    return [dict(row) for row in conn.execute(statement.order_by(*order).limit(limit)).mappings()]


# --- what acts say ----------------------------------------------------------------------------------------------------


def _owners(trade: Trade, acts: Sequence[Recorded]) -> Iterator[Row]:
    first = trade.package.acts[0]
    shown: set[str] = set()
    for each in acts:
        if each.kind == "trade.act" and not each.withdrawn:
            body = each.document.body
            for fields in (body.context, body.fields):
                shown |= {code for part in OWN_PARTS for code, _ in _walk(fields.get(part))}
    for part in OWN_PARTS:
        for code, name in _walk(trade.facts.get(part)):
            yield _row(code, name, part, first.field(part), first, 1, (), code in shown)


def _named(trade: Trade, acts: Sequence[Recorded]) -> Iterator[Row]:
    records = {each.act.seq: each for each in acts}
    for act in trade.acts:
        rule, record = trade.package.act(act.act), records.get(act.seq)
        if rule is None or record is None:
            continue
        public = record.kind == "trade.act"
        for field in rule.fields:
            if field.name in OWN_PARTS:
                continue
            value = trade.values[act.seq].get(field.name)
            for code, name, part, column in _of_field(field, value):
                disclosed = public and field.disclosed and (column is None or column.disclosed)
                yield _row(code, name, part, column or field, rule, act.seq, trade.covers[act.seq], disclosed)


def _of_field(rule: FieldRule, value: Any) -> Iterator[tuple[str, str, str, FieldRule | None]]:
    """(code, name, part, the column that names it) of all parties and experts in a value."""
    if rule.type in ("party", "parties"):
        yield from ((code, name, rule.name, None) for code, name in _walk(value))
    elif rule.type == "texts" and rule.name == EXPERTS and isinstance(value, list):
        # Numbers in the pool alone: a name of a person never stands in this table.
        yield from ((each, "", rule.name, None) for each in value if isinstance(each, str) and _CODE.fullmatch(each))
    elif rule.type == "rows" and isinstance(value, list):
        for row in value:
            if isinstance(row, Mapping):
                for column in rule.columns:
                    if column.type in ("party", "parties"):
                        part = f"{rule.name}.{column.name}"
                        yield from ((code, name, part, column) for code, name in _walk(row.get(column.name)))


def _walk(value: Any) -> Iterator[tuple[str, str]]:
    """(code, name) of a party, of each of a list, and of a consortium's members."""
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, Mapping):
            continue
        code, name = each.get("uscc"), each.get("name")
        if isinstance(code, str) and _CODE.fullmatch(code):
            yield code, name[:200] if isinstance(name, str) else ""
        members = each.get("members")
        if isinstance(members, list):
            yield from _walk([one for one in members if isinstance(one, Mapping) and "members" not in one])


def _row(
    code: str,
    name: str,
    part: str,
    field: FieldRule | None,
    rule: ActRule,
    seq: int,
    lots: Sequence[str],
    public: bool,
) -> Row:
    return {
        "code": code,
        "name": " ".join(name.split()),
        "part": part,
        "zh": field.zh if field else part,
        "en": field.en if field else part,
        "act": rule.id[:64],
        "seq": seq,
        "lots": "\n".join(lot[:60] for lot in lots[:200]),
        "public": public,
    }
