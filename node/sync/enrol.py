"""Enrolment: a node answers an invitation with its card, and the inviting node keeps it until a person confirms (L20).

Nothing here trusts anybody yet: the new node holds every policy version against the hash in its invitation, the hub
holds the card against the one-time code; who signs the next policy compares fingerprints by another way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from node.clock import Clock
from node.errors import Malformed, NodeError, NotAllowed, Refused, TooLarge
from node.store import invitations
from node.store.db import Store
from node.sync.peer import Peer
from node.tlog.note import Note, parse_note
from node.trusted import Trusted, versions_above
from node.wire import card as cards
from node.wire import enrol
from node.wire.enrol import Invitation
from node.wire.trust import parse
from node.wire.trust_steps import open_first, open_next

MAX_OPEN = 1000
"""Most invitations that may be open at a time."""
MAX_VERSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A node that was invited: its card and fingerprint once it has answered, else None and empty."""

    node: str
    title: str
    expires_ms: int
    card: Note | None
    fingerprint: str


class Invitations:
    """What the inviting node does. `random` gives the one-time codes."""

    def __init__(
        self, store: Store, trusted: Trusted, clock: Clock, *, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._clock = clock
        self._random = random

    async def invite(self, node: str, title: str, *, url: str, hours: int) -> Invitation:
        """Make an invitation; the store keeps the key of its code, never the code.

        Raises Refused when the policy knows the node already, or too many invitations are open.
        """
        if self._trusted.policy.member(node) is not None:
            raise Refused(
                f"{node} is in the trust policy already",
                zh=f"{node} 已在信任策略中",
                advice_zh="更换密钥请用 ggzy key rotate；请核对 --division 与 --zone。",
                advice_en="To change its keys use ggzy key rotate; check --division and --zone.",
            )
        now_ms = self._clock()
        first = parse(parse_note((await self._store.read(partial(versions_above, number=0, limit=1)))[0]))
        code = self._random(enrol.CODE_BYTES)
        expires_ms = now_ms + hours * 3_600_000
        made = Invitation(url.rstrip("/"), first.hash(), code, node, expires_ms // 1000)
        rows = await self._store.read(invitations.all_rows)
        if sum(row.expires_ms > now_ms and not row.used_ms for row in rows) >= MAX_OPEN:
            raise Refused("too many invitations are open", zh="未使用的邀请过多")
        public = enrol.signer(code).verifier.public
        await self._store.write(
            partial(
                invitations.put, public=public, node=node, title=title, made_ms=now_ms, expires_ms=made.expires_s * 1000
            )
        )
        return made

    async def answer(self, data: bytes) -> str:
        """Take a card that answers an invitation; gives its fingerprint. The same card again does no harm.

        Raises Malformed when it is no card, NotAllowed in the same words whatever is wrong with the invitation: who
        guesses learns nothing.
        """
        if len(data) > enrol.MAX_CARD_BYTES:
            raise TooLarge(f"a card of more than {enrol.MAX_CARD_BYTES} bytes")
        try:
            card, line = enrol.take_line(parse_note(data))
            member, _ = cards.open_card(card)
        except NodeError as error:
            raise Malformed(f"this is no card that answers an invitation: {error.detail}", field="card") from None
        for row in await self._store.read(invitations.all_rows):
            key = enrol.verifier(row.public)
            if not key.made(line) or row.node != member.name:
                continue
            try:
                key.verify(card.text, line)
            except NodeError:
                continue
            use = partial(invitations.use, public=row.public, card=card.encode().decode("utf-8"), now_ms=self._clock())
            if await self._store.write(use):
                return cards.fingerprint(card)
        raise NotAllowed(
            "the invitation is not valid here: it was used, has expired, or belongs to another hub or node",
            zh="邀请在此无效：已使用、已过期，或属于其他枢纽或节点",
            advice_zh="请上级重新运行 ggzy invite 出具新的邀请。",
            advice_en="Have the hub run ggzy invite again and use the new invitation.",
        )

    async def waiting(self) -> list[Waiting]:
        """Nodes that were invited and are not in the policy yet, those of invitations that still hold or were used."""
        found = []
        now_ms, policy = self._clock(), self._trusted.policy
        for row in await self._store.read(invitations.all_rows):
            if policy.member(row.node) is not None or (not row.card and row.expires_ms <= now_ms):
                continue
            card = parse_note(row.card.encode()) if row.card else None
            fingerprint = "" if card is None else cards.fingerprint(card)
            found.append(Waiting(row.node, row.title, row.expires_ms, card, fingerprint))
        return found


async def join(peer: Peer, trusted: Trusted, invitation: Invitation, card: Note) -> str:
    """Answer an invitation and take the federation's policy over; gives the card's fingerprint.

    Every version from the first on is fetched and checked before the card is sent.
    Raises Refused when the first version is not that of the invitation, what the steps raise, NotAllowed, Unavailable.
    """
    newest = await peer.policy_version()
    if not 1 <= newest <= MAX_VERSIONS:
        raise Malformed(f"{invitation.url} claims {newest} versions of the trust policy")
    notes = [await peer.policy(number) for number in range(1, newest + 1)]
    held = open_first(notes[0], expected_hash=invitation.policy_hash)
    for note in notes[1:]:
        held = open_next(note, held)
    await peer.enrol(enrol.answer(card, invitation).encode())
    await trusted.adopt(notes, expected_hash=invitation.policy_hash)
    return cards.fingerprint(card)


async def follow_policy(peer: Peer, trusted: Trusted) -> int:
    """Fetch versions that are newer than ours, for a node that waits to be named in one; gives how many."""
    theirs, ours = await peer.policy_version(), trusted.policy.version
    notes = [await peer.policy(number) for number in range(ours + 1, min(theirs, ours + 64) + 1)]
    return await trusted.adopt(notes)
