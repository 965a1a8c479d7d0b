"""What `ggzy user …` does: each opens the node, calls one function of its accounts, and says what came of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from node.accounts.register import namesakes, own
from node.app import Node
from node.cli.opening import load, quiet_logs
from node.cli.output import result, say
from node.domain import posts
from node.domain.accounts import short_name
from node.errors import NotFound, Refused
from node.web.accounts.manage import first_password

T = TypeVar("T")


def add(
    config: Path,
    login: str,
    name: str,
    roles: Sequence[str],
    *,
    sectors: Sequence[str],
    org: str,
    org_name: str,
    other_person: bool,
    stdin: bool,
    as_json: bool,
) -> None:
    password = _password(stdin)

    async def work(node: Node) -> str:
        if not other_person:
            await _require_no_namesake(node, name, roles)
        return await node.accounts.add(
            login, name, roles, password, org=org, org_name=org_name, sectors=sectors, must_change=not stdin
        )

    account = _run(config, work)
    say(f"账号 {account} 已建立 · the account {account} is ready")
    _tell(account, password, stdin=stdin, as_json=as_json)


def reset(config: Path, account: str, *, stdin: bool, as_json: bool) -> None:
    password = _password(stdin)

    async def work(node: Node) -> str:
        full = _full(account, node)
        await node.accounts.reset(full, password)
        return full

    full = _run(config, work)
    say(f"{full} 的密码已重置，原登录已结束 · the password is reset, its log-ins have ended")
    _tell(full, password, stdin=stdin, as_json=as_json)


def show(config: Path, *, as_json: bool) -> None:
    async def work(node: Node) -> list[dict[str, object]]:
        names = ("account", "name", "realm", "roles", "org", "org_name", "sectors", "active", "must_change")
        return [{name: getattr(row, name) for name in names} for row in await node.store.read(own)]

    rows = _run(config, work)
    for row in rows:
        titles = "、".join(posts.ROLES[role].zh for role in str(row["roles"]).split() if role in posts.ROLES)
        state = "" if row["active"] else "  已停用 closed"
        typer.echo(f"{row['account']}  {row['name']}  {titles} ({row['roles']})  {row['org_name']}{state}")
    if not rows:
        say("暂无账号。请用 ggzy user add 建立第一个管理员。")
        say("No accounts yet: make the first administrator with ggzy user add.")
    if as_json:
        result({"accounts": rows})


def disable(config: Path, account: str, *, active: bool, as_json: bool) -> None:
    async def work(node: Node) -> str:
        full = _full(account, node)
        await node.accounts.set_active(full, active)
        return full

    full = _run(config, work)
    say(f"{full} 已{'启用' if active else '停用'} · {'opened again' if active else 'closed'}")
    if as_json:
        result({"account": full, "active": active})


def roles(config: Path, account: str, roles: Sequence[str], *, as_json: bool) -> None:
    async def work(node: Node) -> str:
        full = _full(account, node)
        await node.accounts.set_roles(full, roles)
        return full

    full = _run(config, work)
    say(f"{full}：{'、'.join(posts.ROLES[role].zh for role in roles)} · roles given")
    if as_json:
        result({"account": full, "roles": sorted(set(roles))})


async def _require_no_namesake(node: Node, name: str, roles: Sequence[str]) -> None:
    """A person of that name in the other realm may be the same: somebody must say that it is not (R3)."""
    realm = posts.realm_of(roles)
    other = {"service": "supervision", "supervision": "service"}.get(realm, "")
    found = await node.store.read(lambda conn: namesakes(conn, name, other)) if other else []
    if found:
        raise Refused(
            f"somebody of that name has an account of the realm {other}: {', '.join(found)}",
            zh=f"同名人员已有“{posts.REALM_NAMES[other][0]}”账号：{'、'.join(found)}",
            field="name",
            advice_zh="同一人不得兼任服务与监管；确为另一人时，请加 --other-person。",
            advice_en="One person holds no post in both; if this is another person, add --other-person.",
        )


def _run(config: Path, work: Callable[[Node], Awaitable[T]]) -> T:
    settings = load(config)

    async def opened() -> T:
        node = Node(settings)
        try:
            await node.open()
            return await work(node)
        finally:
            await node.close()

    with quiet_logs():
        return asyncio.run(opened())


def _full(account: str, node: Node) -> str:
    full = account if "@" in account else f"{account}@{short_name(node.settings.name)}"
    if not full.endswith(f"@{short_name(node.settings.name)}"):
        raise NotFound(
            f"{full} is an account of another node",
            zh=f"{full} 是其他节点的账号",
            advice_zh="请在其开户节点上办理。",
            advice_en="Do this at the node where it was made.",
        )
    return full


def _password(stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if stdin else first_password()


def _tell(account: str, password: str, *, stdin: bool, as_json: bool) -> None:
    """Show a password that was made here, once."""
    if not stdin:
        say(f"初始密码（仅显示一次，首次登录须修改）· first password, shown once: {password}")
    if as_json:
        result({"account": account} | ({} if stdin else {"password": password}))
