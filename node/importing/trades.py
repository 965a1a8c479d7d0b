"""Trade rows: results, ranked candidates and property listings; notices are next door in `notices.py`."""

from __future__ import annotations

import re

from node.domain import divisions
from node.domain.record import Draft
from node.domain.trades import Candidate, TradeCandidates, TradeListing, TradeResult
from node.errors import Rejected
from node.importing.facts import LEAST_YUAN, Context, Facts, Form, missing
from node.importing.rows import Row

_DAYS = re.compile(r"(?:总?工期[:：]?)?([0-9]{1,5}) *(?:个?日历[天日]|天|日)?[。.]?(?:[(（].*[)）][。.]?)?")


def result(row: Row, context: Context) -> Draft:
    """中标结果公告: one won section."""
    facts = Facts(row, context)
    title = facts.need("标题", "title", "project_name")
    number = facts.text("record_id", "section_code", "project_code")
    if not number:
        raise missing("record_id", "记录编号")
    section = facts.text("section_code")
    if section:
        if (facts.source, section) in context.seen:
            facts.flag("section_code", "code-repeated", section)
        context.seen.add((facts.source, section))
    winner = facts.text("winner_name")
    winners = facts.winners(winner, "winner_name", "winner_uscc")
    if not winners:
        facts.flag("winner_name", "winner-missing")
    details = facts.details("qualification_cert", "scope")
    if len(winners) > 1:
        details["winner_name"] = winner
    percent = facts.text("amount_percent")
    if facts.text("amount_yuan"):
        amount = facts.amount("amount_yuan")
    elif facts.text("amount_promise"):
        amount = facts.amount("amount_promise", least=LEAST_YUAN)
    else:
        amount = facts.sum_of(percent and f"{percent.removesuffix('%')}%", "amount_percent")
    days = _DAYS.fullmatch(facts.text("duration_days"))
    if not days:
        details |= facts.details("duration_days")
    published = facts.day("publish_date")
    body = TradeResult(
        category=facts.category("工程建设"),
        stage=facts.text("stage") or "中标结果公告",
        title=title,
        project_code=facts.text("project_code"),
        section_code=section,
        project_name=facts.text("project_name"),
        division=facts.division("region_code", facts.text("region_name")),
        division_name=facts.text("region_name"),
        location=facts.text("location"),
        owner=facts.party("buyer_name", "buyer_uscc"),
        agency=facts.party("agency_name", "agency_uscc"),
        published_on=published,
        details=details,
        winners=winners,
        amount=amount,
        duration_days=int(days[1]) if days else None,
        quality=facts.text("quality"),
    )
    return facts.draft("trade.result", number, body, facts.origin(id=number), as_of=published)


def candidates(row: Row, context: Context) -> Draft:
    """中标候选人公示: the ranked bidders."""
    facts = Facts(row, context)
    title = facts.need("标题", "title", "project_name")
    number = facts.need("记录编号", "record_id")
    listed = row.values.get("candidates") or []
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise Rejected("candidates is no list", field="candidates", zh="candidates 应为候选人列表")
    found = [_candidate(facts, place, entry) for place, entry in enumerate(listed, 1)]
    if not found:
        facts.flag("candidates", "winner-missing")
    published = facts.day("publish_date")
    body = TradeCandidates(
        category=facts.category("工程建设"),
        stage=facts.text("stage") or "中标候选人公示",
        title=title,
        project_code=facts.text("project_code"),
        section_code=facts.text("section_code"),
        project_name=facts.text("project_name"),
        division=facts.division("region_code", facts.text("region_name")),
        division_name=facts.text("region_name"),
        owner=facts.party("buyer_name", "buyer_uscc"),
        agency=facts.party("agency_name", "agency_uscc"),
        published_on=published,
        candidates=sorted(found, key=lambda candidate: candidate.rank),
        publicity_period=facts.text("publicity_period"),
    )
    return facts.draft("trade.candidates", number, body, facts.origin(id=number), as_of=published)


def _candidate(facts: Facts, place: int, entry: dict[str, object]) -> Candidate:
    given = {name: value for name, value in entry.items() if isinstance(value, str)}
    where = f"candidates[{place}]"
    inner = Facts(Row(facts.row.number, given | {"source": facts.source}), facts.context)
    name = given.get("name", "")
    party = inner.named(name, "uscc")
    members = inner.winners(name, "name") if name else []
    price = inner.amount("price_raw", least=LEAST_YUAN)
    if not name:
        inner.flag("name", "winner-missing")
    for flag in inner.flags:
        facts.flag(f"{where}.{flag.field}", flag.code, flag.text)
    rank = given.get("rank", "")
    return Candidate(
        rank=int(rank) if rank.isascii() and rank.isdigit() and len(rank) < 6 else place,
        party=party,
        price=price,
        members=members if len(members) > 1 else [],
    )


def listing(row: Row, context: Context) -> Draft:
    """State property on offer; the price may be for a year, a month, or a square metre a day."""
    facts = Facts(row, context)
    number = facts.need("记录编号", "record_id")
    title = facts.need("标题", "title")
    location = facts.text("location")
    division = divisions.find_in_address(location)  # many addresses begin below the province; that is no fault
    published = facts.day("list_date")
    body = TradeListing(
        category=facts.category("国有产权"),
        stage=facts.text("stage") or "挂牌披露",
        title=title,
        project_code=facts.text("project_code"),
        division=division,
        division_name=divisions.name_of(division),
        location=location,
        owner=facts.party("transferor", "transferor_uscc"),
        published_on=published,
        amount=facts.amount("ask_price_raw"),
        exchange=facts.text("exchange"),
        listing_status=facts.text("status"),
    )
    return facts.draft("trade.listing", number, body, facts.origin(id=number), as_of=published)


RESULTS = (
    Form("中标结果 result", frozenset({"title", "winner_name"}), result),
    Form("中标结果（按项目）result by project", frozenset({"project_name", "winner_name"}), result),
)
CANDIDATES = (
    Form(
        "中标候选人 candidates", frozenset({"record_id", "title", "candidates"}), candidates, frozenset({"candidates"})
    ),
)
LISTINGS = (Form("产权挂牌 listing", frozenset({"record_id", "title", "exchange"}), listing),)
