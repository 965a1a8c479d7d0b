"""Every real data file goes in as it is; every row is accounted for; importing again publishes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from node.importing.credit import SCORE_COLUMNS, score_key, score_row
from node.importing.run import Tally, import_file

# file, kind, rows, of which published by the first run (the rest are repeats inside the file), flags
FILES: list[tuple[str, str, int, int, dict[str, int]]] = [
    (
        "trades/yichang_results.jsonl",
        "result",
        872,
        872,
        {
            "amount-percent": 99,
            "amount-remark": 7,
            "amount-unreadable": 38,
            "code-repeated": 1,
            "consortium": 172,
            "uscc-joined": 434,
        },
    ),
    (
        "trades/yichang_candidates.jsonl",
        "candidates",
        1043,
        1043,
        {
            "amount-no-unit": 18,
            "amount-percent": 307,
            "amount-remark": 26,
            "amount-unreadable": 144,
            "consortium": 479,
            "text-cleaned": 1,
            "uscc-joined": 700,
        },
    ),
    (
        "trades/procurement_notices.jsonl",
        "notice",
        968,
        968,
        {
            "amount-no-unit": 8,
            "consortium": 1,
            "division-unknown": 8,
            "url-missing": 968,
            "uscc-joined": 208,
            "winner-missing": 25,
        },
    ),
    ("trades/ggzy_national.jsonl", "notice", 50, 50, {"amount-no-unit": 2, "amount-zero": 7, "winner-missing": 13}),
    (
        "trades/land_supply_results.csv",
        "notice",
        105,
        105,
        {"amount-zero": 15, "division-unknown": 1, "url-missing": 105, "winner-missing": 21},
    ),
    ("trades/chongqing_mining_notices.csv", "notice", 3, 3, {}),
    ("trades/state_property_listings.jsonl", "listing", 624, 529, {"url-missing": 529, "uscc-joined": 2}),
    (
        "companies/companies_chongqing.csv",
        "company",
        24000,
        24000,
        {"division-unknown": 650, "field-misplaced": 2},
    ),
    ("companies/invalid_uscc.csv", "company", 87, 87, {"uscc-invalid": 87}),
    ("companies/name_to_uscc.csv", "company", 691, 691, {"uscc-joined": 691}),
    ("credit/credit_scores_base_20251101.csv", "credit", 8312, 8312, {}),
    ("credit/credit_bad_behaviours.csv", "credit", 674, 674, {}),
    ("credit/credit_good_behaviours.csv", "credit", 1936, 1936, {}),
    ("credit/blacklist.csv", "credit", 20, 20, {"not-punished": 1}),
    ("codes/china_divisions.csv", "division", 3351, 3351, {}),
    ("codes/chongqing_districts.csv", "division", 38, 38, {}),
    ("codes/chongqing_streets.csv", "division", 1031, 1031, {}),
    ("codes/expert_classification_2010.csv", "expert-class", 1738, 1738, {"standard-replaced": 1738}),
]


@pytest.mark.parametrize(("name", "kind", "rows", "fresh", "flags"), FILES, ids=[entry[0] for entry in FILES])
async def test_a_real_file_goes_in_as_it_is(
    name: str, kind: str, rows: int, fresh: int, flags: dict[str, int], shared: Path, publisher: Any, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    rejects = tmp_path / f"rejects{Path(name).suffix}"
    first = await import_file(
        kind, shared / name, publisher, rejects=rejects, progress=lambda *step: seen.append(step), batch=300
    )
    assert first == Tally(rows, fresh, rows - fresh, 0, None)
    assert dict(publisher.flags) == flags
    assert seen[-1] == (rows, rows) and max(publisher.batches) <= 300
    again = await import_file(kind, shared / name, publisher, rejects=rejects)
    assert again == Tally(rows, 0, rows, 0, None)
    assert not rejects.exists()


def _fingerprint(publisher: Any) -> str:
    """The algorithm of the data's README."""
    lines = []
    for document in publisher.documents("credit.score"):
        if document.status == "valid":
            row = score_row(document.body)
            lines.append(score_key(row) + "\t" + "|".join(row[column] for column in SCORE_COLUMNS))
    assert len(lines) == 8530
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


