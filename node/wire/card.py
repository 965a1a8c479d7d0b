"""A node's card: its name and public keys, signed by those keys, to be handed to whoever signs the trust policy.

    ggzy-node/card/v1
    node <name> <role> <division> - <title>
    key <node> <use> <vkey> 0-            one line a key

The lines are those of the policy. Its log, custody and request keys sign the card, so that nobody can enrol a key that
he does not hold; cosigner keys sign checkpoints only, and vouch for themselves by the first cosignature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from node.errors import BadSignature, Malformed
from node.tlog.note import Ed25519Signer, KeyType, Note, verify_note
from node.wire.trust import KeyGrant, Member, parse_lines

MAGIC = "ggzy-node/card/v1"


def make(member: Member, grants: Sequence[KeyGrant], signers: Sequence[Ed25519Signer]) -> Note:
    text = "\n".join([MAGIC, member.line(), *(grant.line() for grant in grants)]) + "\n"
    return Note(text, tuple(signer.sign_note(text) for signer in signers))


def open_card(note: Note) -> tuple[Member, list[KeyGrant]]:
    """Read a card and check that each of its signing keys signed it. Raises Malformed, BadSignature."""
    lines = note.text.split("\n")
    if lines.pop() != "" or not lines or lines[0] != MAGIC:
        raise Malformed("not a node's card of a version that this program knows", zh="不是有效的节点名片")
    members, grants = parse_lines(lines[1:])
    if len(members) != 1 or any(grant.node != members[0].name for grant in grants):
        raise Malformed("a card names one node and its keys")
    own = [grant.key for grant in grants if grant.key.type == KeyType.ED25519]
    if {key for key, _ in verify_note(note, own)} != set(own):
        raise BadSignature("a key of the card did not sign it", zh="名片缺少密钥签名")
    return members[0], grants


def fingerprint(note: Note) -> str:
    """Lowercase hex SHA-256 of the card's text: what two people compare."""
    return hashlib.sha256(note.text.encode()).hexdigest()
