"""Sessions: rows that mean nothing without the token, which only the cookie holds.

The table has the token's SHA-256, and the person's key under a key made from the token. So neither the database nor
the process itself signs as somebody whose browser has not just sent the cookie. State is in the database: any worker
answers, and a session ends everywhere at once.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Row, delete, insert, select, update

from node.accounts import passwords
from node.accounts.passwords import Secrets
from node.store.tables import table
from node.store.tables_accounts import AccountDevice, AccountSession
from node.store.upsert import insert_or_replace

_sessions = table(AccountSession)
_devices = table(AccountDevice)
TOKEN_BYTES = 32
TOUCH_MS = 60_000
"""A session's last use is written down this often: reading a page must not cost a write."""
MAX_DEVICES = 20
DEVICE_MS = 180 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session may lie idle and last at all, in milliseconds, and how many an account may have."""

    idle_ms: int
    most_ms: int
    each: int


def digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def begin(
    conn: Connection, account: str, stamp: str, secrets: Secrets, limits: Limits, now_ms: int, address: str, agent: str
) -> bytes:
    """A new session; gives its token. The account's oldest sessions beyond the limit end."""
    token = os.urandom(TOKEN_BYTES)
    row = {
        "id": digest(token),
        "account": account,
        "stamp": stamp,
        "locked": passwords.lock(secrets, _key(token), account),
        "made_ms": now_ms,
        "seen_ms": now_ms,
        "address": address[:64],
        "agent": agent[:200],
    }
    conn.execute(insert(_sessions).values(**row))
    conn.execute(delete(_sessions).where(_sessions.c.made_ms < now_ms - limits.most_ms))
    newest = select(_sessions.c.id).where(_sessions.c.account == account).order_by(_sessions.c.made_ms.desc())
    for old in conn.execute(newest.offset(limits.each)).scalars().all():
        conn.execute(delete(_sessions).where(_sessions.c.id == old))
    return token


def find(conn: Connection, token: bytes, limits: Limits, now_ms: int) -> Row[Any] | None:
    """The session's row while it lasts."""
    row = conn.execute(select(_sessions).where(_sessions.c.id == digest(token))).first()
    if row is None or now_ms - row.seen_ms >= limits.idle_ms or now_ms - row.made_ms >= limits.most_ms:
        return None
    return row


def open_key(row: Row[Any], token: bytes) -> Secrets:
    """The person's key. Raises BadProof when the row is not that of the token."""
    return passwords.unlock(row.locked, _key(token), row.account)


def touch(conn: Connection, session: bytes, now_ms: int) -> None:
    conn.execute(update(_sessions).where(_sessions.c.id == session).values(seen_ms=now_ms))


def end(conn: Connection, session: bytes, account: str = "") -> bool:
    """End one session; with `account`, only if it is one of that account. Says whether there was one."""
    which = [_sessions.c.id == session, *([_sessions.c.account == account] if account else [])]
    return conn.execute(delete(_sessions).where(*which)).rowcount > 0


def end_all(conn: Connection, account: str, *, devices: bool = False) -> None:
    """End all sessions of an account; with `devices` forget its browsers too."""
    conn.execute(delete(_sessions).where(_sessions.c.account == account))
    if devices:
        conn.execute(delete(_devices).where(_devices.c.account == account))


def of_account(conn: Connection, account: str, limits: Limits, now_ms: int) -> list[Row[Any]]:
    """The account's sessions that last, the newest first."""
    rows = conn.execute(select(_sessions).where(_sessions.c.account == account).order_by(_sessions.c.made_ms.desc()))
    return [r for r in rows if now_ms - r.seen_ms < limits.idle_ms and now_ms - r.made_ms < limits.most_ms]


def known_device(conn: Connection, account: str, device: bytes, now_ms: int) -> str:
    """The name under which a browser of this account is counted; empty for one that it has not used."""
    row = conn.execute(select(_devices).where(_devices.c.id == digest(device))).first() if device else None
    good = row is not None and row.account == account and now_ms - row.made_ms < DEVICE_MS
    return digest(device).hex() if good else ""


def remember_device(conn: Connection, account: str, device: bytes, now_ms: int) -> bytes:
    """Know this browser again; gives what its cookie is to hold, new each time it belongs to another account."""
    if not known_device(conn, account, device, now_ms):
        device = os.urandom(TOKEN_BYTES)
    insert_or_replace(conn, _devices, [{"id": digest(device), "account": account, "made_ms": now_ms}])
    newest = select(_devices.c.id).where(_devices.c.account == account).order_by(_devices.c.made_ms.desc())
    for old in conn.execute(newest.offset(MAX_DEVICES)).scalars().all():
        conn.execute(delete(_devices).where(_devices.c.id == old))
    return device


def _key(token: bytes) -> bytes:
    return HKDF(SHA256(), passwords.KEY_BYTES, salt=None, info=b"ggzy/session/key/v1").derive(token)
