"""Persons' signatures under records, checked by whoever reads them (R69).

The node signs its log, the person signs what the record says: a hand counts when its signature is over the record's
kind, key and sections, with the role and the second account that it names, and its key is, or was, that of its account,
as the account's home says. The other pair of eyes counts when its own signature is over the very act (`Approval`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from sqlalchemy import Connection

from node.accounts import register
from node.domain.accounts import AuditBatch
from node.domain.hands import Hand, Stated
from node.errors import Malformed
from node.store import payloads
from node.wire import hand_check
from node.wire import payload as payload_bytes
from node.wire.document import decode

Finding = Literal[
    "verified", "verified_main", "unknown", "partial", "unsigned", "other_key", "other_bytes", "other_approval"
]
"""What a hand is worth here.

`verified_main` is a hand of version 1: sound, over the `main` section alone. `unknown`: the signature is sound, but
this node does not know the account (yet). `partial`: a section that it covers is not held here. `unsigned`: no
signature at all, as under what was imported. The last three are bad: `other_key` is not one of the account's as known
here, or the record says that somebody else did it; `other_bytes` no signature of its key over this record;
`other_approval` names a second pair of eyes whose signature is not under this act.
"""
BAD: Final[frozenset[Finding]] = frozenset({"other_key", "other_bytes", "other_approval"})
BATCH: Final = "audit.batch"
KINDS: Final = (
    frozenset({"trade.act", "trade.step", "audit.act", "supervise.order", "account.binding", BATCH}) | hand_check.RULES
)
"""Kinds under which persons sign. In a batch of the audit trail each entry carries a hand of its own."""
# The worst of several comes first.
_WORST: Final[tuple[Finding, ...]] = (
    *("other_bytes", "other_key", "other_approval", "unsigned", "partial", "unknown", "verified_main", "verified"),
)


def finding(conn: Connection, stated: Stated, hand: Hand, node_of: register.NodeOf) -> Finding:
    """Hold a hand against what it stands under and against the account's keys."""
    if not hand.signature and not hand.public:
        return "unsigned"
    if hand.version == 2 and hand.inner and stated.inner is None:
        return "partial"
    body = _body(stated)
    if not hand_check.signs(hand, stated, body):
        return "other_bytes"
    if stated.kind in ("audit.act", "supervise.order") and getattr(body, "account", "") != hand.account:
        return "other_key"
    whose = _key(conn, hand.account, hand.public, node_of)
    if hand.version == 1:
        return "verified_main" if whose == "verified" else whose
    if not hand.second and hand.approval is None:
        return whose
    if hand.approval is None or not hand_check.approved(hand, stated, body):
        return worst([whose, "other_approval"])
    second = _key(conn, hand.approval.account, hand.approval.public, node_of)
    return worst([whose, "other_approval" if second == "other_key" else second])


def findings_of(conn: Connection, batch: AuditBatch, node_of: register.NodeOf) -> list[Finding]:
    """The finding of each entry of a batch, in order; an entry that stands there twice is no signature of its own."""
    found: list[Finding] = []
    seen: set[str] = set()
    for each in batch.entries:
        # Who did it is under the signature as a part of the key, and again in what was done.
        mine = each.act.account == each.hand.account and each.key.startswith(f"{each.act.account}/")
        if each.key in seen or not mine:
            found.append("other_bytes" if each.key in seen else "other_key")
        else:
            found.append(finding(conn, Stated(BATCH, each.key, payload_bytes.encode(each.act)), each.hand, node_of))
        seen.add(each.key)
    return found


def finding_at(conn: Connection, kind: str, log_id: int, index: int, node_of: register.NodeOf) -> Finding | None:
    """The same of a record by its place; None for a kind without, or where `main` or `hand` is not held here.

    Of a batch the worst of its entries. A `hand` section that is none is `other_bytes`: it vouches for nothing.
    """
    if kind not in KINDS:
        return None
    main, inner, hand = (payloads.get(conn, log_id, index, section) for section in ("main", "inner", "hand"))
    if main is None or (hand is None and kind != BATCH):
        return None
    try:
        document = decode(kind, main[1])
        if kind == BATCH:
            return worst(findings_of(conn, document.body, node_of)) if document.body.entries else None
        assert hand is not None
        signed = hand_check.open_hand(hand[1])
    except Malformed:
        return "other_bytes"
    return finding(conn, Stated(kind, document.key, main[1], None if inner is None else inner[1]), signed, node_of)


def worst(found: Iterable[Finding]) -> Finding:
    return min(found, key=_WORST.index)


def _key(conn: Connection, account: str, public: str, node_of: register.NodeOf) -> Finding:
    if register.has_key(conn, account, public, node_of):
        return "verified"
    return "unknown" if register.find(conn, account, node_of) is None else "other_key"


def _body(stated: Stated) -> Any:
    """The body of the document that is signed; None where it is none, as in an entry of a batch."""
    if stated.kind == BATCH:
        return None
    try:
        return decode(stated.kind, stated.main).body
    except Malformed:
        return None
