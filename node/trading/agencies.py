"""How many trades each agency has at a centre (R58): the owner chooses it, and one that has most is worth a look."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from node.domain.barriers import AgencyBound
from node.domain.shares import percent, wilson
from node.store.tables import table
from node.store.tables_trading import TradeState

_states = table(TradeState)


@dataclass(frozen=True, slots=True)
class Share:
    """`trades` of `of` that have an agency at all, at one centre in one category."""

    node: str
    category: str
    agency: str
    trades: int
    of: int
    flagged: bool = False

    @property
    def low(self) -> float:
        return wilson(self.trades, self.of)[0]

    @property
    def text(self) -> str:
        return percent(self.trades, self.of)

    @property
    def low_text(self) -> str:
        return f"{self.low * 100:.1f}%"


def shares(conn: Connection, bound: AgencyBound, *, limit: int = 200) -> list[Share]:
    """By the lower bound of each agency's share, highest first; `flagged` where that reaches the bound.

    Only trades that have disclosed something count: what is told here is public anyway. Made-up trades, those without
    an agency and those whose registration was withdrawn do not.
    """
    keys = (_states.c.node, _states.c.category, _states.c.agency)
    counted = (
        _states.c.agency != "",
        _states.c.void.is_(False),
        _states.c.made_up.is_(False),
        _states.c.shown_done > 0,
    )
    rows = conn.execute(select(*keys, func.count()).where(*counted).group_by(*keys)).all()
    of: dict[tuple[str, str], int] = {}
    for node, category, _, number in rows:
        of[node, category] = of.get((node, category), 0) + int(number)
    found = []
    for node, category, agency, number in rows:
        share = Share(node, category, agency, int(number), of[node, category])
        flagged = share.trades >= bound.trades and share.low * 1000 >= bound.share_permille
        found.append(Share(node, category, agency, share.trades, share.of, flagged))
    return sorted(found, key=lambda each: (-each.low, each.node, each.category, each.agency))[:limit]
