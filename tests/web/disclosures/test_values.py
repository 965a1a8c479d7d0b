"""Values of acts: by the rule's types and names, and readable without any rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain.rulebook import Choice, FieldRule
from node.web.disclosures import values


def rule(kind: str, **more) -> FieldRule:
    return FieldRule(name="x", zh="某项", en="Something", type=kind, **more)


@pytest.mark.parametrize(
    ("field", "value", "zh", "en"),
    [
        (rule("money"), 123_456, "1,234.56 元", "CNY 1,234.56"),
        (rule("moment"), 1_764_000_000_000, "2025-11-25 00:00:00（北京时间）", "2025-11-25 00:00:00 (Beijing time)"),
        (rule("day"), "2025-11-25", "2025-11-25", "2025-11-25"),
        (rule("share"), 25, "2.5%", "2.5%"),
        (rule("flag"), False, "否", "No"),
        (rule("integer"), 1200, "1,200", "1,200"),
        (rule("code", choices=[Choice("open", "公开招标", "open tender")]), "open", "公开招标", "open tender"),
        (rule("code", table="GB/T 2260"), "500103", "渝中区（500103）", "渝中区 (500103)"),
        (rule("code"), "别的", "别的", "别的"),
        (rule("texts"), ["甲", "乙"], "甲|乙", "甲|乙"),
    ],
)
def test_each_type_is_shown_as_people_write_it(field, value, zh, en):
    shown = values.field(field, "x", value)
    assert shown.label == ("某项", "Something")
    assert ["|".join(cell.text[n] for cell in shown.cells) for n in (0, 1)] == [zh, en]


def test_a_party_says_its_code_and_who_belongs_to_it():
    (cell,) = values.field(rule("party"), "x", {"name": "甲公司", "uscc": "91", "members": [{"name": "乙公司"}]}).cells
    assert cell.text[0] == "甲公司" and cell.note[0] == "统一社会信用代码 91；联合体成员：乙公司"


def test_rows_are_a_table_of_the_columns_that_are_filled():
    columns = [
        rule("integer"),
        FieldRule(name="party", zh="候选人", en="Party", type="party"),
        FieldRule(name="z", zh="空", en="Z"),
    ]
    shown = values.field(
        rule("rows", columns=columns), "rows", [{"x": 1, "party": {"name": "甲"}}, {"x": 2, "more": "乙"}]
    )
    assert [head[0] for head in shown.grid.heads] == ["某项", "候选人", "more"]
    assert [[cell.text[0] for cells in row for cell in cells] for row in shown.grid.rows] == [["1", "甲"], ["2", "乙"]]
    assert len(shown.cells) == 2, "and a line each, for comparing"


def test_known_fields_come_in_their_order_and_unknown_ones_last():
    shown = values.fields(
        [FieldRule(name="b", zh="乙", en="B"), FieldRule(name="a", zh="甲", en="A")], {"c": 1, "a": "1", "b": "2"}
    )
    assert [field.name for field in shown] == ["b", "a", "c"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.just("name"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    plain, st.sampled_from(["", "money", "moment", "day", "party", "parties", "rows", "code", "flag", "share", "long"])
)
def test_whatever_another_node_wrote_can_be_shown(value, kind):
    shown = values.fields([rule(kind)] if kind else [], {"x": value})
    for field in shown:
        assert all(isinstance(text, str) for cell in field.cells for text in values.line(cell))
