"""Rule files: every fault names its row, in both languages; what changed between two versions is told row by row."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain import rulebook, rulecheck, ruletables, tablecheck
from node.domain.record import Document, Source
from node.domain.rulebook import Package
from node.domain.rulediff import diff
from node.domain.ruletables import RuleTable, TableRow
from node.errors import Malformed
from node.rules import load_packaged
from node.wire import payload

PACKAGES = {package.id: package for package in load_packaged().packages}


def plain(name: str = "construction") -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(PACKAGES[name])
    return values


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_the_packages_of_the_program_make_sense_and_fit_a_record(name: str) -> None:
    package = PACKAGES[name]
    assert [fault.line_en() for fault in rulecheck.faults(package)] == []
    data = payload.encode(Document(package.name, package, Source("s")))
    assert msgspec.msgpack.decode(data, type=Document[Package]).body == package


def test_a_fault_of_shape_names_the_row() -> None:
    values = plain()
    clock = values["clocks"][2]
    clock["value"] = "20"
    with pytest.raises(Malformed) as caught:
        rulebook.parse(values, "construction.toml")
    assert f"clocks id={clock['id']} → value" in caught.value.zh and "应为 int，实为 str" in caught.value.zh
    assert f"clocks id={clock['id']}" in caught.value.detail and caught.value.field
    values = plain()
    values["acts"][1]["fields"] = [{"name": "lots", "zh": "标段", "en": "Lots", "typ": "text"}]
    with pytest.raises(Malformed) as caught:
        rulebook.parse(values, "x.toml")
    assert f"acts id={values['acts'][1]['id']} → fields" in caught.value.zh and "没有 typ 这一项" in caught.value.zh


def test_what_is_named_and_not_there_is_a_fault() -> None:
    for change, place, words in (
        (lambda v: v["acts"][1].update(takes=["nowhere"]), "acts id=", "no stage nowhere"),
        (lambda v: v["clocks"][0]["start"].update(act="nothing"), "clocks id=", "no act nothing"),
        (lambda v: v["clocks"][0].update(legal_basis=" "), "clocks id=", "on which clause"),
        (lambda v: v["clocks"][0].update(effective_from="2026-1-1"), "clocks id=", "2026-01-01"),
        (lambda v: v["clocks"].append(v["clocks"][0]), "clocks id=", "stands twice"),
        (lambda v: v.update(category="烟草"), "category", "one of"),
        (lambda v: v.update(effective_to="2000-01-01"), "", "ends before"),
        (lambda v: v["clocks"][0].update(when=[{"field": "no_such", "is_in": [1]}]), "clocks id=", "no field"),
    ):
        values = plain()
        change(values)
        found = rulecheck.faults(rulebook.parse(values, "x"))
        assert any(each.place.startswith(place) and words in each.en and each.zh for each in found), words


def table(sort: str = "services", **changes: Any) -> RuleTable:
    row: dict[str, Any] = {"id": "a", "zh": "登记", "post": "受理岗", "value": 1, "unit": "工作日"}
    head: dict[str, Any] = {"id": "t", "version": "1", "sort": sort, "zh": "表", "en": "Table", "department": "d"}
    head |= {"effective_from": "2026-01-01", "legal_basis": "依据", "rows": [row | changes]}
    return ruletables.parse(head, "t.toml")


@pytest.mark.parametrize(
    ("sort", "changes", "words"),
    [
        ("services", {"value": None}, "lacks value"),
        ("services", {"post": ""}, "lacks post"),
        ("parameters", {"unit": ""}, "no unit"),
        ("codes", {"parent": "z"}, "parent z"),
    ],
)
def test_a_row_has_what_its_sort_needs(sort: str, changes: dict[str, Any], words: str) -> None:
    found = list(tablecheck.faults(table(sort, **changes)))
    text = " ".join(each.line_en() for each in found)
    assert found and all(each.place == "rows id=a" for each in found)
    assert words in text
    assert list(tablecheck.faults(table())) == []


def test_every_change_is_told_by_row() -> None:
    old = PACKAGES["construction"]
    values = plain()
    clock, act = values["clocks"][0], values["acts"][0]
    clock["value"] += 5
    gone = values["clocks"].pop()
    act["fields"][0]["zh"] = "工程名称"
    act["fields"].append({"name": "extra", "zh": "附加", "en": "Extra"})
    values["version"] = "2"
    found = {
        (each.sort, each.part, each.row.split(" ")[0], each.field) for each in diff(old, rulebook.parse(values, "x"))
    }
    assert found == {
        ("changed", "", "", "version"),
        ("changed", "clocks", clock["id"], "value"),
        ("removed", "clocks", gone["id"], ""),
        ("changed", "acts", act["id"], "zh"),
        ("added", "acts", act["id"], "fields"),
    }


ROWS = st.lists(
    st.builds(TableRow, id=st.sampled_from("abcd"), zh=st.text(max_size=3), value=st.none() | st.integers(0, 3)),
    max_size=4,
    unique_by=lambda row: row.id,
)


@settings(max_examples=60)
@given(ROWS, ROWS)
def test_a_difference_is_there_exactly_when_something_differs(old: list[TableRow], new: list[TableRow]) -> None:
    before, after = (msgspec.structs.replace(table("codes"), rows=rows) for rows in (old, new))
    changes = diff(before, after)
    by_id = {row.id: row for row in old}, {row.id: row for row in new}
    differing = {name for name in by_id[0].keys() | by_id[1].keys() if by_id[0].get(name) != by_id[1].get(name)}
    assert {each.row for each in changes} == differing
    assert {(each.sort, each.row, each.new) for each in diff(after, before) if each.sort != "changed"} == {
        ({"added": "removed", "removed": "added"}[each.sort], each.row, each.old)
        for each in changes
        if each.sort != "changed"
    }
