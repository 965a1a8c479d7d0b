"""Rows as lines of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any


def csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    """RFC 4180 lines; cells are written as they are given (`node.domain.spreadsheet.defuse` makes texts safe)."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
