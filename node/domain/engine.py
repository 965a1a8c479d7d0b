"""The engine: replays a trade's acts, says what may come next, judges an act, keeps the legal clocks.

One door for what lies in three modules: `folding.py` replays, `judging.py` judges, `clocks.py` counts. Pure, and the
same at every node: what it knows of a category is in the rule package (`node/domain/rulebook.py`).
"""

from __future__ import annotations

from node.domain.clocks import Disclosed, Owed, OwedNotice, owed, strip
from node.domain.folding import Lot, Trade, fields_of, fits, holds, replay
from node.domain.judging import Fault, judge, judge_withdrawal, lots_for, possible

__all__ = [
    "Disclosed",
    "Fault",
    "Lot",
    "Owed",
    "OwedNotice",
    "Trade",
    "fields_of",
    "fits",
    "holds",
    "judge",
    "judge_withdrawal",
    "lots_for",
    "owed",
    "possible",
    "replay",
    "strip",
]
