"""The sandbox's address: a POST with two XML arguments, answered by {"STATUS":"1"} or {"STATUS":"-1","MSG":…}."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.errors import Malformed
from node.settings import Settings
from node.uplink import held
from node.web.gate import Gate
from node.web.keys import CLOCK, SETTINGS, STORE
from node.web.national import receiver
from node.web.national.faults import Faults, parse
from node.web.national.receiver import Registered
from node.web.national.refusal import Refusal

UPLOAD = "/national/upload"
MAX_FORM_BYTES = 12 << 20
SENDERS: web.AppKey[Mapping[str, Registered]] = web.AppKey("national_senders")
FAULTS = web.AppKey("national_faults", Faults)
GATE = web.AppKey("national_gate", Gate)
routes = web.RouteTableDef()


def setup(app: web.Application, settings: Settings) -> None:
    """Mount the sandbox where the settings name senders."""
    app[SENDERS] = {
        each.system_no: Registered(each.system_no, each.secret, each.platform_code) for each in settings.intake_senders
    }
    app[FAULTS] = parse(settings.intake_faults)
    app[GATE] = Gate("uploads of records", 16, each=4, waiting=256, wait_s=settings.upload_wait_s)
    app.add_routes(routes)


@routes.post(UPLOAD)
@routes.post(UPLOAD + "/UploadData_G_V4")
async def upload(request: web.Request) -> web.Response:
    """Take one upload; told to, go wrong first."""
    form = await _form(request)
    async with request.app[GATE].enter(request.remote or ""):
        validation, data = _text(form, "validation"), _text(form, "data")
        settings = request.app[SETTINGS]
        area = settings.directory / settings.intake_files if settings.intake_files else None
        faults = request.app[FAULTS]
        if faults.delay_ms:
            await asyncio.sleep(faults.delay_ms / 1000)
        wrong = faults.next()
        if wrong == "busy":
            return _answer("系统忙，请稍后重试")
        if wrong == "fail":
            return web.Response(status=500, text="internal error")
        if wrong == "drop":
            raise ConnectionResetError
        try:
            sender = receiver.identify(validation, request.app[SENDERS], request.app[CLOCK]())
            take = partial(_take, sender=sender, data=data, now_ms=request.app[CLOCK](), area=area)
            await request.app[STORE].write(take)
        except Refusal as refusal:
            return _answer(str(refusal))
        if wrong == "lose":
            raise ConnectionResetError
        return _answer("")


@routes.post(UPLOAD + "/keys")
async def keys(request: web.Request) -> web.Response:
    """The keys of what is held of the sender, for its daily reconciliation."""
    form = await _form(request)
    try:
        validation = _text(form, "validation")
        sender = receiver.identify(validation, request.app[SENDERS], request.app[CLOCK]())
    except Refusal as refusal:
        return _answer(str(refusal))
    found = await request.app[STORE].read(partial(receiver.keys, sender=sender, after=str(form.get("after", ""))))
    return web.json_response({"STATUS": "1", "KEYS": found})


def _text(form: Mapping[str, Any], name: str) -> bytes:
    """A field of a form as UTF-8; what no text is (a file, half a character) is nothing."""
    value = form.get(name, "")
    return value.encode("utf-8", "ignore") if isinstance(value, str) else b""


async def _form(request: web.Request) -> Mapping[str, Any]:
    """What was posted, read before any place is taken. Raises Malformed; a sender who falls silent is let go."""
    try:
        async with asyncio.timeout(request.app[SETTINGS].request_timeout_s):
            form = await request.clone(client_max_size=MAX_FORM_BYTES).post()
    except (ValueError, LookupError, AssertionError) as error:
        raise Malformed(f"no form: {type(error).__name__}", zh="不是可读取的表单") from None
    for value in form.values():
        if isinstance(value, web.FileField):
            value.file.close()  # both arguments are texts: a file is nothing to us
    return form


def _take(conn: Connection, sender: Registered, data: bytes, now_ms: int, area: Path | None) -> None:
    receiver.take(conn, held.held(conn), sender, data, now_ms, area)


def _answer(why: str) -> web.Response:
    return web.json_response({"STATUS": "-1", "MSG": why} if why else {"STATUS": "1"})
