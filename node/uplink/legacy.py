"""Records that are not acts (trade.result, trade.candidates, trade.notice, trade.listing) as cases. Pure.

They were imported from former systems and say less than acts. What a notice is about is read from its stage and title,
in the words that notices use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.domain.record import Amount, Document, Party
from node.domain.trades import Trade, TradeCandidates, TradeListing, TradeNotice, TradeResult
from node.uplink.shape import Case, ms_of

RESULT_SETS = {"工程建设": "513", "政府采购": "553", "土地使用权": "601", "国有产权": "701", "其他": "1801"}
NOTICE_SETS = {"工程建设": "503", "政府采购": "551", "土地使用权": "600", "国有产权": "700", "其他": "1800"}
CHANGE_SETS = {"工程建设": "504", "政府采购": "552"}
CONTRACT_SETS = {"工程建设": "512", "政府采购": "554"}
ABNORMAL_SETS = {"工程建设": "517", "政府采购": "552", "其他": "1900"}
LOT = "1"


def case_of(base: str, document: Document[Any], *, claimed_ms: int, centre: str, place: str, url: str) -> Case:
    """The case of one document; `claimed_ms` stands in where it names no day."""
    body: Trade = document.body
    at_ms = ms_of(body.published_on) if body.published_on else None
    project = body.project_code or body.section_code
    return Case(
        base=base,
        trade=project or base,
        category=body.category,
        sets=sets_of(body),
        title=body.title,
        at_ms=claimed_ms if at_ms is None else at_ms,
        division=body.division,
        place=place,
        centre=centre,
        url=url,
        facts=_facts(body),
        lots=({"number": body.section_code or LOT, "section_code": body.section_code, "name": body.title},),
        project_code=project,
        section_code=body.section_code,
    )


def sets_of(body: Trade) -> tuple[str, ...]:
    """The data sets that a record becomes."""
    words = f"{body.stage} {body.title}"
    category = body.category
    if category == "矿业权":
        over = _is_result(body, words)
        return (
            {(False, False): "651", (False, True): "653", (True, False): "650", (True, True): "652"}[
                "探矿" in words + " ".join(body.details.values()), over
            ],
        )
    if isinstance(body, TradeCandidates):
        return ("511", "510") if category == "工程建设" else ()
    if isinstance(body, TradeListing) or category == "国有产权":
        equity = any(word in words for word in ("股权", "股份", "%"))
        over = _is_result(body, words)
        return ("753" if over and equity else "701" if over else "750" if equity else "700",)
    for sets, marks in (
        (ABNORMAL_SETS, ("流标", "废标", "终止", "异常", "撤销")),
        (CHANGE_SETS, ("更正", "变更", "澄清", "答疑", "延期")),
        (CONTRACT_SETS, ("合同",)),
    ):
        if category in sets and any(mark in words for mark in marks):
            return (sets[category],)
    return ((RESULT_SETS if _is_result(body, words) else NOTICE_SETS).get(category, ""),)


def _is_result(body: Trade, words: str) -> bool:
    if isinstance(body, TradeResult):
        return True
    named = isinstance(body, TradeNotice) and bool(body.winners or body.award)
    return named or any(mark in words for mark in ("结果", "成交", "中标"))


def _facts(body: Trade) -> dict[str, Any]:
    found: dict[str, Any] = {
        "project_name": body.project_name or body.title,
        "location": body.location,
        "owner": _party(body.owner),
        "agency": _party(body.agency),
    }
    if isinstance(body, TradeResult):
        found |= {"winners": [_party(each) for each in body.winners], "award_amount": _fen(body.amount)}
        found |= {"amount_text": _words(body.amount), "quality": body.quality, "duration_days": body.duration_days}
    elif isinstance(body, TradeCandidates):
        found["candidates"] = [
            {
                "rank": each.rank,
                "party": _party(each.party),
                "price": _fen(each.price),
                "price_text": _words(each.price),
            }
            for each in body.candidates
        ]
        found["shown_to"] = _last_day(body.publicity_period)
        first = next((each.price for each in body.candidates if each.price), None)
        found["estimate"] = _fen(first)
    elif isinstance(body, TradeNotice):
        found |= {
            "winners": [_party(each) for each in body.winners],
            "budget": _fen(body.amount),
            "estimate": _fen(body.amount),
            "award_amount": _fen(body.award),
            "amount_text": _words(body.award or body.amount),
            "deposit": _fen(body.deposit),
            "opens_at": body.opens_at,
        }
        area = body.details.get("area_km2") or body.details.get("area") or body.details.get("面积")
        found |= {"area": area, "years": _number(body.details.get("term_years")), "usage": body.details.get("usage")}
    elif isinstance(body, TradeListing):
        found |= {"seller": _party(body.owner), "asking_price": _fen(body.amount), "amount_text": _words(body.amount)}
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _party(party: Party | None) -> Mapping[str, str] | None:
    return {"name": party.name, "uscc": party.uscc} if party else None


def _fen(amount: Amount | None) -> int | None:
    return amount.fen if amount else None


def _words(amount: Amount | None) -> str:
    return amount.text if amount else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _last_day(period: str) -> str:
    """The day on which a period of showing ends: `2025-03-20 至 2025-03-24` gives the second."""
    for mark in ("至", "~", "—", "到"):
        if mark in period:
            return period.rpartition(mark)[2].strip()
    return ""
