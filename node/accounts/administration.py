"""Accounts of this node: made, changed, closed, reset; each change is a record, told when the log can be written to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from node.accounts import bounds, passwords, register, rules, sessions, tries
from node.accounts.checking import Checking
from node.accounts.newcomers import let_in
from node.accounts.person import Person
from node.accounts.records import draft_of
from node.accounts.register import accounts
from node.domain import posts
from node.domain.accounts import check_login, short_name
from node.errors import Conflict, NodeError, NotFound, Refused, Rejected

MAX_NAME = 80


class Administration(Checking):
    """The accounts whose home is this node."""

    async def add(
        self,
        login: str,
        name: str,
        roles: Collection[str],
        password: str,
        *,
        org: str = "",
        org_name: str = "",
        sectors: Sequence[str] = (),
        by: Person | None = None,
        own: bool = False,
        must_change: bool = False,
        address: str = "",
    ) -> str:
        """Make an account of this node; gives its full name. `own` is true for a party that registers itself.

        `address` is where it does so from. Raises Rejected for a name or password that is not taken, Refused for roles
        that exclude each other or are not of this node, Conflict when the name is taken, DailyLimit when as many have
        registered as may in a day.
        """
        account = f"{check_login(login)}@{short_name(self._me)}"
        realm = posts.realm_of(roles)
        self._require_realm(realm)
        if realm == "supervision":
            org, sectors = org or self._settings.department, sectors or self._settings.sectors
        name = _named(name)
        rules.require(password, least=self._settings.password_min_chars, about=(login, name, org_name))
        secrets = passwords.new_secrets()
        maker = Person(account, name, "party", frozenset(roles), org=org, secrets=secrets, address=address)
        if own:
            # Asked before the costly part too; what counts is the answer in the transaction that makes the account.
            await self._store.read(partial(self._require_room, address=address))
        verifier, locked = await self._work(partial(passwords.protect, account, password, secrets, cost=self._cost))
        now_ms = self._clock()
        held = " ".join(sorted(posts.check(roles, realm)))
        row = {
            "account": account,
            "name": name,
            "realm": realm,
            "roles": held,
            "org": org,
            "org_name": org_name[:MAX_NAME],
            "sectors": " ".join("".join(sector.split()) for sector in sectors),
            "public": secrets.public,
            "former": "",
            "verifier": verifier,
            "locked": locked,
            "secret_ms": now_ms,
            "active": True,
            "must_change": must_change,
            "told": False,
            "made_ms": now_ms,
            "changed_ms": now_ms,
        }

        def make(conn: Connection) -> None:
            _add(conn, row)
            if own:
                self._count_registered(conn, address)
                self._audit.gather(conn, maker, "account.register", account, held)

        await self._store.write(make)
        await self.tell()
        if not own:
            await self._audit.note(by, "account.add", account, held)
        return account

    async def set_roles(self, account: str, roles: Collection[str], *, by: Person | None = None) -> None:
        """Give an account of this node other roles of its realm. Raises NotFound, Refused."""

        def change(conn: Connection) -> None:
            row = row_of(conn, account)
            _require_mine(row, by)
            held = posts.check(roles, row.realm)
            if not held:
                raise Rejected("an account needs a role", zh="请至少选择一个角色", field="roles")
            self._set(conn, row, roles=" ".join(sorted(held)))
            self._count_change(conn, row.account, row.realm)

        await self._store.write(change)
        await self.tell()
        await self._audit.note(by, "account.roles", account, " ".join(sorted(roles)))

    async def set_active(self, account: str, active: bool, *, by: Person | None = None) -> None:
        """Open or close an account of this node; closing ends its sessions. Raises NotFound, Refused."""

        def change(conn: Connection) -> None:
            row = row_of(conn, account)
            _require_mine(row, by)
            self._set(conn, row, active=active)
            if not active:
                sessions.end_all(conn, account, devices=True)

        await self._store.write(change)
        await self.tell()
        await self._audit.note(by, "account.enable" if active else "account.disable", account)

    async def reset(self, account: str, password: str, *, by: Person | None = None) -> None:
        """A new password for who has forgotten it: with a new key, without one-time codes, to be changed at log-in.

        The old key was locked under the old password; what it signed stays as it is. `by` None is the operator, who
        alone resets a party's account: whoever makes a new key for a bidder could sign as he does. Nobody resets his
        own, for that would go around the old password. Raises NotFound, Refused, Rejected.
        """
        row = await self._store.read(partial(row_of, account=account))
        if by is not None:
            _require_mine(row, by)
        rules.require(password, least=self._settings.password_min_chars, about=(row.name, row.org_name))
        secrets = passwords.new_secrets()
        verifier, locked = await self._work(partial(passwords.protect, account, password, secrets, cost=self._cost))
        now_ms = self._clock()

        def change(conn: Connection) -> None:
            row = row_of(conn, account)
            secret_ms = max(now_ms, row.secret_ms + 1)
            made = {"public": secrets.public, "verifier": verifier, "locked": locked, "secret_ms": secret_ms}
            former = " ".join([*row.former.split(), row.public.hex()])
            self._set(conn, row, must_change=True, former=former, **made)
            sessions.end_all(conn, account, devices=True)
            tries.forget(conn, account)

        await self._store.write(change)
        await self.tell()
        await self._audit.note(by, "account.reset", account)

    async def tell(self) -> int:
        """Publish the records of accounts of this node that are not in the log as they are; gives how many.

        What cannot be published now is when it is called again.
        """
        rows = await self._store.read(lambda conn: [row for row in register.own(conn) if not row.told])
        told = 0
        for row in rows:
            try:
                (outcome,) = await self._publisher.publish([draft_of(row, self._me, self._settings.title)])
            except NodeError:
                break
            if outcome.error is None:
                told += await self._store.write(partial(_told, row=row))
        return told

    async def upkeep(self) -> None:
        """Publish what waits for it, and let nodes that have joined meanwhile log parties in. For a regular job."""
        await self.tell()
        policy = self._trusted.held
        if policy is not None:
            work = partial(let_in, sealer=self._sealer, policy=policy, me=self._me)
            while await self._store.write(work):
                pass

    def knows_key(self, conn: Connection, account: str, public: str) -> bool:
        """Whether the account has, or had, this public key (hex)."""
        return register.has_key(conn, account, public, self._node_of)

    def _set(self, conn: Connection, row: Row[Any], **values: Any) -> None:
        """Change an account; its record is to be told anew."""
        # Later than before, whatever the clock says: each state of an account is another record.
        values |= {"told": False, "changed_ms": max(self._clock(), row.changed_ms + 1)}
        conn.execute(update(accounts).where(accounts.c.account == row.account).values(**values))

    def _count_registered(self, conn: Connection, address: str) -> None:
        each, all_ = self._settings.max_registrations_per_address, self._settings.max_registrations_per_day
        bounds.registered(conn, address, self._clock(), each=each, all_=all_)

    def _require_room(self, conn: Connection, address: str) -> None:
        each, all_ = self._settings.max_registrations_per_address, self._settings.max_registrations_per_day
        bounds.require_room(conn, address, self._clock(), each=each, all_=all_)

    def _count_change(self, conn: Connection, account: str, realm: str) -> None:
        """Each change is a record, and everybody may register as a party. Raises DailyLimit."""
        if realm == "party":
            each, all_ = self._settings.max_account_changes_per_day, self._settings.max_party_changes_per_day
            bounds.changed(conn, account, self._clock(), each=each, all_=all_)

    def _require_realm(self, realm: str) -> None:
        if not realm:
            raise Rejected("an account needs a role", zh="请至少选择一个角色", field="roles")
        if realm not in posts.realms_of_node(self._settings.role):
            here = "监管部门节点" if self._settings.role == "supervision" else "交易中心节点"
            raise Refused(
                f"accounts of the realm {realm} are not kept at a node of the role {self._settings.role}",
                zh=f"本节点是{here}，不能建立“{posts.REALM_NAMES[realm][0]}”账号（管办分离）",
                field="roles",
                advice_zh="请在相应的节点上建立该账号。",
                advice_en="Make this account at a node of that realm.",
            )


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Rejected(f"a name has 1 to {MAX_NAME} characters", zh=f"姓名应为 1 至 {MAX_NAME} 个字符", field="name")
    return name


def row_of(conn: Connection, account: str) -> Row[Any]:
    """The account as this node keeps it. Raises NotFound."""
    row = conn.execute(select(accounts).where(accounts.c.account == account)).first()
    if row is None:
        raise NotFound(
            f"no account {account} of this node",
            zh=f"本节点没有账号 {account}",
            advice_zh="请用 ggzy user list 查看；其他节点的账号由其开户节点管理。",
            advice_en="See ggzy user list; accounts of other nodes are kept there.",
        )
    return row


def _require_mine(row: Row[Any], by: Person | None) -> None:
    """Parties keep their accounts themselves; posts are given by others. Raises Refused. `by` None is the operator."""
    if row.realm == "party" and (by is None or by.account != row.account):
        raise Refused(
            "a centre neither closes a party's account nor says what it is",
            zh="交易主体账号由其本人管理，交易中心无权停用或调整",
            field="account",
            advice_zh="请由该主体登录后在“我的账号”中办理。",
            advice_en="The party does that itself, on its page My account.",
        )
    if row.realm != "party" and by is not None and by.account == row.account:
        raise Refused(
            "nobody changes his own posts or closes his own account",
            zh="不得调整或停用自己的账号",
            field="account",
            advice_zh="请由另一名管理员办理，或使用 ggzy user 命令。",
            advice_en="Have another administrator do it, or use ggzy user.",
        )


def _add(conn: Connection, row: dict[str, Any]) -> None:
    if conn.execute(select(accounts.c.account).where(accounts.c.account == row["account"])).first() is not None:
        raise _taken(row["account"])
    conn.execute(insert(accounts).values(**row))


def _taken(account: str) -> Conflict:
    error = Conflict(f"the account {account} exists already")
    error.zh, error.field = f"账号 {account} 已存在", "login"
    error.advice_zh, error.advice_en = "请换一个登录名。", "Choose another log-in name."
    return error


def _told(conn: Connection, row: Row[Any]) -> int:
    """Note that a record says what this row says; nothing when the row has changed since."""
    same = accounts.c.account == row.account, accounts.c.changed_ms == row.changed_ms
    return conn.execute(update(accounts).where(*same).values(told=True)).rowcount
