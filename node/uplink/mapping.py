"""Cases to messages, all domains in one place: the template of a category's sets, and what is filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from node.domain.faults import Fault
from node.domain.standard import DataSet, Field, Standard
from node.uplink import bidding, construction, land, mining, other, procurement, property
from node.uplink.shape import (
    Case,
    Fields,
    Message,
    Numbers,
    Sender,
    SourceFile,
    Template,
    View,
    clean,
    messages,
    moment,
    place_name,
)

TEMPLATES: dict[str, Mapping[str, Template]] = {
    "工程建设": construction.TEMPLATES | bidding.TEMPLATES,
    "政府采购": procurement.TEMPLATES,
    "土地使用权": land.TEMPLATES,
    "矿业权": mining.TEMPLATES,
    "国有产权": property.TEMPLATES,
    "其他": other.TEMPLATES,
}


@dataclass(frozen=True, slots=True)
class Fill:
    """What is sent in `fields` where a record says nothing, and why: one row of the policy, known by its `id`.

    It holds in these `sets` (all when none is named), and `where` other elements have the values named.
    """

    id: str
    fields: tuple[str, ...]
    value: str
    zh: str
    en: str
    sets: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()

    def holds(self, number: str, field: str, fields: Mapping[str, str]) -> bool:
        mine = field in self.fields and (not self.sets or number in self.sets)
        return mine and all(fields.get(name) == value for name, value in self.where)


def of_case(standard: Standard, case: Case, numbers: Numbers, sender: Sender) -> list[Message]:
    """The messages of a case, parents first; none for a category of which no set is known."""

    def known(number: str, element: str) -> bool:
        dataset = standard.sets.get(number)
        return dataset is not None and element in dataset.fields

    made = messages(TEMPLATES.get(case.category, {}), case, numbers, sender, known)
    leading = _leading(case, made)
    return [
        replace(
            each,
            fields=_dated(standard.sets[each.number], each.fields),
            files=_files(standard, each.number, case) if each.number == leading else (),
        )
        for each in made
    ]


def _leading(case: Case, made: Sequence[Message]) -> str:
    """The set whose messages carry the record's files: the first that the record itself is about."""
    own = [each.number for each in made if each.number in case.sets and (case.first or not each.base)]
    told = [number for number in case.sets if number in own]
    return told[0] if told else next((each.number for each in made if each.number in case.sets), "")


def _files(standard: Standard, number: str, case: Case) -> tuple[SourceFile, ...]:
    name = next((each.name for each in standard.files if each.holds(number, case.title)), "")
    return tuple(SourceFile(name, clean(own)[:FILE_NAME_CHARS], sha256) for own, sha256 in case.files) if name else ()


FILE_NAME_CHARS = 200


def _dated(dataset: DataSet, fields: Fields) -> Fields:
    """A day where the set asks for a moment gets its midnight; a moment where it asks for a day is cut."""
    made = {}
    for name, value in fields.items():
        field = dataset.fields.get(name)
        if field is not None and field.date == 14 and len(value) == 8:
            value += "000000"
        elif field is not None and field.date == 8:
            value = value[:8]
        elif field is not None and field.enum == "CQ_TRUE_OR_FALSE":
            value = {"1": "T", "0": "F"}.get(value, value)
        made[name] = value
    return made


def words_of(case: Case, sender: Sender) -> dict[str, str]:
    """What the braces in fill.toml stand for."""
    view = View(case, Numbers(), sender)
    return {
        "centre": case.centre or sender.centre,
        "platform": sender.platform_code,
        "region": place_name(view.region),
        "url": case.url,
        "owner": view.party("owner", "seller", "grantor")[0] or case.centre,
        "event": view.at,
    }


def fill(
    dataset: DataSet, fields: Fields, fills: Sequence[Fill], words: Mapping[str, str]
) -> tuple[Fields, list[Fault]]:
    """The fields with what is required and missing filled in where the policy has a row, each with a warning."""
    made, told = dict(fields), []
    for field in dataset.fields.values():
        if not field.required or made.get(field.name):
            continue
        for row in fills:
            value = _worded(row.value, words) if row.holds(dataset.number, field.name, made) else ""
            if value and _fits(field, value):
                value = value[: field.most or field.date or None]
                made[field.name] = value
                told.append(_told(field, row, value))
                break
    return made, told


FILLED = "Filled"


def _told(field: Field, row: Fill, value: str) -> Fault:
    return Fault(
        field.name,
        FILLED,
        f"{field.zh}（{field.name}）由代填政策“{row.id}”填为“{value}”：{row.zh}",
        f"{field.name} filled by policy row {row.id} with {value!r}: {row.en}",
        row.id,
        "warn",
    )


def _worded(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return text


def _fits(field: Field, value: str) -> bool:
    """Whether a value may stand in a field of this form: one word is spelt alike in sets that mean different things."""
    if field.date:
        return value.isdigit() and len(value) >= field.date
    number = value.isdigit() if field.digits is not None else True
    return number and (not field.exact or len(value) == field.exact)


def with_trailer(dataset: DataSet, fields: Fields, sender: Sender, now_ms: int) -> Fields:
    """The fields with those that every record has."""
    made = fields | {
        "PLATFORM_CODE": sender.platform_code,
        "PUB_SERVICE_PLAT_CODE": sender.service_code,
        "DATA_TIMESTAMP": moment(now_ms),
    }
    if dataset.group == "construction":
        made |= {"TRADE_PLAT": sender.plat_no, "PUB_SERVICE_PLAT": sender.service_no}
    return made
