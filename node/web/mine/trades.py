"""`/mine/trades/…`: one trade as a party sees it, with what is its own; a bidder hands in here and takes back.

A bid's page is the trade's: an address of its own, or another status, would tell whoever counts requests how many bids
there are. For the same reason nothing of it is in the audit trail (docs/trading.md).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from node.domain.engine import Trade
from node.domain.record import Party as Bidder
from node.errors import NotAllowed, NotFound, Refused, Rejected
from node.store import loading
from node.trading import bidders, bids, deposits, parties, register
from node.trading.parties import OWN_PARTS
from node.web import files_shown, session
from node.web.console.bids import SORTS, hashed
from node.web.console.deposits import STATES as DEPOSIT_STATES
from node.web.console.inputs import Note
from node.web.console.typed import Typed
from node.web.disclosures import trades as disclosed
from node.web.keys import KEYRING, RULES, SETTINGS, STORE
from node.web.mine import shell
from node.web.mine.shell import Party
from node.web.portal_text import Pair

routes = web.RouteTableDef()
KEY: Final = "{key:[0-9a-f]{32}}"
STATES: Final[dict[str, Pair]] = {
    "held": ("已接收", "Received"),
    "replaced": ("已被替换", "Replaced"),
    "withdrawn": ("已撤回", "Taken back"),
}


@routes.get(f"/mine/trades/{KEY}")
async def one_trade(request: web.Request) -> web.Response:
    return await _page(request, await shell.party(request), Typed({}))


@routes.post(f"/mine/trades/{KEY}")
async def hand_in(request: web.Request) -> web.Response:
    """Hand in a bid or an application, or take one's own back."""
    one = await shell.party(request)
    if "bidder" not in one.who.roles:
        raise NotAllowed(
            "only a bidder hands in",
            zh="仅投标（竞买）人可递交",
            advice_zh="请在“我的账号”中添加“投标（竞买）人”角色。",
            advice_en="Add the role Bidder on the page My account.",
        )
    given = await session.form(request, files=request.content_type == "multipart/form-data")
    form = Typed(given)
    done = ""
    try:
        if form["do"] == "withdraw":
            done = await _withdraw(request, one, form)
        else:
            done = await _receive(request, one, form, given.get("file"))
    except (NotFound, Refused, Rejected) as error:
        name = {"bidder": "", "time": "file"}.get(error.field or "", error.field or "")
        name = name if form["do"] != "withdraw" and name in ("lot", "file", "replaces") else ""
        form.notes[name] = Note(f"{error.zh}。{error.advice_zh}", f"{error.detail}. {error.advice_en}")
    finally:
        for each in given.values():
            if isinstance(each, web.FileField):
                each.file.close()
    return await _page(request, one, form, done)


async def _receive(request: web.Request, one: Party, form: Typed, file: Any) -> str:
    """The number of the receipt; empty with notes where the form says too little. Raises as `bids.receive`."""
    head, digest, size = b"", "", 0
    if isinstance(file, web.FileField):
        head, digest, size = await asyncio.to_thread(hashed, file.file)
    if not size:
        form.notes["file"] = Note("请选择已加密的投标文件。", "Choose the encrypted file.")
        return ""
    key, name = request.match_info["key"], one.who.org_name or one.who.name
    bid = bids.Incoming(
        key,
        form["lot"],
        Bidder(name, one.who.org),
        head,
        digest,
        size,
        sort=form["sort"] or "bid",
        replaces=form["replaces"],
        account=one.who.account,
        proven=one.proven,
    )
    node, custody, book = request.app[SETTINGS].name, request.app[KEYRING].custody, request.app[RULES].book
    # The whole file is here: this, and not the moment at which the form began to come, is when it was handed in.
    now = shell.now_ms(request)

    def work(conn: Connection) -> str:
        trade = _ours(conn, book, key, node)
        return bids.receive(conn, bid, trade, node=node, custody=custody, now_ms=now)[0].number

    return await request.app[STORE].write(work)


