"""Texts of all areas are one table: no key stands twice, and each has both languages."""

from __future__ import annotations

from node.web import texts


def test_no_key_stands_in_two_areas() -> None:
    assert len(texts.TEXT) == sum(len(area.TEXT) for area in texts._AREAS)


def test_every_text_has_both_languages() -> None:
    assert [key for key, (zh, en) in texts.TEXT.items() if not (zh and en)] == []
