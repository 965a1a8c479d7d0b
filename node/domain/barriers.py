"""What a centre may not put in anybody's way (R58, R61): words that no rule, template or service list may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from node.domain import tablebook
from node.domain.rulebook import FieldRule, Package
from node.domain.rulefaults import RuleFault
from node.domain.ruletables import RuleTable
from node.errors import Malformed


class AgencyBound(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which share (thousandths) and number of trades on it is said that one agency has so many."""

    share_permille: int
    trades: int
    tag: str


class Barriers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`config/rules/barriers.toml`."""

    document: str
    clause: str
    clause_en: str
    tag: str
    words: list[str]
    agency: AgencyBound


def barriers_from(values: object, source: str) -> Barriers:
    """Raises Malformed, which names `source`."""
    try:
        return msgspec.convert(values, Barriers)
    except msgspec.ValidationError as error:
        raise Malformed(f"{source}: {error}", zh=f"限制性条件表 {source} 有误：{error}") from None


def faults(body: Package | RuleTable, table: Barriers) -> list[RuleFault]:
    """Each place that holds one of the words, with the clause."""
    found = []
    for place, text in _package(body) if isinstance(body, Package) else _table(body):
        for word in table.words:
            if word in text:
                zh = f"含有“{word}”：{table.clause}（{table.document}）"
                found.append(RuleFault(place, zh, f"it says {word}: {table.clause_en} ({table.document})"))
                break
    return found


def _package(package: Package) -> Iterator[tuple[str, str]]:
    for act in package.acts:
        place = f"acts id={act.id}"
        yield place, act.zh
        yield from _fields(place, act.fields)


def _fields(place: str, fields: Sequence[FieldRule]) -> Iterator[tuple[str, str]]:
    for field in fields:
        here = f"{place} → fields name={field.name}"
        yield here, "\n".join([field.zh, field.hint_zh, *(choice.zh for choice in field.choices)])
        yield from _fields(here, field.columns)


def _table(table: RuleTable) -> Iterator[tuple[str, str]]:
    if table.sort in ("services", "parameters"):
        for row in table.rows:
            yield f"rows id={row.id}", row.zh
    if table.sort == "templates":
        for each in tablebook.read(table).template:
            yield f"template id={each.id}", f"{each.zh}\n{each.text}"
