"""Accounts as records: what all nodes may know of an account, and its credentials, sealed."""

from __future__ import annotations

from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Row

from node.accounts.register import Known, digest_of
from node.domain.accounts import AccountCredentials, AccountPerson, proof_text
from node.domain.record import Document, Draft, Source

SEALED_REALM = "party"
"""The realm whose accounts are good at every node: credentials of the others never leave their node."""


def draft_of(row: Row[Any], node: str, title: str) -> Draft:
    """The record of an account of this node, as its row stands."""
    credentials = AccountCredentials(row.verifier, row.locked)
    everywhere = row.realm == SEALED_REALM
    body = AccountPerson(
        account=row.account,
        name=row.name,
        realm=row.realm,
        roles=row.roles.split(),
        public=row.public.hex(),
        home=node,
        at=row.changed_ms,
        org=row.org,
        org_name=row.org_name,
        sectors=row.sectors.split(),
        active=row.active,
        sealed=digest_of(credentials) if everywhere else "",
        secret_at=row.secret_ms,
        former=row.former.split(),
    )
    return _draft(body, title, credentials if everywhere else None)


def draft_of_change(
    known: Known, credentials: AccountCredentials, at_ms: int, title: str, key: Ed25519PrivateKey
) -> Draft:
    """The record by which this node tells of new credentials of another node's account, with the person's proof."""
    body = AccountPerson(
        account=known.account,
        name=known.name,
        realm=known.realm,
        roles=sorted(known.roles),
        public=known.public.hex(),
        home=known.home,
        at=at_ms,
        org=known.org,
        org_name=known.org_name,
        sectors=list(known.sectors),
        active=known.active,
        sealed=digest_of(credentials),
        secret_at=at_ms,
        former=list(known.former),
    )
    body = msgspec.structs.replace(body, proof=key.sign(proof_text(body)).hex())
    return _draft(body, title, credentials)


def _draft(body: AccountPerson, title: str, credentials: AccountCredentials | None) -> Draft:
    sections: dict[str, Any] = {"main": Document(body.account, body, Source(title))}
    if credentials is not None:
        sections["credentials"] = credentials
    return Draft("account.person", body.account, sections, {"said": msgspec.to_builtins(body)})
