"""How often a day something may be done that everybody may do and that makes a record, for nothing is taken out again.

Days are those of Beijing. Functions run inside the caller's transaction: what is refused there is not done.
"""

from __future__ import annotations

import ipaddress

from sqlalchemy import Connection, delete, select

from node.domain.calendar import day_of
from node.errors import RateLimited, Refused
from node.store.tables import table
from node.store.tables_accounts import AccountBound
from node.store.upsert import insert_or_replace

_bounds = table(AccountBound)
DAY_MS = 86_400_000
_BEIJING_MS = 8 * 3_600_000
REGISTER, CHANGE = "register", "change"


class DailyLimit(RateLimited):
    """So much was done today as may be done in a day."""

    code = "daily-limit"
    title_zh = "今日已达上限"
    title_en = "The limit of the day is reached"
    advice_zh = "请明日再试，或联系本中心工作人员。"
    advice_en = "Try again tomorrow, or ask the staff of the centre."


def registered(conn: Connection, address: str, now_ms: int, *, each: int, all_: int) -> None:
    """Count a party that registers itself. Raises DailyLimit: for its address, or for the whole node; Refused."""
    require_room(conn, address, now_ms, each=each, all_=all_)
    for key in _keys(address):
        _add(conn, key, now_ms)


def require_room(conn: Connection, address: str, now_ms: int, *, each: int, all_: int) -> None:
    """Raise DailyLimit where `registered` would; Refused where nobody may register (`all_` 0)."""
    if not all_:
        raise Refused(
            "registration is closed at this node",
            zh="本中心未开放网上注册",
            advice_zh="请到中心窗口由工作人员代为建立账号，或到其他交易中心注册（各中心通用）。",
            advice_en="Have the staff make the account at the counter, or register at another centre.",
        )
    for key in _keys(address):
        most = all_ if key == REGISTER else each
        if _number(conn, key, now_ms) >= most:
            here, hier = ("at this node", "本中心网上") if key == REGISTER else ("from this network", "您所在网络")
            raise _reached(
                now_ms,
                f"{most} accounts were registered {here} today, which is the limit",
                f"今日{hier}注册的账号已达上限（{most} 个），本次未注册",
                "请明日再试；着急办理的，请到中心窗口由工作人员代为建立账号，或到其他交易中心注册（各中心通用）。",
                "Try again tomorrow. If it is urgent, have the staff make the account at the counter, or register at "
                "another centre: an account is good at all of them.",
            )


def changed(conn: Connection, account: str, now_ms: int, *, each: int, all_: int) -> None:
    """Count a change that a party makes to its own account. Raises DailyLimit."""
    for key, most in ((f"{CHANGE} {account}", each), (CHANGE, all_)):
        if _number(conn, key, now_ms) >= most:
            raise _reached(
                now_ms,
                f"{most} changes were made today {'at this node' if key == CHANGE else 'to this account'}: the limit",
                f"今日{'本中心各主体账号' if key == CHANGE else '该账号'}的变更已达上限（{most} 次），本次未变更",
                "请明日再试；怀疑密码泄露的，请立即联系中心工作人员。",
                "Try again tomorrow; if others may know the password, call the centre's staff at once.",
            )
        _add(conn, key, now_ms)


def place_of(address: str) -> str:
    """What is counted as one place: an IPv4 address, a /64 of IPv6, for that is what one line gets.

    >>> place_of("192.0.2.7"), place_of("2001:db8:1:2:3:4:5:6"), place_of("::ffff:192.0.2.7")
    ('192.0.2.7', '2001:db8:1:2::/64', '192.0.2.7')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _keys(address: str) -> list[str]:
    where = place_of(address)
    return [*([f"{REGISTER} {where}"] if where else []), REGISTER]


def _number(conn: Connection, key: str, now_ms: int) -> int:
    of = _bounds.c.key == key, _bounds.c.day == day_of(now_ms)
    return int(conn.execute(select(_bounds.c.number).where(*of)).scalar() or 0)


def _add(conn: Connection, key: str, now_ms: int) -> None:
    made = {"key": key, "day": day_of(now_ms), "number": _number(conn, key, now_ms) + 1}
    insert_or_replace(conn, _bounds, [made])
    conn.execute(delete(_bounds).where(_bounds.c.day < day_of(now_ms - DAY_MS)))


def _reached(now_ms: int, detail: str, zh: str, advice_zh: str, advice_en: str) -> DailyLimit:
    left_ms = DAY_MS - (now_ms + _BEIJING_MS) % DAY_MS
    error = DailyLimit(detail, retry_after_s=-(-left_ms // 1000))
    error.zh, error.advice_zh, error.advice_en = zh, advice_zh, advice_en
    return error
