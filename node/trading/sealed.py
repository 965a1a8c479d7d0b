"""From when it may be told who bids for a lot: the one rule for everything that names a bidder or counts them.

Who paid a deposit for a bid is a bidder. Until bidding for its lot has ended, neither names nor numbers nor sums are
for anybody's eyes (docs/decisions/0024): no page, file or answer asks for itself what this module answers.
"""

from __future__ import annotations

from node.domain.acts import Act
from node.domain.engine import Fault, Trade, fits
from node.errors import Refused
from node.trading import bids

ALWAYS = 0


def told_from(trade: Trade, lot: str) -> int | None:
    """The moment (UTC ms) from which bidders of a lot may be told of; None while the trade has not said one.

    A lot that has ended, or is no longer there, has no bidding. While it is suspended before the end of bidding, what
    its notice said of the deadline is likely to change: then nothing is told.
    """
    found = trade.lots.get(lot)
    if found is None or trade.is_final(found):
        return ALWAYS
    ending = trade.package.act(bids.END_OF_BIDDING)
    if found.suspended and ending is not None and fits(ending, found, trade.package):
        return None
    try:
        return bids.deadline_ms(trade, lot)
    except Refused:
        return None


def is_told(trade: Trade, lot: str, now_ms: int) -> bool:
    """Whether bidders of a lot may be told of now."""
    moment = told_from(trade, lot)
    return moment is not None and now_ms >= moment


def waiting(trade: Trade, now_ms: int) -> list[str]:
    """The lots whose bidders are nobody's business yet."""
    return [lot for lot in trade.lots if not is_told(trade, lot, now_ms)]


def too_early(trade: Trade, act: Act, now_ms: int) -> list[Fault]:
    """Why the act that counts and names the bidders may not come yet, whatever a package's own clock says of it."""
    if act.act != bids.END_OF_BIDDING:
        return []
    lots = [lot for lot in act.lots or trade.lots if lot in trade.lots]
    early = [lot for lot in lots if (moment := told_from(trade, lot)) is not None and now_ms < moment]
    if not early:
        return []
    zh = f"标段 {'、'.join(early)} 尚未到投标截止时间：此前投标人数和名称一律保密，不得写入记录"
    en = f"bidding for lot {', '.join(early)} has not ended: until then no record tells who bids, or how many"
    return [Fault("at", "sealed", zh, en)]
