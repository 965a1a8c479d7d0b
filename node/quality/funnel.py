"""From owed to accepted: what the law wants published, what was, what the nodes above hold, what they took in.

Two ways lead up, and both are shown where they exist: the mirror of every log, whose signatures tell how far it has
come, and the reports in the national platform's own format, whose answers are kept at the hub (`uplink_message`) and
come back down as verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from node.quality.board import Wanted
from node.quality.items import DUES, sums
from node.quality.lags import BUCKETS
from node.store.tables import table
from node.store.tables_uplink import UplinkMessage, VerdictView

_messages, _verdicts = table(UplinkMessage), table(VerdictView)
SENT = ("accepted", "rejected", "dead")
Steps = Sequence[tuple[str, int]]
"""(step, how many), from the widest to the narrowest."""


def mirrored(conn: Connection, wanted: Wanted) -> Steps:
    """Records published, and of these known to be at the node above and at the one above that."""
    which = [sums.c.measure == "any", sums.c.step != "trade"]
    published = _sum(conn, wanted, which)
    above = [_sum(conn, wanted, [sums.c.measure.in_(_buckets(lag))]) for lag in ("hub_lag", "top_lag")]
    return [("published", published), ("at_hub", above[0]), ("at_top", above[1])]


def disclosed(conn: Connection, wanted: Wanted) -> Steps:
    """Acts that the clocks of trades want disclosed: all of them, those done, done in time, and overdue."""
    names = zip(("owed", "disclosed", "in_time", "overdue"), DUES, strict=True)
    return [(step, _sum(conn, wanted, [sums.c.measure == due])) for step, due in names]


def reported(conn: Connection, wanted: Wanted) -> Steps:
    """Messages to the platform above: owed, sent (answered, or tried too often), accepted. Empty without any."""
    which: list[Any] = [_messages.c.state != "deleted"]
    which += [_messages.c.log_id.in_(wanted.logs)] if wanted.node else []
    which += [_messages.c.division == wanted.division] if wanted.division else []
    which += [_messages.c.category == wanted.category] if wanted.category else []
    rows = conn.execute(select(_messages.c.state, func.count()).where(*which).group_by(_messages.c.state))
    states = {state: int(number) for state, number in rows}
    sent = sum(states.get(state, 0) for state in SENT)
    return [("due_up", sum(states.values())), ("sent", sent), ("accepted", states.get("accepted", 0))] if states else []


def verdicts(conn: Connection) -> Mapping[str, int]:
    """What was said of records, by state: the way down of the same reports, for a node that does not report itself."""
    statement = select(_verdicts.c.state, func.count()).group_by(_verdicts.c.state)
    return {state: number for state, number in conn.execute(statement)}


def _sum(conn: Connection, wanted: Wanted, which: list[Any]) -> int:
    parts = list(which)
    parts += [sums.c.log_id.in_(wanted.logs)] if wanted.node else []
    for name in ("division", "category", "step"):
        if value := getattr(wanted, name):
            parts.append(sums.c[name] == value)
    return int(conn.execute(select(func.sum(sums.c.judged)).where(*parts)).scalar() or 0)


def _buckets(lag: str) -> list[str]:
    return [f"{lag}.{number}" for number in range(len(BUCKETS))]
