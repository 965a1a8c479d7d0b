"""Records for programs: a feed in log order, one record with its versions, its receipt, its entry, its payloads.

Callers without a signature see the public audience only; an enrolled node sees what its audience may (DESIGN L14).
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from aiohttp import web
from sqlalchemy import Connection, select

from node.domain import KINDS
from node.errors import Malformed, NotAllowed, NotFound
from node.projections.follow import GENERATION_FACT
from node.publishing.receipts import issue
from node.store import cursors, logs, payloads, view_record
from node.store.logs import LogState
from node.store.tables import RecordView, table
from node.store.view_record import RecordHistory, VersionView
from node.tlog.proof import CONTENT_TYPE
from node.trusted import audiences_for
from node.web.keys import CALLERS, CUSTODIAN, SETTINGS, STORE, TRUSTED
from node.wire import paths
from node.wire import payload as payload_bytes
from node.wire.ids import read_record_id

MAX_PAGE = 500
FOR_THIS_CALLER = {"Cache-Control": "private, no-store"}
"""What is told depends on who asks, under one address: no cache may hand it to somebody else."""
STATES = ("current", "superseded", "withdrawn")
_records = table(RecordView)
_CURSOR = re.compile(r"([0-9a-f]{8})\.([0-9]{1,18})")
routes = web.RouteTableDef()


@routes.get(paths.RECORDS)
async def list_records(request: web.Request) -> web.Response:
    """Every version in the order in which it came to this node; `cursor` of one answer asks for what came after it."""
    query = request.query
    limit = _number(query.get("limit", "100"), "limit", 1, MAX_PAGE)
    given = _cursor(query.get("cursor", ""))
    kind, state, origin = query.get("kind"), query.get("state"), query.get("origin")
    if kind is not None and kind not in KINDS:
        raise Malformed(f"kind must be one of {', '.join(KINDS)}", field="kind")
    if state is not None and state not in STATES:
        raise Malformed(f"state must be one of {', '.join(STATES)}", field="state")

    def work(conn: Connection) -> tuple[list[dict[str, Any]], str]:
        states = {log.id: log for log in logs.all_logs(conn)}
        generation = cursors.fact(conn, GENERATION_FACT) or "00000000"
        if given is not None and given[0] != generation:
            raise Malformed(
                "the cursor is from before the read tables were made anew",
                field="cursor",
                zh="游标已失效（查询表已重建）",
                advice_zh="请不带 cursor 从头读取；记录编号与版本不变。",
                advice_en="Read from the start, without cursor; record ids and versions are the same.",
            )
        after = 0 if given is None else given[1]
        wanted = select(_records).where(_records.c.seq > after)
        for column, value in ((_records.c.kind, kind), (_records.c.state, state)):
            if value is not None:
                wanted = wanted.where(column == value)
        if origin is not None:
            wanted = wanted.where(_records.c.log_id == logs.get(conn, origin).id)
        rows = conn.execute(wanted.order_by(_records.c.seq).limit(limit)).mappings().all()
        last = rows[-1]["seq"] if rows else after
        return [_row(states[row["log_id"]], row) for row in rows], f"{generation}.{last}"

    found, cursor = await request.app[STORE].read(work)
    return web.json_response({"records": found, "cursor": cursor}, headers={"Cache-Control": "no-cache"})


@routes.get(paths.RECORD)
async def get_record(request: web.Request) -> web.Response:
    history = await _history(request)
    history.version(_wanted_version(request))
    mine = await _audiences(request, history.log.origin)
    known = await request.app[STORE].read(partial(_documents, history=history, audiences=mine))
    plain = {
        "record_id": str(uuid.UUID(bytes=history.record_id)),
        "origin": history.log.origin,
        "versions": [_version(version, known[version.version]) for version in history.versions],
        "versions_total": history.total,
        "cosigners": [
            {"name": cosigner.name, "size": cosigner.size, "signed_at": _time(cosigner.signed_s)}
            for cosigner in history.cosigners
        ],
    }
    body = msgspec.json.encode(plain)
    return web.Response(body=body, content_type="application/json", charset="utf-8", headers=FOR_THIS_CALLER)


@routes.get(paths.RECORD_RECEIPT)
async def get_receipt(request: web.Request) -> web.Response:
    history = await _history(request)
    version = history.version(_wanted_version(request))
    log = version.log
    mine = await _audiences(request, log.origin)
    receipt = await issue(
        request.app[STORE],
        request.app[TRUSTED],
        log,
        version.index,
        audiences=mine,
        ours=request.app[CUSTODIAN].custody,
        outside=[witness.verifier.name for witness in request.app[SETTINGS].witnesses],
    )
    name = f"{history.record_id.hex()}-v{version.version}.tlog-proof"
    return web.Response(
        body=receipt,
        headers=FOR_THIS_CALLER
        | {"Content-Type": CONTENT_TYPE, "Content-Disposition": f'attachment; filename="{name}"'},
    )


@routes.get(paths.RECORD_ENTRY)
async def get_entry(request: web.Request) -> web.Response:
    """The entry's raw bytes: what hashes to the leaf."""
    history = await _history(request)
    version = history.version(_wanted_version(request))
    entry = await request.app[STORE].read(partial(logs.entry, log_id=version.log.id, index=version.index))
    return web.Response(body=entry, content_type="application/octet-stream")


