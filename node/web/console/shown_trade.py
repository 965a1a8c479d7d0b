"""A trade as its page shows it: stages of each lot, what may come next, clocks, acts with their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.accounts.person import Person
from node.domain import departments, engine
from node.domain.acts import DISCLOSURE_NAMES
from node.domain.calendar import Calendar
from node.domain.engine import Owed, Trade
from node.domain.folding import ALL
from node.domain.rulebook import ActRule, ClockRule
from node.domain.tablebook import TableBook
from node.projections.acts import beijing_day
from node.store.loading import Recorded
from node.trading import bids, sealed
from node.web.console import shell
from node.web.portal_text import Pair

Row = dict[str, Any]
STATES: dict[str, Pair] = {
    "none": ("尚无", "None yet"),
    "owed": ("应办", "Owed"),
    "done": ("已办", "Done"),
    "late": ("逾期未办", "Late"),
    "done-late": ("逾期办理", "Done late"),
}
TONES = {"none": "", "owed": "warn", "done": "good", "late": "bad", "done-late": "warn"}


def next_acts(trade: Trade, who: Person, *, now_ms: int, calendar: Calendar) -> list[Row]:
    """What may come next: those of this person's post first, each with what it is and whose it is."""
    owed = {each.act: each for each in engine.owed(trade, now_ms=now_ms, calendar=calendar) if _open(each)}
    rows = []
    for rule in engine.possible(trade, now_ms=now_ms, calendar=calendar):
        due = owed.get(rule.id)
        rows.append(
            {
                "id": rule.id,
                "name": (rule.zh, rule.en),
                "mine": shell.may_do(who, rule),
                "posts": shell.posts_of(rule),
                "moves": bool(rule.gives),
                "main": _leads_on(trade, rule),
                "opens_ms": _opens(trade, rule, now_ms),
                "due_ms": due.due_ms if due else None,
                "left_ms": None if due is None or due.due_ms is None else due.due_ms - now_ms,
                "owed": due is not None,
                "public": rule.public,
            }
        )
    return sorted(rows, key=lambda row: (not row["owed"], not row["main"]))


def _opens(trade: Trade, rule: ActRule, now_ms: int) -> int:
    """The moment from which the end of bidding may be written down, while it is still to come for every lot; else 0."""
    if rule.id != bids.END_OF_BIDDING:
        return 0
    moments = [sealed.told_from(trade, lot) or 0 for lot in engine.lots_for(trade, rule)]
    first = min(moments, default=0)
    return first if first > now_ms else 0


def _leads_on(trade: Trade, rule: ActRule) -> bool:
    """Whether an act brings a lot forward on its way, as most do; the others stand behind a fold of the page."""
    order = {stage.id: number for number, stage in enumerate(trade.package.stages)}
    here = min((order.get(trade.lots[number].stage, 0) for number in engine.lots_for(trade, rule)), default=0)
    on = order.get(rule.gives, -1) > here
    return on and not rule.voids and not rule.renews and ALL not in rule.takes


def lots(trade: Trade) -> list[Row]:
    """Each lot with its strip: the stages it went through, the present one, those on the way that most trades go."""
    names = {
        str(row.get("number")): row.get("name", "") for row in trade.facts.get("lots") or [] if isinstance(row, dict)
    }
    way = usual_way(trade.package.acts, trade.package.stages[0].id, trade)
    found = []
    for number, lot in trade.lots.items():
        reached = list(lot.reached) or [lot.stage]
        ahead = [] if trade.is_final(lot) or lot.stage not in way else way[way.index(lot.stage) + 1 :]
        steps = [{"name": shell.stage_name(trade.package, stage), "state": "past"} for stage in reached[:-1]]
        steps.append({"name": shell.stage_name(trade.package, lot.stage), "state": "here"})
        steps += [{"name": shell.stage_name(trade.package, stage), "state": "ahead"} for stage in ahead]
        found.append(
            {
                "number": number,
                "name": names.get(number, ""),
                "stage": shell.stage_name(trade.package, lot.stage),
                "round": lot.round,
                "suspended": lot.suspended,
                "steps": steps,
            }
        )
    return found


