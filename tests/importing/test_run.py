"""Whole imports: formats agree, rejects go round, errors of a file come before anything is published."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.domain.record import Amendment, Draft, Outcome
from node.errors import Malformed, Rejected, Unavailable
from node.importing.facts import Context
from node.importing.kinds import IMPORT_KINDS, Adapter, import_kind
from node.importing.reading import open_table
from node.importing.rejects import COLUMNS
from node.importing.rows import Row, clean_value
from node.importing.run import Tally, import_file, import_rows
from node.samples import MANIFEST, read


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The same rows in the format of the file's name; lists and maps are JSON text in a sheet's cell."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = [[_cell(row.get(name)) for name in columns] for row in rows]
    if path.suffix == ".csv":
        with path.open("w", encoding="gb18030", newline="") as file:
            csv.writer(file).writerows([columns, *table])
    else:
        book = openpyxl.Workbook()
        for number, cells in enumerate([columns, *table], 1):
            for place, text in enumerate(cells, 1):
                cell = book.active.cell(number, place, text)
                cell.data_type = "s"  # text as it is, even where it looks like a formula
        book.save(path)
    return path


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _columns(path: Path) -> tuple[str, ...]:
    table = open_table(path)
    table.close()
    return table.columns or ()


@pytest.mark.parametrize("sample", MANIFEST, ids=[sample.file for sample in MANIFEST])
async def test_three_formats_say_the_same(sample: Any, tmp_path: Path, publisher: Any) -> None:
    rows = read(sample)
    counts = []
    for suffix in (".jsonl", ".csv", ".xlsx"):
        path = _write(tmp_path / f"rows{suffix}", rows)
        tally = await import_file(sample.kind, path, publisher)
        assert tally.read == len(rows) and tally.rejected == 0
        counts.append(tally.published)
    assert counts == [len(rows), 0, 0]


COMPANIES = [
    {"name": "甲公司", "uscc": "91350100M000100Y43", "registration_date": "2001-02-03", "capital": "50(万)"},
    {"name": "", "uscc": "91110000802100433B", "registration_date": "2001-02-03", "capital": "=1+1"},
    {"name": "@丙公司", "uscc": "", "registration_date": "", "capital": "-17"},
    {"name": "丁公司", "uscc": "12330424MB1B55418Y", "registration_date": "2001-02-30", "capital": ""},
]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".xlsx"])
async def test_rejects_go_back_and_come_in_corrected(suffix: str, tmp_path: Path, publisher: Any) -> None:
    path = _write(tmp_path / f"companies{suffix}", COMPANIES)
    tally = await import_file("company", path, publisher)
    assert (tally.read, tally.published, tally.unchanged, tally.rejected) == (4, 2, 0, 2)
    back = tmp_path / f"companies.rejects{suffix}"
    assert tally.rejects_path == back
    assert publisher.flags == {"uscc-invalid": 1, "date-unreadable": 1}

    held = _raw_rows(back)
    assert [str(row["_row"]) for row in held] == (["2", "3"] if suffix == ".jsonl" else ["3", "4"])
    assert [row["_field"] for row in held] == ["name", "uscc"]
    assert list(held[0])[-6:] == list(COLUMNS)
    if suffix != ".jsonl":
        assert (held[0]["capital"], held[1]["name"], held[1]["capital"]) == ("'=1+1", "'@丙公司", "-17")

    held[0]["name"], held[1]["uscc"] = "乙公司", "91330100799655058B"
    corrected = _write(tmp_path / f"corrected{suffix}", held)
    assert await import_file("company", corrected, publisher) == Tally(2, 2, 0, 0, None)
    assert publisher.main("entity.company", "registry/91330100799655058B").body.name == "@丙公司"

    fixed = _write(path, [row for row in COMPANIES if row["name"] and row["uscc"]])
    assert (await import_file("company", fixed, publisher)).rejects_path is None
    assert not back.exists()  # a run without rejects takes the old file away


def _raw_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))
    cells = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
    header = [str(name) for name in next(cells)]
    return [dict(zip(header, ["" if cell is None else cell for cell in row], strict=True)) for row in cells]


async def test_broken_lines_are_rejected_and_everything_else_goes_in(tmp_path: Path, publisher: Any) -> None:
    path = tmp_path / "results.jsonl"
    good = '{"record_id": "1", "title": "某项目", "winner_name": "甲公司", "amount_yuan": 1.50, "source": "local"}'
    no_title = '{"record_id": "2", "winner_name": "乙公司", "amount_yuan": 1.50, "title": "", "_old": 1}'
    path.write_text(f"{good}\n\nnot json\n{no_title}\n[]\n", encoding="utf-8")
    tally = await import_file("result", path, publisher)
    assert (tally.read, tally.published, tally.rejected) == (4, 1, 3)
    lines = (tmp_path / "results.rejects.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["_row"] for line in lines] == [3, 4, 5]
    assert json.loads(lines[0])["_raw"] == "not json"
    assert '"amount_yuan": 1.50' in lines[1] and "_old" not in lines[1]
    assert publisher.main("trade.result", "local/1").body.amount.fen == 150

    # Correcting the text inside _raw is enough.
    (tmp_path / "again.jsonl").write_text(json.dumps({**json.loads(lines[0]), "_raw": good.replace('"1"', '"3"')}))
    assert (await import_file("result", tmp_path / "again.jsonl", publisher)).published == 1


async def test_the_wrong_kind_is_seen_before_anything_is_published(tmp_path: Path, publisher: Any) -> None:
    sheet = _write(tmp_path / "a.csv", COMPANIES)
    lines = _write(tmp_path / "a.jsonl", COMPANIES)
    for path in (sheet, lines):
        with pytest.raises(Malformed, match="registration_date") as caught:
            await import_file("notice", path, publisher)
        assert "电子监管号" in caught.value.zh and "publish_time" in caught.value.detail
    with pytest.raises(Malformed, match="expert-class"):
        await import_file("nonsense", sheet, publisher)
    with pytest.raises(Malformed, match="no date"):
        await import_file("company", sheet, publisher, as_of="yesterday")
    assert publisher.batches == []


async def test_a_jsonl_file_may_hold_several_forms_of_one_kind(tmp_path: Path, publisher: Any) -> None:
    by_file = {sample.file: read(sample) for sample in MANIFEST}
    rows = [*by_file["notices.jsonl"], *by_file["mining.jsonl"], {"foreign": "row"}]
    tally = await import_file("notice", _write(tmp_path / "mixed.jsonl", rows), publisher)
    assert (tally.published, tally.rejected) == (33, 1)


async def test_no_file_of_the_operator_is_removed_or_overwritten(tmp_path: Path, publisher: Any) -> None:
    path = _write(tmp_path / "a.csv", COMPANIES[:1])
    other = tmp_path / "precious.csv"
    other.write_text("keep me\n")
    assert (await import_file("company", path, publisher, rejects=other)).rejects_path is None
    assert other.read_text() == "keep me\n"
    with pytest.raises(Malformed, match="itself"):
        await import_file("company", path, publisher, rejects=path)


async def test_an_import_that_breaks_off_leaves_no_half_file_and_can_be_run_again(
    tmp_path: Path, publisher: Any
) -> None:
    path = _write(tmp_path / "a.jsonl", COMPANIES)

    async def fail(items: Sequence[Draft | Amendment]) -> list[Outcome]:
        if publisher.batches:
            raise Unavailable("the disk is away")
        return list(await publisher(items))

    with pytest.raises(Unavailable):
        await import_file("company", path, fail, batch=3)
    assert os.listdir(tmp_path) == ["a.jsonl"]
    tally = await import_file("company", path, publisher, batch=3)
    assert (tally.published, tally.unchanged, tally.rejected) == (1, 1, 2)


async def test_what_the_publisher_rejects_goes_back_too(tmp_path: Path) -> None:
    async def refuse(items: Sequence[Draft | Amendment]) -> list[Outcome]:
        return [Outcome("rejected", error=Rejected("no", field="uscc", zh="不行")) for _ in items]

    tally = await import_file("company", _write(tmp_path / "a.csv", COMPANIES[:1]), refuse)
    assert tally == Tally(1, 0, 0, 1, tmp_path / "a.rejects.csv")
    assert _columns(tmp_path / "a.rejects.csv") == tuple(COMPANIES[0])
    assert _raw_rows(tmp_path / "a.rejects.csv")[0]["_reason_zh"] == "不行"


async def test_rows_in_memory_go_the_same_way(publisher: Any) -> None:
    lost: list[int] = []
    tally = await import_rows("company", COMPANIES, publisher, on_reject=lambda row, error: lost.append(row.number))
    assert (tally.read, tally.published, tally.rejected, lost) == (4, 2, 2, [2, 3])


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["insert", "update", "2025-01-02"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("kind", IMPORT_KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_no_row_can_break_an_adapter(kind: str, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(import_kind(kind).forms))
    columns = sorted(form.needs | form.nested | {"source", "as_of", "made_up", "amount_yuan", "uscc", "fields"})
    values = {column: data.draw(ANY) for column in columns}
    adapted = Adapter(import_kind(kind), Context()).adapt(Row(1, clean_value(values)[0]))
    assert isinstance(adapted, Draft | Amendment | Rejected)
