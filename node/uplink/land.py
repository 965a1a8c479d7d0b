"""土地使用权 -> data sets 600 (出让公告) and 601 (成交宗地). Pure."""

from __future__ import annotations

from typing import Final

from node.uplink.construction import CURRENCY, YUAN
from node.uplink.shape import Fields, Template, View


def guid(v: View) -> str:
    return (v.case.project_code or v.numbers.project or v.case.trade)[:100]


def parcel(v: View) -> str:
    return (v.text("section_code") or v.number or guid(v))[:100]


def notice(v: View) -> Fields:
    unit = v.party("owner")[0]
    closes = v.day("bidding_until", "applications_until")
    return {
        "ANNOUNCEMENT_GUID": guid(v),
        "LAND_PROJECT_NAME": v.project_name[:500],
        "UNIFIED_DEAL_CODE": v.unified,
        "ANNOUNCEMENT_TITLE": v.case.title[:500],
        "ANNOUNCEMENT_CONNECT": v.content(),
        "LAND_DISTRICT": v.region,
        "TRA_PLACE_CODE": v.place,
        "TRA_AGENCY_NAME": v.case.centre,
        "TRA_AGENCY_CODE": v.sender.platform_code,
        "URL": v.case.url,
        "END_DATE": closes or v.at[:8],
        "CREATE_TIME": v.at[:8],
        "PUBLISHING_TIME": v.at[:8],
        "ANNOUNCEMENT_UNIT": (unit or v.case.centre)[:100],
        "ANNOUNCEMENT_START_TIME": v.at[:8],
        "ANNOUNCEMENT_DEADLINE": closes or v.at[:8],
        "FIELD_NUM": str(max(1, len(v.case.lots))),
        "LISTING_START_TIME": v.moment("bidding_from"),
        "LISTING_DEADLINE": v.moment("bidding_until"),
        "LIAISON_UNIT": unit[:100],
        "CONTACT_PERSON": v.text("contact")[:50],
        "CONTACT_NUMBER": v.text("phone", "contact_phone")[:50],
        "ANNOUNCEMENT_CODE": (v.text("notice_no") or guid(v))[:100],
    }


def deal(v: View) -> Fields:
    winner, code = v.party("winners")
    return {
        "DEAL_LAND_CODE": parcel(v),
        "DEAL_ANNOUNCEMENT_GUID": guid(v),
        "UNIFIED_DEAL_CODE": v.unified,
        "RELATE_CODE": "1",
        "LAND_PROJECT_NAME": v.project_name[:500],
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "TRA_AGENCY_NAME": v.case.centre,
        "TRA_AGENCY_CODE": v.sender.platform_code,
        "LAND_CODE": parcel(v),
        "LAND_AREA": v.text("area", "area_m2"),
        "LAND_USAGE": v.text("usage", "land_use")[:50],
        "LEND_AGE_LIMIT": v.text("years", "term")[:50],
        "LAND_POSITION": v.text("location", "position")[:200],
        "DEAL_PRICE": v.money("award_amount", "amount"),
        "CURRENCY_CODE": CURRENCY,
        "PRICE_UNIT": YUAN,
        "LENDING_NAME": winner[:200],
        "LENDING_TYPE": "1" if winner else "",
        "LENDING_CODE": code,
        "LAND_URL": v.case.url,
        "ANNOUNCEMENT_TITLE": v.case.title[:500],
        "ANNOUNCEMENT_CONNECT": v.content(),
        "PUBLISHING_TIME": v.at,
    }


TEMPLATES: Final[dict[str, Template]] = {
    "600": Template(notice, subject=guid),
    "601": Template(deal, "lot", needs=("600",)),
}
