"""docs/records.md names every import kind, every form's columns and every flag."""

from __future__ import annotations

from pathlib import Path

from node.domain import KINDS
from node.domain.record import FLAGS
from node.importing.kinds import IMPORT_KINDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "records.md").read_text(encoding="utf-8")


def test_the_page_names_what_there_is() -> None:
    forms = [form for kind in IMPORT_KINDS.values() for form in kind.forms]
    wanted = {*IMPORT_KINDS, *FLAGS, *KINDS, *(column for form in forms for column in form.needs)}
    assert sorted(word for word in wanted if word not in PAGE) == []
