"""Search forms: what cannot be understood is said, and never becomes another query in silence."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from multidict import MultiDict

from node.web.portal_query import MAX_PAGE, MAX_QUERY, Form, plain_query, trade_query


def _trade_form(given: Mapping[str, str]) -> Form:
    return trade_query(given, {})[1]


@pytest.mark.parametrize(
    ("sent", "understood"), [("道路\t工程", "道路 工程"), ("a\x00b", "a b"), ("\t \n", ""), (" x ", "x")]
)
def test_control_characters_part_words(sent: str, understood: str) -> None:
    words, _, form = plain_query({"words": sent})
    assert (words, form.errors) == (understood, {})


def test_what_is_only_control_characters_is_not_taken_for_nothing() -> None:
    words, _, _ = plain_query({"words": "\x00\x1c"})
    assert words == "\ufffd"
    assert set(_trade_form({"kind": "\x80", "page": "\x00", "from": "\ud800", "min": "\x7f"}).errors) == {
        "kind",
        "page",
        "from",
        "min",
    }


def test_what_is_too_long_is_so_with_what_would_be_cut_off() -> None:
    assert plain_query({"words": "x" * MAX_QUERY})[2].errors == {}
    for sent in ("x" * MAX_QUERY + "\x00", "x" + " " * MAX_QUERY):
        assert set(plain_query({"words": sent})[2].errors) == {"words"}


def test_a_field_that_stands_twice_is_an_error() -> None:
    twice = MultiDict([("page", "1"), ("page", "2"), ("words", "x")])
    assert set(_trade_form(twice).errors) == {"page"}
    assert _trade_form(MultiDict([("page", str(MAX_PAGE)), ("words", "x")])).errors == {}
