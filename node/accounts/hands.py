"""Persons' signatures under acts, checked by whoever reads them (R69).

The node signs its log, the person signs the act: a hand counts when its signature is over the very bytes of the
record's `main` section and its key is, or was, that of the account it names, as the account's home says. The other pair
of eyes (`Hand.second`) is named in it and signs nothing.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from sqlalchemy import Connection

from node.accounts import register
from node.domain.acts import Hand
from node.store import payloads

Finding = Literal["verified", "unknown", "unsigned", "other_key", "other_bytes"]
"""What a hand is worth here.

`unknown`: the signature is sound, but this node does not know the account (yet). `unsigned`: no signature at all, as
under what was imported. The last two are bad: `other_key` is not one of the account's as known here, `other_bytes` no
signature of its key over this record.
"""
BAD: Final[frozenset[Finding]] = frozenset({"other_key", "other_bytes"})
KINDS: Final = frozenset({"trade.act", "trade.step", "audit.act", "supervise.order", "account.binding"})
"""Kinds whose hand signs the record's `main`; under rules it signs the rules themselves."""

_hands = msgspec.msgpack.Decoder(Hand)


def finding(conn: Connection, main: bytes, hand: Hand, node_of: register.NodeOf) -> Finding:
    """Hold a hand against the canonical bytes of the `main` section and against the account's keys."""
    if not hand.signature and not hand.public:
        return "unsigned"
    if not hand.signs(main):
        return "other_bytes"
    if register.has_key(conn, hand.account, hand.public, node_of):
        return "verified"
    return "unknown" if register.find(conn, hand.account, node_of) is None else "other_key"


def finding_at(conn: Connection, kind: str, log_id: int, index: int, node_of: register.NodeOf) -> Finding | None:
    """The same of a record by its place; None for a kind without, or where a section is not held here.

    A `hand` section that is none is `other_bytes`: it vouches for nothing.
    """
    if kind not in KINDS:
        return None
    main, hand = (payloads.get(conn, log_id, index, section) for section in ("main", "hand"))
    if main is None or hand is None:
        return None
    try:
        signed = _hands.decode(hand[1])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "other_bytes"
    return finding(conn, main[1], signed, node_of)
