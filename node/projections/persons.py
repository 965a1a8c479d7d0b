"""Accounts -> `account_view`, identities seen -> `binding_view`, what persons did -> `audit_view`, supervision's orders
-> `order_view`."""

from __future__ import annotations

from typing import Any

from node.domain.accounts import AccountBinding, AccountPerson, AuditAct, AuditBatch
from node.domain.record import Document
from node.domain.supervision import Order
from node.projections.shape import Place, Projection, Row, integer, text
from node.store.tables import table
from node.store.tables_accounts import AccountView, AuditView, BindingView, OrderView

# Signatures and hashes must stand whole; what is longer is none.
_HEX = 256
_MAX_FORMER = 32


def _account_title(document: Document[Any]) -> str:
    return text(document.body.account)


def _account(place: Place, document: Document[Any]) -> Row:
    body: AccountPerson = document.body
    return place.key() | {
        "account": text(body.account),
        "name": text(body.name),
        "realm": text(body.realm, 20),
        "roles": text(" ".join(body.roles)),
        "org": text(body.org),
        "org_name": text(body.org_name),
        "sectors": text(" ".join(body.sectors)),
        "public": text(body.public, _HEX),
        "home": text(body.home),
        "at_ms": integer(body.at) or 0,
        "active": body.active,
        "sealed": text(body.sealed, _HEX),
        "secret_ms": integer(body.secret_at) or 0,
        # No more of them than an account is reset in a life; a list cut in the middle of a key would be no key.
        "former": " ".join(text(key, _HEX) for key in body.former[:_MAX_FORMER]),
        "proof": text(body.proof, _HEX),
    }


def _binding_title(document: Document[Any]) -> str:
    return text(document.body.org_name)


def _binding(place: Place, document: Document[Any]) -> Row:
    body: AccountBinding = document.body
    return place.key() | {
        "account": text(body.account),
        "org": text(body.org, 64),
        "org_name": text(body.org_name),
        "public": text(body.public, _HEX),
        "seen": text(" ".join(body.seen), 200),
        "clerk": text(body.clerk),
        "node": text(body.node),
        "at_ms": integer(body.at) or 0,
        "withdrawn": document.status == "withdrawn",
        "reason": text(document.reason),
    }


def _act_title(document: Document[Any]) -> str:
    return text(f"{document.body.action} {document.body.object}")


def _act(place: Place, document: Document[Any]) -> Row:
    return _act_row(place, document.body, 0)


def _batch_title(document: Document[Any]) -> str:
    return text(document.body.node)


def _batch(place: Place, document: Document[Any]) -> list[Row]:
    """A row for each act, as if it were a record of its own, and one for what was only counted."""
    body: AuditBatch = document.body
    acts = [each.act for each in body.entries]
    for each in body.counts:
        detail = (
            f"另有 {each.number} 次超过每小时上限，只计数 · {each.number} more beyond the hourly limit, counted only"
        )
        made = AuditAct(
            account=each.account,
            realm="",
            action=each.action,
            object=each.account,
            at=each.at,
            node=body.node,
            detail=detail,
        )
        acts.append(made)
    return [_act_row(place, act, part) for part, act in enumerate(acts)]


def _act_row(place: Place, body: AuditAct, part: int) -> Row:
    return place.key() | {
        "part": part,
        "at_ms": integer(body.at) or 0,
        "account": text(body.account),
        "realm": text(body.realm, 20),
        "role": text(body.role),
        "action": text(body.action, 64),
        "object": text(body.object),
        "detail": text(body.detail),
        "address": text(body.address, 64),
        "node": text(body.node),
    }


def _order_title(document: Document[Any]) -> str:
    return text(document.body.number)


def _order(place: Place, document: Document[Any]) -> Row:
    body: Order = document.body
    return place.key() | {
        "at_ms": integer(body.at) or 0,
        "trade": text(body.trade, 64),
        "project_code": text(body.project_code),
        "measure": text(body.measure, 20),
        "number": text(body.number),
        "reason": text(body.reason),
        "target": text(body.target),
        "department": text(body.department),
        "account": text(body.account),
    }


ACCOUNTS = Projection(table(AccountView), _account, _account_title)
BINDINGS = Projection(table(BindingView), _binding, _binding_title, keeps_withdrawn=True)
AUDIT = Projection(table(AuditView), _act, _act_title)
BATCHES = Projection(table(AuditView), _batch, _batch_title)
ORDERS = Projection(table(OrderView), _order, _order_title)
