"""矿业权 -> data sets 650 to 653 and 657 to 660: exploration (探矿权) and mining (采矿权) rights, offered, granted,
registered. Pure.

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


def _registered(v: View) -> Fields:
    holder, code = v.party("holder", "result.winners", "winners")
    return {
        "PUBLISHING_TIME": v.at,
        "UNIFIED_DEAL_CODE": v.unified,
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "TRA_AGENCY_NAME": v.case.centre,
        "TRA_AGENCY_CODE": v.sender.platform_code,
        "ID_LICENCEID": v.text("licence_no"),
        "IN_ITEM_TYPE": v.text("item_type"),
        "NA_APPLY_PERSON": holder[:128],
        "APPLY_TYPE": "1" if holder else "",
        "APPLY_CODE": code[:18],
        "APPLY_ROLE": "09",
        "DT_USEFULLIFE_START": v.day("valid_from"),
        "DT_USEFULLIFE_END": v.day("valid_until"),
        "APPROVE_ORG": v.text("authority"),
        "URL": v.case.url,
    }


def _where(v: View) -> Fields:
    return {
        "NA_JZZB": v.text("bounds"),
        "QT_TOTAL_AREA": v.text("area", "area_km2"),
        "NA_GEOGRAPHY_POSITION": v.text("location", "position")[:200],
    }


def explored(v: View) -> Fields:
    return (
        _registered(v)
        | _where(v)
        | {
            "NA_ITEM_NAME": v.project_name[:128],
            "NA_PERAMBULATE_COMP": v.text("survey_unit"),
            "QT_PERAMBULATE_MINE": _digits(v.text("mineral")),
        }
    )


def mined(v: View) -> Fields:
    return _registered(v) | {
        "NA_MINE_NAME": v.project_name[:500],
        "QT_DESIGN_SCOPE": v.whole("design_scale"),
        "NA_SCOPE_UNIT": v.text("scale_unit"),
        "QT_MAIN_MINE": _digits(v.text("mineral")),
        "QT_DIGINGS_AREA": v.text("area", "area_km2"),
    }


def oil_or_gas(v: View) -> Fields:
    return _registered(v) | _where(v) | {"NA_ITEM_NAME": v.project_name[:300]}


TEMPLATES: Final[dict[str, Template]] = {
    "650": Template(notice, "lot"),
    "651": Template(notice, "lot"),
    "652": Template(result, "lot"),
    "653": Template(result, "lot"),
    "657": Template(explored, "lot"),
    "658": Template(mined, "lot"),
    "659": Template(oil_or_gas, "lot"),
    "660": Template(oil_or_gas, "lot"),
}
