"""Files of everything public: nothing that is not, whole or not at all, and a dump whose hashes are in the log."""

from __future__ import annotations

import csv
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from jsonschema import Draft4Validator

from node.domain.acts import Act
from node.domain.experts import ExpertProfile
from node.domain.record import Document, Draft, Outcome
from node.opendata import packages, sheets
from node.opendata.dump import Dumper
from node.opendata.export import FORMS, About, write
from node.store import cursors
from tests.projections.world import EAST, HUB, NOW_MS, World, result, score

ABOUT = About("https://hub.example", "中心", "ocds-abc123", NOW_MS)


@pytest.fixture
def world() -> Any:
    made = World()
    first = made.put(result("=1+1 工程"), origin=EAST)
    made.put(result("更正后的工程"), after=first, origin=EAST)
    made.put(result("另一工程", project_code="P-2", section_code="P-2-1"), origin=HUB)
    made.put(score(), kind="credit.score")
    made.put(ExpertProfile(alias="专家甲", classes=[]), kind="expert.profile")
    step = Act(trade="ab" * 16, seq=1, category="工程建设", act="register", rules="x@1", at=NOW_MS, title="内部登记")
    made.put(step, kind="trade.step")
    yield made
    made.store.close()


def export(world: World, form: str, path: Path, **more: Any) -> Any:
    return world.store.read_now(partial(write, form=form, path=path, about=ABOUT, **more))


def test_jsonl_has_every_public_version_and_nothing_else(world: World, tmp_path: Path) -> None:
    made = export(world, "jsonl", tmp_path / "all.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text("utf-8").splitlines()]
    assert made.rows == len(lines) == 4
    assert {line["kind"] for line in lines} == {"trade.result", "credit.score"}
    assert "专家甲" not in str(lines) and "内部登记" not in str(lines)
    newest = export(world, "jsonl", tmp_path / "new.jsonl", history=False)
    assert newest.rows == 3
    data = (tmp_path / "all.jsonl").read_bytes()
    assert (made.sha256, made.size) == (hashlib.sha256(data).hexdigest(), len(data))


def test_tables_have_what_the_lists_show_and_run_no_formula(world: World, tmp_path: Path) -> None:
    export(world, "csv", tmp_path / "t.csv")
    rows = list(csv.reader((tmp_path / "t.csv").read_text("utf-8-sig").splitlines()))
    assert rows[0] == list(sheets.COLUMNS.values()) and {row[0] for row in rows[1:]} == {"更正后的工程", "另一工程"}
    export(world, "xlsx", tmp_path / "t.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").worksheets[0]
    assert [cell.value for cell in sheet[1]] == rows[0] and sheet.max_row == 3
    assert sheets.cells({name: "=1+1" for name in sheets.COLUMNS} | {"amount_fen": 1})[0] == "'=1+1"


@pytest.mark.parametrize("by_trade", [False, True])
def test_ocds_packages_are_valid(world: World, tmp_path: Path, by_trade: bool) -> None:
    made = export(world, "ocds", tmp_path / "o.json", records=by_trade)
    package = json.loads((tmp_path / "o.json").read_text("utf-8"))
    releases = package["records" if by_trade else "releases"]
    assert made.rows == len(releases) == (2 if by_trade else 3)
    assert package["publisher"]["name"] == "中心" and package["version"] == "1.1"
    if by_trade:
        releases = [release for record in releases for release in (*record["releases"], record["compiledRelease"])]
    validator = Draft4Validator(packages.schema())
    assert [error.message for release in releases for error in validator.iter_errors(release)] == []


def test_a_file_that_could_not_be_finished_leaves_the_old_one(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    monkeypatch.setattr(sheets, "cells", lambda row: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(world, "csv", path)
    assert path.read_text() == "old" and [each.name for each in tmp_path.iterdir()] == ["t.csv"]


async def test_the_daily_dump_is_made_once_a_day_and_its_hashes_are_published(world: World, tmp_path: Path) -> None:
    published: list[Draft] = []
    now = [NOW_MS]

    async def publish(drafts: Any) -> list[Outcome]:
        published.extend(drafts)
        return [Outcome("published", b"r", 1, 0)]

    dumper = Dumper(world.store, publish, lambda: now[0], directory=tmp_path / "dumps", about=ABOUT, keep_days=2)
    assert await dumper.run() == len(FORMS) and await dumper.run() == 0
    document: Document[Any] = published[0].sections["main"]
    assert (published[0].kind, document.key) == ("dump.daily", "2025-11-25")
    for file in document.body.files:
        assert hashlib.sha256((tmp_path / "dumps" / file.name).read_bytes()).hexdigest() == file.sha256
    for _ in range(2):
        now[0] += 24 * 3600 * 1000
        assert await dumper.run() == len(FORMS)
    held = {path.name[10:18] for path in (tmp_path / "dumps").iterdir()}
    assert held == {"20251126", "20251127"}


async def test_a_day_counts_only_once_its_record_is_published(world: World, tmp_path: Path) -> None:
    async def refuse(drafts: Any) -> list[Outcome]:
        raise OSError("no")

    dumper = Dumper(world.store, refuse, lambda: NOW_MS, directory=tmp_path, about=ABOUT, keep_days=1)
    with pytest.raises(OSError):
        await dumper.run()
    assert world.store.read_now(partial(cursors.fact, name="dump_day")) is None
