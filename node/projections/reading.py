"""One entry and its main payload, read without the store: what it says, or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from node.domain import KINDS
from node.domain.powers import refusal
from node.errors import Malformed
from node.projections import PROJECTIONS
from node.projections.shape import Place, Row, rows_of, text
from node.tlog.merkle import leaf_hash
from node.wire import header as headers
from node.wire.document import decode
from node.wire.header import Header

HELD, WITHHELD, SEALED, MISSING, UNREADABLE = "held", "withheld", "sealed", "missing", "unreadable"
ERASED = "erased"

DECIDED = (HELD, WITHHELD, SEALED, ERASED)
"""Content about which nothing more will come: only such a version changes what a list shows."""

MARKS = {
    HELD: "（无标题）",
    WITHHELD: "（内容不对本节点公开）",
    SEALED: "（内容已密封）",
    MISSING: "（内容尚未送达）",
    ERASED: "（已依法删除）",
    UNREADABLE: "（本节点无法读取）",
}


NOT_ENTITLED = "issuer-not-entitled"


class Issuer(NamedTuple):
    """The node that issued an entry, and its role by the trust policy; empty where that does not know it."""

    node: str = ""
    role: str = ""


NOBODY = Issuer()


@dataclass(slots=True)
class Reading:
    """What one entry says.

    `rows` (read table -> row) are set when its content is held; `fault` is a code of `REASONS` and a detail.
    """

    index: int
    leaf: bytes
    kind: str = ""
    header: Header | None = None
    content: str = UNREADABLE
    rows: dict[str, list[Row]] = field(default_factory=dict)
    title: str = ""
    withdrawn: bool = False
    made_up: bool = False
    fault: tuple[str, str] | None = None


def read(
    log_id: int,
    index: int,
    entry: bytes,
    payload: bytes | None,
    may_have: bool | frozenset[str],
    erased: bool = False,
    issuer: Issuer = NOBODY,
) -> Reading:
    """Never raises for what the bytes hold: a fault is a value.

    `issuer` is the node whose log this is and its role, which says what it may issue.

    `may_have` says whether this node may hold the payload, or names the audiences whose payloads it may hold.
    """
    reading = Reading(index, leaf_hash(entry))
    try:
        header = headers.parse(entry)
    except Malformed as error:
        reading.fault = ("format-newer" if error.field == "fmt" else "header-unreadable", error.detail)
        return reading
    reading.header, reading.kind = header, text(header.kind, 64)
    if (why := refusal(issuer.role, header.kind)) is not None:
        reading.fault = (NOT_ENTITLED, why[1])
        reading.title = MARKS[UNREADABLE]
        return reading
    if erased and payload is None and header.section("main") is not None:
        reading.content = ERASED
    else:
        place, main = Place(log_id, index, header.record_id, header.kind), header.section("main")
        if not isinstance(may_have, bool):
            may_have = main is None or main.holding in may_have
        _read_main(reading, place, header, payload, may_have, issuer)
    reading.title = reading.title or MARKS[reading.content]
    return reading


def _read_main(
    reading: Reading, place: Place, header: Header, payload: bytes | None, may_have: bool, issuer: Issuer
) -> None:
    kind, main = KINDS.get(header.kind), header.section("main")
    if kind is None:
        reading.fault = ("kind-unknown", header.kind)
    elif header.schema > kind.schema:
        reading.fault = ("schema-newer", f"{header.kind} {header.schema}")
    elif main is None:
        reading.fault = ("section-missing", "main")
    elif main.size_class:
        reading.content = SEALED
    elif payload is None:
        reading.content = MISSING if may_have else WITHHELD
        reading.fault = ("payload-missing", "main") if may_have else None
    else:
        # A title is on pages that anyone may see, so one that is not public stays with its content.
        public = main.audience == kind.sections["main"][1] == "public"
        try:
            document = decode(header.kind, payload)
            if (why := refusal(issuer.role, header.kind, document.body, issuer.node)) is not None:
                reading.fault = (NOT_ENTITLED, why[1])
                return
            withdrawn = document.status == "withdrawn"
            # A kind without a projection has its own page and stands in no list.
            shown = PROJECTIONS.get(header.kind, ())
            # What is public by its kind but was closed by its publisher stands in no list.
            closed = kind.sections["main"][1] == "public" != main.audience
            rows = (
                {}
                if closed
                else {
                    each.table.name: rows_of(each.row(place, document))
                    for each in shown
                    if each.keeps_withdrawn or not withdrawn
                }
            )
            reading.title = shown[0].title(document) if shown and public else kind.zh
        except Malformed as error:
            reading.fault = ("payload-unreadable", error.detail)
        else:
            reading.content, reading.rows = HELD, rows
            reading.withdrawn, reading.made_up = withdrawn, document.made_up
