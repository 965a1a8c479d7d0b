"""Files of records, for whoever may read the record: handed out as downloads; and uploads by people who are logged in.

An upload follows the IETF draft of resumable uploads (draft-ietf-httpbis-resumable-upload): POST begins one and may
bring bytes, HEAD tells how many are kept, PATCH goes on from there, DELETE gives it up. With the last byte the answer
is what a record lists (`Attached`). A browser's own upload proves itself by the header `Ggzy-Csrf`, which holds what
the hidden field of a form holds.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import BinaryIO, Final
from urllib.parse import quote

import msgspec
from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.attachments import rows
from node.attachments.uploads import Upload
from node.domain import filetypes
from node.domain.acts import Attached
from node.errors import Conflict, Malformed, NotFound
from node.trusted import audiences_for
from node.web import session
from node.web.bodies import chunks
from node.web.keys import ATTACHMENTS, CALLERS, SETTINGS, STORE, TRUSTED
from node.web.problems import SECURITY_HEADERS
from node.wire import paths

routes = web.RouteTableDef()
PERMISSION: Final = "draft.edit"
PIECE: Final = 256 << 10
CSRF_HEADER: Final = "Ggzy-Csrf"
DRAFT: Final = {"Upload-Draft-Interop-Version": "8"}
# Nothing of a file may run in this site's name, whatever a browser takes it for.
DOWNLOAD_HEADERS: Final = SECURITY_HEADERS | {"Content-Security-Policy": "sandbox; default-src 'none'"}
_NUMBER = re.compile(r"[0-9]{1,15}")
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


# --- downloads ------------------------------------------------------------------------------------------------------


@routes.get(paths.FILE)
async def download(request: web.Request) -> web.StreamResponse:
    sha256, of_node = request.match_info["sha256"], request.query.get("node", "")
    shelf = request.app[ATTACHMENTS].files.shelf
    shelf.path(sha256)
    caller = await request.app[CALLERS].identify(request)
    who = await session.person(request)
    work = partial(_found, request=request, sha256=sha256, of_node=of_node, caller=caller, who=who)
    attached = await request.app[STORE].read(work)
    # One answer for what is not here and what is not for this asker: a hash that was guessed tells nothing.
    if attached is None:
        raise NotFound(
            "no such file here, or not for you",
            zh="没有这个附件，或无权查看",
            advice_zh="附件可能尚未同步到本节点，或须登录后查看。",
            advice_en="It may not have reached this node yet, or may need you to log in.",
        )
    file = await asyncio.to_thread(shelf.open, sha256)
    try:
        return await _send(request, file, attached, public=caller is None and who is None)
    finally:
        file.close()


def _found(
    conn: Connection, request: web.Request, sha256: str, of_node: str, caller: str | None, who: Person | None
) -> Attached | None:
    trusted = request.app[TRUSTED]

    def audiences(origin: str) -> frozenset[str]:
        if of_node and trusted.policy.node_of_origin(origin) != of_node:
            return frozenset()
        if caller is not None:
            return audiences_for(trusted, caller, origin)
        if who is not None and who.may("read.shared"):
            return audiences_for(trusted, trusted.me, origin)
        return frozenset({"public"})

    held = rows.find(conn, sha256)
    if held is None or held.state != rows.HELD:
        return None
    listed = rows.readable(conn, sha256, trusted.policy.node_of_origin, audiences)
    if listed is None and who is not None and held.uploaded_by == who.account:
        # What a person has just uploaded is in no record yet: a draft shows it.
        return Attached(sha256, sha256, held.size, held.media_type, "local")
    return listed


async def _send(request: web.Request, file: BinaryIO, attached: Attached, *, public: bool) -> web.StreamResponse:
    size, tag = attached.size, f'"{attached.sha256}"'
    known = attached.media_type in filetypes.TYPES
    headers = DOWNLOAD_HEADERS | {
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, no-cache" if public else "private, no-store",
        "Content-Disposition": disposition(attached.name),
        "Content-Type": attached.media_type if known else filetypes.OCTETS,
        "ETag": tag,
        "Repr-Digest": f"sha-256=:{_base64(attached.sha256)}:",
    }
    if tag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    start, end = 0, size
    fresh = request.headers.get("If-Range", tag) == tag
    if fresh and (found := _RANGE.fullmatch(request.headers.get("Range", ""))) and any(found.groups()):
        first, last = found.groups()
        start, end = (
            (int(first), min(size, int(last) + 1 if last else size)) if first else (max(0, size - int(last)), size)
        )
        if start >= end:
            return web.Response(status=416, headers={**SECURITY_HEADERS, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    answer = web.StreamResponse(status=206 if "Content-Range" in headers else 200, headers=headers)
    answer.content_length = end - start
    await answer.prepare(request)
    at = start
    while request.method == "GET" and at < end:
        data = await asyncio.to_thread(_read, file, at, min(PIECE, end - at))
        if not data:
            # The file is shorter than it was: whoever reads must not take what came for the whole.
            assert request.transport is not None
            request.transport.abort()
            break
        async with asyncio.timeout(request.app[SETTINGS].request_timeout_s):
            await answer.write(data)
        at += len(data)
    await answer.write_eof()
    return answer


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def disposition(name: str) -> str:
    """`Content-Disposition` of a download (RFC 6266): always a file to keep, never a page to show.

    >>> disposition("图纸.pdf")
    "attachment; filename=\\"__.pdf\\"; filename*=UTF-8''%E5%9B%BE%E7%BA%B8.pdf"
    """
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode("ascii")


# --- uploads --------------------------------------------------------------------------------------------------------


@routes.post(paths.UPLOADS)
async def begin(request: web.Request) -> web.Response:
    who = await _uploader(request)
    size = _size(request, "Upload-Length")
    name = _name(request)
    upload = await request.app[ATTACHMENTS].uploads.begin(
        who.account,
        name,
        size,
        claimed=request.content_type if "Content-Type" in request.headers else "",
        audience=request.query.get("audience", "public"),
        sha256=request.query.get("sha256", ""),
    )
    return await _go_on(request, upload, created=True)


@routes.patch(paths.UPLOAD)
async def go_on(request: web.Request) -> web.Response:
    upload = await _mine(request)
    at = _size(request, "Upload-Offset")
    if at != upload.offset:
        return _state(upload, 409)
    return await _go_on(request, upload)


@routes.head(paths.UPLOAD)
async def state(request: web.Request) -> web.Response:
    return _state(await _mine(request), 204)


@routes.delete(paths.UPLOAD)
async def give_up(request: web.Request) -> web.Response:
    await request.app[ATTACHMENTS].uploads.cancel(await _mine(request))
    return web.Response(status=204, headers=DRAFT)


async def _go_on(request: web.Request, upload: Upload, *, created: bool = False) -> web.Response:
    uploads = request.app[ATTACHMENTS].uploads
    try:
        if request.can_read_body:
            upload = await uploads.append(upload, upload.offset, chunks(request))
    except Conflict as conflict:
        return _state(upload, 409, offset=conflict.size)
    if upload.offset < upload.size:
        return _state(upload, 201 if created else 204)
    attached = await uploads.finish(upload)
    plain = msgspec.structs.asdict(attached)
    answer = web.json_response(plain, status=201 if created else 200, headers=DRAFT)
    answer.headers["Upload-Complete"] = "?1"
    return answer


def _state(upload: Upload, status: int, *, offset: int | None = None) -> web.Response:
    headers = DRAFT | {
        "Upload-Offset": str(upload.offset if offset is None else offset),
        "Upload-Length": str(upload.size),
        "Upload-Complete": "?0",
        "Cache-Control": "no-store",
        "Location": paths.UPLOAD.format(upload=upload.id),
    }
    return web.Response(status=status, headers=headers)


async def keep_field(request: web.Request, field: web.FileField, who: Person, audience: str = "public") -> Attached:
    """A file that came in a form (`session.form(request, files=True)`): what a record lists. See `Files.put`."""

    async def pieces() -> AsyncIterator[bytes]:
        while data := await asyncio.to_thread(field.file.read, 1 << 20):
            yield data

    files = request.app[ATTACHMENTS].files
    return await files.put(field.filename, pieces(), by=who.account, claimed=field.content_type, audience=audience)


# --- below ----------------------------------------------------------------------------------------------------------


async def _uploader(request: web.Request) -> Person:
    who = await session.need(request, PERMISSION)
    if request.method != "HEAD":
        right = session.csrf(request)
        if not right or not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), right.encode()):
            raise session.ForeignForm()
    return who


async def _mine(request: web.Request) -> Upload:
    who = await _uploader(request)
    return await request.app[ATTACHMENTS].uploads.get(who.account, request.match_info["upload"])


def _size(request: web.Request, header: str) -> int:
    given = request.headers.get(header, "")
    if not _NUMBER.fullmatch(given):
        raise Malformed(f"the header {header} must be a number of bytes", field=header)
    return int(given)


def _name(request: web.Request) -> str:
    name = request.query.get("name", "")
    if not name or len(name) > 1000:
        raise Malformed("the query must give the file's name", zh="缺少文件名", field="name")
    return name