async def test_base_and_a_month_of_changes_give_the_published_final_state(shared: Path, publisher: Any) -> None:
    folder = shared / "credit"
    expected = (folder / "credit_scores_final_20251130.sha256").read_text().split()[0]
    base, changes = folder / "credit_scores_base_20251101.csv", folder / "credit_scores_changes.jsonl"

    assert (await import_file("credit", base, publisher)).published == 8312
    assert await import_file("credit", changes, publisher) == Tally(1538, 1538, 0, 0, None)
    assert _fingerprint(publisher) == expected
    assert not publisher.flags["old-value-differs"]
    withdrawn = [document for document in publisher.documents("credit.score") if document.status == "withdrawn"]
    assert withdrawn and all(document.body.party.name for document in withdrawn)

    for path, rows in ((base, 8312), (changes, 1538), (base, 8312)):
        assert await import_file("credit", path, publisher) == Tally(rows, 0, rows, 0, None)
    assert _fingerprint(publisher) == expected


async def test_changes_without_their_base_come_back_with_the_key_named(
    shared: Path, publisher: Any, tmp_path: Path
) -> None:
    rejects = tmp_path / "back.jsonl"
    changes = shared / "credit" / "credit_scores_changes.jsonl"
    tally = await import_file("credit", changes, publisher, rejects=rejects)
    assert tally.read == tally.published + tally.unchanged + tally.rejected == 1538
    assert tally.published >= 397 and tally.rejected > 0 and tally.rejects_path == rejects
    assert '"_field": "key"' in rejects.read_text(encoding="utf-8")
    await import_file("credit", shared / "credit" / "credit_scores_base_20251101.csv", publisher)
    later = await import_file("credit", rejects, publisher, rejects=tmp_path / "again.jsonl")
    assert later.read == tally.rejected


async def test_an_improved_award_is_a_second_version_of_one_behaviour(shared: Path, publisher: Any) -> None:
    await import_file("credit", shared / "credit" / "credit_good_behaviours.csv", publisher)
    await import_file("credit", shared / "credit" / "credit_bad_behaviours.csv", publisher)
    documents = publisher.documents("credit.behaviour")
    assert len(documents) == 674 + 1935
    assert sum(document.body.good for document in documents) == 1935
    versions = [held for held in publisher.versions.values() if len(held) > 1]
    assert [[one["main"].body.points for one in held] for held in versions] == [[0, 4000]]


async def test_lists_that_overlap_do_not_overwrite_each_other(shared: Path, publisher: Any) -> None:
    names = shared / "companies" / "name_to_uscc.csv"
    await import_file("company", shared / "companies" / "companies_chongqing.csv", publisher)
    await import_file("company", names, publisher)
    both = [key for _, key in publisher.versions if key.startswith("names/")]
    overlap = [key for key in both if ("entity.company", key.replace("names/", "registry/")) in publisher.versions]
    assert len(overlap) == 5
    assert all(len(held) == 1 for held in publisher.versions.values())

    await import_file("division", shared / "codes" / "china_divisions.csv", publisher)
    assert (await import_file("division", shared / "codes" / "chongqing_districts.csv", publisher)).unchanged == 38


async def test_no_cell_that_slipped_a_column_is_published(shared: Path, publisher: Any) -> None:
    await import_file("company", shared / "companies" / "companies_chongqing.csv", publisher)
    odd = [d for d in publisher.documents("entity.company") if any(f.code == "field-misplaced" for f in d.flags)]
    assert [(d.body.company_type, d.body.capital) for d in odd] == [("", "")]
    assert all(not flag.text for flag in odd[0].flags)


async def test_amounts_of_listings_keep_their_period(shared: Path, publisher: Any) -> None:
    await import_file("listing", shared / "trades" / "state_property_listings.jsonl", publisher)
    periods = Counter(d.body.amount.per for d in publisher.documents("trade.listing") if d.body.amount)
    expected = {"": 60, "年": 185, "首年": 198, "月": 9, "平方米/天": 67}
    assert {per: periods[per] for per in expected} == expected
