"""What the projections share: the place of a version, and values made fit for a read table.

A record is what its origin wrote; a read table is what a page can show. So texts are cut to a length a list can bear,
and what a database could not store (a NUL, a number beyond 64 bits) never reaches it. The record page shows the whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from node.domain.record import Amount, Document, Party
from node.store.search_text import fold

MAX_TEXT = 400
MAX_SEARCH = 4000
_DAY = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
# Marks that turn the direction of writing could show a title other than the one that is stored.
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version lies: the log, its index, the record and its kind."""

    log_id: int
    index: int
    record_id: bytes
    kind: str

    def key(self) -> Row:
        return {"log_id": self.log_id, "record_id": self.record_id, "idx": self.index}


@dataclass(frozen=True, slots=True)
class Projection:
    """How one kind of record is shown in one read table: its row, or rows, and a title for the record's own page.

    With `keeps_withdrawn` the row of a withdrawn record stays, for a table that shows what was withdrawn as such.
    """

    table: Table
    row: Callable[[Place, Document[Any]], Row | list[Row]]
    title: Callable[[Document[Any]], str]
    keeps_withdrawn: bool = False


def rows_of(shown: Row | list[Row]) -> list[Row]:
    """What `Projection.row` gave, as rows."""
    return shown if isinstance(shown, list) else [shown]


def text(value: str, limit: int = MAX_TEXT) -> str:
    """`value` on one line, fit for a list.

    >>> text("a\\x00b\\nc")
    'a�b c'
    """
    if len(value) <= limit and value.isprintable():
        return value.strip()  # almost always
    value = " ".join(value.replace("\x00", "\ufffd").translate(_TURNING).split())
    return value if len(value) <= limit else value[: limit - 1] + "…"


def integer(value: int | None) -> int | None:
    """`value`, or None when no table could hold it."""
    return value if value is not None and abs(value) < 2**63 else None


def day(value: str) -> str:
    """The ISO date a text begins with, as far as it goes (`2025-03-24`, `2025-03`, `2024`), or nothing.

    >>> day("2025-03-24 10:00"), day("2024"), day("近日")
    ('2025-03-24', '2024', '')
    """
    found = _DAY.match(value)
    return found.group() if found else ""


def address(url: str) -> str:
    """`url` when it is one that may become a link (http or https, no blanks), else nothing."""
    good = url.startswith(("http://", "https://")) and len(url) <= 2000 and not re.search(r"[\s\x00-\x1f\x7f]", url)
    return url if good else ""


def name(party: Party | None) -> str:
    return text(party.name) if party else ""


def fen(amount: Amount | None) -> int | None:
    return integer(amount.fen) if amount else None


def amount_words(amount: Amount | None) -> str:
    """The source's words where the sum alone does not tell it all: no sum, or one for a period."""
    return text(amount.text) if amount and (amount.fen is None or amount.per) else ""


def search(parts: Iterable[str]) -> str:
    """Folded text of a `search` column: one part a line, so that no word matches across two of them."""
    return fold("\n".join([text(part, MAX_SEARCH) for part in parts if part]))[:MAX_SEARCH]
