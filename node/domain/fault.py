"""A fault that a rule finds in an act or record: which field, which rule, and what to do, in both languages.

One shape for the rules of trades and those of the national data standard, so that a form or a table shows them alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refuse", "warn"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding.

    `field` is the name of the field that a person would correct, `rule` a stable word for the rule that it breaks, `zh`
    and `en` say what is wrong and what to do next, `basis` is document and clause where there is one. A `warn` is shown
    and stops nothing.
    """

    field: str
    rule: str
    zh: str
    en: str
    basis: str = ""
    severity: Severity = "refuse"


def refusals(faults: list[Fault]) -> list[Fault]:
    """Those that stop the act."""
    return [fault for fault in faults if fault.severity == "refuse"]
