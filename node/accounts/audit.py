"""The audit trail: each act of a person at this node becomes a record, signed by the person and by the node (R69)."""

from __future__ import annotations

import hashlib
import os

import structlog

from node.accounts.needs import Publishes
from node.accounts.person import Person
from node.clock import Clock
from node.domain.accounts import AuditAct
from node.domain.acts import Hand
from node.domain.record import Document, Draft, Source
from node.errors import NodeError
from node.wire import payload as payloads

_log = structlog.get_logger(__name__)
MAX_TEXT = 400
OPERATOR = "operator"
"""The account of who works on the machine itself, by the command line: no person's key signs that."""


class Audit:
    """Writes acts down. `node` is this node's name, `title` the centre's."""

    def __init__(self, publisher: Publishes, clock: Clock, *, node: str, title: str) -> None:
        self._publisher = publisher
        self._clock = clock
        self._node = node
        self._title = title

    async def note(
        self, person: Person | None, action: str, object: str, detail: str = "", *, permission: str = ""
    ) -> None:
        """Write down what a person did, after it is done; None is the operator of this machine.

        `action` is a word such as `trade.publish`, `object` what it was done to, `detail` a few words without secrets.
        A log that cannot be written to now (frozen, full) is no reason to undo what was done: it is told in the node's
        own log instead.
        """
        roles = frozenset() if person is None else person.roles
        role = person.role_for(permission) if person is not None and permission else " ".join(sorted(roles))
        act = AuditAct(
            account=OPERATOR if person is None else person.account,
            realm="" if person is None else person.realm,
            role=role,
            action=action[:64],
            object=object[:MAX_TEXT],
            detail=detail[:MAX_TEXT],
            address="" if person is None else person.address,
            at=self._clock(),
            node=self._node,
        )
        key = f"{act.account}/{act.at}/{os.urandom(8).hex()}"
        main = Document(key, act, Source(self._title))
        digest = hashlib.sha256(payloads.encode(main)).digest()
        signed = person is not None and person.secrets is not None
        hand = person.sign(digest, permission) if person is not None and signed else Hand(act.account, act.role)
        draft = Draft("audit.act", key, {"main": main, "hand": hand}, {"key": key})
        try:
            (outcome,) = await self._publisher.publish([draft])
        except NodeError as error:
            _log.error("audit_not_written", action=act.action, account=act.account, code=error.code)
            return
        if outcome.error is not None:
            _log.error("audit_not_written", action=act.action, account=act.account, code=outcome.error.code)
