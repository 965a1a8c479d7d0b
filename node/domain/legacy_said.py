"""What an old system says of a trade beside the stage it has come to, in its own words, and what of that is new.

A file has a row for each notice: a second row about one trade may name another section, another winner or a sum, and
say nothing new of the stage. What was not said before is kept with the act that the row makes, or with one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from node.domain.identifiers import check_uscc
from node.domain.legacy import Old, Source
from node.domain.rulebook import FieldRule, Package
from node.domain.state import Trade

ROWS, NAME, VALUE, URL = 100, 100, 20_000, 1_000
"""How much of it an act holds: rows, and characters of a name, a value and an address."""
Pair = tuple[str, str]


def pairs(old: Old) -> list[Pair]:
    """Names and values that no field of a registration has.

    A credit code that does not check is among them, since a party of ours must have a right one.
    """
    found = [(name, value) for name, value in old.details if name and value]
    for name, party in (("owner", old.owner), ("agency", old.agency)):
        if party is not None and party.name and party.uscc and not check_uscc(party.uscc).valid:
            found.append((f"{name} 统一社会信用代码（校验不符）", party.uscc))
    return [(name[:NAME], value[:VALUE]) for name, value in found]


def rows(given: Iterable[Pair]) -> list[dict[str, str]]:
    """Pairs as the field `legacy_facts` holds them.

    >>> rows([("中标价", "100 元")])
    [{'name': '中标价', 'value': '100 元'}]
    """
    return [{"name": name, "value": value} for name, value in given][:ROWS]


def fields_of(old: Old, package: Package, source: Source, held: str) -> dict[str, Any]:
    """The fields of the registration by which a trade is taken over, cut to what its rule takes."""
    rule = package.acts[0]
    fields: dict[str, Any] = {
        "legacy_number": old.number,
        "legacy_source": source.id,
        "legacy_held": held,
        "legacy_section": old.section,
        "stage_name": f"{source.zh}：{old.stage}" if old.stage else source.zh,
        "legacy_as_of": old.day if len(old.day) == 10 else "",
        "legacy_url": old.url,
        "project_name": old.title,
        "division": old.division,
        "estimate": old.estimate_fen,
        "sector": source.sector,
    }
    for name, party in (("owner", old.owner), ("agency", old.agency)):
        if party is None or not party.name:
            continue
        fields[name] = {"name": party.name}
        if check_uscc(party.uscc).valid:
            fields[name]["uscc"] = party.uscc
    if old.section:
        fields["lots"] = [{"number": "1", "name": old.title, "section_code": old.section}]
    fields["legacy_facts"] = rows(pairs(old))
    known = {field.name: field for field in rule.fields}
    return {
        name: _cut(value, known[name])
        for name, value in fields.items()
        if name in known and value not in (None, "", [])
    }


def set_aside(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The fields without one that the rules do not take: what it says stays among the old system's words."""
    left = {each: value for each, value in fields.items() if each != name}
    row = {"name": name[:NAME], "value": str(fields[name])[:VALUE]}
    return left | {"legacy_facts": [*fields.get("legacy_facts", []), row][-ROWS:]}


def _cut(value: Any, field: FieldRule) -> Any:
    return value[: field.max] if isinstance(value, str) and field.max else value


def news(old: Old, trade: Trade) -> dict[str, Any]:
    """Fields with what a row says and no act of its trade has said: `legacy_facts`, `legacy_url`; empty for nothing."""
    said = set(_said(trade))
    fresh = [pair for pair in dict.fromkeys([*_heads(old, trade), *pairs(old)]) if pair not in said]
    url = old.url[:URL]
    known = {act.fields.get("legacy_url", "") for act in trade.acts}
    found: dict[str, Any] = {"legacy_facts": rows(fresh)} if fresh else {}
    return found | ({"legacy_url": url} if url and url not in known else {})


def _said(trade: Trade) -> Iterator[Pair]:
    for act in trade.acts:
        for row in act.fields.get("legacy_facts") or []:
            yield str(row.get("name", "")), str(row.get("value", ""))


def _heads(old: Old, trade: Trade) -> Iterator[Pair]:
    """What a registration has a field for, where it is not what that field says."""
    facts = trade.facts
    if old.title != trade.title and old.title != facts.get("project_name"):
        yield "项目名称", old.title[:VALUE]
    for name, party in (("owner", old.owner), ("agency", old.agency)):
        if party is not None and party.name and party.name != (facts.get(name) or {}).get("name"):
            yield ("项目单位" if name == "owner" else "代理机构"), party.name
    if old.estimate_fen is not None and old.estimate_fen != facts.get("estimate"):
        yield "估算价（分）", str(old.estimate_fen)
