"""Whether a trade went electronically or partly on paper (R6), by what its own acts say and nothing else.

An act says so in its field `medium`, which the rule package gives to bidding, opening, evaluation and contract. What
was left open is unknown: nothing is concluded from a file that happens to be there.
"""

from __future__ import annotations

from typing import Final, Literal

from node.domain.state import Trade

FIELD: Final = "medium"
ELECTRONIC, PAPER, UNKNOWN = "electronic", "paper", "unknown"
Medium = Literal["", "electronic", "paper", "unknown"]

# medium -> (Chinese, English)
NAMES: Final[dict[str, tuple[str, str]]] = {
    ELECTRONIC: ("至今全流程电子化", "Fully electronic so far"),
    PAPER: ("部分纸质", "Partly on paper"),
    UNKNOWN: ("是否电子化未载明", "Electronic or on paper: not stated"),
}


def medium_of(trade: Trade) -> Medium:
    """`paper` where one act says so, `electronic` where all that could say anything do, `unknown` where one is silent.

    Empty where no such act has come yet. Acts of rounds that failed count too: they were part of the trade.
    """
    told = []
    for act in trade.acts:
        rule = trade.package.act(act.act)
        if rule is not None and rule.field(FIELD) is not None:
            told.append(trade.values[act.seq].get(FIELD))
    if not told:
        return ""
    if PAPER in told:
        return "paper"
    return "electronic" if all(each == ELECTRONIC for each in told) else "unknown"
