"""Links between records of the former centres: a result without its notice, a notice without a result, and repeats.

Pure: the items that share a key in, their bits out. Records belong together by project or section code, or by the name
of the project where a source gives no codes (`node.domain.joining`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from node.quality.measures import DUPLICATE, NO_NOTICE, NO_RESULT
from node.quality.yardstick import Yardstick

Row = Mapping[str, Any]
PAST = "past"
"""In place of the day of a notice that has waited long enough: later than every day, so never looked at again."""
MOST = 1000
"""A code or name that more records share than this is none: such records are not judged by it."""


def due_day(row: Row, stage: str, yardstick: Yardstick) -> str:
    """The last day (ISO) on which a notice may be without a result; empty where none is expected or no day known."""
    if row["step"] != "notice" or not yardstick.expects_result(stage):
        return ""
    try:
        day = date.fromisoformat(row["day"]) + timedelta(days=yardstick.days_for(row["category"]))
    except (ValueError, OverflowError):
        return ""
    return day.isoformat()


def linked(row: Row, together: Sequence[Row], today: str) -> tuple[int, int]:
    """(judged, bad) of an item among all that share its code or its name.

    A result or a list of candidates wants a notice; a notice wants a result once its day has passed. What has neither
    code nor name, or one that too many share, is not judged.
    """
    if not (row["code_key"] or row["name_key"]) or len(together) > MOST:
        return 0, 0
    steps = {each["step"] for each in together}
    if row["step"] in ("result", "candidates"):
        return NO_NOTICE, 0 if "notice" in steps else NO_NOTICE
    if row["step"] != "notice" or not row["due_day"]:
        return 0, 0
    if "result" in steps:
        return NO_RESULT, 0
    return (NO_RESULT, NO_RESULT) if is_past(row["due_day"], today) else (0, 0)


def is_past(due_day: str, today: str) -> bool:
    """
    >>> is_past("2025-01-31", "2025-02-01"), is_past("2025-02-01", "2025-02-01"), is_past("", "2025-02-01")
    (True, False, False)
    """
    return due_day == PAST or "" < due_day < today


def repeated(row: Row, alike: Sequence[Row]) -> tuple[int, int]:
    """(judged, bad): of records that say the same, all but the one that came first are repeats."""
    if not row["same_key"]:
        return 0, 0
    first = min(((each["log_id"], each["idx"]) for each in alike), default=(row["log_id"], row["idx"]))
    return DUPLICATE, DUPLICATE if (row["log_id"], row["idx"]) > first else 0
