"""Headings of other people's tables -> our columns: the Chinese names that offices use, with the unit they state.

A file whose columns fit a form as they are is left alone. Otherwise its headings are looked up here; what is not
found stays a detail of the record, in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_TRADE: Mapping[str, tuple[str, ...]] = {
    "record_id": ("记录编号", "公告编号", "公告标识", "公告ID", "信息编号", "标讯编号"),
    "title": ("标题", "公告标题", "公告名称", "信息标题"),
    "project_name": ("项目名称", "采购项目名称", "招标项目名称", "工程名称", "工程项目名称", "标的名称", "标段名称"),
    "project_code": ("项目编号", "招标编号", "采购编号", "采购项目编号", "招标项目编号", "交易编号", "项目代码"),
    "section_code": ("标段编号", "标段(包)编号", "标段号"),
    "winner_name": (
        *("中标人", "中标人名称", "中标单位", "中标单位名称", "中标企业", "中标供应商", "中标供应商名称", "竞得人"),
        *("成交供应商", "成交单位", "成交人", "中标(成交)人", "中标(成交)供应商", "中标(成交)供应商名称", "受让方"),
    ),
    "winner_uscc": ("中标人统一社会信用代码", "中标供应商统一社会信用代码", "中标单位统一社会信用代码"),
    "buyer_name": (
        *("招标人", "招标人名称", "招标单位", "采购人", "采购人名称", "采购单位", "建设单位", "业主", "业主单位"),
        *("项目单位", "出让人", "转让方"),
    ),
    "buyer_uscc": ("招标人统一社会信用代码", "采购人统一社会信用代码", "项目单位统一社会信用代码"),
    "agency_name": ("代理机构", "代理机构名称", "招标代理", "招标代理机构", "采购代理机构", "采购代理机构名称"),
    "region_name": ("所在地区", "行政区划", "行政区域", "区县", "所属区县", "地区", "所在地", "项目所在地"),
    "region_code": ("行政区划代码", "区划代码"),
    "category": ("交易类别", "类别", "业务类型"),
    "stage": ("阶段", "公告类型", "信息类型"),
    "url": ("公告网址", "公告链接", "原文链接", "链接", "网址"),
}
_DAYS = ("公告日期", "发布日期", "发布时间", "公示日期", "公告时间", "公示时间", "公告发布时间", "公告发布日期")
# import kind -> our column -> headings
HEADINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "result": {
        **_TRADE,
        "publish_date": (*_DAYS, "中标日期", "成交日期"),
        "amount_yuan": (
            "中标金额",
            "中标价",
            "中标价格",
            "成交金额",
            "成交价",
            "成交价格",
            "中标(成交)金额",
            "合同金额",
        ),
        "duration_days": ("工期", "工期(日)", "工期(天)", "工期(日历天)"),
        "quality": ("质量", "质量标准", "质量要求"),
        "location": ("建设地点", "项目地点"),
    },
    "notice": {
        **_TRADE,
        "publish_time": _DAYS,
        "budget": ("预算金额", "采购预算", "预算", "最高限价", "最高投标限价", "控制价", "起始价", "估算价"),
        "award_amount": ("中标金额", "中标价", "成交金额", "成交价", "中标(成交)金额"),
        "open_time": ("开标时间", "开标日期", "投标截止时间", "响应文件提交截止时间"),
    },
    "listing": {
        "record_id": (*_TRADE["record_id"], "项目编号", "挂牌编号"),
        "title": (*_TRADE["title"], "项目名称", "标的名称"),
        "exchange": ("交易机构", "交易所", "产权交易机构"),
        "list_date": ("挂牌日期", "挂牌开始日期", "挂牌起始日期", "披露日期", "信息披露起始日期"),
        "ask_price_raw": ("挂牌价", "挂牌价格", "挂牌金额", "转让底价", "底价"),
        "transferor": ("转让方", "转让方名称", "出让方"),
        "location": ("坐落", "标的所在地", "所在地区", "标的坐落"),
        "status": ("项目状态", "状态"),
        "url": _TRADE["url"],
    },
    "company": {
        "name": ("企业名称", "单位名称", "公司名称", "名称", "主体名称"),
        "uscc": ("统一社会信用代码", "社会信用代码", "信用代码"),
    },
    "division": {
        "code": ("代码", "区划代码", "行政区划代码"),
        "name": ("名称", "区划名称", "行政区划名称", "单位名称"),
        "level": ("级别", "层级"),
    },
}
SUMS = frozenset({"amount_yuan", "budget", "award_amount", "ask_price_raw"})
_UNIT = re.compile(r"[(/:]?(?:单位[:]?)?(亿元|万元|元)(?:人民币)?\)?$")
_ABOVE = re.compile(r"单位[:：]?\s*(?:人民币)?\s*(亿元|万元|元)")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


@dataclass(frozen=True, slots=True)
class Headings:
    """What headings mean: heading -> our column; our column of a sum -> the unit that is stated, or empty."""

    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


def read(kind: str, names: Iterable[str], unit: str = "") -> Headings:
    """Look up the headings of a file of an import kind; `unit` is what stands above its table (单位：万元).

    Of two headings for one column the first counts.

    >>> found = read("result", ["项目名称", "中标单位", "中标金额\\n（万元）", "备注"])
    >>> found.columns["中标金额\\n（万元）"], found.units, "备注" in found.columns
    ('amount_yuan', {'amount_yuan': '万元'}, False)
    """
    known = {heading: ours for ours, headings in HEADINGS.get(kind, {}).items() for heading in headings}
    columns: dict[str, str] = {}
    units: dict[str, str] = {}
    for name in names:
        plain = "".join(name.translate(_WIDE).split()).strip("*:")
        bare = _UNIT.sub("", plain)
        ours = known.get(plain) or known.get(bare)
        if ours is None or ours in columns.values():
            continue
        columns[name] = ours
        if ours in SUMS:
            stated = _UNIT.search(plain)
            units[ours] = stated[1] if stated else unit
    return Headings(columns, units)


def unit_above(texts: Iterable[str]) -> str:
    """The unit of sums that a line over a table states, empty for none.

    >>> unit_above(["2016年中标情况统计表", "填报单位：某中心　金额单位：万元"])
    '万元'
    """
    found = next((found for text in texts if (found := _ABOVE.search(text))), None)
    return found[1] if found else ""
