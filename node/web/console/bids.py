"""登记投标回执: a clerk takes an encrypted bid or application in, or notes that it was taken back; its signed receipt.

Before the deadline this page shows the receipt just made and nothing else: no list, no number, no other bidder, and a
receipt cannot be asked for again by its number. So the receipt stands in the answer to the form, and its file is made
of what the holder sends back, once this node's own signature on it is verified.

No entry of the audit trail is written: that trail is in the log, whose size anyone may watch, and would tell how many
bids there are and when they came. The act that ends bidding names them all with their receipts.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import closing
from functools import partial
from typing import IO, Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.accounts.person import Person
from node.domain.engine import Trade
from node.domain.envelopes import HEAD_BYTES
from node.errors import BadSignature, Malformed, NodeError, NotAllowed, NotFound, Refused, Rejected
from node.store import loading
from node.trading import bids
from node.web import files_shown, session
from node.web.console import loaded, shell
from node.web.console.inputs import Note
from node.web.console.loaded import KEY
from node.web.console.typed import Typed
from node.web.keys import KEYRING, SETTINGS, STORE
from node.web.portal_text import Pair
from node.wire.bid_receipt import BidReceipt, open_bid_receipt

routes = web.RouteTableDef()
DO: Final = "trade.act"
SORTS: Final[dict[str, Pair]] = {"bid": ("投标（竞买、响应）", "Bid"), "application": ("资格预审申请", "Application")}
PIECE: Final = 1 << 20
_NAMES: Final = {"bidder": "name"}


@routes.get(f"/console/trades/{KEY}/bids")
async def bids_page(request: web.Request) -> web.Response:
    who, trade = await _may(request)
    return _page(request, who, trade, Typed({}))


@routes.post(f"/console/trades/{KEY}/bids")
async def take(request: web.Request) -> web.Response:
    """Take in, take back, or give the file of the receipt that was just shown."""
    who, trade = await _may(request)
    given = await session.form(request, files=request.content_type == "multipart/form-data")
    form = Typed(given)
    if form["do"] == "file":
        return _file(request, str(given.get("receipt", "")))
    note = b""
    try:
        if form["do"] == "withdraw":
            note = await _withdraw(request, form)
        else:
            note = await _receive(request, form, given.get("file"))
    except (NotFound, Refused, Rejected) as error:
        _refuse(form, error)
    return _page(request, who, trade, form, note)


async def _may(request: web.Request) -> tuple[Person, Trade]:
    """Who may take bids in for this trade: the posts of the act that ends bidding, for a trade of this centre.

    Raises NotAllowed, NotFound.
    """
    who = await shell.centre(request, DO)
    trade, records = await loaded.load(request)
    rule = trade.package.act(bids.END_OF_BIDDING)
    if rule is None or loading.node_of(records[0].origin) != request.app[SETTINGS].name:
        raise NotFound("this centre takes no bids for that trade", zh="本中心不接收该交易的投标")
    if not shell.may_do(who, rule):
        posts = shell.posts_of(rule)
        raise NotAllowed(
            f"{who.account} has no post that takes bids in",
            zh="您的岗位不能接收投标",
            advice_zh=f"请由{'、'.join(zh for zh, _ in posts)}岗办理。",
            advice_en=f"Ask somebody of: {', '.join(en for _, en in posts)}.",
        )
    return who, trade


async def _receive(request: web.Request, form: Typed, file: Any) -> bytes:
    """The signed note of a bid taken in; empty with notes where the form says too little. Raises as `bids.receive`."""
    party = form.party()
    head, digest, size = b"", "", 0
    if isinstance(file, web.FileField):
        with closing(file.file) as opened:
            head, digest, size = await asyncio.to_thread(hashed, opened)
    if not size:
        form.notes["file"] = Note("请选择已加密的投标文件。", "Choose the encrypted file.")
    if form.notes:
        return b""
    lot, sort, replaces = form["lot"], form["sort"] or "bid", form["replaces"]
    bid = bids.Incoming(request.match_info["key"], lot, party, head, digest, size, sort=sort, replaces=replaces)
    node, custody, now = request.app[SETTINGS].name, request.app[KEYRING].custody, shell.now_ms(request)
    book = shell.desk(request).rules.book

    def work(conn: Connection) -> bytes:
        # Read again here: a clarification may have moved the deadline while the file came in.
        trade, _ = loading.trade_of(conn, book, bid.trade)
        return bids.receive(conn, bid, trade, node=node, custody=custody, now_ms=now)[1]

    return await request.app[STORE].write(work)


async def _withdraw(request: web.Request, form: Typed) -> bytes:
    """The signed note of a bid taken back. Raises as `bids.withdraw`."""
    number = str(form.read("text", "number") or "")
    uscc = str(form.read("uscc", "of", required=False) or "")
    if form.notes:
        return b""
    trade, _ = await loaded.load(request)
    work = partial(
        bids.withdraw,
        number=number,
        by=uscc,
        trade=trade,
        node=request.app[SETTINGS].name,
        custody=request.app[KEYRING].custody,
        now_ms=shell.now_ms(request),
    )
    return await request.app[STORE].write(work)


def hashed(file: IO[bytes]) -> tuple[bytes, str, int]:
    """Beginning, SHA-256 and size of a file, which is not kept."""
    head, size, digest = b"", 0, hashlib.sha256()
    while piece := file.read(PIECE):
        head = head or piece[:HEAD_BYTES]
        size += len(piece)
        digest.update(piece)
    return head, digest.hexdigest(), size


def _file(request: web.Request, text: str) -> web.Response:
    """A receipt as a file. Raises Malformed, BadSignature for a text that this node did not sign."""
    note = text.replace("\r\n", "\n").encode()
    receipt = _ours(request, note)
    return web.Response(
        body=note,
        content_type="text/plain",
        charset="utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="bid-{receipt.number}-{receipt.state}.txt"',
            "Cache-Control": "private, no-store",
        },
    )


def _ours(request: web.Request, note: bytes) -> BidReceipt:
    try:
        return open_bid_receipt(note, [request.app[KEYRING].custody.verifier])[0]
    except BadSignature:
        raise Malformed("not a receipt of this node", zh="不是本节点签发的回执", field="receipt") from None


def _refuse(form: Typed, error: NodeError) -> None:
    """What was refused, with what to do next, beside its input."""
    form.texts.setdefault("file", "")
    form.refuse(error, _NAMES)
    said = Note(f"{error.zh}。{error.advice_zh}", f"{error.detail}. {error.advice_en}")
    form.notes = {name: said if note.en == error.detail else note for name, note in form.notes.items()}


def _page(request: web.Request, who: Person, trade: Trade, form: Typed, note: bytes = b"") -> web.Response:
    """The empty forms, those with faults, or the receipt just made above empty ones."""
    sorts = {name: pair for name, pair in SORTS.items() if name == "bid" or trade.package.act("prequal_notice")}
    return shell.render(
        request,
        "bids.html",
        who,
        status=400 if form.notes else 200,
        trade=trade,
        form=Typed({}) if note else form,
        receipt=_ours(request, note) if note else None,
        note=note.decode(),
        sorts=sorts,
        most=files_shown.size(session.UPLOAD_BYTES),
    )
