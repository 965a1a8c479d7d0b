"""The other centres and where their pages are: bids and deposits lie where they were handed in, and nowhere else.

A node's own address stands in the record of its daily dump; a centre that makes none is named without a link.
"""

from __future__ import annotations

from aiohttp import web
from sqlalchemy import Connection, func, select

from node import tiers
from node.errors import NodeError
from node.projections.shape import address
from node.store import payloads
from node.store.loading import node_of
from node.store.tables import Log, RecordView, table
from node.web.keys import SETTINGS, TRUSTED
from node.wire.document import decode

_records, _log = table(RecordView), table(Log)
_KIND = "dump.daily"


def centres(conn: Connection, request: web.Request) -> list[tuple[str, str]]:
    """(title, address of the party's pages there, empty where it is not known) of all centres but this one."""
    urls, me = _urls(conn), request.app[SETTINGS].name
    return [
        (each.title, f"{urls[each.node]}/mine" if each.node in urls else "")
        for each in tiers.offices(request.app[TRUSTED].held)
        if each.node != me
    ]


def _urls(conn: Connection) -> dict[str, str]:
    newest = select(_records.c.log_id, func.max(_records.c.idx).label("idx")).where(_records.c.kind == _KIND)
    last = newest.group_by(_records.c.log_id).subquery()
    rows = conn.execute(select(last.c.log_id, last.c.idx, _log.c.origin).join(_log, _log.c.id == last.c.log_id))
    found: dict[str, str] = {}
    for row in rows.all():
        held = payloads.get(conn, row.log_id, row.idx, "main")
        if held is None:
            continue
        try:
            url = address(decode(_KIND, held[1]).source.url).rstrip("/")
        except NodeError:
            continue  # what another node wrote there is not fit to be read
        if url:
            found[node_of(row.origin)] = url
    return found
