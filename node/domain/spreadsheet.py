"""What a spreadsheet program makes of a text: a formula that it runs, or bytes whose encoding it guesses."""

from __future__ import annotations

CSV_MARK = "\ufeff"
"""Tells Excel that a CSV file is UTF-8."""
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")


def defuse(text: str) -> str:
    """`text` with an apostrophe before it when a spreadsheet would take it for a formula.

    >>> defuse("=1+1"), defuse(" @SUM(A1)"), defuse("重庆")
    ("'=1+1", "' @SUM(A1)", '重庆')
    """
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(("\t", "\r", "\n")) else text
