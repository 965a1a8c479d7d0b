"""工程建设 -> data sets 500 to 522: project, tender project, sections, and what each act of a tender becomes.

Those about bidders are in `bidding.py`.

The spelling of elements is the standard's, errors included (BID_ECTION_NUM, PRICE_UINT, EXCEPITON_*). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.domain.money import points_text
from node.uplink.shape import Fields, Template, View, nature, region_of_party

CURRENCY: Final = "156"
"""人民币 by GB/T 12406, as numbers."""
YUAN: Final = "0"
MODES: Final = {"公开招标": "1", "邀请招标": "2", "open": "1", "public": "1", "invited": "2"}
"""招标方式: the code table T1000 is not confirmed."""


def mode(v: View) -> str:
    return MODES.get(v.text("tender_mode", "method", "procurement_method"), "")


def project(v: View) -> Fields:
    return {
        "PROJECT_CODE": v.numbers.project,
        "PROJECT_NAME": v.project_name,
        "REGION_CODE": v.region,
        "RELATE_CODE": "1",
        "INVEST_PROJECT_CODE": v.text("invest_code", "invest_project_code"),
        "ADDRESS": v.text("address", "location", "site"),
        "LEGAL_PERSON": v.party("owner")[0],
        "INDUSTRIES_TYPE": v.text("industry_code"),
        "FUND_SOURCE": v.text("fund_source", "funds"),
        "CONTRIBUTION_SCALE": v.text("fund_share"),
        "PROJECT_SCALE": v.text("scale", "project_scale", "content"),
        "CONTACTOR": v.text("contact", "owner_contact"),
        "CONTACT_INFORMATION": v.text("phone", "owner_phone", "contact_phone"),
        "APPROVAL_NAME": v.text("approval_name", "approval_document"),
        "APPROVAL_NUMBER": v.text("approval_number", "approval_no"),
        "APPROVAL_AUTHORITY": v.text("approval_authority", "approved_by"),
        "CREATE_TIME": v.moment("registered_at") or v.at,
    }


def tender_project(v: View) -> Fields:
    owner, owner_code = v.party("owner")
    agency, agency_code = v.party("agency")
    by_itself = not agency
    if by_itself:
        agency, agency_code = owner, owner_code
    law = v.flag("mandatory", "must_tender")
    return {
        "PROJECT_CODE": v.numbers.project,
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "TENDER_SELF_CODE": v.case.project_code,
        "IS_TO_LAW": law or "1",
        "TENDER_PROJECT_NAME": v.project_name,
        "TENDER_PROJECT_TYPE": _class(v.text("class_code")),
        "REGION_CODE": v.region,
        "TENDER_CONTENT": v.text("tender_content", "scope", "content"),
        "OWNER_NAME": owner,
        "TENDERER_NAME": owner,
        "TENDERER_CODE_TYPE": "1" if owner else "",
        "TENDERER_CODE": owner_code,
        "ISUNION": v.flag("joint_tender"),
        "TENDERER_ROLE": "01",
        "TENDER_AGENCY_NAME": agency,
        "TENDER_AGENCY_CODE_TYPE": "1" if agency else "",
        "TENDER_AGENCY_CODE": agency_code,
        "TENDER_AGENCY_ROLE": "01" if by_itself else "02",
        "TENDER_MODE": mode(v),
        "TENDER_ORGANIZE_FORM": "1" if by_itself else "2",
        "CREATE_TIME": v.moment("registered_at") or v.at,
        "SUPERVISE_DEPT_NAME": v.text("supervisor", "supervise_dept"),
        "APPROVE_DEPT_NAME": v.text("approval_authority", "approved_by"),
        "TENDERER_REGION_CODE": region_of_party(owner_code) or v.region,
        "TENDERER_PROPERTY": nature(owner_code),
        "TENDER_AGENCY_REGION_CODE": region_of_party(agency_code) or v.region,
        "TENDER_AGENCY_PROPERTY": nature(agency_code),
        "TRADE_SYSTEM_NO": f"{v.sender.plat_no}1" if v.sender.plat_no else "",
    }


def section(v: View) -> Fields:
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "BID_SECTION_NAME": v.text("name", "section_name", "lot_name") or v.project_name,
        "BID_ECTION_NUM": v.whole("round"),
        "UNIFIED_DEAL_CODE": v.unified,
        "BID_TENDER_MODE": mode(v),
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "BID_SECTION_CONTENT": v.text("lot_content", "scope", "content"),
        "TENDER_PROJECT_CLASSIFY_CODE": v.text("class_code"),
        "CONTRACT_RECKON_PRICE": v.money("estimate", "ceiling", "budget", "award_amount"),
        "CURRENCY_CODE": CURRENCY,
        "PRICE_UNIT": YUAN,
        "BID_QUALIFICATION": v.text("conditions", "notice.conditions"),
        "BEGIN_DATE": v.day("planned_start"),
        "LIMITE_TIME": v.whole("duration_days", "duration"),
        "CREATE_TIME": v.moment("registered_at") or v.at,
    }


def _class(code: str) -> str:
    return code if len(code) == 3 else ""


def _end_of(day: str) -> str:
    return f"{day}235959" if day else ""


def bidders(v: View) -> str:
    """Names of those whose bids were opened."""
    rows = lot_rows(v, "prices", "bids")
    return "、".join(filter(None, (str((each.get("party") or each).get("name", "")) for each in rows)))


def contractor(v: View) -> tuple[str, str]:
    """(name, code) of the party to a contract that is not the owner, else of the winner."""
    for name in ("parties", "contract.parties"):
        named = v.others(name, "owner")
        if named[0]:
            return named
    return v.party("result.winners", "award_notice.winners", "winners")


_ABNORMAL = (("流标", "1"), ("终止开标", "2"), ("撤销", "3"))


def all_sections(v: View) -> tuple[str, str, str]:
    """Codes of sections, their unified codes, and how many, of the lots that the act is about."""
    lots = [str(lot.get("number", "")) for lot in v.case.lots]
    codes = [v.numbers.sections.get(lot, "") for lot in lots]
    unified = [v.numbers.unified.get(lot, "") for lot in lots]
    return ";".join(filter(None, codes)), ";".join(filter(None, unified)), str(len(lots))


def notice(v: View) -> Fields:
    """One message a lot: version 4 has both code fields of exactly one section."""
    owner, owner_code = v.party("owner")
    agency, agency_code = v.party("agency")
    opens = v.moment("opening_at", "opens_at", "bid_deadline", "deadline")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "NOTICE_BID_NUM": "1",
        "BID_SECTION_CODES": v.section,
        "TRAD_CENTER_NAME": v.case.centre,
        "UNIFIED_DEAL_CODES": v.unified,
        "TENDER_SELF_CODE": v.case.section_code or v.case.project_code or v.numbers.tender,
        "NOTICE_NAME": v.case.title,
        "NOTICE_CONTENT": v.content(),
        "NOTICE_SEND_TIME": v.at,
        "URL": v.case.url,
        "DOC_GET_START_TIME": v.moment("doc_from") or v.at,
        "DOC_GET_END_TIME": v.moment("doc_until", "bid_deadline", "deadline") or opens,
        "TENDER_DOC_GET_METHOD": v.text("doc_method"),
        "BID_DOC_REFER_END_TIME": v.moment("bid_deadline", "deadline") or opens,
        "BID_OPEN_TIME": opens,
        "QUAL_TYPE": v.text("qualification_review"),
        "BID_DOC_REFER_METHOD": v.text("bid_method"),
        "SYNDICATED_FLAG": v.flag("consortium"),
        "TENDERER_CODE": owner_code[:18],
        "TENDERER_NAME": owner,
        "TENDERER_ADDRESS": v.text("owner_address"),
        "TENDERER_CONTACTOR": v.text("owner_contact", "contact"),
        "TENDERER_PHONE_NUMBER": v.text("owner_phone", "phone"),
        "TENDERER_EMAIL": v.text("owner_email"),
        "TENDER_AGENCY_CODE": agency_code,
        "TENDER_AGENCY_NAME": agency,
    }


def clarification(v: View) -> Fields:
    sections, unified, _ = all_sections(v)
    opens = v.moment("opening_at", "bid_deadline", "notice.opening_at", "notice.bid_deadline")
    deposit = v.money("bid_security", "notice.bid_security", "deposit")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": sections,
        "UNIFIED_DEAL_CODES": unified,
        "DOC_NAME": v.case.title,
        "BID_QUALIFICATION": v.text("conditions", "notice.conditions"),
        "BID_DOC_REFER_END_TIME": v.moment("bid_deadline", "notice.bid_deadline") or opens,
        "VALID_PERIOD": v.whole("valid_days", "notice.valid_days"),
        "PRICE_FORM_CODE": "1" if deposit else "9",
        "MARGIN_AMOUNT": deposit,
        "MARGIN_CURRENCY": CURRENCY if deposit else "",
        "MARGIN_AMOUNT_UNIT": YUAN if deposit else "",
        "CONTROL_PRICE": v.money("ceiling", "notice.ceiling"),
        "EVALUATING_METHOD": v.text("evaluation_method", "notice.evaluation_method"),
        "BID_OPEN_TIME": opens,
        "BID_OPEN_PLACE": v.text("place", "notice.place"),
        "CLARIFY_TIME": v.at,
        "IS_POSTPONE": "1" if v.find("opening_at", "bid_deadline") else "0",
        "CLARIFY_CONTENT": v.text("content") or v.case.title,
        "SUBMIT_TIME": v.at,
        "URL": v.case.url,
    }


def opening(v: View) -> Fields:
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODES": v.section,
        "UNIFIED_DEAL_CODES": v.unified,
        "NOTICE_NAME": v.case.title,
        "BID_OPENING_ACTOR": bidders(v)[:500],
        "BID_OPENING_CONTENT": v.content(),
        "BID_OPENING_ADDRESS": v.text("place", "notice.place"),
        "BID_OPENING_TIME": v.moment("opened_at", "opening_at") or v.at,
        "URL": v.case.url,
        "OPEN_COMPERE": v.text("host"),
    }


def qualification(v: View) -> Fields:
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "NOTICE_NAME": v.case.title,
        "PASSED_APPLICANT_LIST": v.party("passed")[0],
        "RESULT_CREATE_TIME": v.at,
        "URL": v.case.url,
    }


def candidate(v: View) -> Fields:
    name, code = v.party("party") if v.row.get("party") else (v.text("name"), v.text("uscc"))
    price = v.money("price", "bid_price")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "WIN_CANDIDATE_NAME": name,
        "BIDDER_CODE_TYPE": "1",
        "WIN_CANDIDATE_CODE": code,
        "BIDDER_ROLE": "03",
        "WIN_CANDIDATE_ORDER": v.whole("rank"),
        "EVALUATION_RESULT": points_text(score) if isinstance(score := v.find("score"), int) else v.text("score"),
        "PRICE_FORM_CODE": "1" if price else "9",
        "BID_PRICE": price,
        "OTHER_BID_PRICE": "" if price else v.text("rate", "price_text"),
        "PRICE_CURRENCY": CURRENCY if price else "",
        "PRICE_UINT": YUAN if price else "",
        "QUALITY": v.text("quality"),
        "WIN_CANDIDATE_QUALIFICATION": v.text("qualification"),
        "BIDDER_REGION_CODE": region_of_party(code) or v.region,
        "BIDDER_PROPERTY": nature(code),
    }


def candidates(v: View) -> Fields:
    sections, unified, _ = all_sections(v)
    ranked = {
        word: next((row for row in lot_rows(v, "candidates") if row.get("rank") == rank), {})
        for rank, word in ((1, "FIRST"), (2, "SECOND"), (3, "THIRD"))
    }
    made = {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODES": sections,
        "UNIFIED_DEAL_CODE": unified,
        "PUBLICITY_NAME": v.case.title,
        "PUBLICITY_CONTENT": v.content(),
        "PUBLICITY_REFER_TIME": v.at,
        "URL": v.case.url,
        "PUBLICITY_START_TIME": v.at,
        "PUBLICITY_END_TIME": _end_of(v.day("publicity_until", "shown_to")),
        "OBJECTION_METHOD": v.text("objection_channel"),
    }
    for word, row in ranked.items():
        party = row.get("party") or row
        if row:
            made |= {
                f"{word}_BIDDER_NAME": str(party.get("name", "")),
                f"{word}_BIDDER_CODE": str(party.get("uscc", "")),
            }
    return made


def result(v: View) -> Fields:
    winner, code = v.party("winner", "winners", "first_candidate")
    amount = v.money("award_amount", "amount")
    agency, agency_code = v.party("agency")
    owner, owner_code = v.party("owner")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "TENDER_AGENCY_NAME": agency or owner,
        "TENDER_AGENCY_CODE": agency_code or ("" if agency else owner_code),
        "NOTICE_NAME": v.case.title,
        "NOTICE_CONTENT": v.content(),
        "NOTICE_SEND_TIME": v.at,
        "URL": v.case.url,
        "WIN_BIDDER_NAME": winner,
        "BIDDER_CODE_TYPE": "1" if winner else "",
        "WIN_BIDDER_CODE": code,
        "BIDDER_ROLE": "03",
        "PRICE_FORM_CODE": "1" if amount else "9",
        "BID_AMOUNT": amount,
        "BID_CURRENCY": CURRENCY if amount else "",
        "PRICE_UNIT": YUAN if amount else "",
        "OTHER_BID_PRICE": "" if amount else v.text("rate", "amount_text"),
        "BIDDER_REGION_CODE": region_of_party(code.split(";")[0]) or v.region,
        "BIDDER_PROPERTY": nature(code),
        "PROJECT_LEAD": v.text("project_lead", "manager", "project_manager"),
    }


def contract(v: View) -> Fields:
    owner, owner_code = v.party("owner")
    winner, code = contractor(v)
    amount = v.money("contract_amount", "amount")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "CONTRACT_NAME": v.text("name") or v.case.title,
        "TENDERER_NAME": owner,
        "TENDER_CODE": owner_code,
        "BIDDER_NAME": winner,
        "BIDDER_CODE": code,
        "CONTRACT_PRICE": amount,
        "PRICE_CURRENCY": CURRENCY if amount else "",
        "PRICE_UNIT": YUAN,
        "PRICE_FORM_CODE": "1" if amount else "9",
        "CONTRACT_CONTENT": v.text("contract_content", "content") or v.content(),
        "LIMITE_TIME": v.whole("duration_days", "duration"),
        "QUALITY_REQUIRE": v.text("quality"),
        "SUBMIT_TIME": v.at,
        "CONTRACT_SIGN_TIME": v.moment("signed_on") or v.at,
        "CONTRACT_CODE": v.text("contract_no", "contract_number"),
    }


def performance(v: View) -> Fields:
    owner, owner_code = v.party("owner")
    winner, code = contractor(v)
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "PERFORMANCE_REPORT_NAME": v.case.title,
        "TENDERER_NAME": owner,
        "TENDERER_CODE": owner_code[:18],
        "PERFORMANCE_PARTY_NAME": winner,
        "PERFORMANCE_PARTY_CODE": code[:18],
        "SETTLE_PRICE": v.money("settled"),
        "FINISH_TIME": v.moment("finished_on") or v.at,
        "CONTRACT_CHANGE_CONTENT": v.text("contract_change.content"),
        "ACTUALLY_PERIOD": v.whole("actual_days"),
        "PERFORMANCE_CONTENT": v.text("content"),
        "REPORT_ISSUE_TIME": v.at,
    }


def abnormal(v: View) -> Fields:
    sort = next((code for word, code in _ABNORMAL if word in v.case.title), "9")
    return {
        "TENDER_PROJECT_CODE": v.numbers.tender,
        "BID_SECTION_CODE": v.section,
        "UNIFIED_DEAL_CODE": v.unified,
        "EXCEPITON_NAME": v.case.title,
        "EXCEPITON_INFOR": v.text("reason", "content") or v.content(),
        "APPROVAL_RESULT": v.text("approval_result"),
        "APPROVAL_TIME": v.moment("approved_at") or v.at,
        "EXCEPITON_TYPE": sort,
    }


def lot_rows(v: View, *names: str) -> Iterable[Mapping[str, Any]]:
    """Rows of a list that concern this view's lot, where they name one."""
    found = v.find(*names)
    rows = found if isinstance(found, list | tuple) else []
    return [row for row in rows if isinstance(row, Mapping) and str(row.get("lot", v.number)) in ("", v.number)]


def _candidates(v: View) -> Iterable[Mapping[str, Any]]:
    return [{"rank": place, **row} for place, row in enumerate(lot_rows(v, "candidates"), 1)]


TEMPLATES: Final[dict[str, Template]] = {
    "500": Template(project, subject=lambda v: v.numbers.project),
    "501": Template(tender_project, subject=lambda v: v.numbers.tender, needs=("500",)),
    "502": Template(section, "lot", subject=lambda v: v.section, needs=("501",)),
    "503": Template(notice, "lot", needs=("502",)),
    "504": Template(clarification, needs=("502",)),
    "506": Template(opening, "lot", needs=("502",)),
    "510": Template(candidate, "row", rows=_candidates, needs=("502",)),
    "511": Template(candidates, needs=("502",)),
    "512": Template(contract, "lot", needs=("502",)),
    "513": Template(result, "lot", needs=("502",)),
    "516": Template(qualification, "lot", needs=("502",)),
    "517": Template(abnormal, "lot", needs=("502",)),
    "522": Template(performance, "lot", needs=("502",)),
}
