"""Forms from rules: values and typed texts say the same, lines come and go without script, notes find their input."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from node.domain.rulebook import Condition, FieldRule
from node.web.console import forms
from node.web.console.inputs import Note

RULES = (
    FieldRule(name="project_name", zh="项目名称", en="Project name", required=True, max=50),
    FieldRule(name="owner", zh="招标人", en="Owner", type="party", required=True),
    FieldRule(name="bidders", zh="投标人", en="Bidders", type="parties"),
    FieldRule(name="estimate", zh="估算价", en="Estimate", type="money"),
    FieldRule(name="sector", zh="行业", en="Sector", type="code", table="sector"),
    FieldRule(
        name="lots",
        zh="标段",
        en="Lots",
        type="rows",
        columns=[
            FieldRule(name="number", zh="编号", en="Number"),
            FieldRule(name="estimate", zh="估算价", en="Estimate", type="money"),
            FieldRule(name="opening", zh="开标时间", en="Opening", type="moment"),
        ],
    ),
)
TABLES = {"sector": [("A01", "房屋", "Buildings"), ("A02", "市政", "Municipal works")]}
USCC = "91350100M000100Y43"

_word = st.text("道路工程甲乙abc123", min_size=1, max_size=8)
_party = st.one_of(
    st.fixed_dictionaries({"name": _word}),
    st.fixed_dictionaries({"name": _word, "uscc": st.just(USCC)}),
)
_moment = st.integers(10**6, 10**9).map(lambda second: second * 1000)
_values = st.fixed_dictionaries(
    {},
    optional={
        "project_name": _word,
        "owner": _party,
        "bidders": st.lists(_party, min_size=1, max_size=3),
        "estimate": st.integers(0, 10**12),
        "sector": st.sampled_from(["A01", "A02"]),
        "lots": st.lists(
            st.fixed_dictionaries(
                {"number": _word},
                optional={"estimate": st.integers(0, 10**12), "opening": _moment},
            ),
            min_size=1,
            max_size=3,
        ),
    },
)


@settings(max_examples=80)
@given(_values)
def test_what_is_filled_in_is_read_again(values) -> None:
    found = forms.read_form(RULES, forms.fill(RULES, values), TABLES)
    assert found.values == values and not found.notes


def test_every_input_is_drawn_with_what_was_typed_even_when_it_is_wrong() -> None:
    raw = {"estimate": "许多", "owner.uscc": "123", "lots.1.estimate": "5", "lots.1.estimate.unit": "万元"}
    found = forms.read_form(RULES, raw, TABLES)
    assert set(found.notes) == {"estimate", "owner.uscc"}
    assert found.values == {"lots": [{"estimate": 5_000_000}]}
    drawn = {each.path: each for each in forms.flat(forms.draw(RULES, raw, TABLES, found.notes))}
    assert drawn["estimate"].value == "许多" and drawn["estimate"].bad and drawn["estimate"].shown is None
    assert drawn["lots.1.estimate"].shown == ("50,000.00 元（5.00 万元）", "CNY 50,000.00")
    assert len(drawn["lots"].lines) == 2
    assert drawn["owner"].focus == "f-owner-name"
    ids = [each.id for each in drawn.values()]
    assert len(ids) == len(set(ids))


def test_a_code_without_a_name_is_asked_for_its_name() -> None:
    found = forms.read_form(RULES, {"owner.uscc": USCC}, TABLES)
    assert "owner" not in found.values and list(found.notes) == ["owner.name"]


def test_lines_come_and_go() -> None:
    raw = {"lots.0.number": "1", "lots.1.number": "2", "lots.2.number": "3", "project_name": "甲"}
    more = forms.add_line(raw, "lots")
    assert forms.count_lines(more, "lots") == 4
    less = forms.drop_line(more, "lots.1")
    assert less == {"lots.0.number": "1", "lots.1.number": "3", "lots.2": "", "project_name": "甲"}
    assert forms.drop_line(less, "lots") == less
    assert forms.drop_line(less, "owner.x") == less
    full = {f"lots.{forms.MAX_LINES - 1}.number": "x"}
    assert forms.add_line(full, "lots") == full


def test_an_empty_field_shows_a_line_to_begin_with_and_adds_a_second() -> None:
    assert len(forms.draw(RULES, {}, TABLES, {})[5].lines) == 1
    assert len(forms.draw(RULES, forms.add_line({}, "lots"), TABLES, {})[5].lines) == 2


def test_only_the_fields_of_the_form_are_kept() -> None:
    given = {"f.project_name": "甲", "f.unknown": "x", "csrf": "y", "f.lots.0.number": "1"}
    assert forms.typed(RULES, given) == {"project_name": "甲", "lots.0.number": "1"}


def test_notes_stand_beside_the_nearest_input() -> None:
    inputs = forms.draw(RULES, {"lots.0.number": "1"}, TABLES, {})
    note = Note("不对", "wrong", "法24")
    placed = forms.place(
        [("lots[1].estimate", note), ("owner", note), ("lots.7.number", note), ("nobody", note), ("", note)], inputs
    )
    assert {path: len(notes) for path, notes in placed.items()} == {"lots.0.estimate": 1, "owner": 1, "lots": 1, "": 2}


def test_conditions_are_said_in_words() -> None:
    rule = FieldRule(
        name="x",
        zh="甲",
        en="X",
        required=True,
        when=[Condition("sector", ["A01"]), Condition("mandatory", [True], negate=True)],
    )
    labels = {"sector": ("行业", "Sector"), "mandatory": ("依法必须招标", "Mandatory")}
    said = forms.conditions(rule, labels, {"sector": {"A01": ("房屋", "Buildings")}})
    assert said == ("“行业”为房屋且“依法必须招标”不为是", "“Sector” is Buildings and “Mandatory” is not yes")
    assert forms.conditions(RULES[0], {}, {}) is None


def test_a_long_table_is_searched_a_short_one_selected() -> None:
    long = {"sector": [(str(n), f"第{n}", f"No {n}") for n in range(100)]}
    assert [forms.draw(RULES, {}, tables, {})[4].sort for tables in (TABLES, long, {})] == ["code", "search", "search"]
