"""Until when a file is kept: what the act says against the clause that rules it."""

from __future__ import annotations

import pytest

from node.domain.acts import Act
from node.domain.engine import replay
from node.domain.retention import retentions
from node.domain.rulebook import Rulebook, parse
from node.rules import load_calendar, load_packaged

DAYS = load_calendar()
AT = 1_764_000_000_000  # 2025-11-25 in Beijing
PACKAGE = {
    "id": "construction",
    "version": "1",
    "category": "工程建设",
    "zh": "示例",
    "en": "Example",
    "department": "示例",
    "effective_from": "2020-01-01",
    "stages": [{"id": "a", "zh": "甲", "en": "A"}, {"id": "z", "zh": "末", "en": "Z", "final": True}],
    "acts": [
        {"id": "register", "zh": "登记", "en": "R", "takes": [], "gives": "a", "per": "trade", "public": False},
        {
            "id": "archive",
            "zh": "归档",
            "en": "Archive",
            "takes": ["a"],
            "gives": "z",
            "public": False,
            "fields": [{"name": "keep_until", "zh": "保存至", "en": "Until", "type": "day"}],
        },
    ],
}


def clock(tag="S", value=15, since="2018-01-01"):
    ends = {"start": {"act": "archive"}, "end": {"act": "archive", "field": "keep_until"}}
    head = {"id": f"keep-{tag}-{value}", "zh": "保存", "en": "Kept", "sort": "least", "value": value, "unit": "年"}
    return head | ends | {"legal_basis": "示例条例 第三十八条", "tag": tag, "effective_from": since}


def kept(until, *clocks):
    package = parse(PACKAGE | {"clocks": list(clocks)}, "test")
    common = {"trade": "0" * 32, "category": "工程建设", "rules": package.name, "at": AT, "title": "示例"}
    acts = [Act(seq=1, act="register", **common), Act(seq=2, act="archive", fields={"keep_until": until}, **common)]
    (found,) = retentions(replay(acts, Rulebook([package])), DAYS)
    return found


@pytest.mark.parametrize(
    ("until", "state", "from_day"),
    [("2040-11-24", "short", "2040-11-26"), ("2040-11-25", "good", "2040-11-26"), ("2050-01-01", "good", "2050-01-02")],
)
def test_a_clause_that_was_read_is_an_error_one_day_before_and_holds_whatever_the_act_says(until, state, from_day):
    found = kept(until, clock())
    assert (found.state, found.least, found.from_day) == (state, "2040-11-25", from_day)
    assert found.clock is not None and found.clock.legal_basis.startswith("示例条例")


def test_a_clause_that_nobody_has_read_is_a_note_and_binds_nobody():
    found = kept("2030-01-01", clock("U"))
    assert (found.state, found.least, found.from_day) == ("doubt", "2040-11-25", "2030-01-02")
    assert kept("2041-01-01", clock("U")).state == "good"


def test_of_two_clauses_the_one_that_was_read_counts_and_one_of_another_day_does_not():
    assert kept("2036-01-01", clock("U", 30), clock("S", 10)).state == "good"
    assert kept("2030-01-01", clock(since="2026-01-01")).clock is None


def test_without_a_day_nothing_may_be_disposed_of_and_the_clause_still_counts():
    assert (kept("").from_day, kept("").state) == ("", "good")
    assert kept("bad day", clock()).state == "short" and kept("bad day", clock()).from_day == "2040-11-26"


def test_every_category_has_a_clause_for_its_files():
    for package in load_packaged().packages:
        acts = {act.id for act in package.acts if act.field("keep_until") is not None}
        assert acts == {"archive"}, package.id
        assert [each.id for each in package.clocks if each.end.field == "keep_until"] == ["archive"], package.id
