"""The seven measures and the twelve things that are looked at for them; docs/quality.md defines each exactly.

What is looked at is a bit: `judged` says that it could be judged of an item, `bad` that it is not right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

NO_NOTICE, NO_RESULT = 1, 2
MISSING, OWED = 4, 8
CODE, ORDER = 16, 32
VALUE, DUPLICATE = 64, 128
LATE_PUBLISHED, LATE_ACT = 256, 512
UNREPAIRED = 1024
ON_PAPER = 2048

BITS: Final[dict[str, int]] = {
    "no_notice": NO_NOTICE,
    "no_result": NO_RESULT,
    "missing": MISSING,
    "owed": OWED,
    "code": CODE,
    "order": ORDER,
    "value": VALUE,
    "duplicate": DUPLICATE,
    "late_published": LATE_PUBLISHED,
    "late_act": LATE_ACT,
    "unrepaired": UNREPAIRED,
    "on_paper": ON_PAPER,
}
MEASURES: Final[dict[str, int]] = {
    "coverage": NO_NOTICE | NO_RESULT,
    "completeness": MISSING | OWED,
    "compliance": CODE | ORDER,
    "accuracy": VALUE | DUPLICATE,
    "timeliness": LATE_PUBLISHED | LATE_ACT,
    "repair": UNREPAIRED,
    "electronic": ON_PAPER,
}
ANY: Final = "any"
"""Every item, and whether anything is wrong; that it was not put right says nothing more, and paper is no fault."""
MASKS: Final[dict[str, int]] = {**MEASURES, **BITS, ANY: sum(BITS.values()) & ~(UNREPAIRED | ON_PAPER)}
LINKS: Final = NO_NOTICE | NO_RESULT
CONTENT: Final = MISSING | CODE | VALUE
"""What a record says by itself, so that a newer version may have put it right."""

STEPS: Final = ("notice", "qualification", "candidates", "result", "performance", "change", "trade")


def counted(judged: int, bad: int) -> Iterator[tuple[str, int, int]]:
    """(measure, 1, whether bad) of an item: by bit, by measure, and for all."""
    for name, mask in MASKS.items():
        if judged & mask or name == ANY:
            yield name, 1, int(bool(bad & mask))
