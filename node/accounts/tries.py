"""Lock-out with back-off: guessing gets slow, and no stranger can shut an account's owner out for good.

Failures in a row are counted under four keys, each with so many that are free and a longest wait:

| key | free | longest wait | holds up |
|---|---|---|---|
| a browser that this account has used before | 10 | 15 min | whoever sits at it |
| account and address | 5 | 15 min | guessing from one place |
| address | 30 | 15 min | trying many accounts from one place |
| account | 50 | 1 min | guessing from many places |

A browser that has logged in to the account before (a cookie of its own) is counted under its own key alone, so that a
storm from elsewhere does not reach it. Others wait a minute at most for the account's sake. A try is counted before its
password is looked at, and taken back when that was right: so many at once count as many. A try while it has to wait is
refused and not counted. An IPv6 address stands for its /64. A day without a failure forgets; so does `ggzy user reset`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, select, update

from node.accounts.bounds import place_of
from node.store.tables import table
from node.store.tables_accounts import AccountTry
from node.store.upsert import insert_or_replace

_tries = table(AccountTry)
FORGET_MS = 24 * 3_600_000
FIRST_MS = 1000


@dataclass(frozen=True, slots=True)
class Bound:
    """A key, how many failures in a row are free under it, and the longest wait."""

    key: str
    free: int
    most_ms: int


@dataclass(frozen=True, slots=True)
class Reserved:
    """A try that is counted and not yet decided: its keys, and (until, before) of the wait it has set under each."""

    keys: tuple[Bound, ...]
    until: dict[str, tuple[int, int]]


def bounds(account: str, address: str, device: str = "") -> tuple[Bound, ...]:
    """What a try is counted under; `device` names a browser that this account has used before."""
    if device:
        return (Bound(f"device {device}", 10, 900_000),)
    address = place_of(address)
    return (
        Bound(f"pair {account} {address}", 5, 900_000),
        Bound(f"address {address}", 30, 900_000),
        Bound(f"account {account}", 50, 60_000),
    )


def wait_ms(conn: Connection, keys: Sequence[Bound], now_ms: int) -> int:
    """For how long a try must wait, 0 when it need not. Clocks that were set back free it."""
    rows = conn.execute(select(_tries).where(_tries.c.key.in_([each.key for each in keys]))).all()
    most = {each.key: each.most_ms for each in keys}
    waits: list[int] = [min(most[row.key], row.until_ms - now_ms) for row in rows if row.last_ms <= now_ms]
    return max([0, *waits])


def reserve(conn: Connection, keys: Sequence[Bound], now_ms: int) -> Reserved | int:
    """Count a try as a failure before it is made, or say for how many milliseconds it must wait.

    Passwords are checked outside of any transaction, many at a time: were a failure counted after the check only, all
    that are being checked would pass the limit together.
    """
    if (wait := wait_ms(conn, keys, now_ms)) > 0:
        return wait
    return Reserved(tuple(keys), fail(conn, keys, now_ms))


def fail(conn: Connection, keys: Sequence[Bound], now_ms: int) -> dict[str, tuple[int, int]]:
    """Count a failure under every key; gives until when others must now wait for it, and until when before."""
    rows = {row.key: row for row in conn.execute(select(_tries).where(_tries.c.key.in_([k.key for k in keys])))}
    changed, until = [], {}
    for each in keys:
        row = rows.get(each.key)
        failures = 1 if row is None or now_ms - row.last_ms > FORGET_MS else row.failures + 1
        beyond = failures - each.free
        wait = min(each.most_ms, FIRST_MS << min(beyond - 1, 20)) if beyond > 0 else 0
        changed.append({"key": each.key, "failures": failures, "last_ms": now_ms, "until_ms": now_ms + wait})
        until[each.key] = now_ms + wait, now_ms if row is None else min(row.until_ms, now_ms)
    insert_or_replace(conn, _tries, changed)
    conn.execute(delete(_tries).where(_tries.c.last_ms < now_ms - FORGET_MS))
    return until


def release(conn: Connection, reserved: Reserved) -> None:
    """Take a try back that was none, or a success. A wait that others have caused meanwhile stays."""
    for key, (until, before) in reserved.until.items():
        mine = _tries.c.key == key, _tries.c.failures > 0
        lifted = case((_tries.c.until_ms == until, before), else_=_tries.c.until_ms)
        conn.execute(update(_tries).where(*mine).values(failures=_tries.c.failures - 1, until_ms=lifted))


def succeed(conn: Connection, reserved: Reserved) -> None:
    """Take the try back, and forget what came before a success, but for what concerns others: address and account."""
    release(conn, reserved)
    mine = [each.key for each in reserved.keys if each.key.startswith(("device ", "pair "))]
    conn.execute(delete(_tries).where(_tries.c.key.in_(mine)))


def forget(conn: Connection, account: str) -> None:
    """Forget all failures of an account, whatever the address."""
    prefix = f"pair {account} "
    held = conn.execute(select(_tries.c.key).where(_tries.c.key.startswith(prefix, autoescape=True))).scalars()
    conn.execute(delete(_tries).where(_tries.c.key.in_([*held, f"account {account}"])))
