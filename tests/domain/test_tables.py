"""Tables with a content of their own: read back from their text, checked by row, and asked for the day that matters."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import ruletables, ruletext, tablecheck
from node.domain.calendar import Calendar
from node.domain.ruletables import CONTENT_SORTS
from node.domain.tablebook import TableBook
from node.errors import Malformed
from node.rules import holiday_table, load_packaged, load_tables, read_text
from tests import ruled

PROGRAM = load_tables()
PACKAGES = load_packaged().in_force("2026-01-01")


@pytest.mark.parametrize("sort", CONTENT_SORTS)
def test_the_programs_tables_are_sound_and_read_back_from_their_text(sort: str) -> None:
    table = PROGRAM.program[sort]
    assert tablecheck.faults(table, PACKAGES) == []
    assert read_text(ruletext.dumps(ruletext.plain(table)), "x") == table


@pytest.mark.parametrize("package", load_packaged().packages, ids=lambda each: each.id)
def test_packages_read_back_from_their_text(package: Any) -> None:
    assert read_text(ruletext.dumps(ruletext.plain(package)), "x") == package


SCALARS = st.one_of(st.booleans(), st.integers(-(2**62), 2**62), st.text(max_size=30))
NAMES = st.text(min_size=1, max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4))


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_plain_data_reads_back_from_its_text(values: dict[str, Any]) -> None:
    assert tomllib.loads(ruletext.dumps(values)) == values


def changed(sort: str, change: Any) -> list[str]:
    content = msgspec.msgpack.decode(msgspec.msgpack.encode(PROGRAM.program[sort].content))
    change(content)
    return [each.line_en() for each in tablecheck.faults(ruled.table(sort, content), PACKAGES)]


@pytest.mark.parametrize(
    ("sort", "change", "words"),
    [
        ("fees", lambda c: c["fee"][0].pop("payer"), "fee id=construction-winner"),
        ("fees", lambda c: c["fee"][0].update(bands=[{"over": 5, "fee": 1}]), "does not begin where"),
        ("fees", lambda c: c["fee"].append(c["fee"][0]), "stands twice"),
        ("routing", lambda c: c["row"][0].update(legal_basis=""), "row id=mining-city: it does not say"),
        ("routing", lambda c: c["row"][0].update(tier="moon"), "row id=mining-city"),
        ("catalogue", lambda c: c["row"][0].update(categories=["烟草"]), "no category 烟草"),
        ("departments", lambda c: c.update(row=[]), "no rows"),
        ("numbers", lambda c: c["letters"].pop("其他"), "lacks 其他"),
        ("numbers", lambda c: c["zone_serials"].update({"两江新区": 8}), "blocks are 5 to 9"),
        ("numbers", lambda c: c["class"][0].pop("default"), "needs one default"),
        ("legacy", lambda c: c["stage"][0].update(words=[["x", "nowhere"]]), "no stage nowhere"),
        ("templates", lambda c: c["template"][0].update(text="{{project_name}}"), "names no field"),
        ("templates", lambda c: c["template"][0].update(text="{nonsense}"), "knows no fact nonsense"),
        ("templates", lambda c: c["template"][0].update(act="nothing"), "has no act nothing"),
        ("holidays", lambda c: c["year"][0].update(work=["2016-01-04"]), "must be a Saturday or Sunday"),
        ("holidays", lambda c: c["year"][0].update(off=["2018-01-01"]), "no day of the notice for 2016"),
        ("holidays", lambda c: c["year"][0].update(off=["2016-02-30"]), "it must be a day"),
        ("holidays", lambda c: c["year"][0].update(legal_basis="某通知"), "name the notice of that year"),
        ("holidays", lambda c: c["year"][0].update(off=c["year"][0]["work"]), "both off and worked"),
    ],
)
def test_what_is_wrong_is_told_by_its_row(sort: str, change: Any, words: str) -> None:
    found = changed(sort, change)
    assert found and any(words in each for each in found), found
    assert changed(sort, lambda content: None) == []


def test_heads_are_checked() -> None:
    fee = {"fee": [ruled.fee()]}
    for more, words in (
        ({"id": "tariff"}, "its id is fees"),
        ({"department": " "}, "lacks department"),
        ({"version": "1/2"}, "slash"),
        ({"effective_from": "2026-1-1"}, "2026-01-01"),
        ({"rows": [{"id": "a", "zh": "甲"}]}, "has no rows"),
    ):
        found = " ".join(each.line_en() for each in tablecheck.faults(ruled.table("fees", fee, **more)))
        assert words in found, more
    with pytest.raises(Malformed, match="nonsense"):
        ruled.table("services", {"rows": [{"id": "a", "zh": "甲"}], "nonsense": 1})
    hidden = msgspec.structs.replace(ruled.table("services", {"rows": []}), content={"nonsense": 1})
    assert any("no nonsense" in each.en for each in tablecheck.faults(hidden))


def test_the_newest_in_force_counts_and_without_one_the_programs() -> None:
    first = ruled.table("fees", {"fee": [ruled.fee(1)]}, version="2", effective_from="2026-01-01")
    tenth = ruled.table("fees", {"fee": [ruled.fee(2)]}, version="10", effective_from="2026-01-01")
    ended = ruled.table(
        "fees", {"fee": [ruled.fee(3)]}, version="11", effective_from="2026-03-01", effective_to="2026-03-31"
    )
    book = PROGRAM.with_published([tenth, ended, first])

    def ppm(day: str) -> int:
        return book.tariff(day).fee[0].bands[0].ppm

    assert [ppm(day) for day in ("2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01")] == [0, 2, 3, 2]
    assert book.versions("fees") == [PROGRAM.program["fees"], tenth, ended, first]
    assert PROGRAM.tariff("2026-01-01").fee[0].id == "construction-winner", "the program's own is as it was"


def test_notices_of_holidays_add_up_and_unverified_ones_are_no_notice() -> None:
    later = ruled.table("holidays", {"year": [ruled.year(2027, "2027-01-01")]}, version="2027")
    again = ruled.table(
        "holidays", {"year": [ruled.year(2027, "2027-01-04")]}, version="2027-2", effective_from="2026-01-01"
    )
    guess = ruled.table("holidays", {"year": [ruled.year(2028, "2028-01-03", tag="U")]}, version="2028")
    book: TableBook = PROGRAM.with_published([again, later, guess])
    calendar: Calendar = book.calendar("2026-06-01")
    assert not calendar.is_workday("2026-10-01") and not calendar.is_workday("2027-01-04")
    assert calendar.is_workday("2027-01-01"), "the later table's year takes the place of the earlier one's"
    assert not book.calendar("2025-12-01").is_workday("2027-01-01"), "by what was published then"
    assert calendar.wanting("2026-11-20") == 0 and calendar.wanting("2027-11-20") == 2028
    assert PROGRAM.calendar("").wanting("2026-11-20") == 2027 and PROGRAM.calendar("").wanting("2026-10-20") == 0


def test_a_period_says_on_which_year_it_rests() -> None:
    calendar = PROGRAM.calendar("")
    assert calendar.unknown("2026-12-30", "2027-01-04", "工作日") == 2027
    assert calendar.unknown("2026-12-30", "2027-01-04", "小时") == 0
    assert calendar.unknown("2027-12-30", "2028-01-04", "工作日") == 2027
    assert calendar.unknown("2027-12-30", "2028-01-04", "日") == 2028
    assert calendar.unknown("2026-11-01", "2026-11-30", "工作日") == 0


def test_a_file_of_years_becomes_a_table_with_a_name_of_its_own() -> None:
    text = ruletext.dumps({"year": [ruled.year(2027, "2027-01-01")]})
    made = holiday_table(text, "f", department="市发展改革委", today="2026-11-20", held=[])
    assert (made.name, made.effective_from, made.department) == ("holidays@2027", "2026-11-20", "市发展改革委")
    assert tablecheck.faults(made) == [] and made.parts()["year"][0]["year"] == 2027
    assert holiday_table(text, "f", department="d", today="2026-11-20", held=[made]).version == "2027-2"
    for wrong in ("x = [", "a = 1", '[[year]]\nyear = "2027"'):
        with pytest.raises(Malformed, match="f"):
            holiday_table(wrong, "f", department="d", today="2026-11-20", held=[])


def test_rows_are_counted_with_those_that_nobody_read() -> None:
    table = ruled.table("services", {"rows": [{"id": "a", "zh": "甲", "tag": "K"}, {"id": "b", "zh": "乙"}]})
    assert table.unverified() == 1 and PROGRAM.program["fees"].unverified() == len(
        PROGRAM.program["fees"].parts()["fee"]
    )
    assert ruletables.parse(ruletables.plain(table), "x") == table