def usual_way(acts: Sequence[ActRule], start: str, trade: Trade) -> list[str]:
    """The stages from the first to the archive when nothing goes wrong: at each, the first act that leads on.

    Acts that exist for other trades only, that void or renew, or that lead back are no part of it.
    """
    order = {stage.id: number for number, stage in enumerate(trade.package.stages)}
    way, stage = [start], start
    while True:
        step = next(
            (
                act.gives
                for act in acts
                if stage in act.takes
                and act.gives
                and order.get(act.gives, 0) > order.get(stage, 0)
                and not act.voids
                and not act.renews
                and engine.holds(act.when, trade.facts)
            ),
            "",
        )
        if not step:
            return way
        way.append(step)
        stage = step


def clocks(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[Row]:
    """Every legal clock that runs or has ended, what is owed first."""
    return [
        {
            "name": (each.clock.zh, each.clock.en),
            "act": shell.act_name(trade.package, each.act),
            "act_id": each.act,
            "lots": each.lots,
            "due_ms": each.due_ms,
            "started_ms": each.started_ms,
            "state": STATES[each.state],
            "tone": TONES[each.state],
            "open": _open(each),
            "left_ms": None if each.due_ms is None else each.due_ms - now_ms,
            "estimated": estimated(calendar, each.clock, each.started_ms, each.due_ms),
            "basis": each.clock.legal_basis,
            "verified": each.clock.verified,
            "done_seq": each.done_seq,
        }
        for each in engine.owed(trade, now_ms=now_ms, calendar=calendar)
    ]


def estimated(calendar: Calendar, clock: ClockRule | None, started_ms: int, due_ms: int | None) -> int:
    """The year by whose weekends alone a due moment was found; 0 where the holidays are known."""
    return 0 if clock is None or due_ms is None else calendar.unknown(started_ms, due_ms, clock.unit)


def disclosures(trade: Trade, *, now_ms: int, calendar: Calendar) -> list[Row]:
    """The completeness strip: the five kinds, each with its state and the acts that made it public."""
    return [
        {
            "name": DISCLOSURE_NAMES[each.disclosure],
            "state": STATES[each.state],
            "tone": TONES[each.state],
            "acts": each.acts,
            "owed": [shell.act_name(trade.package, one.act) for one in each.owed],
        }
        for each in engine.strip(trade, now_ms=now_ms, calendar=calendar)
    ]


def supervisor(trade: Trade, held: TableBook) -> tuple[Pair, Pair] | None:
    """The department that supervises the trade, and the clause; None where no clause names one."""
    sector, code = (value if isinstance(value := trade.facts.get(n), str) else "" for n in ("sector", "sector_code"))
    first = trade.acts[0] if trade.acts else None
    if first is None:
        return None
    table = held.departments(beijing_day(first.at))
    row = departments.primary(table, trade.category, sector, day=beijing_day(first.at), code=code)
    if row is None:
        return None
    return (row.department, row.department_en), (f"{table.document} {row.clause}", row.clause_en)


def acts(trade: Trade, records: Sequence[Recorded], who: Person) -> list[Row]:
    """All acts, the newest first, withdrawn ones too; `may_withdraw` where nothing rests on one and the post may."""
    rows = []
    for each in reversed(records):
        rule = trade.package.act(each.act.act)
        permission = "trade.publish" if each.kind == "trade.act" else "trade.act"
        rows.append(
            {
                "seq": each.act.seq,
                "name": shell.act_name(trade.package, each.act.act),
                "act": each.act.act,
                "title": each.act.title.removeprefix(trade.title),
                "lots": each.act.lots,
                "at": each.act.at,
                "record": each.record_id.hex(),
                "version": each.version,
                "public": each.kind == "trade.act",
                "withdrawn": each.withdrawn,
                "reason": each.reason,
                "corrects": each.act.corrects,
                "by": each.hand.account if each.hand else "",
                "second": each.hand.second if each.hand else "",
                "files": each.act.attachments,
                "disclosure": DISCLOSURE_NAMES.get(each.act.disclosure),
                "may_withdraw": not each.withdrawn and who.may(permission) and not _rests(trade, each.act.seq),
                "known": rule is not None,
            }
        )
    return rows


def _rests(trade: Trade, seq: int) -> bool:
    return any(fault.severity == "refuse" for fault in engine.judge_withdrawal(trade, seq))


def _open(each: Owed) -> bool:
    return each.state in ("owed", "late")
