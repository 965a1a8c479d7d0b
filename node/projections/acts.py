"""Acts of trades -> `act_view`, and public ones -> `trade_view` beside what was imported.

An act's fields are what its rule book says; what every list needs of them is found under a few well-known names, so
that this works for acts of a package that this node does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from node.domain.acts import DISCLOSURE_NAMES, Act
from node.domain.record import Document
from node.errors import Malformed
from node.projections.shape import Place, Projection, Row, address, integer, search, text
from node.store.tables import TradeView, table
from node.store.tables_trading import ActView

_BEIJING = timedelta(hours=8)
_MAX_LOTS = 200
_KEY = re.compile(r"[0-9a-f]{32}")

OWNER, AGENCY = ("owner",), ("agency",)
WINNERS = ("winners", "winner", "supplier", "suppliers", "transferee", "grantee", "buyer", "parties")
RANKED = "candidates"
AMOUNTS = (
    ("amount", "award_amount", "deal_amount", "deal_price", "price", "contract_amount"),
    ("ceiling", "budget", "start_price", "starting_price", "asking_price", "reserve_price", "estimate"),
)
"""Names of fields: what was agreed comes before what was asked for. Of ranked rows the first counts."""


def title(document: Document[Any]) -> str:
    return text(document.body.title)


def row(place: Place, document: Document[Any]) -> Row:
    """Raises Malformed for a trade whose key is of no form: whoever reads on relies on it."""
    act: Act = document.body
    if _KEY.fullmatch(act.trade) is None:
        raise Malformed("the key of a trade has 32 hex digits", field="trade")
    return place.key() | {
        "kind": place.kind,
        "trade": text(act.trade, 64),
        "seq": integer(act.seq) or 0,
        "category": text(act.category, 40),
        "act": text(act.act, 64),
        "rules": text(act.rules, 100),
        "title": title(document),
        "lots": "\n".join(text(lot, 60) for lot in act.lots[:_MAX_LOTS]),
        "disclosure": act.disclosure,
        "at_ms": integer(act.at) or 0,
        "division": text(act.division, 12),
        "project_code": text(act.project_code),
        "corrects": integer(act.corrects) or 0,
        "withdrawn": document.status == "withdrawn",
        "reason": text(document.reason),
        "made_up": document.made_up,
    }


def notice(place: Place, document: Document[Any]) -> Row:
    act: Act = document.body
    fields = {**act.context, **act.fields}
    first = _first_ranked(fields.get(RANKED))
    owner, agency = _names(fields, OWNER), _names(fields, AGENCY)
    winners = list(dict.fromkeys(_names(fields, WINNERS) or _names(first, ("party",))))
    amount = next(_amounts(fields), None) if not first else next(_amounts(first), None)
    return place.key() | {
        "kind": place.kind,
        "category": text(act.category),
        "stage": stage(act),
        "title": title(document),
        "project_code": text(act.project_code),
        "section_code": text("、".join(act.lots[:_MAX_LOTS])),
        "division": text(act.division, 12),
        "division_name": text(_text(fields, "division_name")),
        "owner": text("、".join(owner)),
        "agency": text("、".join(agency)),
        "winner": text("、".join(winners)),
        "amount_fen": amount,
        "amount_text": "",
        "published_on": beijing_day(act.at),
        "source_url": address(document.source.url),
        "disclosure": act.disclosure,
        "trade": text(act.trade, 64),
        "project_name": text(_text(fields, "project_name")),
        "flags": len(document.flags),
        "made_up": document.made_up,
        "search": search(
            [
                act.title,
                _text(fields, "project_name"),
                act.project_code,
                *act.lots[:_MAX_LOTS],
                act.trade,
                _text(fields, "invest_code"),
                _text(fields, "legacy_number"),
                _text(fields, "division_name"),
                *owner,
                *agency,
                *winners,
                *_codes(fields),
            ]
        ),
    }


def stage(act: Act) -> str:
    """The act as a list names it: by its own name where the record has it, else what it discloses.

    >>> stage(Act(trade="", seq=1, category="", act="notice", rules="", at=0, title="", disclosure="result"))
    '成交信息'
    """
    return text(_text(act.context, "stage_name")) or DISCLOSURE_NAMES.get(act.disclosure, ("交易环节", ""))[0]


def beijing_day(at_ms: int) -> str:
    """The day in Beijing of a moment; nothing for one that no calendar has.

    >>> beijing_day(1_764_000_000_000), beijing_day(-1), beijing_day(2**70)
    ('2025-11-25', '', '')
    """
    if not 0 <= at_ms < 253_370_736_000_000:
        return ""
    return (datetime.fromtimestamp(at_ms // 1000, UTC) + _BEIJING).date().isoformat()


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _parties(fields: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        value = fields.get(name)
        for each in value[:_MAX_LOTS] if isinstance(value, list) else (value,):
            if isinstance(each, Mapping):
                yield each
            elif isinstance(each, str) and each:
                yield {"name": each}


def _first_ranked(rows: Any) -> Mapping[str, Any]:
    """The row of rank 1, as a list of candidates is shown by who stands first."""
    for row in rows[:_MAX_LOTS] if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get("rank") == 1:
            return row
    return {}


def _names(fields: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [name for each in _parties(fields, names) if isinstance(name := each.get("name"), str) and name]


def _codes(fields: Mapping[str, Any]) -> list[str]:
    return [
        code
        for each in _parties(fields, OWNER + AGENCY + WINNERS)
        if isinstance(code := each.get("uscc"), str) and code
    ]


def _amounts(fields: Mapping[str, Any]) -> Iterator[int]:
    for names in AMOUNTS:
        for name in names:
            value = fields.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and integer(value) is not None:
                yield value


PROJECTION = Projection(table(ActView), row, title, keeps_withdrawn=True)
# What was withdrawn is listed as such: nothing that was disclosed leaves the lists in silence (R30).
NOTICE = Projection(table(TradeView), notice, title, keeps_withdrawn=True)
