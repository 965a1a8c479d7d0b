"""政府采购 -> data sets 550 to 557: the project with its package, notice, correction, result, contract. Pure."""

from __future__ import annotations

from typing import Final

from node.uplink.bidding import committed, opened
from node.uplink.construction import CURRENCY, YUAN, bidders, contractor
from node.uplink.shape import Fields, Template, View, moment


def code_of(v: View) -> str:
    """The purchaser's own number where there is one: it is free text of at most 50 characters."""
    return (v.case.project_code or v.numbers.project)[:50]


def package_of(v: View) -> str:
    return (v.text("section_code") or (f"{code_of(v)}-{v.number}" if v.number else code_of(v)))[-50:]


def project(v: View) -> Fields:
    owner, owner_code = v.party("owner", "purchaser")
    agency, agency_code = v.party("agency")
    budget = v.money("budget", "estimate", "amount", "award_amount")
    return {
        "PURCHASE_PROJECT_CODE": code_of(v),
        "PURCHASE_PROJECT_NAME": v.project_name,
        "RELATE_CODE": "0",
        "INVEST_PROJECT_CODE": v.text("invest_code", "invest_project_code"),
        "TENDER_PROJECT_TYPE": v.text("project_type"),
        "PURCHASER_NAME": owner,
        "PURCHASER_CODE": owner_code,
        "PURCHASER_ROLE": "04",
        "PRICE_FORM_CODE": "1" if budget else "9",
        "PROGRAM_BUDGET": budget,
        "BUDGET_CURRENCY": CURRENCY if budget else "",
        "UNIT_BUDGET": YUAN if budget else "",
        "PURCHASER_MODE": v.text("mode_code"),
        "PURCHASER_CONTENT": v.text("content", "scope"),
        "PURCHASER_ORGANIZE_FORM": "2" if agency else "1",
        "PURCHASER_AGENCY_NAME": agency or owner,
        "PURCHASER_AGENCY_CODE": agency_code or owner_code[:18],
        "PURCHASER_AGENCY_ROLE": "05" if agency else "04",
        "PURCHASE_SECTION_CODE": package_of(v),
        "PURCHASE_SECTION_NAME": v.text("name", "section_name", "lot_name") or v.project_name,
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "CREATE_TIME": v.moment("registered_at") or v.at,
        "UNIFIED_DEAL_CODE": v.unified,
    }


def notice(v: View) -> Fields:
    return {
        "PURCHASE_PROJECT_CODE": code_of(v),
        "PURCHASE_PROJECT_NAME": v.project_name,
        "BULLETIN_BID_NUM": str(max(1, len(v.case.lots))),
        "PURCHASE_SECTION_CODE": ";".join(package_of(View(v.case, v.numbers, v.sender, lot)) for lot in v.case.lots)
        or package_of(v),
        "UNIFIED_DEAL_CODE": ";".join(filter(None, v.numbers.unified.values())),
        "BULLETIN_TITLE": v.case.title[:200],
        "BULLETIN_CONTENT": v.content(),
        "BULLETIN_START_TIME": v.at,
        "URL": v.case.url,
        "BID_CLOSING_TIME": v.moment("bid_deadline", "deadline", "opening_at", "opens_at"),
    }


def correction(v: View) -> Fields:
    return {
        "PURCHASE_PROJECT_CODE": code_of(v),
        "PURCHASE_PROJECT_NAME": v.project_name,
        "PURCHASE_SECTION_CODE": package_of(v),
        "UNIFIED_DEAL_CODE": v.unified,
        "TERMINATION_BULLETIN_TITLE": v.case.title[:50],
        "TERMINATION_BULLETIN_CONTENT": v.text("content", "reason", "why") or v.content(),
        "MODIFICATION_START_TIME": v.at,
        "IS_POSTPONE": "1" if v.case.fields.get("bid_deadline") else "0",
        "POST_BID_CLOSING_TIME": moment(v.case.fields.get("bid_deadline")),
        "URL": v.case.url,
    }


def opening(v: View) -> Fields:
    return {
        "PURCHASE_PROJECT_CODE": code_of(v),
        "PURCHASE_SECTION_CODE": package_of(v),
        "UNIFIED_DEAL_CODE": v.unified,
        "NOTICE_NAME": v.case.title,
        "BID_OPENING_ACTOR": bidders(v)[:500],
        "BID_OPENING_CONTENT": v.content(),
        "BID_OPENING_ADDRESS": v.text("place", "notice.place"),
        "BID_OPENING_TIME": v.moment("opened_at", "opening_at") or v.at,
        "URL": v.case.url,
    }


