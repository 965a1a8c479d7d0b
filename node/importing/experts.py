"""Expert rows: the profile for all nodes, the employment for origin and city hub, the identity sealed for the same two.

Only the columns named here are read. Name, identity number and phone go into the sealed section and nowhere else: not
into a flag, and not into the words of an error, which name the column and never what stands in it.
"""

from __future__ import annotations

import re
from hashlib import sha256

from node.domain.experts import ExpertEmployment, ExpertIdentity, ExpertProfile
from node.domain.identifiers import citizen_fault, is_mobile, looks_personal
from node.domain.record import Draft
from node.errors import Rejected
from node.importing.facts import Context, Facts, Form
from node.importing.rows import Row

_COLUMNS = (
    "alias",
    "classes",
    "division",
    "standing",
    "entered_on",
    "employer",
    "employer_uscc",
    "past_employers",
    "title",
    "source",
    "made_up",
)
# What may be personal: column of the sealed section -> headings under which a table has it, and its Chinese name.
_PERSONAL = {
    "name": (("姓名", "name"), "姓名"),
    "number": (("身份证号", "身份证号码", "id_card"), "身份证号"),
    "phone": (("手机", "手机号", "手机号码", "phone"), "手机"),
}
_FAULTS = {
    "length": ("应为 18 位", "has 18 characters"),
    "alphabet": ("含有不允许的字符", "has a character that is not allowed"),
    "date": ("出生日期不存在", "holds a birth date that does not exist"),
    "check": ("校验位不符（GB 11643）", "has a wrong check character (GB 11643)"),
}
_SEPARATOR = re.compile(r"[;；、,，|]\s*")


def _several(facts: Facts, column: str) -> list[str]:
    value = facts.values.get(column)
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise Rejected(f"{column} is no list of texts", field=column, zh=f"{column} 应为文字列表")
        return [item for item in value if item]
    return [item for item in _SEPARATOR.split(facts.text(column)) if item]


def _identity(row: Row) -> tuple[ExpertIdentity | None, dict[str, str]]:
    """The sealed section and what was said for it; None when the row has nothing of the kind."""
    found: dict[str, str] = {}
    columns: dict[str, str] = {}
    for part, (headings, _) in _PERSONAL.items():
        for column in headings:
            value = row.values.get(column)
            if value and type(value) is not str:
                raise Rejected(f"{column} is not plain text", field=column, zh=f"{column} 应为文字")
            if value and part not in found:
                found[part], columns[part] = value, column
    if not found:
        return None, {}
    if "name" not in found:
        raise Rejected(
            "a row with an identity number or phone needs the name", field="姓名", zh="有身份证号或手机时须填姓名"
        )
    number = found.get("number", "").upper()
    if number and (fault := citizen_fault(number)):
        zh, en = _FAULTS[fault]
        column = columns["number"]
        raise Rejected(f"the identity number {en}", field=column, zh=f"{column}{zh}")
    phone = found.get("phone", "")
    if phone and not is_mobile(phone):
        column = columns["phone"]
        raise Rejected("the phone is no mobile number of 11 digits", field=column, zh=f"{column}应为 11 位手机号")
    return ExpertIdentity(name=found["name"], number=number, phone=phone), found


def expert(row: Row, context: Context) -> Draft:
    known = {column: row.values[column] for column in _COLUMNS if column in row.values}
    notes = [(column, code) for column, code in row.notes if column in known]
    facts = Facts(Row(row.number, known, notes=notes), context, source="pool")
    alias = facts.need("专家序号", "alias")
    if looks_personal(alias):
        raise Rejected(
            "alias looks like an identity or phone number",
            field="alias",
            zh="专家序号疑似证件号码或电话号码",
            advice_zh="请改用专家库的序号；证件号码和电话不得写入此表。",
            advice_en="Use the pool's serial number; identity and phone numbers do not belong in this table.",
        )
    profile = ExpertProfile(
        alias=alias,
        classes=_several(facts, "classes"),
        division=facts.division("division", ""),
        standing=facts.text("standing"),
        entered_on=facts.day("entered_on"),
    )
    employment = ExpertEmployment(
        employer=facts.text("employer"),
        employer_uscc=facts.text("employer_uscc"),
        past_employers=_several(facts, "past_employers"),
        title=facts.text("title"),
    )
    identity, told = _identity(row)
    said = facts.values | {"classes": profile.classes, "past_employers": employment.past_employers}
    if identity is not None:
        # The publisher only hashes what was said; the values themselves need not come that far.
        said["identity"] = sha256(repr(sorted(told.items())).encode("utf-8", "surrogatepass")).hexdigest()
    sections = {"employment": employment} | ({} if identity is None else {"identity": identity})
    origin = facts.origin(id=alias, flag_url=False)
    return facts.draft("expert.profile", alias, profile, origin, said=said, sections=sections)


EXPERTS = (Form("评标专家 experts", frozenset({"alias", "classes"}), expert, frozenset({"classes", "past_employers"})),)
