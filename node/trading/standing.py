"""How one trade stands, as rows of `trade_state`, `trade_due` and `trade_party`: replayed and summed up for lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from node.domain import engine
from node.domain.calendar import Calendar
from node.domain.engine import Owed, Trade
from node.domain.rulebook import Rulebook
from node.errors import Malformed
from node.store import loading
from node.store.loading import Recorded
from node.store.search_text import fold
from node.trading import parties

Row = dict[str, Any]
MAX_TEXT = 400
MAX_SEARCH = 4000
MAX_DUES = 2000
"""No trade of a real centre comes near; what another node writes must not fill this node's tables."""
_UNFIT = dict.fromkeys([*range(0x20), 0x7F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " ")


@dataclass(frozen=True, slots=True)
class Standing:
    """Rows of the tables, and the trade that they are of, None where it cannot be replayed."""

    state: Row
    dues: list[Row]
    parties: list[Row] = field(default_factory=list)
    trade: Trade | None = None


def standing(
    key: str, node: str, own: bool, acts: Sequence[Recorded], rules: Rulebook, calendar: Calendar, now_ms: int
) -> Standing:
    """Rows for a trade of which these acts are held. Never raises for what they say: a fault is a value."""
    place = {"trade": key, "node": node, "own": own}
    try:
        trade = loading.replayed(acts, rules)
    except Malformed as error:
        return Standing(place | _unread(acts, error), [])
    void = not any(act.seq == 1 for act in trade.acts)
    dues = [] if void else _dues(trade, calendar, now_ms)[:MAX_DUES]
    open_ms = [row["due_ms"] for row in dues if row["state"] == "owed" and row["due_ms"] is not None]
    shown = [row for row in dues if row["disclosure"]]
    facts = trade.facts
    state = (
        place
        | _common(acts)
        | {
            "rules": _text(trade.package.name),
            "title": _text(trade.title),
            "division": _text(trade.division, 12),
            "owner": _party(facts.get("owner")),
            "agency": _party(facts.get("agency")),
            "stage": stage_of(trade),
            "stages": msgspec.json.encode({number: lot.stage for number, lot in trade.lots.items()}).decode(),
            "lots": len(trade.lots),
            "ended": trade.ended and not void,
            "void": void,
            "fault": "",
            "next_due_ms": min(open_ms, default=None),
            "owed": _count(dues, "owed"),
            "done": _count(dues, "done"),
            "done_late": _count(dues, "done-late"),
            "shown_owed": _count(shown, "owed"),
            "shown_done": sum(bool(act.disclosure) for act in trade.acts),
            "shown_late": _count(shown, "done-late"),
        }
    )
    state["search"] = _search(state, facts)
    named = [] if void else parties.rows(trade, acts)
    of = {"trade": key, "node": node}
    return Standing(
        state,
        [place | {"n": n} | row for n, row in enumerate(dues)],
        [of | {"n": n} | row for n, row in enumerate(named)],
        trade,
    )


def stage_of(trade: Trade) -> str:
    """The stage of the lot that is least far, of those that still run; where none does, of one that ended."""
    order = {stage.id: number for number, stage in enumerate(trade.package.stages)}
    running = [lot.stage for lot in trade.lots.values() if not trade.is_final(lot)]
    ended = [lot.stage for lot in trade.lots.values()]
    if running:
        return min(running, key=lambda name: order.get(name, 0))
    # Of ended lots, the way that most of the file's stages lead: a finished lot says more than a failed one.
    return min(ended, key=lambda name: order.get(name, len(order)), default="")


def _dues(trade: Trade, calendar: Calendar, now_ms: int) -> list[Row]:
    owed = [_due(trade, one) for one in engine.owed(trade, now_ms=now_ms, calendar=calendar)]
    for shown in engine.strip(trade, now_ms=now_ms, calendar=calendar):
        for one in shown.owed:
            if not isinstance(one, Owed):
                owed.append(
                    _row(trade, one.rule.id, "", "", one.rule.legal_basis, one.act, one.lots, "owed", 0, None, 0)
                )
    return owed


def _due(trade: Trade, one: Owed) -> Row:
    # Time passes without acts: what is owed is late or not when it is asked for.
    state = "owed" if one.state in ("owed", "late") else one.state
    clock = one.clock
    return _row(
        trade,
        clock.id,
        clock.zh,
        clock.en,
        clock.legal_basis,
        one.act,
        one.lots,
        state,
        one.started_ms,
        one.due_ms,
        one.done_seq,
    )


def _row(
    trade: Trade,
    clock: str,
    zh: str,
    en: str,
    basis: str,
    act: str,
    lots: Sequence[str],
    state: str,
    started_ms: int,
    due_ms: int | None,
    done_seq: int,
) -> Row:
    rule = trade.package.act(act)
    return {
        "clock": _text(clock),
        "zh": _text(zh or (rule.zh if rule else act)),
        "en": _text(en or (rule.en if rule else act)),
        "basis": _text(basis),
        "act": _text(act, 64),
        "lots": "\n".join(_text(lot, 60) for lot in lots),
        "disclosure": rule.disclosure if rule and rule.public else "",
        "state": state,
        "started_ms": started_ms,
        "due_ms": due_ms,
        "done_seq": done_seq,
    }


def _common(acts: Sequence[Recorded]) -> Row:
    first, last = acts[0], acts[-1]
    return {
        "category": _text(first.act.category, 40),
        "project_code": _text(first.act.project_code),
        "acts": sum(not each.withdrawn for each in acts),
        "withdrawn": sum(each.withdrawn for each in acts),
        "first_ms": _moment(first.act.at),
        "last_ms": max(_moment(each.act.at) for each in acts),
        "last_seq": last.act.seq,
        "last_act": _text(last.act.act, 64),
        "made_up": first.document.made_up,
    }


def _unread(acts: Sequence[Recorded], error: Malformed) -> Row:
    """A trade that this node cannot replay, for lack of its registration or its rules: listed by what is known."""
    first = acts[0].act
    state = _common(acts) | {
        "rules": _text(first.rules),
        "title": _text(first.title),
        "division": _text(first.division, 12),
        "owner": _party(first.fields.get("owner")),
        "agency": _party(first.fields.get("agency")),
        "stage": "",
        "stages": "{}",
        "lots": 0,
        "ended": False,
        "void": False,
        "fault": _text(error.zh),
        "next_due_ms": None,
        "owed": 0,
        "done": 0,
        "done_late": 0,
        "shown_owed": 0,
        "shown_done": sum(bool(each.act.disclosure) and not each.withdrawn for each in acts),
        "shown_late": 0,
    }
    state["search"] = _search({"trade": first.trade} | state, first.fields)
    return state


def _search(state: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    rows = facts.get("lots")
    lots = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    parts = [
        state["title"],
        state["project_code"],
        state["owner"],
        state["agency"],
        state["trade"],
        *(str(facts.get(name) or "") for name in ("invest_code", "legacy_number")),
        *(str(row.get(name, "")) for row in lots[:100] for name in ("name", "section_code")),
    ]
    return fold("\n".join(_text(part) for part in parts if part))[:MAX_SEARCH]


def _count(rows: Sequence[Row], state: str) -> int:
    return sum(row["state"] == state for row in rows)


def _party(value: Any) -> str:
    name = value.get("name") if isinstance(value, Mapping) else value
    return _text(name) if isinstance(name, str) else ""


def _text(value: str, limit: int = MAX_TEXT) -> str:
    return value.translate(_UNFIT)[:limit].strip()


def _moment(value: int) -> int:
    return value if abs(value) < 2**63 else 0