@routes.get(paths.RECORD_PAYLOAD)
async def get_payload(request: web.Request) -> web.Response:
    """A section's payload as raw msgpack: with its salt from the receipt it hashes to the header's commitment."""
    history = await _history(request)
    version = history.version(_wanted_version(request))
    name = request.match_info["section"]
    section = version.header.section(name)
    if section is None:
        raise NotFound("the record has no such section", field="section")
    if section.holding not in await _audiences(request, version.log.origin):
        raise NotAllowed(f"the section is for the audience {section.audience}", field="section")
    held = await request.app[STORE].read(
        partial(payloads.get, log_id=version.log.id, index=version.index, section=name)
    )
    if held is None:
        raise NotFound("this node does not hold that payload", field="section")
    # The section's name is the origin's own word, so it stays out of the file's name unless it is a plain one.
    plain = section.name if re.fullmatch(r"[a-z0-9_-]{1,40}", section.name) else "section"
    file = f"{history.record_id.hex()}-v{version.version}.{plain}.payload"
    headers = FOR_THIS_CALLER | {"Content-Disposition": f'attachment; filename="{file}"'}
    return web.Response(body=held[1], content_type="application/msgpack", headers=headers)


async def _history(request: web.Request) -> RecordHistory:
    record_id = read_record_id(request.match_info["record_id"])
    wanted, origin = _wanted_version(request), request.query.get("origin", "")
    return await request.app[STORE].read(
        partial(view_record.record, record_id=record_id, origin=origin, version=wanted)
    )


def _wanted_version(request: web.Request) -> int | None:
    text = request.query.get("version")
    return None if text is None else _number(text, "version", 1, 2**53 - 1)


async def _audiences(request: web.Request, origin: str) -> frozenset[str]:
    caller = await request.app[CALLERS].identify(request)
    return frozenset({"public"}) if caller is None else audiences_for(request.app[TRUSTED], caller, origin)


def _documents(
    conn: Connection, history: RecordHistory, audiences: frozenset[str]
) -> dict[int, dict[str, dict[str, Any]]]:
    """version -> section -> what the caller may know of it."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for version in history.versions:
        sections: dict[str, dict[str, Any]] = {}
        for section in version.sections:
            ref = section.ref
            plain: dict[str, Any] = {
                "audience": ref.audience,
                "commitment": ref.commitment.hex(),
                "state": section.state if ref.holding in audiences or section.state == "erased" else "withheld",
            }
            known = ref.holding in audiences and not ref.size_class  # of a sealed one there is nothing to read here
            held = payloads.get(conn, version.log.id, version.index, ref.name) if known else None
            content = None if held is None else _content(held[1])
            if content is not None:
                plain["content"] = content
            elif held is not None:
                plain["state"] = "unreadable"
            sections[ref.name] = plain
        found[version.version] = sections
    return found


def _content(data: bytes) -> msgspec.Raw | None:
    """A payload as JSON, None when it cannot be told so: another node may have signed any bytes (L15)."""
    try:
        return msgspec.Raw(msgspec.json.encode(payload_bytes.decode(data)))
    except (Malformed, TypeError, ValueError, RecursionError):
        return None


def _row(log: LogState, row: Any) -> dict[str, Any]:
    return {
        "record_id": str(uuid.UUID(bytes=row["record_id"])),
        "origin": log.origin,
        "index": row["idx"],
        "version": row["version"],
        "kind": row["kind"],
        "state": row["state"],
        "title": row["title"],
        "claimed_at": _time(row["claimed_ms"] // 1000),
        "leaf": row["leaf"].hex(),
        "made_up": bool(row["made_up"]),
    }


def _version(version: VersionView, sections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "origin": version.log.origin,
        "index": version.index,
        "version": version.version,
        "kind": version.kind,
        "schema": version.header.schema,
        "state": version.state,
        "claimed_at": _time(version.claimed_ms // 1000),
        "leaf": version.leaf.hex(),
        "prev_leaf": None if version.header.prev_leaf is None else version.header.prev_leaf.hex(),
        "sections": sections,
    }


def _time(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None  # a claimed time may be absurd; order never depends on it


def _cursor(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Malformed("cursor is not one that this node gave", field="cursor")
    return match[1], int(match[2])


def _number(text: str, field: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not least <= int(text) <= most:
        raise Malformed(f"{field} must be a number from {least} to {most}", field=field)
    return int(text)