def bidder(v: View) -> Fields:
    name, code = v.party("party")
    price = v.money("price")
    return {
        "PURCHASE_PROJECT_CODE": code_of(v),
        "PURCHASE_SECTION_CODE": package_of(v),
        "UNIFIED_DEAL_CODE": v.unified,
        "BIDDER_NAME": name[:200],
        "BIDDER_CODE_TYPE": "1" if name else "",
        "BIDDER_ORG_CODE": code[:18],
        "BIDDER_ROLE": "06",
        "IS_COMMIT_MARGIN": committed(v),
        "MARGIN_PAY_FORM": v.text("deposit_form"),
        "MARGIN_RECEIVE_TIME": v.moment("deposit_at"),
        "PRICE_FORM_CODE": "1" if price else "9",
        "BID_PRICE": price,
        "OTHER_BID_PRICE": "" if price else v.text("rate"),
        "PRICE_CURRENCY": CURRENCY if price else "",
        "PRICE_UNIT": YUAN if price else "",
    }


def result(v: View) -> Fields:
    owner, owner_code = v.party("owner", "purchaser")
    agency, agency_code = v.party("agency")
    winner, code = v.party("winner", "winners", "supplier", "suppliers")
    price = v.money("award_amount", "amount")
    return {
        "PURCHASE_PROJECT_CODE": code_of(v),
        "PURCHASE_PROJECT_NAME": v.project_name,
        "PURCHASE_SECTION_CODE": package_of(v),
        "UNIFIED_DEAL_CODE": v.unified,
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "PURCHASER_AGENCY_NAME": agency or owner,
        "PURCHASER_AGENCY_CODE": agency_code or owner_code[:18],
        "WIN_BID_BULLETIN_TITLE": v.case.title[:200],
        "WIN_BID_BULLETIN_CONTENT": v.content(),
        "WIN_BID_BULLETIN_START_TIME": v.at,
        "URL": v.case.url,
        "WINNINGBIDDER_NAME": winner,
        "WINNINGBIDDER_TYPE": "1" if winner else "",
        "WINNINGBIDDER_CODE": code,
        "PRICE_FORM_CODE": "1" if price else "9",
        "WIN_BID_PRICE": price,
        "CURRENCY_CODE": CURRENCY if price else "",
        "PRICE_UNIT": YUAN if price else "",
        "WIN_BID_RATE": "" if price else v.text("rate", "amount_text"),
    }


def contract(v: View) -> Fields:
    owner, owner_code = v.party("owner", "purchaser")
    supplier, code = contractor(v)
    amount = v.money("contract_amount", "amount")
    return {
        "PURCHASE_PROJECT_CODE": code_of(v),
        "PURCHASE_PROJECT_NAME": v.project_name,
        "PURCHASE_SECTION_CODE": package_of(v),
        "UNIFIED_DEAL_CODE": v.unified,
        "CONTRACT_NAME": v.text("name") or v.case.title,
        "PURCHASER_NAME": owner,
        "PURCHASER_CODE": owner_code,
        "LEGAL_ROLE": "04",
        "SUPPLIER_NAME": supplier,
        "SUPPLIER_CODE": code,
        "PRICE_FORM_CODE": "1" if amount else "9",
        "CONTRACT_AMOUNT": amount,
        "CURRENCY_CODE": CURRENCY if amount else "",
        "PRICE_UNIT": YUAN if amount else "",
        "CONTRACT_TERM": v.whole("duration_days", "duration"),
        "SIGNING_TIME": v.moment("signed_on", "contract.signed_on"),
        "URL": v.case.url,
    }


def _subject(v: View) -> str:
    # The set's unique field is the project's code, so a project with several packages is one record: its first one.
    return code_of(v)


TEMPLATES: Final[dict[str, Template]] = {
    "550": Template(project, subject=_subject),
    "551": Template(notice, needs=("550",)),
    "552": Template(correction, "lot", needs=("550",)),
    "553": Template(result, "lot", needs=("550",)),
    "554": Template(contract, "lot", needs=("550",)),
    "556": Template(opening, "lot", needs=("550",)),
    "557": Template(bidder, "row", rows=opened, needs=("550",)),
}
