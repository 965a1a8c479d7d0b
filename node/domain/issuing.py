"""Which kinds of records a node of which role may issue: what a tier does not decide it cannot publish (管办分离, R22).

Refused when published, and quarantined when read, so that a changed program gains nothing: rules are the hub's and the
departments', a centre gives no orders of supervision, and a department holds no trades.
"""

from __future__ import annotations

from typing import Final

from node.errors import Rejected

# beginning of a kind -> roles whose nodes may issue it; every other kind is open to all
ISSUERS: Final[dict[str, frozenset[str]]] = {
    "rule.": frozenset({"hub", "supervision"}),
    "supervise.": frozenset({"supervision"}),
    "trade.": frozenset({"district", "hub", "national"}),
}
# role -> (Chinese, English)
ROLE_NAMES: Final[dict[str, tuple[str, str]]] = {
    "district": ("区县中心", "a district's centre"),
    "hub": ("市级枢纽", "the city's hub"),
    "national": ("国家级平台", "the national platform"),
    "supervision": ("行政监督部门", "a supervising department"),
}


def may_issue(kind: str, role: str) -> bool:
    """Whether a node of this role may issue records of this kind; an unknown role may issue what all may."""
    return all(role in roles for beginning, roles in ISSUERS.items() if kind.startswith(beginning))


def require(kind: str, role: str) -> None:
    """Raise Rejected for a kind that a node of this role may not issue."""
    if not may_issue(kind, role):
        zh, en = ROLE_NAMES.get(role, (role, role))
        raise Rejected(
            f"{en} may not publish a {kind}",
            zh=f"{zh}不得发布 {kind} 记录",
            field="kind",
            advice_zh="规则由市级枢纽或主管部门发布，监督指令由监督部门发布，交易由交易中心发布。",
            advice_en="Rules come from the hub or the owning department, orders from supervision, trades from centres.",
        )
