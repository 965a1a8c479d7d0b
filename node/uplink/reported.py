"""What became of records above, for the pages of a trade: at the hub by its own messages, elsewhere by the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, RowMapping, select

from node.domain.record import Document
from node.domain.verdicts import Verdict, VerdictItem, worst
from node.errors import Malformed
from node.store import logs, payloads
from node.store.tables import table
from node.store.tables_uplink import VerdictView
from node.uplink.held import packaged
from node.uplink.outbox import rows
from node.uplink.verdicts import item_of
from node.wire.document import decode

_verdicts = table(VerdictView)
State = Literal["waiting", "sent", "accepted", "rejected", "held", "blocked", "dead", "deleted"]


@dataclass(frozen=True, slots=True)
class Reported:
    """What is known of one record: its worst state, and an item for each of its messages that says something.

    `waiting` is to be sent (or told of) still, `sent` is out and not answered. `version` is that of which it is known.
    """

    state: State
    version: int
    items: tuple[VerdictItem, ...]
    at_ms: int


def of_records(conn: Connection, records: Mapping[bytes, int], may_say: Callable[[str], bool]) -> dict[bytes, Reported]:
    """What is known of records, given with their present versions; those of which nothing is known are left out.

    `may_say` tells of a log's origin whether verdicts in it count: nobody but the hub reports to the platform above.
    """
    found = _told(conn, records, may_say)
    found |= _messages(conn, list(records))
    for record, version in records.items():
        held = found.get(record)
        if held is not None and held.version < version:
            # It was about an earlier version; what is said of this one is still to come.
            found[record] = Reported("waiting", held.version, held.items, held.at_ms)
    return found


def _messages(conn: Connection, records: Sequence[bytes]) -> dict[bytes, Reported]:
    standard, found = packaged(), {}
    query = select(rows).where(rows.c.record_id.in_(list(records))).order_by(rows.c.id)
    of_record: dict[bytes, list[RowMapping]] = {}
    for row in conn.execute(query).mappings():
        of_record.setdefault(row["record_id"], []).append(row)
    for record, held in of_record.items():
        open_ones = [row for row in held if row["state"] == "queued"]
        if open_ones:
            state: State = "sent" if any(row["trying"] for row in open_ones) else "waiting"
        else:
            state = worst([row["state"] for row in held])  # type: ignore[assignment]
        items = tuple(item_of(standard, row) for row in held if row["state"] != "queued")
        version, at_ms = max(row["version"] for row in held), max(row["tried_ms"] for row in held)
        found[record] = Reported(state, version, items, at_ms)
    return found


def _told(conn: Connection, records: Mapping[bytes, int], may_say: Callable[[str], bool]) -> dict[bytes, Reported]:
    found = {}
    said_by = {log.id: log.origin for log in logs.all_logs(conn)}
    for row in conn.execute(select(_verdicts).where(_verdicts.c.about_record.in_(list(records)))).mappings():
        if not may_say(said_by.get(row["log_id"], "")):
            continue
        stored = payloads.get(conn, row["log_id"], row["idx"], "main")
        try:
            document: Document[Verdict] | None = None if stored is None else decode("verdict", stored[1])
        except Malformed:
            document = None
        items = tuple(document.body.items) if document is not None else ()
        found[row["about_record"]] = Reported(row["state"], row["about_version"], items, row["at_ms"])
    return found
