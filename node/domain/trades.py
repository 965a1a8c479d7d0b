"""Shapes of trade records: results, ranked candidates, notices and listings.

Words follow the national data specification (公共资源交易平台系统数据规范): project 项目, section 标段(包),
owner 招标人, 采购人, 出让人 or 转让方, agency 代理机构. Dates are ISO text as far as the source gives them
(`2025-03-24`, `2024`).
"""

from __future__ import annotations

import msgspec

from node.domain.record import Amount, Party

# The five categories of the national data specification and the open sixth. Keys are what the records carry.
CATEGORIES: dict[str, str] = {
    "工程建设": "Construction",
    "政府采购": "Government procurement",
    "土地使用权": "Land use rights",
    "矿业权": "Mining rights",
    "国有产权": "State-owned property",
    "其他": "Other",
}


class Trade(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What every trade record tells.

    `division` is a GB/T 2260 code of six digits or empty; `division_name` is the place as the source names it.
    `details` keeps the source's further fields by their own names, in the source's words.
    """

    category: str
    stage: str
    title: str
    project_code: str = ""
    section_code: str = ""
    project_name: str = ""
    division: str = ""
    division_name: str = ""
    location: str = ""
    owner: Party | None = None
    agency: Party | None = None
    published_on: str = ""
    details: dict[str, str] = {}


class TradeResult(Trade, frozen=True, omit_defaults=True, kw_only=True):
    """中标结果 / 成交结果: who won a section and at what price. Several winners form a consortium or a shared award."""

    winners: list[Party] = []
    amount: Amount | None = None
    duration_days: int | None = None
    quality: str = ""


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a ranked list: `rank` counts from 1. A consortium's companies are in `members`, as far as named."""

    rank: int
    party: Party
    price: Amount | None = None
    members: list[Party] = []


class TradeCandidates(Trade, frozen=True, omit_defaults=True, kw_only=True):
    """中标候选人公示: the ranked bidders shown before the award, and the days they are shown."""

    candidates: list[Candidate] = []
    publicity_period: str = ""


class TradeNotice(Trade, frozen=True, omit_defaults=True, kw_only=True):
    """公告: any notice of a procurement, land or mining trade; `amount` is the budget or starting price."""

    amount: Amount | None = None
    deposit: Amount | None = None
    award: Amount | None = None
    winners: list[Party] = []
    opens_at: str = ""


class TradeListing(Trade, frozen=True, omit_defaults=True, kw_only=True):
    """挂牌披露: state property offered on an exchange; `amount` is the asking price, perhaps for a period (rent)."""

    amount: Amount | None = None
    exchange: str = ""
    listing_status: str = ""