async def _withdraw(request: web.Request, one: Party, form: Typed) -> str:
    node, custody, book = request.app[SETTINGS].name, request.app[KEYRING].custody, request.app[RULES].book
    key, number, now = request.match_info["key"], form["number"], shell.now_ms(request)

    def work(conn: Connection) -> str:
        trade = _ours(conn, book, key, node)
        bids.withdraw(conn, number, one.holder, trade, node=node, custody=custody, now_ms=now)
        return number

    return await request.app[STORE].write(work)


def _ours(conn: Connection, book: Any, key: str, node: str) -> Trade:
    """A trade of this node that has disclosed something. Raises NotFound, for one that has not as for none."""
    trade, records = loading.trade_of(conn, book, key)
    if loading.node_of(records[0].origin) != node:
        raise NotFound(
            "this centre takes no bids for that trade",
            zh="该交易不在本中心，本节点不能接收投标",
            advice_zh="请在该交易所属的中心递交。",
            advice_en="Hand it in at the centre whose trade it is.",
        )
    if not any(act.disclosure for act in trade.acts):
        raise loading.not_found(key)
    return trade


async def _page(request: web.Request, one: Party, form: Typed, done: str = "") -> web.Response:
    key, wanted, now = request.match_info["key"], request.query.get("node", ""), shell.now_ms(request)
    settings = request.app[SETTINGS]

    def read(conn: Connection) -> dict[str, Any]:
        node = wanted or next(iter(loading.holders(conn, key)), "")
        rows = parties.of_code(conn, one.code, proven=one.proven, trade=key, node=node)
        # Its owner and agency see how a trade stands before anything of it is disclosed; whose word that is was seen.
        inside = one.proven and any(row["part"] in OWN_PARTS for row in rows)
        shown, _, trade = disclosed.read(conn, request, key, node, inside=inside)
        own = node == settings.name
        state = next((row["state"] for row in rows), None)
        dues = [row for row in register.dues(conn, key, node, now_ms=now) if row["state"] == "owed"]
        return {
            "trade": shown,
            "trade_node": node,
            "own": own,
            "title": state["title"] if inside and state else shown.title,
            "rows": rows,
            "dues": [row for row in dues if row["disclosure"] or inside],
            "receipts": bidders.of_holder(conn, one.holder, trade=key) if own else [],
            "deposits": _deposits(conn, one, key) if own else [],
            "open": _open(trade, own, now) if "bidder" in one.who.roles and trade is not None else {},
            "people": shell.people(conn, settings),
        }

    found = await request.app[STORE].read(read)
    package = shell.package_of(request, found["trade"].rules)
    for row in (*found["rows"], *found["dues"]):
        rule = package.act(row["act"]) if package else None
        row["act_name"] = (rule.zh, rule.en) if rule else (row["act"], row["act"])
    return shell.render(
        request,
        "trade.html",
        one,
        status=400 if form.notes else 200,
        form=Typed({}) if done else form,
        done=next((row for row in found["receipts"] if row["id"] == done), None),
        sorts=SORTS,
        bid_states=STATES,
        deposit_states=DEPOSIT_STATES,
        deposit_forms=deposits.FORMS,
        deposit_purposes=deposits.PURPOSES,
        most=files_shown.size(session.UPLOAD_BYTES),
        **found,
    )


def _open(trade: Trade, own: bool, now: int) -> dict[str, dict[str, int]]:
    """sort -> the lots for which something may be handed in at this node now, with the moment until which."""
    if not own or trade.package.act(bids.END_OF_BIDDING) is None:
        return {}
    sorts = {"bid": bids.open_lots(trade, now)}
    if trade.package.act("prequal_notice") is not None:
        sorts["application"] = bids.open_lots(trade, now, "application")
    return {sort: lots for sort, lots in sorts.items() if lots}


def _deposits(conn: Connection, one: Party, key: str) -> list[dict[str, Any]]:
    rows = deposits.of_bidder(conn, one.code) if one.proven and not one.is_expert else []
    return [row for row in rows if row["trade"] == key]
