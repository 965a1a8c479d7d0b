"""Expert rows: the profile for all nodes and the employment that only origin and city hub may read.

Only the columns named here are read: names, identity and phone numbers of a careless table never reach a record.
"""

from __future__ import annotations

import re

from node.domain.experts import ExpertEmployment, ExpertProfile
from node.domain.identifiers import looks_personal
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
_SEPARATOR = re.compile(r"[;；、,，|]\s*")


def _several(facts: Facts, column: str) -> list[str]:
    value = facts.values.get(column)
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise Rejected(f"{column} is no list of texts", field=column, zh=f"{column} 应为文字列表")
        return [item for item in value if item]
    return [item for item in _SEPARATOR.split(facts.text(column)) if item]


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
    said = facts.values | {"classes": profile.classes, "past_employers": employment.past_employers}
    origin = facts.origin(id=alias, flag_url=False)
    return facts.draft("expert.profile", alias, profile, origin, said=said, sections={"employment": employment})


EXPERTS = (Form("评标专家 experts", frozenset({"alias", "classes"}), expert, frozenset({"classes", "past_employers"})),)
