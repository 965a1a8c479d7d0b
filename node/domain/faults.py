"""What is wrong with an act, said by field, rule and clause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an act: at which field, by which rule, in both languages; `basis` is the clause.

    `refuse` stops it, `warn` lets it pass and is shown. A field inside rows is `lots[2].name`, counted from 1.
    `rule` is one of package, act, seq, time, lots, order, again, suspended, sealed, needs, condition, answers, amends,
    disclosure, unknown-field, required, type, length, range, choice, uscc, repeated, `clock:<id>`, `limit:<id>`.
    """

    field: str
    rule: str
    zh: str
    en: str
    basis: str = ""
    severity: Literal["refuse", "warn"] = "refuse"
