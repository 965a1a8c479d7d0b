"""矿业权 -> data sets 650 to 653: exploration (探矿权) and mining (采矿权) rights, offered and granted. Pure.

No element of these sets names another record, so a result hangs on nothing that was reported before.
"""

from __future__ import annotations

from typing import Final

from node.uplink.shape import Fields, Template, View


def _base(v: View) -> Fields:
    return {
        "NA_APP_NAME": v.project_name[:500],
        "PUBLISHING_TIME": v.at,
        "UNIFIED_DEAL_CODE": v.unified,
        "URL": v.case.url,
        "QT_PLAN_YEARS": v.text("years"),
        "QT_TOTAL_AREA": v.text("area", "area_km2"),
        "NA_GEOGRAPHY_POSITION": v.text("location", "position")[:200],
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "TRA_AGENCY_NAME": v.case.centre,
        "TRA_AGENCY_CODE": v.sender.platform_code,
        "NA_AREA_COORDINATE": v.text("coordinates"),
    }


def _digits(code: str) -> str:
    return code if code.isdigit() else ""


def notice(v: View) -> Fields:
    return _base(v) | {"IN_MINE_COME": _digits(v.text("mineral"))}


def result(v: View) -> Fields:
    winner, code = v.party("winners")
    return _base(v) | {
        "NA_PUBLIC_BIDDER": winner[:200],
        "BIDDER_TYPE": "1" if winner else "",
        "BIDDER_CODE": code[:18],
        "BIDDER_ROLE": "09",
        "QT_PUBLIC_PRICE": v.money("award_amount", "amount"),
        "NA_REG_ADDRESS": v.text("winner_address"),
        "NA_TD_ADDRESS": v.text("place"),
        "DT_BUY_DATE": v.day("dealt_on") or v.at[:8],
        "DT_COST_DATE": v.day("payment_due", "paid_on") or v.at[:8],
    }


TEMPLATES: Final[dict[str, Template]] = {
    "650": Template(notice, "lot"),
    "651": Template(notice, "lot"),
    "652": Template(result, "lot"),
    "653": Template(result, "lot"),
}
