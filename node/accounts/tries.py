"""Lock-out with back-off: guessing gets slow, and no stranger can shut an account's owner out for good.

Failures in a row are counted under four keys, each with so many that are free and a longest wait:

| key | free | longest wait | holds up |
|---|---|---|---|
| a browser that this account has used before | 10 | 15 min | whoever sits at it |
| account and address | 5 | 15 min | guessing from one place |
| address | 30 | 15 min | trying many accounts from one place |
| account | 50 | 1 min | guessing from many places |

A browser that has logged in to the account before (a cookie of its own) is counted under its own key alone, so that a
storm from elsewhere does not reach it. Others wait a minute at most for the account's sake. A try while it has to wait
is refused and not counted. A day without a failure forgets; so does `ggzy user reset`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

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


def bounds(account: str, address: str, device: str = "") -> tuple[Bound, ...]:
    """What a try is counted under; `device` names a browser that this account has used before."""
    if device:
        return (Bound(f"device {device}", 10, 900_000),)
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


def fail(conn: Connection, keys: Sequence[Bound], now_ms: int) -> None:
    """Count a failure under every key."""
    rows = {row.key: row for row in conn.execute(select(_tries).where(_tries.c.key.in_([k.key for k in keys])))}
    changed = []
    for each in keys:
        row = rows.get(each.key)
        failures = 1 if row is None or now_ms - row.last_ms > FORGET_MS else row.failures + 1
        beyond = failures - each.free
        wait = min(each.most_ms, FIRST_MS << min(beyond - 1, 20)) if beyond > 0 else 0
        changed.append({"key": each.key, "failures": failures, "last_ms": now_ms, "until_ms": now_ms + wait})
    insert_or_replace(conn, _tries, changed)
    conn.execute(delete(_tries).where(_tries.c.last_ms < now_ms - FORGET_MS))


def succeed(conn: Connection, keys: Sequence[Bound]) -> None:
    """Forget what came before a success, but for what concerns others too: the address and the account."""
    mine = [each.key for each in keys if each.key.startswith(("device ", "pair "))]
    conn.execute(delete(_tries).where(_tries.c.key.in_(mine)))


def forget(conn: Connection, account: str) -> None:
    """Forget all failures of an account, whatever the address."""
    prefix = f"pair {account} "
    held = conn.execute(select(_tries.c.key).where(_tries.c.key.startswith(prefix, autoescape=True))).scalars()
    conn.execute(delete(_tries).where(_tries.c.key.in_([*held, f"account {account}"])))
