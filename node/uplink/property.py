"""国有产权 -> data sets 700 and 701 (physical assets), 750 to 753 (equity): listed and sold, the company and who holds
it. Pure.

In the result sets SELLER_* hold the transferee: so the standard spells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from node.uplink.construction import CURRENCY, YUAN, lot_rows
from node.uplink.shape import Fields, Template, View, region_of_party


def code_of(v: View) -> str:
    """The listing's own number where it fits the set's 20 characters, else the one issued at the hub."""
    given = v.case.project_code
    return given if 0 < len(given) <= 20 else v.numbers.tender or v.numbers.project


def _base(v: View) -> Fields:
    return {
        "PROJECT_NAME": v.project_name[:300],
        "PROJECT_CODE": code_of(v),
        "UNIFIED_DEAL_CODE": v.unified,
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "TRA_AGENCY_NAME": v.case.centre,
        "TRA_AGENCY_CODE": v.sender.platform_code,
        "PROJECT_URL": v.case.url if len(v.case.url) <= 200 else "",
    }


def _days(first: str, last: str) -> str:
    """How many days a listing is shown, both ends in."""
    if not first or not last or first > last:
        return ""
    begin, end = (date(int(day[:4]), int(day[4:6]), int(day[6:8])) for day in (first, last))
    return str((end - begin).days + 1)


def listing(v: View) -> Fields:
    seller, code = v.party("seller", "owner")
    price = v.money("price", "notice.price", "asking_price", "estimate")
    return _base(v) | {
        "SELLER_NAME": seller[:300],
        "SELLER_CODE": code[:18],
        "SELLER_TYPE": "1" if seller else "",
        "SELLER_ROLE": "07",
        "PRICE_FORM_CODE": "1" if price else "9",
        "PROJECT_PRICE": price,
        "CURRENCY_CODE": CURRENCY if price else "",
        "PRICE_UNIT": YUAN if price else "",
        "OTHER_PRICE": "" if price else v.text("price_text", "amount_text"),
        "PUBLISH_DURATION": _days(v.day("from_on"), v.day("until_on")),
        "PUBLISH_DATE": v.day("from_on") or v.at[:8],
        "POST_PONE": v.flag("extend", yes="T", no="F"),
        "TRANSFER_NOTES": v.text("conditions")[:4000] or v.content()[:4000],
    }


def equity(v: View) -> Fields:
    plain = listing(v)
    plain.pop("TRANSFER_NOTES")
    return {name: value for name, value in plain.items() if name not in ("PRICE_FORM_CODE", "OTHER_PRICE")} | {
        "CURRENCY_CODE": CURRENCY,
        "PRICE_UNIT": YUAN,
        "TOTAL_PERCENT": v.percent("share", "notice.share") or v.text("share_percent", "percent"),
        "IMPORTANT_INFO": v.content(),
        "AUTHORIZE_UNIT": v.text("approval_authority")[:200],
    }


def company(v: View) -> Fields:
    """The company of which a share is sold. Its figures come by the elements that the rule package names."""
    code = v.party("target")[1]
    return _company(v) | {
        "SELL_PERCENT": v.percent("share"),
        "ZONE": region_of_party(code) or v.region,
        "INDUSTRY_CODE": v.text("industry_code"),
        "ECONOMY_TYPE": v.text("economy_type"),
        "EMPLOYEE_QUANTITY": v.whole("employees"),
        "HAS_CONTAIN_GROUND": v.flag("allotted_land", yes="T", no="F"),
        "FINANCE_REPORT_DATE": v.day("report_on"),
        "FINANCE_REPORT_TYPE": v.text("report_type"),
    }


def holder(v: View) -> Fields:
    """One of those who hold the company before the sale."""
    return _company(v) | {
        "TOP10_HOLDER_NAME": str(v.row.get("name", ""))[:500],
        "TOP10_HOLDER_NUMBER": v.whole("shares"),
        "TOP10_HOLDER_PERCENT": v.percent("share"),
    }


def _company(v: View) -> Fields:
    name, code = v.party("target")
    return {
        "PROJECT_CODE": code_of(v),
        "BID_CODE": v.text("section_code")[:20],
        "SUBJECT_COMPANY_NAME": name[:300],
        "SUBJECT_COMPANY_CODE": code[:18],
    }


def _holders(v: View) -> Iterable[Mapping[str, Any]]:
    # They are the company's, not a lot's.
    return lot_rows(v, "shareholders") if v.number == str(v.case.lots[0].get("number", "")) else []


def sold(v: View) -> Fields:
    buyer, code = v.party("winners")
    value = v.money("award_amount", "amount")
    return _base(v) | {
        "SELLER_NAME": buyer[:300],
        "SELLER_CODE": code[:18],
        "SELLER_TYPE": "1" if buyer else "",
        "SELLER_ROLE": "08",
        "OBJECT_EVALUATE_VALUE": v.money("appraisal"),
        "PRICE_FORM_CODE": "1" if value else "9",
        "TRADE_VALUE": value,
        "CURRENCY_CODE": CURRENCY if value else "",
        "PRICE_UNIT": YUAN if value else "",
        "OTHER_BID_PRICE": "" if value else v.text("price_text", "amount_text"),
        "TRADE_DATE": v.day("dealt_on") or v.at[:8],
    }


def equity_sold(v: View) -> Fields:
    return {name: value for name, value in sold(v).items() if name not in ("PRICE_FORM_CODE", "OTHER_BID_PRICE")}


TEMPLATES: Final[dict[str, Template]] = {
    "700": Template(listing, subject=code_of),
    "701": Template(sold, "lot", needs=("700",)),
    "750": Template(equity, subject=code_of),
    "751": Template(company, needs=("750",)),
    "752": Template(holder, "row", rows=_holders, needs=("750",)),
    "753": Template(equity_sold, "lot", needs=("750",)),
}
