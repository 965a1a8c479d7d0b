"""Cases to messages, all domains in one place: the template of a category's sets, and what is filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from node.domain.faults import Fault
from node.domain.standard import COMMON, CONSTRUCTION_COMMON, DataSet, Field, Standard
from node.uplink import construction, land, mining, other, procurement, property
from node.uplink.shape import Case, Fields, Message, Numbers, Sender, Template, View, messages, moment, place_name

TEMPLATES: dict[str, Mapping[str, Template]] = {
    "工程建设": construction.TEMPLATES,
    "政府采购": procurement.TEMPLATES,
    "土地使用权": land.TEMPLATES,
    "矿业权": mining.TEMPLATES,
    "国有产权": property.TEMPLATES,
    "其他": other.TEMPLATES,
}
TRAILER = frozenset((*COMMON, *CONSTRUCTION_COMMON))


@dataclass(frozen=True, slots=True)
class Fill:
    """What is sent in `fields` where a record says nothing, in these `sets` (all when none is named), and why."""

    fields: tuple[str, ...]
    value: str
    zh: str
    en: str
    sets: tuple[str, ...] = ()


def of_case(standard: Standard, case: Case, numbers: Numbers, sender: Sender) -> list[Message]:
    """The messages of a case, parents first; none for a category of which no set is known."""

    def known(number: str, element: str) -> bool:
        dataset = standard.sets.get(number)
        return dataset is not None and element in dataset.fields

    made = messages(TEMPLATES.get(case.category, {}), case, numbers, sender, known)
    return [replace(each, fields=_dated(standard.sets[each.number], each.fields)) for each in made]


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
    }


def fill(
    dataset: DataSet, fields: Fields, fills: Sequence[Fill], words: Mapping[str, str]
) -> tuple[Fields, list[Fault]]:
    """The fields with what is required and missing filled in where fill.toml has a row, each with a warning."""
    made, told = dict(fields), []
    for field in dataset.fields.values():
        if not field.required or made.get(field.name):
            continue
        fits = (each for each in fills if field.name in each.fields)
        row = next((each for each in fits if not each.sets or dataset.number in each.sets), None)
        if row is None:
            continue
        value = row.value
        for name, word in words.items():
            value = value.replace(f"{{{name}}}", word)
        if value and _fits(field, value):
            made[field.name] = value[: field.most] if field.most else value
            told.append(
                Fault(
                    field.name,
                    "Filled",
                    f"{field.zh}（{field.name}）：{row.zh}（{made[field.name]}）",
                    f"{field.name}: {row.en} ({made[field.name]})",
                    "config/standard/fill.toml",
                    "warn",
                )
            )
    return made, told


def _fits(field: Field, value: str) -> bool:
    """Whether a value may stand in a field of this form: one word is spelt alike in sets that mean different things."""
    number = value.isdigit() if field.digits is not None else True
    return number and not field.date and (not field.exact or len(value) == field.exact)


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


def without_trailer(fields: Mapping[str, str]) -> Fields:
    """The fields that say something of the record itself: by these a change is known."""
    return {name: value for name, value in fields.items() if name not in TRAILER}
