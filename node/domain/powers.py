"""Which node may issue which kind of record, by its role in the trust policy (管办分离 between nodes, R3).

A centre (district, hub, national) runs trades and supervises nothing; a supervising department supervises and runs
nothing. The publisher asks this before it signs, and every reader before it believes: so a node that was altered to say
more than it may is heard by nobody. Kinds that stand in no line are open to all.
"""

from __future__ import annotations

from typing import Any

from node.domain import posts
from node.domain.accounts import AccountBinding, AccountPerson, AuditAct, AuditBatch
from node.domain.supervision import Order

SUPERVISION = "supervision"
CENTRES = frozenset({"district", "hub", "national"})
Refusal = tuple[str, str]
"""(Chinese, English)."""

# Beginning of a kind's name -> the roles whose nodes may issue it; the longest that fits counts.
ISSUERS: dict[str, frozenset[str]] = {
    "trade.": CENTRES,
    "entity.": CENTRES,
    "verdict": CENTRES,
    "account.binding": CENTRES,
    "supervise.": frozenset({SUPERVISION}),
    "rule.": frozenset({SUPERVISION, "hub", "national"}),
}


_ELSEWHERE: Refusal = ("只能记录本节点上的操作", "a node records what persons do at this node alone")


def issuers(kind: str) -> frozenset[str] | None:
    """The roles whose nodes may issue a kind; None where all may."""
    fits = [beginning for beginning in ISSUERS if kind.startswith(beginning)]
    return ISSUERS[max(fits, key=len)] if fits else None


def refusal(role: str, kind: str, body: Any = None, node: str = "") -> Refusal | None:
    """Why a node of this role may not issue a record; None when it may, or when nobody knows its role (empty).

    `body` is the body of the record's `main`, where it is at hand: who may vouch for an account depends on its realm.
    `node` is the issuer's name, where known.
    """
    if not role:
        return None
    allowed = issuers(kind)
    if allowed is not None and role not in allowed:
        if role == SUPERVISION:
            return f"监管部门节点不得发布 {kind}", f"a supervising department issues no {kind}"
        return f"交易中心节点不得发布 {kind}", f"a node of the role {role} issues no {kind}"
    if isinstance(body, AccountPerson):
        return _account(role, body)
    if isinstance(body, AccountBinding) and node and body.node != node:
        return "只能记录本节点核验的身份", "a node tells of papers that were seen at this node alone"
    if isinstance(body, AuditAct) and node and body.node != node:
        return _ELSEWHERE
    if isinstance(body, AuditBatch) and node and {body.node, *(each.act.node for each in body.entries)} != {node}:
        return _ELSEWHERE
    if isinstance(body, Order) and not (body.number and body.reason):
        return "监督指令须有文号和事由", "an order has a document number and a reason"
    return None


def _account(role: str, body: AccountPerson) -> Refusal | None:
    if body.realm not in posts.REALMS:
        return f"没有“{body.realm[:20]}”这一身份类别", f"there is no realm {body.realm[:20]}"
    if body.realm not in posts.realms_of_node(role):
        return (
            f"该角色的节点不得为“{posts.REALM_NAMES[body.realm][0]}”账号作保",
            f"a node of the role {role} vouches for no account of the realm {body.realm}",
        )
    for one in body.roles:
        for other in body.roles:
            known = one in posts.ROLES and other in posts.ROLES
            if known and one != other and (why := posts.excluded(one, other)) is not None:
                return f"角色互斥：{why[0]}", f"roles that exclude each other: {why[1]}"
    if any(role_id in posts.ROLES and posts.ROLES[role_id].realm != body.realm for role_id in body.roles):
        return "角色不属于该身份类别", "a role of another realm"
    return None
