"""Supervisors' orders that let a trade be held elsewhere: found in the synced logs, believed only if all of it holds.

An order counts when it lies in the log of a supervising department, when the account that signed it is a supervisor of
that very department with the sector it speaks for, and when that account's signature verifies (R3, R13, R69).
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, and_, or_, select

from node.domain.hands import Hand, Stated
from node.domain.routing import Order
from node.errors import Malformed
from node.store import payloads
from node.store.tables import Log, table
from node.store.tables_accounts import AccountView, OrderView
from node.wire.document import decode
from node.wire.trust import TrustPolicy

KIND, OVERRIDE, SUPERVISOR, DEPARTMENT = "supervise.order", "override", "supervisor", "supervision"
_orders, _accounts, _log = table(OrderView), table(AccountView), table(Log)
_hands = msgspec.msgpack.Decoder(Hand)


def overriding(conn: Connection, policy: TrustPolicy, *, trade: str, project_code: str) -> list[Order]:
    """Orders that name this trade or project and that count, newest first."""
    named = []
    if trade:
        named.append(_orders.c.trade == trade)
    if project_code:
        named.append(_orders.c.project_code == project_code)
    if not named:
        return []
    rows = conn.execute(
        select(_orders, _log.c.origin)
        .join(_log, _log.c.id == _orders.c.log_id)
        .where(and_(_orders.c.measure == OVERRIDE, or_(*named)))
        .order_by(_orders.c.at_ms.desc())
    ).all()
    return [found for row in rows if (found := _order(conn, policy, row)) is not None]


def _order(conn: Connection, policy: TrustPolicy, row: Any) -> Order | None:
    node = policy.node_of_origin(row.origin)
    member = policy.member(node) if node is not None else None
    if member is None or member.role != DEPARTMENT:
        return None
    main, hand = (payloads.get(conn, row.log_id, row.idx, section) for section in ("main", "hand"))
    if main is None or hand is None:
        return None
    try:
        document, signed = decode(KIND, main[1]), _hands.decode(hand[1])
    except (Malformed, msgspec.MsgspecError):
        return None
    body, stated = document.body, Stated(KIND, document.key, main[1])
    sectors = _entitled(conn, policy, member.name, body.account, body.sector, stated, signed)
    if sectors is None:
        return None
    return Order(
        row.record_id.hex(),
        body.department,
        body.target,
        trade=body.trade,
        project_code=body.project_code,
        number=body.number,
        sectors=sectors,
        division=member.division,
        expires_on=body.expires_on,
    )


def _entitled(
    conn: Connection, policy: TrustPolicy, node: str, account: str, sector: str, stated: Stated, hand: Hand
) -> frozenset[str] | None:
    """The sectors in which this account may order; None when it may not, or has not signed this."""
    rows = conn.execute(
        select(_accounts, _log.c.origin)
        .join(_log, _log.c.id == _accounts.c.log_id)
        .where(_accounts.c.account == account)
        .order_by(_accounts.c.at_ms.desc())
    )
    # Who somebody is and may do is said by the department itself, in whichever of its logs.
    row = next((row for row in rows if policy.node_of_origin(row.origin) == node == row.home), None)
    if row is None or not row.active or SUPERVISOR not in row.roles.split():
        return None
    if hand.account != account or hand.public not in (row.public, *row.former.split()) or not hand.signs(stated):
        return None
    own = frozenset(row.sectors.split())
    if not sector:
        return own
    return frozenset({sector}) if not own or sector in own else None
