"""Check a person's hand from the bytes of a record's sections alone: no node, no database, no register of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from node.domain import sections
from node.domain.acts import Act
from node.domain.hands import Hand, Stated
from node.errors import BadSignature, Malformed
from node.wire import payload
from node.wire.document import decode

ACTS = frozenset({"trade.act", "trade.step"})
RULES = frozenset({"rule.package", "rule.table"})
_hands = msgspec.msgpack.Decoder(Hand)


@dataclass(frozen=True, slots=True)
class Checked:
    """A hand whose signature holds. `whole` is false for version 1, which covers the section `main` alone.

    That the keys are those of the accounts is still to be compared: their records `account.person` say so.
    """

    hand: Hand
    whole: bool


def open_hand(data: bytes) -> Hand:
    """The hand of a `hand` section. Raises Malformed."""
    try:
        return _hands.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"this is no hand: {error}", zh="这不是个人签名部分（hand）", field="hand") from None


def stated_of(kind: str, main: bytes, inner: bytes | None) -> Stated:
    """What a hand of a record of that kind stands under. Raises Malformed when `main` is none."""
    return Stated(kind, decode(kind, main).key, main, inner)


def signs(hand: Hand, stated: Stated, body: Any) -> bool:
    """Whether the hand's signature is under this record; `body` is that of `main`, None where there is none."""
    # Version 1 signed rules themselves, and not the document around them.
    if hand.version == 1 and stated.kind in RULES and body is not None:
        stated = Stated(stated.kind, stated.key, payload.encode(body))
    return hand.signs(stated)


def approved(hand: Hand, stated: Stated, body: Any) -> bool:
    """Whether the second pair of eyes that the hand names has signed this very act, or these rules, for this author."""
    given = hand.approval
    if given is None or given.account != hand.second or given.author != hand.account or hand.second == hand.account:
        return False
    if not given.signs():
        return False
    if stated.kind in RULES and body is not None:
        return given.covers_rules(payload.encode(body))
    if stated.kind not in ACTS or not isinstance(body, Act):
        return False
    try:
        kept = {} if stated.inner is None else msgspec.msgpack.decode(stated.inner, type=dict[str, Any])
        act = msgspec.structs.replace(body, fields=sections.join(body.fields, kept))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return given.covers(act)


def check(kind: str, main: bytes, hand: bytes, inner: bytes | None = None) -> Checked:
    """Verify a hand against the sections of its record. Raises Malformed, BadSignature with what does not hold."""
    found, body = open_hand(hand), decode(kind, main).body
    stated = stated_of(kind, main, inner)
    if not found.signature and not found.public:
        raise BadSignature("no person has signed this record", zh="该记录无个人签名", field="hand")
    if found.version == 2 and found.inner and inner is None:
        raise BadSignature(
            "the signature covers the section inner, which was not given",
            zh="该签名覆盖 inner 部分，但未提供",
            field="inner",
            advice_zh="请以 --inner 给出该部分（ggzy receipt 一并写出）。",
            advice_en="Give that section with --inner; ggzy receipt writes it too.",
        )
    if not signs(found, stated, body):
        raise BadSignature(
            f"the hand is not {found.account}'s signature over this record", zh="个人签名与记录内容不符", field="hand"
        )
    if kind in ("audit.act", "supervise.order") and getattr(body, "account", "") != found.account:
        raise BadSignature("the record says that somebody else did it", zh="签名人与记录所载的行为人不符", field="hand")
    if found.version == 2 and (found.second or found.approval is not None) and not approved(found, stated, body):
        raise BadSignature(
            f"{found.second or 'the approver'} has not signed this act", zh="复核人未对此内容签名", field="hand"
        )
    return Checked(found, whole=found.version == 2)
