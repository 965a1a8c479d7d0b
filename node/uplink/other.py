"""其他交易 -> data sets 1800 (交易公告), 1801 (成交公示), 1900 (异常情况报告). Pure."""

from __future__ import annotations

from typing import Final

from node.uplink.property import code_of
from node.uplink.shape import Fields, Template, View


def _base(v: View) -> Fields:
    return {
        "PROJECT_NAME": v.project_name[:300],
        "PROJECT_CODE": code_of(v),
        "PUBLISHING_TIME": v.at,
        "UNIFIED_DEAL_CODE": v.unified,
        "REGION_CODE": v.region,
        "TRA_PLACE_CODE": v.place,
        "TRA_AGENCY_NAME": v.case.centre,
        "TRA_AGENCY_CODE": v.sender.platform_code,
        "ANNOUNCEMENT_TITLE": v.case.title[:500],
        "ANNOUNCEMENT_CONNECT": v.content(),
        "URL": v.case.url,
    }


def result(v: View) -> Fields:
    return _base(v) | {"TRADE_DATE": v.day("dealt_on") or v.at[:8]}


def abnormal(v: View) -> Fields:
    return {
        "PROJECT_CODE": v.numbers.tender,
        "EXCEPITON_INDUSTRY": "9",
        "UNIFIED_DEAL_CODE": v.unified,
        "EXCEPITON_NAME": v.case.title,
        "EXCEPITON_INFOR": v.text("reason", "content") or v.content(),
        "APPROVAL_RESULT": v.text("approval_result"),
        "APPROVAL_TIME": v.moment("approved_at") or v.at,
        "EXCEPITON_TYPE": "9",
    }


TEMPLATES: Final[dict[str, Template]] = {
    "1800": Template(_base, subject=code_of),
    "1801": Template(result, "lot", needs=("1800",)),
    "1900": Template(abnormal, "lot"),
}
