"""What is compared is the same: the rows are a real log's records, and a document is a row."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from node.wire import header as headers
from node.wire import payload as payloads
from tests.compare.rows import COLUMNS, Row, document, make_rows, write_documents

RECORDS = 300


@pytest.fixture
async def rows(tmp_path: Path) -> list[Row]:
    made, forged = await make_rows(tmp_path / "federation", "mixed", RECORDS, seed=3)
    parts = [[part for part in row[3::2] if part is not None] for row in made]
    assert forged.payload_bytes == sum(len(part) for each in parts for part in each)
    assert forged.header_bytes == sum(len(row[1]) for row in made)
    return made


async def test_rows_are_records_in_order_with_the_content_that_their_headers_name(rows: list[Row]) -> None:
    assert [row[0] for row in rows] == list(range(RECORDS))
    counts = set()
    for _, entry, *parts in rows:
        assert len(parts) == len(COLUMNS) - 2
        header = headers.parse(entry)
        pairs = [(salt, data) for salt, data in zip(parts[::2], parts[1::2], strict=True) if salt is not None]
        assert len(pairs) == len(header.sections)
        by_name = sorted(header.sections, key=lambda section: section.name)
        for section, (salt, data) in zip(by_name, pairs, strict=True):
            payloads.check(salt, data, section.commitment)
        counts.add(len(pairs))
    assert counts == {1, 2}


async def test_a_document_has_all_of_its_row(rows: list[Row], tmp_path: Path) -> None:
    write_documents(tmp_path / "documents", rows)
    lines = (tmp_path / "documents").read_text("ascii").splitlines()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        found = json.loads(line)
        assert found == document(row)
        parts = [base64.b64decode(part) for pair in found["sections"] for part in pair]
        back = (int(found["_id"]), base64.b64decode(found["header"]), *parts, *[None] * (4 - len(parts)))
        assert back == row
