"""Code tables: administrative divisions and expert classes.

The three division tables overlap. They are brought to the same four facts first, so that a code that two tables give
alike is one record and the second table publishes nothing.
"""

from __future__ import annotations

from node.domain.codes import Division, ExpertClass
from node.domain.identifiers import is_division_form
from node.domain.record import Draft
from node.errors import Rejected
from node.importing.facts import Context, Facts, Form
from node.importing.rows import Row

STANDARDS = {
    "2010": "评标专家专业分类标准（试行）（发改法规〔2010〕1538号）",
    "2018": "公共资源交易评标专家专业分类标准（发改法规〔2018〕316号）",
}


def _level(text: str) -> int | None:
    return int(text) if text in ("1", "2", "3", "4", "5") else None


def division(row: Row, context: Context) -> Draft:
    facts = Facts(row, context, source="gbt2260")
    code = facts.need("代码", "code")
    name = facts.need("名称", "name")
    if not is_division_form(code):
        raise Rejected(
            f"{code[:20]!r} is no division code", field="code", zh=f"{code[:20]} 不是 2、4、6 或 9 位的区划代码"
        )
    level = _level(facts.text("level")) or {2: 1, 4: 2, 6: 3, 9: 4}[len(code)]
    parent = facts.text("parent", "district_code", "city_code")
    body = Division(code=code, name=name, level=level, parent=parent)
    same = {"code": code, "name": name, "level": str(level), "parent": parent, "made_up": facts.text("made_up")}
    origin = facts.origin(name="GB/T 2260 与统计用区划代码", id=code, flag_url=False)
    return facts.draft("code.division", code, body, origin, said=same)


def expert_class(row: Row, context: Context) -> Draft:
    facts = Facts(row, context, source="expert-class")
    code = facts.need("代码", "code")
    name = facts.need("名称", "name")
    given = facts.text("standard")
    hint = given or context.file_name
    year = next((year for year, text in STANDARDS.items() if hint == text or year in hint), "")
    if year == "2010":
        facts.flag("standard", "standard-replaced")
    body = ExpertClass(
        code=code,
        name=name,
        level=_level(facts.text("level")),
        parent=facts.text("parent"),
        standard=STANDARDS.get(year) or given,
    )
    origin = facts.origin(name="评标专家专业分类标准", id=code, flag_url=False)
    return facts.draft("expert.class", f"{year}/{code}" if year else code, body, origin)


DIVISIONS = (
    Form("全国区划 divisions", frozenset({"code", "name", "level"}), division),
    Form("区县 districts", frozenset({"code", "name", "city_code"}), division),
    Form("街镇 streets", frozenset({"code", "name", "district_code"}), division),
)
EXPERT_CLASSES = (Form("专业分类 classes", frozenset({"code", "name", "level"}), expert_class),)
