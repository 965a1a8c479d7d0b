"""The engine: replays a trade's acts, says what may come next, judges an act, keeps the legal clocks.

One door for what lies in several modules: `folding.py` replays, `judging.py` judges with `fields.py` and `limits.py`,
`clocks.py` counts. Pure, and the same at every node: what it knows of a category is in the rule package.
"""

from __future__ import annotations

from node.domain.clocks import Disclosed, Owed, OwedNotice, owed, strip
from node.domain.faults import Fault
from node.domain.folding import Halt, Lot, Trade, fields_of, fits, holds, replay, targets
from node.domain.judging import judge, judge_withdrawal, lots_for, possible

__all__ = [
    "Disclosed",
    "Fault",
    "Halt",
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
    "targets",
]
