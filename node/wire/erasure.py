"""The order to erase: a signed note of two nodes' erasure keys (DESIGN L23).

    ggzy-node/erasure/v1
    order <32 hex digits, random>
    origin <origin>
    record <record id, 32 hex digits>
    erase <index> <section>              one line a section, sorted by index and name
    reason <code>                        of node.domain.erasure.REASONS, or of a newer release
    basis <code>                         the clause of the law
    time <POSIX seconds>

It names places and codes, never a person and never a reason in words: it is kept for ever, at every mirror.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from node.errors import BadSignature, Malformed
from node.tlog.note import Note, VerifierKey, parse_note, verify_note

MAGIC = "ggzy-node/erasure/v1"
MAX_PLACES = 1024
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_HEX = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class ErasureOrder:
    """Erase these (index, section) of one record in one origin's log. `order_id` and `record_id` are 16 bytes."""

    order_id: bytes
    origin: str
    record_id: bytes
    places: tuple[tuple[int, str], ...]
    reason: str
    basis: str
    time_s: int

    def text(self) -> str:
        lines = [
            MAGIC,
            f"order {self.order_id.hex()}",
            f"origin {self.origin}",
            f"record {self.record_id.hex()}",
            *(f"erase {index} {section}" for index, section in self.places),
            f"reason {self.reason}",
            f"basis {self.basis}",
            f"time {self.time_s}",
        ]
        return "\n".join(lines) + "\n"


def parse(note: Note) -> ErasureOrder:
    """Read an order; says nothing about its signatures. Raises Malformed unless it is exactly what `text` writes."""
    lines = note.text.split("\n")
    try:
        if lines[0] != MAGIC or lines.pop() != "" or len(lines) > MAX_PLACES + 7:
            raise ValueError
        order = ErasureOrder(
            bytes.fromhex(_after(lines[1], "order")),
            _after(lines[2], "origin"),
            bytes.fromhex(_after(lines[3], "record")),
            tuple(_place(line) for line in lines[4:-3]),
            _after(lines[-3], "reason"),
            _after(lines[-2], "basis"),
            int(_after(lines[-1], "time")),
        )
    except (ValueError, IndexError):
        raise Malformed("not an erasure order of a version that this program knows", zh="不是有效的删除令") from None
    good = all(_HEX.fullmatch(each.hex()) for each in (order.order_id, order.record_id))
    good = good and all(_CODE.fullmatch(code) for code in (order.reason, order.basis))
    places = order.places
    if not good or not places or list(places) != sorted(set(places)) or order.text() != note.text:
        raise Malformed("the erasure order is not in its canonical form", zh="删除令格式不规范")
    return order


def open_order(
    data: bytes, keys: Iterable[VerifierKey], node_of: Callable[[VerifierKey], str]
) -> tuple[ErasureOrder, frozenset[str]]:
    """The order and the names of the nodes whose erasure keys signed it, as far as `keys` know them.

    How many are needed, and whose, is the caller's to judge. A bad line of a known key refuses the whole order.
    Raises Malformed, BadSignature.
    """
    note = parse_note(data)
    order = parse(note)
    try:
        signed = verify_note(note, keys)
    except BadSignature as error:
        raise BadSignature(error.detail, zh="删除令的签名不能核验") from None
    return order, frozenset(node_of(key) for key, _ in signed)


def _after(line: str, word: str) -> str:
    found, _, rest = line.partition(" ")
    if found != word or not rest:
        raise ValueError
    return rest


def _place(line: str) -> tuple[int, str]:
    index, _, section = _after(line, "erase").partition(" ")
    # The same form as in a header: a section's name is one printable word.
    if not section or len(section) > 64 or " " in section or not section.isprintable():
        raise ValueError
    number = int(index)
    if not 0 <= number < 2**53:
        raise ValueError
    return number, section
