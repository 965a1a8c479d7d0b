"""The audit trail: what persons do at this node becomes records, signed by the person and by the node (R69).

An act of a post is a record of its own (`audit.act`). Log-ins, and what parties do, are gathered (`gathered.py`) and
recorded together (`audit.batch`): so nobody makes the log grow by logging in.
"""

from __future__ import annotations

import os
import unicodedata
from functools import partial
from typing import Final

import structlog
from sqlalchemy import Connection

from node.accounts import gathered
from node.accounts.gathered import Limits
from node.accounts.needs import Publishes
from node.accounts.person import Person
from node.clock import Clock
from node.domain.accounts import AuditAct
from node.domain.hands import Hand, Stated
from node.domain.record import Document, Draft, Source
from node.errors import NodeError
from node.store.db import Store
from node.wire import payload as payloads

_log = structlog.get_logger(__name__)
MAX_TEXT = 400
OPERATOR = "operator"
"""The account of who works on the machine itself, by the command line: no person's key signs that."""
GATHERED: Final = frozenset({"log-in", "log-out", "session.end"})
"""What everybody does all day; whoever does it."""


class Audit:
    """Writes acts down. `node` is this node's name, `title` the centre's, `limits` how much is gathered in an hour."""

    def __init__(
        self, store: Store, publisher: Publishes, clock: Clock, *, node: str, title: str, limits: Limits
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._node = node
        self._title = title
        self._limits = limits

    async def note(
        self, person: Person | None, action: str, object: str, detail: str = "", *, permission: str = ""
    ) -> None:
        """Write down what a person did, after it is done; None is the operator of this machine.

        `action` is a word such as `trade.publish`, `object` what it was done to, `detail` a few words without secrets.
        A log that cannot be written to now (frozen, full) is no reason to undo what was done: it is told in the node's
        own log instead.
        """
        if person is not None and (action in GATHERED or person.realm == "party"):
            work = partial(self.gather, person=person, action=action, object=object, detail=detail)
            await self._store.write(partial(work, permission=permission))
            return
        act = self._act(person, action, object, detail, permission)
        key = self._key(act)
        main = Document(key, act, Source(self._title))
        hand = self._hand(person, Stated("audit.act", key, payloads.encode(main)), act, permission)
        await self._publish(Draft("audit.act", key, {"main": main, "hand": hand}, {"key": key}))

    def gather(
        self, conn: Connection, person: Person, action: str, object: str, detail: str = "", *, permission: str = ""
    ) -> None:
        """Keep an act to be recorded with others, in the transaction in which it is done."""
        act = self._act(person, action, object, detail, permission)
        key = self._key(act)
        hand = self._hand(person, Stated("audit.batch", key, payloads.encode(act)), act, permission)
        gathered.put(conn, key, act, hand, self._limits)

    async def flush(self) -> int:
        """Record what was gathered; gives how many records that made. What cannot be recorded now is the next time."""
        made = 0
        while name := await self._store.write(partial(gathered.next_batch, node=self._node, now_ms=self._clock())):
            body = await self._store.read(partial(gathered.body, node=self._node, name=name))
            # Another process may have published it meanwhile, and have taken away what it says.
            if body.entries or body.counts:
                main = Document(name, body, Source(self._title))
                if not await self._publish(Draft("audit.batch", name, {"main": main}, {"key": name})):
                    break
                made += 1
            await self._store.write(partial(gathered.drop, name=name))
        return made

    def _act(self, person: Person | None, action: str, object: str, detail: str, permission: str) -> AuditAct:
        roles = frozenset() if person is None else person.roles
        role = person.role_for(permission) if person is not None and permission else " ".join(sorted(roles))
        return AuditAct(
            account=OPERATOR if person is None else person.account,
            realm="" if person is None else person.realm,
            role=role,
            action=_plain(action)[:64],
            object=_plain(object),
            detail=_plain(detail),
            address="" if person is None else person.address,
            at=self._clock(),
            node=self._node,
        )

    def _key(self, act: AuditAct) -> str:
        return f"{act.account}/{act.at}/{os.urandom(8).hex()}"

    def _hand(self, person: Person | None, stated: Stated, act: AuditAct, permission: str) -> Hand:
        signed = person is not None and person.secrets is not None
        return person.sign(stated, permission) if person is not None and signed else Hand(act.account, act.role)

    async def _publish(self, draft: Draft) -> bool:
        """Whether it is in the log now."""
        code = ""
        try:
            (outcome,) = await self._publisher.publish([draft])
            code = "" if outcome.error is None else outcome.error.code
        except NodeError as error:
            code = error.code
        if code:
            _log.error("audit_not_written", kind=draft.kind, code=code)
        return not code


def _plain(text: str) -> str:
    """Text that a record can hold: one that cannot be written down must not keep others from being."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())[:MAX_TEXT]
