"""Texts that a spreadsheet program would run."""

from __future__ import annotations

import pytest

from node.domain.spreadsheet import defuse

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "\t=1", " =1", "=cmd|' /C calc'!A0", "|x", "%0A"]


@pytest.mark.parametrize("evil", EVIL)
def test_formulas_are_defused(evil):
    assert defuse(evil) == f"'{evil}"


@pytest.mark.parametrize("plain", ["", "道路", "1-2", "a=b", "(甲)", "'=1"])
def test_plain_text_is_left_alone(plain):
    assert defuse(plain) == plain
