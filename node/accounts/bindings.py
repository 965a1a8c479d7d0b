"""核验主体身份: that an account is an organisation's is its own word until a centre has seen papers that show it.

A record of it is signed by the clerk who saw the papers, read at every node, and may be revoked by the centre that made
it. It counts while the account has the key that it had then: after a reset somebody else may hold it. Nobody needs one
to register, to bid or to read what is public (R58-R61); what is an organisation's own is shown to none without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from node.accounts import hands, register
from node.accounts.audit import Audit
from node.accounts.needs import Publishes
from node.accounts.person import Person
from node.accounts.register import Known, NodeOf
from node.clock import Clock
from node.domain import posts
from node.domain.accounts import PAPERS, AccountBinding, short_name
from node.domain.hands import Hand, Stated
from node.domain.record import Amendment, Document, Draft, Source
from node.errors import NotAllowed, NotFound, Rejected
from node.store import payloads as sections
from node.store.db import Store
from node.store.tables import Log, table
from node.store.tables_accounts import BindingView
from node.trusted import Trusted
from node.wire import payload as payloads

KIND, PERMISSION = "account.binding", "party.identify"
MAX_LISTED = 200
MAX_NAME, MAX_REASON = 200, 400
_view, _log = table(BindingView), table(Log)
_hands = msgspec.msgpack.Decoder(Hand)
_documents = msgspec.msgpack.Decoder(Document[AccountBinding])


def code_of(roles: Collection[str], name: str, org: str) -> str:
    """What stands for a party in records: of an expert the number in the pool, of all others the credit code."""
    return name if "expert" in roles else org


def proven(conn: Connection, person: Person, node_of: NodeOf) -> Row[Any] | None:
    """The binding by which this account is shown to be whose it says; None while nobody has seen papers of that."""
    code = code_of(person.roles, person.name, person.org)
    if not code or person.secrets is None:
        return None
    return _standing(conn, person.account, code, person.secrets.public.hex(), node_of)


def proven_known(conn: Connection, known: Known, node_of: NodeOf) -> Row[Any] | None:
    """The same of an account that is not logged in."""
    code = code_of(known.roles, known.name, known.org)
    return _standing(conn, known.account, code, known.public.hex(), node_of) if code else None


def of_node(conn: Connection, node: str) -> list[Row[Any]]:
    """What was seen at a node, newest first, revoked ones too."""
    joined = select(_view, _log.c.origin).join(_log, _log.c.id == _view.c.log_id).where(_view.c.node == node)
    return list(conn.execute(joined.order_by(_view.c.at_ms.desc(), _view.c.idx.desc()).limit(MAX_LISTED)))


class Bindings:
    """Notes down and revokes what was seen at one node: `node` is its name, `title` the centre's.

    `after` brings the read tables level, so that what was noted is seen at once.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publishes,
        audit: Audit,
        clock: Clock,
        after: Callable[[], Awaitable[object]],
        *,
        node: str,
        title: str,
        trusted: Trusted,
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._publisher = publisher
        self._audit = audit
        self._clock = clock
        self._after = after
        self._node = node
        self._title = title

    async def note(self, clerk: Person, known: Known, name: str, seen: Collection[str]) -> bytes:
        """Note that papers were seen which show whose an account is; gives the record's id.

        `name` is what the papers call the organisation; that of an expert is not written down. Raises NotAllowed
        without the post, Rejected for an account that is no open party's or names nobody, without papers, and where
        the same was noted here before: of two notes one would stand after the other is revoked.
        """
        _require(clerk)
        code = code_of(known.roles, known.name, known.org)
        # Of an expert no record says more than the number in the pool (L23).
        name = code if "expert" in known.roles else " ".join(name.split())
        if known.realm != "party" or not known.active or not code:
            raise Rejected(
                f"{known.account} is no open account of a party with a code",
                zh=f"{known.account} 不是可用的交易主体账号，或未填写代码",
                field="account",
            )
        if not name or len(name) > MAX_NAME:
            raise Rejected("the papers name somebody", zh="请填写证件上的名称", field="org_name")
        papers = [word for word in PAPERS if word in seen]
        if not papers:
            raise Rejected("say which papers were seen", zh="请勾选已核对的证件", field="seen")
        if await self._store.read(
            partial(_stands_here, node=self._node, known=known, code=code, node_of=self._trusted.policy.node_of_origin)
        ):
            raise Rejected(
                f"{known.account} was identified here before, and that stands",
                zh=f"{known.account} 已在本中心核验，仍然有效",
                field="account",
                advice_zh="如须重新核验，请先撤销原核验。",
                advice_en="Revoke what was noted first, then note it anew.",
            )
        now = self._clock()
        body = AccountBinding(
            account=known.account,
            org=code,
            org_name=name,
            public=known.public.hex(),
            seen=papers,
            clerk=clerk.account,
            node=self._node,
            at=now,
        )
        key = f"{self._node}/{known.account}/{now}"
        main = Document(key, body, Source(self._title))
        draft = Draft(KIND, key, {"main": main, "hand": sign(clerk, main)}, {"said": msgspec.to_builtins(body)})
        return await self._publish(clerk, draft, "party.identify", known.account)

    async def revoke(self, clerk: Person, account: str, at_ms: int, reason: str) -> bytes:
        """Revoke what this node has noted of an account at a moment. Raises NotAllowed, NotFound, Rejected."""
        _require(clerk)
        reason = " ".join(reason.split())
        if not reason or len(reason) > MAX_REASON:
            raise Rejected("a revocation says why", zh="撤销须写明原因", field="reason")
        held = await self._store.read(partial(_document, node=self._node, account=account, at_ms=at_ms))
        main = msgspec.structs.replace(held, status="withdrawn", reason=reason)

        def apply(known: Document[Any] | None) -> Document[Any]:
            if known is None or known.status == "withdrawn":
                raise Rejected("it was revoked already", zh="该核验已撤销", field="account")
            return main

        said = {"revoked": reason, "at": self._clock()}
        amendment = Amendment(KIND, held.key, apply, said, {"hand": sign(clerk, main)})
        return await self._publish(clerk, amendment, "party.identity-revoke", account)

    async def _publish(self, clerk: Person, item: Draft | Amendment, action: str, account: str) -> bytes:
        (outcome,) = await self._publisher.publish([item])
        if outcome.error is not None or outcome.record_id is None:
            raise outcome.error or Rejected("it was not published")
        await self._after()
        await self._audit.note(clerk, action, account, permission=PERMISSION)
        return outcome.record_id


