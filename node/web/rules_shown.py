"""A table with a content of its own as its page shows it: each row with its name, what it says, clause and tag."""

from __future__ import annotations

import json
from typing import Any, Final

from node.domain.routing import FACTS, LEVELS, TIERS
from node.domain.ruletables import RuleTable
from node.web.portal_format import money, yuan
from node.web.portal_text import Pair

PARTS: Final[dict[str, Pair]] = {
    "fee": ("收费项目", "Fees"),
    "year": ("各年度放假安排", "Notices by year"),
    "row": ("条目", "Rows"),
    "class": ("分类代码", "Classes"),
    "template": ("模板", "Templates"),
    "source": ("原有平台", "Former centres"),
    "stage": ("阶段用语", "Words for stages"),
    "letters": ("项目编号首位字母", "First letters of project numbers"),
    "zone_serials": ("开发区流水号段", "Serials of zones"),
}
WORDS: Final[dict[str, Pair]] = {
    "act": ("环节", "Act"),
    "bands": ("档次", "Bands"),
    "cap": ("最高限额", "Cap"),
    "categories": ("类别", "Categories"),
    "category": ("类别", "Category"),
    "clause": ("条款", "Clause"),
    "default": ("类别默认", "The category's own"),
    "department": ("监督部门", "Department"),
    "document": ("文号", "Document"),
    "exempt": ("免收", "Exempt"),
    "fact": ("依据的事实", "Looks at"),
    "field": ("字段", "Field"),
    "mandatory": ("依法必须进场", "Must be held"),
    "name_permille": ("名称相似度（千分之）", "Likeness of names, thousandths"),
    "off": ("放假", "Days off"),
    "package": ("规则包", "Package"),
    "payer": ("缴费方", "Payer"),
    "public_funds": ("涉及国有资金", "Public funds"),
    "roll": ("期末顺延", "Rolls on"),
    "roll_basis": ("顺延依据", "Basis of rolling"),
    "roll_tag": ("顺延依据核实", "Tag of rolling"),
    "sector": ("行业", "Sector"),
    "sort": ("方式", "Sort"),
    "sorts": ("标的", "What is bought"),
    "threshold_fen": ("规模标准", "Threshold"),
    "tier": ("平台", "Tier"),
    "values": ("取值", "Values"),
    "words": ("用语", "Words"),
    "work": ("调休上班", "Worked"),
}
_APART = frozenset({"id", "zh", "en", "code", "year", "tag", "legal_basis", "effective_from", "effective_to", "text"})
_MONEY = frozenset({"cap", "threshold_fen"})


def parts(table: RuleTable, limit: int) -> list[dict[str, Any]]:
    """The content in its parts: `rows` of each list, `facts` of what is no list."""
    lists = table.parts()
    found, loose = [], []
    for name, value in table.content.items():
        title = PARTS.get(name, (name, name))
        if name in lists:
            rows = [_row(name, number, row) for number, row in enumerate(lists[name][:limit], 1)]
            found.append(
                {"name": title, "rows": rows, "facts": [], "tagged": any("tag" in each for each in lists[name])}
            )
        elif isinstance(value, dict):
            facts = [((key, key), _text(key, each)) for key, each in value.items()]
            found.append({"name": title, "rows": [], "facts": facts, "tagged": False})
        else:
            loose.append((WORDS.get(name, (name, name)), _text(name, value)))
    return [{"name": None, "rows": [], "facts": loose, "tagged": False}, *found] if loose else found


def name_of(row: dict[str, Any]) -> Pair:
    """What a person calls a row."""
    code = str(row.get("id") or row.get("code") or row.get("package") or row.get("year") or "")
    zh = str(row.get("zh") or row.get("department") or row.get("clause") or code)
    return zh, str(row.get("en") or row.get("department_en") or row.get("clause_en") or zh)


def _row(part: str, number: int, row: dict[str, Any]) -> dict[str, Any]:
    code, tag = str(row.get("id") or row.get("code") or row.get("year") or ""), str(row.get("tag", ""))
    ends = [str(row.get(name, "")) for name in ("effective_from", "effective_to")]
    name = name_of(row)
    return {
        "id": f"{part}-{number}",
        "name": name,
        "code": "" if code == name[0] else code,
        "facts": [
            (WORDS.get(key, (key, key)), _text(key, value))
            for key, value in row.items()
            if key not in _APART and not key.endswith("_en") and str(value) not in name
        ],
        "text": str(row.get("text", "")),
        "basis": str(row.get("legal_basis", "")),
        "dates": " – ".join(each or "…" for each in ends) if any(ends) else "",
        "tag": tag,
        "verified": tag in ("S", "I"),
    }


VALUES: Final[dict[tuple[str, str], str]] = {
    ("payer", "winner"): "成交人（中标人、受让人）",
    ("payer", "owner"): "项目单位（招标人、采购人、出让人）",
    ("sort", "per_deal"): "按宗分级",
    ("sort", "value_added"): "增值收费",
    ("tier", "city"): TIERS["city"][0],
    ("tier", "district"): TIERS["district"][0],
    ("tier", "any"): TIERS["any"][0],
    **{("fact", name): pair[0] for name, pair in FACTS.items()},
    **{("values", name): pair[0] for name, pair in LEVELS.items()},
}
"""Words of the tables that stand for Chinese ones; the rest stands as it is."""


def _text(key: str, value: Any) -> str:
    if isinstance(value, str) and (key, value) in VALUES:
        return VALUES[key, value]
    if isinstance(value, bool):
        return "是" if value else "否"
    if key in _MONEY and isinstance(value, int):
        return money(value)[0]
    if key == "bands" and isinstance(value, list) and all(map(_is_band, value)):
        return "；".join(map(_band, value))
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "、".join(VALUES.get((key, str(each)), str(each)) for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_band(value: Any) -> bool:
    """Rules that are not taken over have their page too, whatever stands in them."""
    numbers = ("upto", "fee", "over", "ppm")
    return isinstance(value, dict) and all(isinstance(value.get(name, 0), int) for name in numbers)


def _band(band: dict[str, Any]) -> str:
    """One band in words: up to which sum, and what it costs."""
    upto = f"至 {yuan(band['upto'])} 元" if band.get("upto") else "以上"
    rate = f" + 超出部分的 {band['ppm'] / 10_000:g}%" if band.get("ppm") else ""
    return f"{yuan(band.get('over', 0))} 元{upto}：{yuan(band.get('fee', 0))} 元{rate}"
