"""Numbers: widths, the unified code, all vectors of data-standard §5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import tradecodes as codes
from node.errors import Refused
from node.rules import load_tables

TABLE = load_tables().numbers("")
PLATFORM = "12350100MB02709751"
OUR_PLATFORM = "91350100M000100Y43"

# Real codes at hand: printed as they stand; the check character by MOD 37-2 with the class, which none of them carries.
FOREIGN = [
    ("A02-12330424MB1B55418Y-20230315-000009-1", "E"),
    ("B01-12350100MB02709751-20161231-211018-2", "T"),
    ("D01-12350100MB02709751-20190627-527731-5", "7"),
    ("D03-12350100MB02709751-20200319-102642-5", "A"),
    ("A99-91359128593462349A-20170601-002267-T", "6"),
]
# Made by MOD 37-2, so that any change of the rule shows.
SYNTHETIC = [
    ("A01", "2016-07-01", 1, "T"),
    ("A02", "2016-07-01", 2, "D"),
    ("B01", "2016-07-01", 3, "6"),
    ("C01", "2016-07-01", 4, "M"),
    ("D01", "2016-07-01", 5, "1"),
    ("A99", "2019-12-31", 999999, "2"),
]
digits = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=40)


def test_mod_37_2_is_that_of_iso_7064() -> None:
    assert codes.check_character("G123498654321") == "H"


@pytest.mark.parametrize(("cls", "day", "serial", "check"), SYNTHETIC)
def test_our_own_codes_carry_mod_37_2(cls: str, day: str, serial: int, check: str) -> None:
    made = codes.unified_code(cls, PLATFORM, day, serial)
    assert made.check == check and len(str(made)) == codes.UNIFIED
    assert codes.read_unified(str(made)) == made and made.fits
    assert codes.check_unified(str(made), mode="enforce", table=TABLE) == []


@pytest.mark.parametrize(("code", "computed"), FOREIGN)
def test_a_real_code_of_elsewhere_is_warned_of_and_never_refused_when_imported(code: str, computed: str) -> None:
    parts = codes.read_unified(code)
    assert parts is not None and codes.check_character(parts.body) == computed != parts.check
    warned = codes.check_unified(code, mode="warn", table=TABLE)
    assert "unified-check" in [fault.rule for fault in warned] and not any(fault.refuse for fault in warned)
    typed = codes.check_unified(code, mode="enforce", table=TABLE)
    assert [fault.rule for fault in typed if fault.refuse] == ["unified-check"]
    assert not any(fault.refuse for fault in codes.check_unified(code, mode="enforce", table=TABLE, imported=True))
    assert "unified-check" not in [fault.rule for fault in codes.check_unified(code, mode="off", table=TABLE)]


def test_two_of_the_real_codes_have_platforms_that_fail_gb_32100() -> None:
    wrong = [
        code
        for code, _ in FOREIGN
        if any(fault.rule == "unified-platform" for fault in codes.check_unified(code, mode="off", table=TABLE))
    ]
    assert wrong == [FOREIGN[0][0], FOREIGN[4][0]]


def test_a_code_of_our_own_platform_that_does_not_fit_was_mistyped() -> None:
    made = str(codes.unified_code("A01", OUR_PLATFORM, "2026-01-05", 7))
    wrong = made[:-1] + ("0" if made[-1] != "0" else "1")
    (fault,) = codes.check_unified(wrong, mode="warn", table=TABLE, own_platforms={OUR_PLATFORM})
    assert fault.refuse
    with pytest.raises(Refused):
        codes.require([fault], "unified_code")


@given(body=digits, place=st.integers(0, 39), other=st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_one_wrong_character_is_always_noticed(body: str, place: int, other: str) -> None:
    place %= len(body)
    changed = body[:place] + other + body[place + 1 :]
    assert (codes.check_character(changed) == codes.check_character(body)) == (changed == body)


@given(text=st.text(max_size=60))
def test_reading_never_raises(text: str) -> None:
    codes.check_unified(text, mode="enforce", table=TABLE)
    codes.check_number(text, own=True, table=TABLE)


def test_numbers_have_their_widths_and_are_recognised_as_our_form() -> None:
    project = codes.project_code("A", "500103", "2026-03-09", 7)
    tender = codes.tender_code(project, 1)
    section = codes.section_code(tender, 12)
    assert [len(each) for each in (project, tender, section)] == [17, 20, 23]
    assert all(codes.is_own_form(each, TABLE) for each in (project, tender, section))
    assert not codes.check_number(section, own=True, table=TABLE)


@pytest.mark.parametrize(
    "code",
    [
        "A5001032603090000",
        "A5001992603090007",
        "A5001032613090007",
        "X5001032603090007",
        "A5001032603090007000",
        "x",
        "",
    ],
)
def test_what_is_no_number_of_ours_is_refused_as_own(code: str) -> None:
    assert [fault.refuse for fault in codes.check_number(code, own=True, table=TABLE)] == [True]


@pytest.mark.parametrize(
    "code", ["ZFCG-2025-0113", "E4205002826001234001001", "渝公资交〔2026〕15号", "A5001992603090007"]
)
def test_a_foreign_number_is_taken_as_it_is(code: str) -> None:
    assert codes.check_number(code, own=False, table=TABLE) == []


@pytest.mark.parametrize("code", ["", " x", "a\nb", "9" * 101])
def test_what_no_number_can_be_is_refused_of_foreign_ones_too(code: str) -> None:
    assert codes.check_number(code, own=False, table=TABLE)[0].refuse


def test_zones_of_one_division_never_share_a_serial() -> None:
    blocks = [codes.serials(TABLE, zone) for zone in ("", "两江新区", "重庆高新区", "万盛经开区", "双桥经开区")]
    used = [serial for block in blocks for serial in range(block.first, block.last + 1)]
    assert len(used) == len(set(used)) and max(used) <= 9999


def test_every_category_has_a_class_and_a_letter() -> None:
    from node.domain.trades import CATEGORIES

    for category in CATEGORIES:
        assert TABLE.known(TABLE.class_of(category)) and TABLE.letter(category)
    with pytest.raises(Refused):
        TABLE.class_of("碳排放权")
