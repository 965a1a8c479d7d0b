"""From owed to accepted: what the law wants published, what was, what the nodes above hold, what they took in.

Two ways lead up, and both are shown where they exist: the mirror of every log, whose signatures tell how far it has
come, and the reports in the national platform's own format, whose answers are kept at the hub (`uplink_message`) and
come back down as verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, case, func, select

from node.quality.board import Wanted
from node.quality.items import sums
from node.quality.lags import BUCKETS
from node.store.tables import table
from node.store.tables_trading import TradeDue, TradeState
from node.store.tables_uplink import UplinkMessage, VerdictView

_dues, _states = table(TradeDue), table(TradeState)
_messages, _verdicts = table(UplinkMessage), table(VerdictView)
Steps = Sequence[tuple[str, int]]
"""(step, how many), from the widest to the narrowest."""


def mirrored(conn: Connection, wanted: Wanted) -> Steps:
    """Records published, and of these known to be at the node above and at the one above that."""
    which = [sums.c.measure == "any", sums.c.step != "trade"]
    published = _sum(conn, wanted, which)
    above = [_sum(conn, wanted, [sums.c.measure.in_(_buckets(lag))]) for lag in ("hub_lag", "top_lag")]
    return [("published", published), ("at_hub", above[0]), ("at_top", above[1])]


def disclosed(conn: Connection, wanted: Wanted, now_ms: int) -> Steps:
    """Acts that the clocks of trades want disclosed: all of them, those that are done, those done in time."""
    late = and_(_dues.c.state == "owed", _dues.c.due_ms < now_ms)
    done = _dues.c.state.in_(("done", "done-late"))
    same = and_(_states.c.trade == _dues.c.trade, _states.c.node == _dues.c.node)
    which = [_dues.c.disclosure != ""]
    which += [_states.c.node == wanted.node] if wanted.node else []
    which += [_states.c.division == wanted.division] if wanted.division else []
    which += [_states.c.category == wanted.category] if wanted.category else []
    statement = select(
        func.count(),
        func.sum(case((done, 1), else_=0)),
        func.sum(case((_dues.c.state == "done", 1), else_=0)),
        func.sum(case((late, 1), else_=0)),
    ).where(*which)
    if wanted.node or wanted.division or wanted.category:
        statement = statement.select_from(_dues.join(_states, same))
    owed, finished, in_time, overdue = (int(value or 0) for value in conn.execute(statement).one())
    return [("owed", owed), ("disclosed", finished), ("in_time", in_time), ("overdue", overdue)]


def reported(conn: Connection, wanted: Wanted) -> Steps:
    """Messages to the platform above: owed, sent at least once, accepted. Nothing where this node reports none."""
    which = [_messages.c.state != "deleted"]
    which += [_messages.c.log_id.in_(wanted.logs)] if wanted.node else []
    which += [_messages.c.division == wanted.division] if wanted.division else []
    which += [_messages.c.category == wanted.category] if wanted.category else []
    sent = case((_messages.c.attempts > 0, 1), else_=0)
    accepted = case((_messages.c.state == "accepted", 1), else_=0)
    row = conn.execute(select(func.count(), func.sum(sent), func.sum(accepted)).where(*which)).one()
    owed, tried, taken = (int(value or 0) for value in row)
    return [("due_up", owed), ("sent", max(tried, taken)), ("accepted", taken)] if owed else []


def verdicts(conn: Connection) -> Mapping[str, int]:
    """What was said of records, by state: the way down of the same reports, for a node that does not report itself."""
    statement = select(_verdicts.c.state, func.count()).group_by(_verdicts.c.state)
    return {state: number for state, number in conn.execute(statement)}


def _sum(conn: Connection, wanted: Wanted, which: Sequence[Any]) -> int:
    parts = list(which)
    parts += [sums.c.log_id.in_(wanted.logs)] if wanted.node else []
    for name in ("division", "category", "step"):
        if value := getattr(wanted, name):
            parts.append(sums.c[name] == value)
    return int(conn.execute(select(func.sum(sums.c.judged)).where(*parts)).scalar() or 0)


def _buckets(lag: str) -> list[str]:
    return [f"{lag}.{number}" for number in range(len(BUCKETS))]
