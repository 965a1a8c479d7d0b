"""Vectors of GB 32100 and GB 11714, and properties that hold for every code."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.domain import dates, divisions, identifiers, money
from node.domain.identifiers import ALPHABET, REASONS, check_character, check_uscc, is_division_form, organisation_check

GOOD = (
    "12350100MB02709751",
    "91140100MA0GTCLY49",
    "11100000000013338W",
    "91350100M000100Y43",
    "914403001922038216",
    "9144030071526726XG",
    "91330100799655058B",
    "91110000802100433B",
    "91110108551385082Q",
    "12100000400000624D",
    "12100000400002259P",
    "9150000020286320X6",
    "91310000132260250X",
)
WRONG = {
    "12330424MB1B55418Y": "check",
    "91359128593462349A": "check",
    "91350100M000100Y4A": "check",
    "91653000l068581070": "alphabet",
    "91653000O068581070": "alphabet",
    "91350100M000100Y4": "length",
    "": "length",
    "９1350100M000100Y43": "alphabet",
}


@pytest.mark.parametrize("code", GOOD)
def test_good_codes_pass_both_checks(code: str) -> None:
    assert check_uscc(code).reasons == ()
    assert check_uscc(code).valid


@pytest.mark.parametrize(("code", "reason"), WRONG.items())
def test_wrong_codes_say_why(code: str, reason: str) -> None:
    judged = check_uscc(code)
    assert not judged.valid and reason in judged.reasons
    assert all(found in REASONS for found in judged.reasons)


def test_a_wrong_organisation_code_alone_is_named_but_does_not_make_a_code_invalid() -> None:
    body = "91350100" + "M000100Y" + "5"
    code = body + check_character(body)
    assert check_uscc(code).reasons == ("organisation-check",) and check_uscc(code).valid


@given(st.text(ALPHABET, min_size=16, max_size=16), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_a_code_with_both_checks_is_good_and_any_single_change_is_seen(head: str, place: int, other: str) -> None:
    body = head + organisation_check(head[8:])
    if body[16] not in ALPHABET:
        return
    code = body + check_character(body)
    assert check_uscc(code).reasons == ()
    changed = code[:place] + other + code[place + 1 :]
    assert check_uscc(changed).valid == (changed == code)


@given(st.text())
def test_any_text_can_be_judged(text: str) -> None:
    check_uscc(text)
    is_division_form(text)
    identifiers.looks_personal(text)


@pytest.mark.parametrize("module", [dates, divisions, identifiers, money])
def test_examples_in_the_documentation_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted and not result.failed
