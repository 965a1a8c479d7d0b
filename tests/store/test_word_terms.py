"""Terms: what a row is found by, and that no query asks for one that a fitting row lacks."""

from __future__ import annotations

import doctest
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.store import word_terms
from node.store.search_text import fold, words
from node.store.word_terms import Need

PIECES = st.sampled_from(
    ["道路", "工", "猇", "ab", "a", "5g", "2025", "-", "%", "_", " ", "é", "😀", "\n", "公司", "ǆ"]
)


def test_examples() -> None:
    assert doctest.testmod(word_terms).failed == 0


def held(terms: set[str], need: Need) -> bool:
    return all(any(term in terms for term in group) for group in need.groups)


@given(text=st.lists(PIECES, max_size=8).map("".join) | st.text(), start=st.integers(0, 20), length=st.integers(0, 9))
def test_every_part_of_a_text_has_its_terms_there(text, start, length):
    whole = fold(text)
    for word in words(whole[start : start + length]):
        assert held(word_terms.grams(whole), word_terms.need_word(word)) or word not in whole


@given(fen=st.integers(-(2**63), 2**63 - 1), least=st.integers(0, 2**63 - 1), most=st.integers(0, 2**63 - 1))
def test_a_sum_in_a_range_has_its_terms_there(fen, least, most):
    terms = set(word_terms.amount_terms(fen))
    for low, high in ((least, most), (least, None), (None, most)):
        if (low is None or fen >= low) and (high is None or fen <= high):
            assert held(terms, word_terms.need_amount(low, high))
    for term in terms:
        low, high = word_terms.amount_span([term])
        assert low <= fen <= high


def test_classes_of_sums_fall_and_leave_nothing_out():
    octaves = [each for each in word_terms.amount_octaves() if each != "§an"]
    finest = [step for octave in octaves for step in word_terms.amount_steps(octave) or (octave,)]
    for classes in (octaves, finest):
        spans = [word_terms.amount_span([each]) for each in classes]
        spans = [(low, high) for low, high in spans if low <= high]
        assert spans[0][1] == 2**63 - 1 and spans[-1][0] == -(2**63)
        assert all(after[1] == before[0] - 1 for before, after in pairwise(spans))
    assert word_terms.amount_steps(finest[0]) == word_terms.amount_steps("§an") == ()
    assert word_terms.amount_span(["§an"]) == (1, 0)


def test_numbers_rise_as_dates_do():
    dates = ["", "2024", "2024-01", "2024-01-01", "2024-12-31", "2025", "9999-12-31"]
    random = Random(1)
    docs = [word_terms.doc_number(date, random.randrange(1, 999), random.randrange(10**6)) for date in dates]
    assert docs == sorted(docs) and docs[-1] < 2**63
    for date, doc in zip(dates, docs, strict=True):
        assert word_terms.first_doc(date) <= doc <= word_terms.last_doc(date)
        assert word_terms.date_of(doc) == date


@pytest.mark.parametrize(
    ("code", "asked", "found"),
    [("500103", "5", True), ("500103", "50010", True), ("50x", "50", True), ("50x", "500", False), ("", "5", False)],
)
def test_a_division_is_found_by_the_beginning_of_its_code(code, asked, found):
    row = {
        "search": "",
        "amount_fen": None,
        "category": "",
        "kind": "",
        "log_id": 1,
        "disclosure": "",
        "division": code,
    }
    terms = word_terms.trade_terms(row | {"division_name": "渝中区"})
    assert held(terms, word_terms.need_division(asked)) is found
    assert held(terms, word_terms.need_place("中区")) and not held(terms, word_terms.need_place("江北"))
