"""One input: what is typed becomes a value or a note, and a value becomes text that is read as the same value."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.web.console.inputs import Wrong, read, show

CHOICES = [("A01", "房屋建筑", "Buildings"), ("A02", "市政", "Municipal works")]
VALUES = st.one_of(
    st.tuples(st.just("money"), st.integers(-(10**15), 10**15)),
    st.tuples(st.just("integer"), st.integers(-(10**15) + 1, 10**15 - 1)),
    st.tuples(st.just("share"), st.integers(-(10**9), 10**9)),
    st.tuples(st.just("moment"), st.integers(100_000, 4_000_000_000).map(lambda s: s * 1000)),
    st.tuples(st.just("day"), st.dates(date(1900, 1, 1), date(2999, 12, 31)).map(str)),
    st.tuples(st.just("flag"), st.booleans()),
)


@settings(max_examples=200)
@given(VALUES)
def test_shown_and_read_again_is_the_same(made) -> None:
    sort, value = made
    assert read(sort, show(sort, value)) == value


@pytest.mark.parametrize(
    ("text", "unit", "fen"),
    [
        ("500000", "元", 50_000_000),
        ("５０万", "元", 50_000_000),
        ("1,234.5", "万元", 1_234_500_000),
        ("0.000001", "万元", 1),
        ("1.2 亿元", "万元", 12_000_000_000),
        ("3元", "万元", 300),
    ],
)
def test_sums_as_people_type_them(text, unit, fen) -> None:
    assert read("money", text, unit=unit) == fen


@pytest.mark.parametrize(
    ("sort", "text"),
    [
        ("money", "约五十万"),
        ("money", "0.001"),
        ("money", "12345678901234567890"),
        ("integer", "3.5"),
        ("share", "12.55%"),
        ("day", "2026-02-30"),
        ("day", "2026-02"),
        ("moment", "2026-03-24"),
        ("moment", "1950-01-01T00:00"),
        ("flag", "也许"),
        ("code", "桥梁"),
        ("uscc", "91350100M000100Y4A"),
        ("uscc", "91350100"),
    ],
)
def test_what_is_no_value_says_what_to_type(sort, text) -> None:
    with pytest.raises(Wrong) as caught:
        read(sort, text, choices=CHOICES)
    assert caught.value.note.zh and caught.value.note.en and caught.value.note.severity == "refuse"


@pytest.mark.parametrize("text", ["A01", "房屋建筑", "A01 房屋建筑", "Buildings"])
def test_a_code_is_found_by_what_the_list_shows(text) -> None:
    assert read("code", text, choices=CHOICES) == "A01"


def test_times_are_those_of_beijing_unless_they_say_otherwise() -> None:
    assert read("moment", "2026-01-05 17:00") == read("moment", "2026-01-05T09:00Z") == 1_767_603_600_000


def test_texts_lose_what_no_record_holds() -> None:
    assert read("text", " 道路\t工程\x00 ") == "道路 工程"
    assert read("long", "一\r\n\r\n\r\n\r\n二\x07\r\n") == "一\n\n二"
    assert read("texts", "甲\n\n 乙 \n") == ["甲", "乙"]
    assert read("uscc", " 91350100m000100y43") == "91350100M000100Y43"


@pytest.mark.parametrize("sort", ["text", "long", "texts", "money", "day", "code", "uscc", "flag"])
def test_nothing_typed_is_no_value(sort) -> None:
    assert read(sort, " \n") is None