def _stands_here(conn: Connection, node: str, known: Known, code: str, node_of: NodeOf) -> bool:
    """Whether this node has noted the same, by a note that counts: of others nothing need be revoked."""
    return any(row.node == node for row in _all_standing(conn, known.account, code, known.public.hex(), node_of))


def _standing(conn: Connection, account: str, code: str, public: str, node_of: NodeOf) -> Row[Any] | None:
    return next(_all_standing(conn, account, code, public, node_of), None)


def _all_standing(conn: Connection, account: str, code: str, public: str, node_of: NodeOf) -> Iterator[Row[Any]]:
    which = (_view.c.account == account, _view.c.org == code, _view.c.public == public, _view.c.withdrawn.is_(False))
    joined = select(_view, _log.c.origin).join(_log, _log.c.id == _view.c.log_id).where(*which)
    rows = conn.execute(joined.order_by(_view.c.at_ms.desc()).limit(MAX_LISTED))
    return (row for row in rows if _counts(conn, row, node_of))


def _counts(conn: Connection, row: Row[Any], node_of: NodeOf) -> bool:
    """Whether it lies in the log of the node that it names, signed by one of that centre's own staff."""
    clerk = register.find(conn, row.clerk, node_of)
    own = clerk is not None and clerk.realm == "service" and row.clerk.endswith(f"@{short_name(row.node)}")
    if not own or node_of(row.origin) != row.node:
        return False
    if hands.finding_at(conn, KIND, row.log_id, row.idx, node_of) != "verified":
        return False
    section = sections.get(conn, row.log_id, row.idx, "hand")
    if section is None:
        return False
    hand = _hands.decode(section[1])
    # The role is under the signature: who signed in another post has not seen papers for the centre.
    return hand.account == row.clerk and PERMISSION in posts.permissions([hand.role])


def _document(conn: Connection, node: str, account: str, at_ms: int) -> Document[AccountBinding]:
    which = (_view.c.node == node, _view.c.account == account, _view.c.at_ms == at_ms, _log.c.own.is_(True))
    row = conn.execute(select(_view).join(_log, _log.c.id == _view.c.log_id).where(*which)).first()
    held = None if row is None else sections.get(conn, row.log_id, row.idx, "main")
    if held is None:
        raise NotFound("nothing of that sort was noted here", zh="本中心没有这条核验记录", field="account")
    return _documents.decode(held[1])


def sign(clerk: Person, main: Document[Any]) -> Hand:
    """The hand of who saw the papers, or revokes."""
    return clerk.sign(Stated(KIND, main.key, payloads.encode(main)), PERMISSION)


def _require(clerk: Person) -> None:
    if clerk.realm != "service" or not clerk.may(PERMISSION):
        raise NotAllowed("the acceptance post sees papers", zh="主体身份由受理岗核验")
