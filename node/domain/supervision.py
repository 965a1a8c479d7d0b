"""Orders of a supervising department (监督指令): signed, numbered, about one trade (R7, R15)."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Measure = Literal["override", "pause", "resume", "explain"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

# measure -> (Chinese, English)
MEASURE_NAMES: dict[str, tuple[str, str]] = {
    "override": ("调整交易场所", "Another place for the trade"),
    "pause": ("暂停交易", "Pause the trade"),
    "resume": ("恢复交易", "Resume the trade"),
    "explain": ("要求说明情况", "Explain"),
}


class Order(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One order. `number` is the department's document number (文号), `department` its name, `account` who signed.

    `trade` is the key of a trade, or `project_code` names a project that is not registered yet. `target` is the name
    of the node where the trade shall be, for `override` alone. `at` is UTC milliseconds; `expires_on` an ISO day,
    empty for none. `sector` is the one in whose name it is given.
    """

    number: str
    department: str
    measure: Measure
    reason: str
    account: str
    at: int
    trade: str = ""
    project_code: str = ""
    target: str = ""
    sector: str = ""
    expires_on: str = ""
    basis: str = ""
