"""Each rule of the national data standard, kept and broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import standard as shapes
from node.domain.standard import CodeTable, Standard
from node.domain.standard_lint import Context, lint
from node.errors import Malformed

FIELDS = [
    ("CODE", "! =3 U I"),
    ("NAME", "..5"),
    ("TEXT", "4.."),
    ("SUM", "n3.2"),
    ("DAY", "d8"),
    ("AT", "d14"),
    ("ROLE", "T26"),
    ("KIND", "T99"),
    ("UNIT", "EPRICE_UNIT"),
    ("REGION_CODE", "R"),
    ("PARENT_CODE", ""),
    ("PRICE_FORM_CODE", ""),
    ("END", "d14"),
]


@pytest.fixture(scope="module")
def standard() -> Standard:
    return shapes.build(
        [
            {"set": "1", "name": "CHILD", "zh": "子", "group": "other"},
            {"set": "2", "name": "PARENT", "zh": "父", "group": "other"},
        ],
        [{"set": "1", "field": name, "zh": name, "rules": rules} for name, rules in FIELDS],
        [
            {"id": "T26", "zh": "角色", "tag": "I", "complete": True, "values": {"01": "招标人", "02": "代理"}},
            {"id": "T99", "zh": "未知", "tag": "U", "complete": False, "values": {}},
            {"id": "PRICE_UNIT", "zh": "单位", "tag": "I", "complete": True, "values": {"0": "元", "1": "万元"}},
        ],
        {
            "parent": [{"sets": ["1"], "field": "PARENT_CODE", "parent": "2"}],
            "price": [{"sets": ["1"], "sum": "SUM"}],
            "order": [{"sets": ["1"], "first": "AT", "then": "END"}],
        },
    )


def faults(standard: Standard, context: Context | None = None, **fields: str) -> list[tuple[str, str, str]]:
    given = {"CODE": "abc"} | fields
    found = lint(standard, standard.sets["1"], given, context or Context(common=False))
    assert all(fault.zh and fault.en for fault in found)
    return [(fault.field, fault.rule, fault.severity) for fault in found]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"CODE": ""}, ("CODE", "NotNull")),
        ({"CODE": "  "}, ("CODE", "NotNull")),
        ({"CODE": "abcd"}, ("CODE", "Length")),
        ({"NAME": "六个字的名称"}, ("NAME", "Length")),
        ({"TEXT": "abc"}, ("TEXT", "Length")),
        ({"SUM": "1234"}, ("SUM", "Number")),
        ({"SUM": "1.234"}, ("SUM", "Number")),
        ({"SUM": "1,2"}, ("SUM", "Number")),
        ({"DAY": "20250229"}, ("DAY", "Date")),
        ({"DAY": "2025-02-28"}, ("DAY", "Date")),
        ({"AT": "20250228240000"}, ("AT", "Date")),
        ({"ROLE": "03"}, ("ROLE", "Domain")),
        ({"ROLE": "01;03"}, ("ROLE", "Domain")),
        ({"UNIT": "2"}, ("UNIT", "Enum")),
        ({"REGION_CODE": "500199"}, ("REGION_CODE", "Region")),
        ({"REGION_CODE": "5001"}, ("REGION_CODE", "Region")),
        ({"PRICE_FORM_CODE": "1"}, ("SUM", "Price")),
        ({"AT": "20250228120000", "END": "20250228115959"}, ("END", "Order")),
    ],
)
def test_a_broken_rule_refuses(standard: Standard, fields: dict[str, str], rule: tuple[str, str]) -> None:
    assert faults(standard, **fields) == [(*rule, "refuse")]


@pytest.mark.parametrize(
    "fields",
    [
        {"NAME": "五个字名称"},
        {"TEXT": "abcd"},
        {"SUM": "123.45"},
        {"SUM": "0.5"},
        {"DAY": "20240229"},
        {"AT": "20250228235959"},
        {"ROLE": "01;02"},
        {"UNIT": "0"},
        {"REGION_CODE": "500103"},
        {"PRICE_FORM_CODE": "1", "SUM": "1"},
        {"AT": "20250228120000", "END": "20250228120000"},
    ],
)
def test_a_kept_rule_says_nothing(standard: Standard, fields: dict[str, str]) -> None:
    assert faults(standard, **fields) == []


def test_a_placeholder_table_warns_and_never_refuses(standard: Standard) -> None:
    assert faults(standard, KIND="7") == [("KIND", "Domain", "warn")]
    loaded = standard.with_tables([CodeTable("T99", "", "S", True, {"8": "八"})])
    assert faults(loaded, KIND="7") == [("KIND", "Domain", "refuse")]
    assert faults(loaded, KIND="8") == []


def test_a_field_that_the_set_has_not_warns(standard: Standard) -> None:
    assert faults(standard, MADE_UP="1") == [("MADE_UP", "Unknown", "warn")]


def test_what_is_unique_must_not_be_another_records(standard: Standard) -> None:
    taken = Context(common=False, taken=lambda number, name, value: (number, name, value) == ("1", "CODE", "abc"))
    assert faults(standard, taken) == [("CODE", "Unique", "refuse")]


def test_what_is_immutable_stays(standard: Standard) -> None:
    before = Context("update", common=False, before={"CODE": "xyz"})
    assert faults(standard, before) == [("CODE", "Immutable", "refuse")]
    assert faults(standard, Context("update", common=False, before={"CODE": "abc", "NAME": "旧"}), NAME="新") == []


def test_the_parent_goes_first(standard: Standard) -> None:
    nobody = Context(common=False, exists=lambda number, name, value: False)
    assert faults(standard, nobody, PARENT_CODE="p") == [("PARENT_CODE", "Parent", "refuse")]
    assert faults(standard, nobody) == []


def test_the_common_fields_belong_to_every_record(standard: Standard) -> None:
    good = {"PLATFORM_CODE": "1" * 18, "PUB_SERVICE_PLAT_CODE": "2" * 18, "DATA_TIMESTAMP": "20250101000000"}
    assert faults(standard, Context(), **good) == []
    for name in good:
        assert faults(standard, Context(), **(good | {name: "1"})) == [(name, "Common", "refuse")]


def test_a_delete_is_not_linted(standard: Standard) -> None:
    assert lint(standard, standard.sets["1"], {}, Context("delete")) == []


@given(st.dictionaries(st.sampled_from([name for name, _ in FIELDS]), st.text(max_size=30)))
def test_lint_takes_any_text(standard: Standard, fields: dict[str, str]) -> None:
    """Whatever a record holds: every finding names a field of the set and says what to do."""
    for fault in lint(standard, standard.sets["1"], fields, Context(common=False)):
        assert fault.field and fault.rule and fault.zh and fault.en


def test_a_word_that_is_no_rule_is_refused() -> None:
    with pytest.raises(Malformed):
        shapes.parse_field("X", "", "! =abc")
