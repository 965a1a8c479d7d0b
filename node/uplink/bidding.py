"""工程建设 -> the data sets of who was asked, who bid, and what was judged: 505, 507, 509, 514, 520, 521. Pure.

Who bid is told with the opening (507), not with the end of bidding: before bids are opened nobody outside the centre
may know their makers (《招标投标法》第二十二条).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.domain.money import points_text
from node.uplink.construction import CURRENCY, YUAN, all_sections, lot_rows
from node.uplink.shape import Fields, Template, View, nature, region_of_party

NAMES_CHARS: Final = 2000
OBJECTION_TYPES: Final = {"prequal": "1", "document": "1", "opening": "2", "result": "3"}
"""异议类型 (T10003): a prequalification document counts as a tender document."""


def invitation(v: View) -> Fields:
    """One message an invited bidder; one without a bidder where the act names none."""
    name, code = v.party("party")
    opens = v.moment("opening_at", "bid_deadline")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "BID_INVITE_ISSUE_CONTENT": v.content(),
        "BID_QUALIFICATION": v.text("conditions"),
        "BIDDER_NAME": name,
        "BIDDER_CODE_TYPE": "1" if name else "",
        "BIDDER_CODE": code[:18],
        "BIDDER_ROLE": "03" if name else "",
        "DOC_GET_START_TIME": v.moment("doc_from") or v.at,
        "DOC_GET_END_TIME": v.moment("doc_until", "bid_deadline") or opens,
        "TENDER_DOC_GET_METHOD": v.text("doc_method"),
        "BID_DOC_REFER_END_TIME": v.moment("bid_deadline") or opens,
        "BID_DOC_REFER_METHOD": v.text("bid_method"),
        "BID_INVITE_END_TIME": v.moment("reply_until"),
        "BID_INVITE_ISSUE_TIME": v.at,
    }


def bidder(v: View) -> Fields:
    name, code = v.party("party")
    price = v.money("price")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "BIDDER_NAME": name,
        "BIDDER_CODE_TYPE": "1" if name else "",
        "BIDDER_ORG_CODE": code,
        "BIDDER_ROLE": "03",
        "BID_MANAGER": v.text("manager"),
        "IS_COMMIT_MARGIN": committed(v),
        "MARGIN_PAY_FORM": v.text("deposit_form"),
        "MARGIN_RECEIVE_TIME": v.moment("deposit_at"),
        "PRICE_FORM_CODE": "1" if price else "9",
        "BID_PRICE": price,
        "OTHER_BID_PRICE": "" if price else v.text("rate"),
        "PRICE_CURRENCY": CURRENCY if price else "",
        "PRICE_UNIT": YUAN if price else "",
        "TIME_LIMIT": v.whole("duration"),
        "CHECKIN_TIME": v.moment("received_at"),
        "BIDDER_REGION_CODE": region_of_party(code) or v.region,
        "BIDDER_PROPERTY": nature(code),
    }


def committed(v: View) -> str:
    """Whether a security came with the bid: it did where its time is known, and did not where none was asked for."""
    if v.moment("deposit_at"):
        return "1"
    asked = v.find("notice.security_asked", "security_asked")
    return "" if not isinstance(asked, bool) else "1" if asked else "0"


def opened(v: View) -> Iterable[Mapping[str, Any]]:
    """The bids that were read out in this lot, each with what the end of bidding noted of it.

    A centre that reads out no list has the bids that were not withdrawn.
    """
    noted = {_whose(row): row for row in lot_rows(v, "bids") if not row.get("withdrawn_at")}
    read = list(lot_rows(v, "prices"))
    return [{**noted.get(_whose(row), {}), **row} for row in read] if read else list(noted.values())


def _whose(row: Mapping[str, Any]) -> str:
    party = row.get("party")
    held = party if isinstance(party, Mapping) else {}
    return str(held.get("uscc") or held.get("name") or "")


def report(v: View) -> Fields:
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "NOTICE_NAME": v.case.title,
        "EVALUATION_CONTENT": v.text("report") or v.content(),
        "SUBMIT_TIME": v.at,
        "END_TIME": v.moment("completed_on"),
        "URL": v.case.url,
    }


def detail(v: View) -> Fields:
    """What the evaluation says of one candidate, or of one bid that was rejected."""
    name, code = v.party("party")
    score = v.find("score")
    said = [
        f"第{v.whole('rank')}名" if v.whole("rank") else "",
        f"得分 {points_text(score)}" if isinstance(score, int) else "",
        f"否决：{v.row['reason']}" if v.row.get("reason") else "",
    ]
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "BIDDER_NAME": name,
        "BIDDER_ORG_CODE": code[:18],
        "BID_EVALUATION_REPORT": "；".join(filter(None, said)),
    }


def _judged(v: View) -> Iterable[Mapping[str, Any]]:
    ranked = [{"rank": place, **row} for place, row in enumerate(lot_rows(v, "candidates"), 1)]
    # Numbered apart: a row's number is part of what its message is known by.
    turned = [{**row, "row": f"rejected-{place}", "rank": None} for place, row in enumerate(lot_rows(v, "rejected"), 1)]
    return [*ranked, *turned]


def prequal_clarification(v: View) -> Fields:
    sections, unified, _ = all_sections(v)
    opens = v.moment("opens_at", "prequal_notice.opens_at", "deadline", "prequal_notice.deadline")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODES": sections,
        "UNIFIED_DEAL_CODES": unified,
        "DOC_CODE": v.numbers.tender,
        "DOC_NAME": v.case.title,
        "APPLICANT_QUALIFICATIONS": v.text("prequal_notice.conditions"),
        "APPLICATION_VALID_TIME": v.text("prequal_notice.valid_time"),
        "DOC_SUBMIT_END_TIME": v.moment("deadline", "prequal_notice.deadline"),
        "DOC_SUBMIT_METHOD": v.text("prequal_notice.bid_method")[:50],
        "DOC_OPEN_TIME": opens,
        "DOC_OPEN_METHOD": v.text("prequal_notice.open_method"),
        "EVALUATION_METHOD": v.text("prequal_notice.evaluation_method"),
        "CLARIFY_CONTENT": v.content(),
        "SUBMIT_TIME": v.at,
        "IS_POSTPONE": "1" if v.case.fields.get("opens_at") or v.case.fields.get("deadline") else "0",
        "POST_OPEN_TIME": v.moment("opens_at"),
        "POST_OPEN_ADDRESS": v.text("place"),
        "TENDER_CLARIFY_CONTENT": v.content(),
        "TENDER_SUBMIT_TIME": v.at,
        "URL": v.case.url,
    }


def question(v: View) -> Fields:
    """An objection. Who raised it is in no field of the set, and is not told."""
    sections, _, _ = all_sections(v)
    text = v.text("text")
    return {
        "ANN_CODE": v.case.base[:50],
        "TITLE": v.case.title[:200],
        "ASK": text,
        "ASK_ZY_REASON": text[:200],
        "TM": v.moment("raised_on") or v.at,
        "TYPE": OBJECTION_TYPES.get(v.text("kind"), ""),
        "NOTICE_NAME": v.text("notice.title", "prequal_notice.title")[:200] or v.project_name[:200],
        "TENDERER_CODE": v.case.section_code or v.case.project_code or v.numbers.tender,
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODES": sections[:NAMES_CHARS],
    }


def _invited(v: View) -> Iterable[Mapping[str, Any]]:
    found = v.find("invited")
    parties = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []
    return [{"party": each} for each in parties] or [{}]


TEMPLATES: Final[dict[str, Template]] = {
    "505": Template(invitation, "row", rows=_invited, needs=("502",)),
    "507": Template(bidder, "row", rows=opened, needs=("502",)),
    "509": Template(report, "lot", needs=("502",)),
    "514": Template(prequal_clarification, needs=("502",)),
    "520": Template(detail, "row", rows=_judged, needs=("502",)),
    "521": Template(question, needs=("502",)),
}
