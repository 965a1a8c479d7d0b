"""The page of open data: the daily dumps with their hashes and records, and the files themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection, and_, select

from node.errors import NotFound
from node.opendata.dump import NAME
from node.store import logs, payloads
from node.store.tables import RecordView, table
from node.web import pages
from node.web.keys import SETTINGS, STORE
from node.wire.document import decode

DAYS: Final = 30
CONTENT_TYPES: Final = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
routes = web.RouteTableDef()
_records = table(RecordView)


@routes.get("/open-data")
async def open_data(request: web.Request) -> web.Response:
    settings = request.app[SETTINGS]
    dumps = await request.app[STORE].read(lambda conn: _dumps(conn, settings.origin))
    held = await asyncio.to_thread(_held, settings.dumps)
    return pages.render(request, "opendata/page.html", dumps=dumps, held=held, prefix=settings.ocds_prefix)


@routes.get("/open-data/{file}")
async def download(request: web.Request) -> web.StreamResponse:
    name = request.match_info["file"]
    path = request.app[SETTINGS].dumps / name
    # The name is one of ours or nothing: no other file of the machine can be named.
    if NAME.fullmatch(name) is None or not await asyncio.to_thread(path.is_file):
        raise NotFound("no such dump is kept here", zh="本节点没有保留这份数据")
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Type": CONTENT_TYPES[path.suffix],
        "Cache-Control": "public, max-age=86400",
    }
    return web.FileResponse(path, headers=headers)


def _held(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if NAME.fullmatch(path.name)} if directory.is_dir() else set()


def _dumps(conn: Connection, origin: str) -> list[dict[str, Any]]:
    """This node's newest dumps as its log states them, newest first."""
    log = logs.find(conn, origin)
    if log is None:
        return []
    where = and_(_records.c.log_id == log.id, _records.c.kind == "dump.daily", _records.c.state == "current")
    found = []
    for row in conn.execute(select(_records).where(where).order_by(_records.c.idx.desc()).limit(DAYS)).mappings():
        held = payloads.get(conn, log.id, row["idx"], "main")
        if held is not None:
            found.append({"record_id": row["record_id"], "dump": decode("dump.daily", held[1]).body})
    return found
