"""Market-party rows: a registry's companies, its wrong codes, and names joined to codes.

The same company may stand in several lists. Each list has its own key prefix, so that a list that knows less never
overwrites one that knows more, and importing them in turn publishes nothing anew.
"""

from __future__ import annotations

import re

from node.domain.entities import Company
from node.domain.record import Draft
from node.importing.facts import Context, Facts, Form
from node.importing.rows import Row

_TYPE_WORDS = re.compile(
    r"公司|企业|经济|合作|合伙|联营|股份|机构|事业|社团|团体|国有|集体|外商|独资|合资|分支|法人|基金|个体|其他"
)
_DIGIT = re.compile(r"[0-9]")


def _company(row: Row, context: Context, source: str) -> Draft:
    facts = Facts(row, context, source=source)
    name = facts.need("名称", "name")
    facts.need("统一社会信用代码", "uscc")
    uscc = facts.uscc("uscc")
    if source == "names":
        facts.flag("uscc", "uscc-joined")
    place = facts.text("district")
    body = Company(
        name=name,
        uscc=uscc,
        registered_on=facts.day("registration_date"),
        company_type=_belonging(facts, "type", _TYPE_WORDS),
        capital=_belonging(facts, "capital", _DIGIT),
        division=facts.division("district_code", place),
        division_name=place,
        registrar=facts.text("registrar_code"),
    )
    origin = facts.origin(
        id=uscc, name="名称与代码对照表" if source == "names" else "企业登记数据（公开副本）", flag_url=False
    )
    return facts.draft("entity.company", uscc, body, origin)


def _belonging(facts: Facts, column: str, sign: re.Pattern[str]) -> str:
    """The text of a column unless it is something else, such as a person's name that slipped a column."""
    text = facts.text(column)
    if text and not sign.search(text):
        facts.flag(column, "field-misplaced")
        return ""
    return text


def registered(row: Row, context: Context) -> Draft:
    return _company(row, context, "registry")


def doubtful(row: Row, context: Context) -> Draft:
    return _company(row, context, "registry-check")


def joined(row: Row, context: Context) -> Draft:
    return _company(row, context, "names")


COMPANIES = (
    Form("登记数据 registry", frozenset({"name", "uscc", "registration_date"}), registered),
    Form("存疑代码 codes to check", frozenset({"name", "uscc", "file"}), doubtful),
    Form("名称对照 names", frozenset({"name", "uscc"}), joined),
)
