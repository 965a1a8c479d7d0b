"""What stands beside a trade's acts on its page: deposits, bids once they may be told of, rooms booked, charges."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.accounts import bindings, register
from node.accounts.person import Person
from node.accounts.register import NodeOf
from node.domain.engine import Trade
from node.errors import NotAllowed, Refused
from node.trading import bids, charges, deposits, sites, venues
from node.web import hands_shown
from node.web.console import shell
from node.web.console import sites as site_pages
from node.web.console.deposits import STATES as DEPOSIT_STATES
from node.web.keys import STORE


async def of_trade(request: web.Request, trade: Trade, who: Person) -> dict[str, Any]:
    """What this centre works with for one of its trades."""
    now = shell.now_ms(request)

    def read(conn: Connection) -> dict[str, Any]:
        return {
            "deposits": deposits.of_trade(conn, trade, now_ms=now),
            "bids": [_bids(conn, trade, number, now) for number in trade.lots],
            "unseen": _unseen(conn, trade, now, hands_shown.node_of(request)),
            "bookings": venues.of_trade(conn, trade.key),
            "charges": charges.of_trade(conn, trade.key),
            "purposes": venues.PURPOSES,
            "deposit_states": DEPOSIT_STATES,
            "takes_bids": _takes_bids(trade, who),
            "may_book": who.may("venue.book"),
            "site": sites.venue_of(conn, trade.key),
            "places": [row for row in sites.overview(conn) if row["id"] and not row["closed"]],
            "may_allocate": bool(site_pages.may_allocate(who)),
        }

    return await request.app[STORE].read(read)


def _takes_bids(trade: Trade, who: Person) -> bool:
    rule = trade.package.act(bids.END_OF_BIDDING)
    return rule is not None and not trade.ended and shell.may_do(who, rule)


def _bids(conn: Connection, trade: Trade, lot: str, now_ms: int) -> dict[str, Any]:
    """Bids of a lot; `told` is None before the deadline: then nobody learns anything of them."""
    try:
        told = bids.counted(conn, trade, [lot], now_ms=now_ms)
    except (NotAllowed, Refused):
        told = None
    return {"lot": lot, "told": told}


def _unseen(conn: Connection, trade: Trade, now_ms: int, node_of: NodeOf) -> dict[str, str]:
    """Receipt -> account of bids that were handed in under an account whose identity nobody has seen, once it may be
    told: whose the bid is, its file shows at the opening, and not what an account says of itself."""
    found: dict[str, str] = {}
    for lot in trade.lots:
        try:
            rows = bids.opened(conn, trade, lot, now_ms=now_ms)
        except (NotAllowed, Refused):
            continue
        for row in rows:
            known = register.find(conn, row["account"], node_of) if row["account"] else None
            if row["account"] and (known is None or bindings.proven_known(conn, known, node_of) is None):
                found[row["id"]] = row["account"]
    return found
