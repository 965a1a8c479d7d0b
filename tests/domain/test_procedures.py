"""Every time limit and limit of `procedures.md` that was read in its text ([S]) is a row of the packaged rules.

The tables are read as they stand, so that a row that is added to them fails here until the rules have it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from node.domain.rulebook import ClockRule, LimitRule
from tests.domain.walks import package

PROCEDURES = Path(__file__).resolve().parents[3] / "shared" / "domain" / "procedures.md"
# section -> event -> rows of the package; empty where the row says how something is done and counts nothing.
TABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "construction": {
        "document sale period": ("document-sale", "prequal-document-sale"),
        "pre-qualification application time": ("prequal-application",),
        "bid preparation": ("bid-preparation",),
        "clarification affecting bids": ("clarification", "prequal-clarification"),
        "objection to tender doc": ("objection-document", "objection-prequal", "objection-answer"),
        "bid security": ("bid-security",),
        "withdrawn bid: refund": ("withdrawn-refund",),
        "bidders <3": ("three-bidders", "three-bidders-again"),
        "objection at opening": ("objection-opening-answer",),
        "candidates made public": ("candidates", "publicity"),
        "result objection": ("objection-result", "objection-answer"),
        "award notice": ("award-notice",),
        "contract": ("contract",),
        "report to supervisor": ("report",),
        "contract filing (state funds)": ("contract-filed",),
        "deposits back": ("deposits-losers", "deposits-winner"),
        "performance bond": ("bond",),
        "complaint": ("complaint-term", "complaint-accepted", "complaint-decided"),
        "same complaint to two departments": (),
        "files kept": ("archive",),
        "winner": ("first-ranked",),
        "low-price option": ("low-price",),
        "guidance": ("ceiling",),
    },
    "procurement": {
        "open tender preparation": ("bid-preparation",),
        "document available": ("document",),
        "pre-qualification application": ("prequal-application",),
        "clarification": ("clarification",),
        "single source (open-tender amount) publicity": ("single-source-publicity",),
        "report to buyer": ("report", "decision"),
        "award notice + result notice": ("result", "award-notice"),
        "content of result notice": (),
        "contract": ("contract", "contract-filed", "contract-notice"),
        "deposits": ("deposits-losers", "deposits-winner"),
        "inquiry answered": ("inquiry-answer",),
        "challenge 质疑": ("challenge", "challenge-answer"),
        "complaint 投诉": ("complaint-term", "complaint-decided", "pause"),
        "files kept": ("archive",),
    },
}
# What sections without a table say: package -> (marks [S…] in its section, rows).
TOLD = {
    "mining": (3, ("notice", "listing", "three-bidders-auction", "confirmation", "result", "result-publicity")),
    "property": (
        8,
        ("predisclosure", "listing-equity", "listing-asset", "below-appraisal", "result-publicity", "payment"),
    ),
}
HEADS = {"construction": "## 1.", "procurement": "## 2.", "mining": "## 4.", "property": "## 5."}


@pytest.fixture
def sections() -> dict[str, str]:
    if not PROCEDURES.is_file():
        if os.environ.get("CI"):
            pytest.fail(f"facts missing: {PROCEDURES}")
        pytest.skip(f"facts not at hand: {PROCEDURES}")
    parts = re.split(r"(?m)^(?=## )", PROCEDURES.read_text("utf-8"))
    return {name: next(part for part in parts if part.startswith(head)) for name, head in HEADS.items()}


def rows_of(text: str) -> dict[str, str]:
    """event -> limit of each row whose basis is tagged [S]."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    return {cells[0]: cells[1] for cells in lines if len(cells) == 3 and "[S]" in cells[2]}


def rule(category: str, name: str) -> ClockRule | LimitRule:
    held = package(category)
    return next(each for each in (*held.clocks, *held.limits) if each.id == name)


@pytest.mark.parametrize("category", TABLES)
def test_each_row_of_the_tables_is_a_rule_with_its_number(category: str, sections: dict[str, str]) -> None:
    found = rows_of(sections[category])
    assert found.keys() == TABLES[category].keys()
    for event, limit in found.items():
        for name in TABLES[category][event]:
            held = rule(category, name)
            assert held.tag == "S", name
            if held.unit in ("日", "工作日", "年") and held.value > 1:
                unit = {"日": "d", "工作日": "wd", "年": "years"}[held.unit]
                assert re.search(rf"(?<!\d){held.value} {unit}\b", limit), (event, name, limit)
            elif held.unit == "permille" and held.value < 1000:
                assert f"{held.value // 10} %" in limit, (event, name, limit)


@pytest.mark.parametrize("category", TOLD)
def test_what_is_told_without_a_table_is_a_rule_too(category: str, sections: dict[str, str]) -> None:
    marks, names = TOLD[category]
    assert len(re.findall(r"\[S[\],: ]", sections[category])) == marks, "read the section again: it says more, or less"
    assert {rule(category, name).tag for name in names} == {"S"}
