"""Sites (场所, R63): whose place of work a venue is, and at which venue a trade is held; allocated by people.

A trade that a clerk with a site registers is held there, until somebody says otherwise.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, select

from node.errors import NotFound, Refused
from node.store.tables import table
from node.store.tables_accounts import Account
from node.store.tables_sites import TradeVenue, VenueStaff
from node.store.tables_trading import TradeState, Venue
from node.store.upsert import insert_or_replace

Row = dict[str, Any]
_accounts, _staff, _held = table(Account), table(VenueStaff), table(TradeVenue)
_venues, _states = table(Venue), table(TradeState)


def bind(conn: Connection, account: str, venue: int, *, by: str, now_ms: int) -> None:
    """Say where an account of this centre works; 0 for no site. Raises NotFound, Refused for a closed venue."""
    service = and_(_accounts.c.account == account, _accounts.c.realm == "service")
    if conn.execute(select(_accounts.c.account).where(service)).first() is None:
        raise NotFound(f"{account} is no account of this centre", zh="本中心没有该工作人员账号", field="account")
    if not venue:
        conn.execute(delete(_staff).where(_staff.c.account == account))
        return
    _require_venue(conn, venue)
    row = {"account": account, "venue_id": venue, "by_account": by, "at_ms": now_ms}
    insert_or_replace(conn, _staff, [row])


def allocate(conn: Connection, trade: str, venue: int, *, account: str, now_ms: int) -> None:
    """Say where a trade of this centre is held; 0 for nowhere. Raises NotFound, Refused for a closed venue."""
    own = and_(_states.c.trade == trade, _states.c.own.is_(True))
    if conn.execute(select(_states.c.trade).where(own)).first() is None:
        raise NotFound(f"no trade {trade} of this centre", zh="本中心没有该交易", field="trade")
    if not venue:
        conn.execute(delete(_held).where(_held.c.trade == trade))
        return
    _require_venue(conn, venue)
    insert_or_replace(conn, _held, [{"trade": trade, "venue_id": venue, "account": account, "at_ms": now_ms}])


def allocate_here(conn: Connection, trade: str, *, account: str, now_ms: int) -> bool:
    """A trade that was just registered is held where its clerk works; tells whether it now has a site by this."""
    site = site_of(conn, account)
    if site is None or site["closed"] or venue_of(conn, trade) is not None:
        return False
    insert_or_replace(conn, _held, [{"trade": trade, "venue_id": site["id"], "account": account, "at_ms": now_ms}])
    return True


def site_of(conn: Connection, account: str) -> Row | None:
    """The venue where an account works."""
    statement = select(_venues).join(_staff, _staff.c.venue_id == _venues.c.id).where(_staff.c.account == account)
    row = conn.execute(statement).mappings().first()
    return None if row is None else dict(row)


def venue_of(conn: Connection, trade: str) -> Row | None:
    """The venue where a trade is held, with who said so and when."""
    more = (_held.c.account, _held.c.at_ms)
    statement = select(_venues, *more).join(_held, _held.c.venue_id == _venues.c.id).where(_held.c.trade == trade)
    row = conn.execute(statement).mappings().first()
    return None if row is None else dict(row)


def staff(conn: Connection) -> list[Row]:
    """Accounts of this centre that are open, with their `venue_id`, 0 for none."""
    statement = (
        select(_accounts.c.account, _accounts.c.name, _accounts.c.roles, _staff.c.venue_id)
        .outerjoin(_staff, _staff.c.account == _accounts.c.account)
        .where(_accounts.c.realm == "service", _accounts.c.active.is_(True))
        .order_by(_accounts.c.account)
    )
    return [dict(row) | {"venue_id": row["venue_id"] or 0} for row in conn.execute(statement).mappings()]


def overview(conn: Connection) -> list[Row]:
    """Each venue with how many own trades are held there, running ones and all; the last row is of no venue (id 0)."""

    def count(which: Any) -> Any:
        return func.coalesce(func.sum(case((which, 1), else_=0)), 0)

    runs = and_(_states.c.ended.is_(False), _states.c.void.is_(False))
    statement = (
        select(_held.c.venue_id, func.count().label("trades"), count(runs).label("running"))
        .select_from(_states)
        .outerjoin(_held, _held.c.trade == _states.c.trade)
        .where(_states.c.own.is_(True))
        .group_by(_held.c.venue_id)
    )
    found = {row.venue_id or 0: (int(row.trades), int(row.running)) for row in conn.execute(statement)}
    venues = [dict(row) for row in conn.execute(select(_venues).order_by(_venues.c.name)).mappings()]
    rows = [*venues, {"id": 0, "name": "", "address": "", "closed": False}]
    return [row | dict(zip(("trades", "running"), found.get(row["id"], (0, 0)), strict=True)) for row in rows]


def held_at(site: int, trade: Any) -> ColumnElement[bool]:
    """That a row's `trade` is held at a site; 0 asks for trades that have none."""
    where = _held.c.trade == trade
    if not site:
        return ~select(_held.c.trade).where(where).exists()
    return select(_held.c.trade).where(where, _held.c.venue_id == site).exists()


def _require_venue(conn: Connection, venue: int) -> None:
    row = conn.execute(select(_venues.c.closed, _venues.c.name).where(_venues.c.id == venue)).first()
    if row is None:
        raise NotFound(f"no venue {venue}", zh="没有该场地", field="venue")
    if row.closed:
        raise Refused(
            f"venue {row.name} is closed",
            zh=f"“{row.name}”已停用",
            field="venue",
            advice_zh="请选择其他场地，或先恢复启用。",
            advice_en="Choose another venue, or open this one again first.",
        )
