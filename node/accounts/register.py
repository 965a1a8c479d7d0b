"""Which accounts this node knows, of its own and of others, and which of their credentials count.

Who a person is and may do is said by the account's home alone. New credentials (a changed password) may come from any
node, signed with the person's own key; the newest count. An account that was reset at home has a new key, and then
nothing signed with the old one counts any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Row, select

from node.domain.accounts import AccountCredentials, AccountPerson, proof_text, short_name
from node.store.tables import Log, table
from node.store.tables_accounts import Account, AccountView
from node.wire import payload as payloads

accounts = table(Account)
_view = table(AccountView)
_log = table(Log)

NodeOf = Callable[[str], str | None]
"""The node of an origin by the trust policy, None for an origin that nobody is trusted for."""


@dataclass(frozen=True, slots=True)
class Known:
    """An account as this node knows it. `here` is true when this node is its home.

    `credentials` are at hand for an account of this node; else they lie sealed at `place` (origin, index), if at all.
    `stamp` names them: a session that began under others has ended.
    """

    account: str
    name: str
    realm: str
    roles: frozenset[str]
    org: str
    org_name: str
    sectors: tuple[str, ...]
    public: bytes
    active: bool
    here: bool
    stamp: str
    secret_ms: int
    must_change: bool = False
    former: tuple[str, ...] = ()
    home: str = ""
    place: tuple[str, int] | None = None
    credentials: AccountCredentials | None = None


def find(conn: Connection, account: str, node_of: NodeOf) -> Known | None:
    """The account of that full name, with the newest credentials that count; None when there is none."""
    row = conn.execute(select(accounts).where(accounts.c.account == account)).first()
    rows = _rows(conn, account)
    known = _own(row) if row is not None else _foreign(rows, node_of)
    if known is None:
        return None
    for each in rows:
        if each.secret_ms > known.secret_ms and _proven(each, known):
            known = _with(known, each)
    return known


def named(conn: Connection, login: str, me: str, node_of: NodeOf) -> Known | None:
    """The account that a person means: by full name; by log-in name alone one of this node, else the only one."""
    if "@" in login:
        return find(conn, login, node_of)
    own = find(conn, f"{login}@{short_name(me)}", node_of)
    if own is not None:
        return own
    others = select(_view.c.account).where(_view.c.account.startswith(f"{login}@", autoescape=True)).distinct()
    names = conn.execute(others.limit(2)).scalars().all()
    return find(conn, names[0], node_of) if len(names) == 1 else None


def has_key(conn: Connection, account: str, public: str, node_of: NodeOf) -> bool:
    """Whether a public key (hex) is or was that of an account, as its home says: for who checks a `Hand`."""
    known = find(conn, account, node_of)
    return known is not None and (public == known.public.hex() or public in known.former)


def namesakes(conn: Connection, name: str, realm: str) -> list[str]:
    """Accounts of a realm, of all nodes, whose person has this very name and that are open."""
    same = (_view.c.name == name, _view.c.realm == realm, _view.c.active)
    return sorted(set(conn.execute(select(_view.c.account).where(*same)).scalars()))


def own(conn: Connection) -> list[Row[Any]]:
    """The accounts whose home is here, by name."""
    return list(conn.execute(select(accounts).order_by(accounts.c.account)))


def digest_of(credentials: AccountCredentials) -> str:
    """The hash by which the shared part of an account's record names the credentials."""
    return hashlib.sha256(payloads.encode(credentials)).hexdigest()


def _own(row: Row[Any]) -> Known:
    credentials = AccountCredentials(row.verifier, row.locked)
    return Known(
        account=row.account,
        name=row.name,
        realm=row.realm,
        roles=frozenset(row.roles.split()),
        org=row.org,
        org_name=row.org_name,
        sectors=tuple(row.sectors.split()),
        public=row.public,
        active=row.active,
        here=True,
        stamp=digest_of(credentials),
        secret_ms=row.secret_ms,
        must_change=row.must_change,
        former=tuple(row.former.split()),
        credentials=credentials,
    )


def _foreign(rows: Iterable[Row[Any]], node_of: NodeOf) -> Known | None:
    for row in rows:
        if node_of(row.origin) == row.home and row.account.endswith(f"@{short_name(row.home)}"):
            return Known(
                account=row.account,
                name=row.name,
                realm=row.realm,
                roles=frozenset(row.roles.split()),
                org=row.org,
                org_name=row.org_name,
                sectors=tuple(row.sectors.split()),
                public=_bytes(row.public),
                active=row.active,
                here=False,
                stamp=row.sealed,
                secret_ms=row.secret_ms,
                former=tuple(row.former.split()),
                home=row.home,
                place=(row.origin, row.idx) if row.sealed else None,
            )
    return None


def _with(known: Known, row: Row[Any]) -> Known:
    return replace(
        known,
        stamp=row.sealed,
        secret_ms=row.secret_ms,
        must_change=False,
        place=(row.origin, row.idx),
        credentials=None,
    )


def _proven(row: Row[Any], known: Known) -> bool:
    """Whether the person has signed what another node says of the account."""
    if not row.proof or row.public != known.public.hex():
        return False
    said = AccountPerson(
        account=row.account,
        name=row.name,
        realm=row.realm,
        roles=row.roles.split(),
        public=row.public,
        home=row.home,
        at=row.at_ms,
        org=row.org,
        org_name=row.org_name,
        sectors=row.sectors.split(),
        active=row.active,
        sealed=row.sealed,
        secret_at=row.secret_ms,
        former=row.former.split(),
    )
    try:
        Ed25519PublicKey.from_public_bytes(known.public).verify(_bytes(row.proof), proof_text(said))
    except (InvalidSignature, ValueError):
        return False
    return True


def _rows(conn: Connection, account: str) -> list[Row[Any]]:
    joined = select(_view, _log.c.origin).join(_log, _log.c.id == _view.c.log_id)
    return list(conn.execute(joined.where(_view.c.account == account).order_by(_view.c.log_id)))


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
