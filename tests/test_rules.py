"""Every rule of the log has a test that carries its number (docs/design.md lists the rules)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = "\n".join(file.read_text("utf-8") for file in Path(__file__).parent.rglob("test_*.py"))
NUMBERS = set(re.findall(r"^(?:async )?def test_[lL]0?(\d+)_\w+", TESTS, re.MULTILINE))


@pytest.mark.parametrize("rule", range(1, 24))
def test_rule_has_a_test_by_its_number(rule: int) -> None:
    assert str(rule) in NUMBERS
