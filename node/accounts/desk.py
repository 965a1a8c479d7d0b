"""What happens to accounts: made, changed, closed, logged in to. Each is a few lines here, and a record in the log.

Argon2id takes a processor and 19 MiB for a moment: it runs on threads, two at a time, so that a storm of log-ins slows
down log-ins alone.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row, insert, select, update

from node.accounts import bounds, codes, passwords, register, rules, sessions, tries
from node.accounts.audit import Audit
from node.accounts.needs import Opens, Publishes
from node.accounts.newcomers import let_in
from node.accounts.passwords import Cost, Secrets
from node.accounts.person import Person
from node.accounts.records import draft_of, draft_of_change
from node.accounts.register import Known, accounts
from node.accounts.tries import Bound, Reserved
from node.clock import Clock
from node.domain import posts
from node.domain.accounts import AccountCredentials, check_login, short_name
from node.errors import Conflict, NodeError, NotFound, Overloaded, RateLimited, Refused, Rejected, Unauthenticated
from node.settings import Settings
from node.store.db import Store
from node.store.tables import table
from node.store.tables_accounts import AccountCode
from node.store.upsert import insert_or_replace
from node.trusted import Trusted

T = TypeVar("T")
_codes = table(AccountCode)
AT_ONCE, WAITING = 2, 64
MAX_NAME = 80


class WrongLogin(Unauthenticated):
    """One error, whatever was wrong: who guesses learns nothing."""

    code = "wrong-login"
    title_zh = "账号、密码或动态口令不正确"
    title_en = "Account, password or one-time code is wrong"
    advice_zh = "请核对后重试；忘记密码请联系开户节点的管理员重置。"
    advice_en = "Check them and try again; a forgotten password is reset by the node where the account was made."


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session: its token, what the browser's own cookie is to hold, and who it is."""

    token: bytes = field(repr=False)
    device: bytes = field(repr=False)
    person: Person


class Accounts:
    """The accounts of one node. `cost` is that of new passwords."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        publisher: Publishes,
        sealer: Opens,
        trusted: Trusted,
        audit: Audit,
        clock: Clock,
        *,
        cost: Cost | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._publisher = publisher
        self._sealer = sealer
        self._trusted = trusted
        self._audit = audit
        self._clock = clock
        self._cost = cost or Cost()
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self.limits = sessions.Limits(
            int(settings.session_idle_s * 1000), int(settings.session_max_s * 1000), settings.max_sessions
        )

    # --- logging in ---------------------------------------------------------------------------------------------------

    async def log_in(
        self, login: str, password: str, code: str = "", *, address: str = "", agent: str = "", device: bytes = b""
    ) -> LoggedIn:
        """A session for whoever knows the password (and the one-time code, where it is in use).

        Raises WrongLogin, in the same words and after the same time whatever is wrong; RateLimited with the seconds
        after which to try again; Overloaded when too many log in at once.
        """
        login = login.strip().lower()[:120]
        known = await self._store.read(partial(register.named, login=login, me=self._me, node_of=self._node_of))
        name = known.account if known is not None else login
        reserved = await self._reserve(
            partial(_bounds, account=name, address=address, device=device, now_ms=self._clock())
        )
        secrets = await self._check(known, password, code, reserved)
        if known is None or secrets is None:
            raise WrongLogin()
        work = partial(self._begin, known=known, secrets=secrets, address=address, agent=agent, device=device)
        return await self._store.write(partial(work, reserved=reserved))

    async def person(self, token: bytes, address: str = "") -> Person | None:
        """Who a session's token belongs to; None when it has ended: idle, too old, or by a change of the account."""
        now_ms = self._clock()

        def look(conn: Connection) -> tuple[Row[Any], Known] | None:
            row = sessions.find(conn, token, self.limits, now_ms)
            known = None if row is None else register.find(conn, row.account, self._node_of)
            if row is None or known is None or not known.active or known.stamp != row.stamp:
                return None
            return row, known

        found = await self._store.read(look)
        if found is None:
            return None
        row, known = found
        if now_ms - row.seen_ms >= sessions.TOUCH_MS:
            await self._store.write(partial(sessions.touch, session=row.id, now_ms=now_ms))
        return self._person(known, sessions.open_key(row, token), row.id, address)

    async def log_out(self, person: Person) -> None:
        def end(conn: Connection) -> None:
            # Sent twice, it ends and is written down once.
            if sessions.end(conn, person.session):
                self._audit.gather(conn, person, "log-out", person.account)

        await self._store.write(end)

    async def sessions(self, person: Person) -> list[Row[Any]]:
        """The person's sessions at this node."""
        look = partial(sessions.of_account, account=person.account, limits=self.limits, now_ms=self._clock())
        return await self._store.read(look)

    async def end_session(self, person: Person, session: bytes) -> None:
        """End another session of the same person."""

        def end(conn: Connection) -> None:
            if sessions.end(conn, session, person.account):
                self._audit.gather(conn, person, "session.end", person.account)

        await self._store.write(end)

    # --- one's own account --------------------------------------------------------------------------------------------

    async def change_password(self, person: Person, old: str, new: str, *, code: str = "") -> None:
        """Take a new password. All sessions of the account end, this one too. Raises WrongLogin, Rejected."""
        known, secrets = await self._confirm(person, old, code)
        self._require(new, known)
        if hmac.compare_digest(new.encode(), old.encode()):
            raise Rejected("the new password is the old one", zh="新密码不得与原密码相同", field="new")
        await self._set_credentials(person, known, new, secrets)
        await self._audit.note(person, "password.change", person.account)

    async def set_totp(self, person: Person, password: str, secret: bytes, code: str, *, old_code: str = "") -> None:
        """Ask for one-time codes from now on, or no more with an empty secret.

        `code` shows that the new secret has arrived where it should, `old_code` is one of the secret in use. Raises
        WrongLogin, Rejected.
        """
        known, secrets = await self._confirm(person, password, old_code)
        if secret and codes.matching_step(secret, code, self._clock(), 0) is None:
            raise Rejected(
                "the code does not fit the secret",
                zh="动态口令与密钥不符",
                field="code",
                advice_zh="请核对手机时间与本机时间，输入当前显示的六位数字。",
                advice_en="Compare the clocks, then type the six digits that are shown now.",
            )
        # A first password that somebody else has seen stays to be changed.
        made = Secrets(secrets.seed, secret)
        await self._set_credentials(person, known, password, made, must_change=known.must_change)
        await self._audit.note(person, "totp.on" if secret else "totp.off", person.account)

    async def close(self, person: Person, password: str, *, code: str = "") -> None:
        """A party ends its own account, at its home. Raises WrongLogin, NotFound, Refused."""
        await self._confirm(person, password, code)
        await self.set_active(person.account, False, by=person)

    # --- accounts of this node ----------------------------------------------------------------------------------------

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

    def _count_registered(self, conn: Connection, address: str) -> None:
        each, all_ = self._settings.max_registrations_per_address, self._settings.max_registrations_per_day
        bounds.registered(conn, address, self._clock(), each=each, all_=all_)

    def _require_room(self, conn: Connection, address: str) -> None:
        each, all_ = self._settings.max_registrations_per_address, self._settings.max_registrations_per_day
        bounds.require_room(conn, address, self._clock(), each=each, all_=all_)

    async def set_roles(self, account: str, roles: Collection[str], *, by: Person | None = None) -> None:
        """Give an account of this node other roles of its realm. Raises NotFound, Refused."""

        def change(conn: Connection) -> None:
            row = _row(conn, account)
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
            row = _row(conn, account)
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
        row = await self._store.read(partial(_row, account=account))
        if by is not None:
            _require_mine(row, by)
        rules.require(password, least=self._settings.password_min_chars, about=(row.name, row.org_name))
        secrets = passwords.new_secrets()
        verifier, locked = await self._work(partial(passwords.protect, account, password, secrets, cost=self._cost))
        now_ms = self._clock()

        def change(conn: Connection) -> None:
            row = _row(conn, account)
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

    # --- inner --------------------------------------------------------------------------------------------------------

    @property
    def _me(self) -> str:
        return self._settings.name

    def _set(self, conn: Connection, row: Row[Any], **values: Any) -> None:
        """Change an account; its record is to be told anew."""
        # Later than before, whatever the clock says: each state of an account is another record.
        values |= {"told": False, "changed_ms": max(self._clock(), row.changed_ms + 1)}
        conn.execute(update(accounts).where(accounts.c.account == row.account).values(**values))

    def _node_of(self, origin: str) -> str | None:
        held = self._trusted.held
        return None if held is None else held.node_of_origin(origin)

    def _person(self, known: Known, secrets: Secrets, session: bytes, address: str) -> Person:
        return Person(
            account=known.account,
            name=known.name,
            realm=known.realm,  # type: ignore[arg-type] # checked when the account was made or its record read
            roles=known.roles,
            org=known.org,
            org_name=known.org_name,
            sectors=known.sectors,
            must_change=known.must_change,
            session=session,
            address=address,
            secrets=secrets,
        )

    async def _work(self, work: Callable[[], T]) -> T:
        """Run what is costly on a thread, a few at a time. Raises Overloaded when too many wait."""
        if self._waiting >= WAITING:
            raise Overloaded("too many passwords are being checked", retry_after_s=5)
        self._waiting += 1
        try:
            async with self._gate:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1

    async def _check(self, known: Known | None, password: str, code: str, reserved: Reserved) -> Secrets | None:
        """What the password opens, with the one-time code where it is in use; None when one of them is wrong.

        A try that cannot be made now (Overloaded) is taken back.
        """
        try:
            secrets = await self._opened(known, password)
        except Overloaded:
            await self._store.write(partial(tries.release, reserved=reserved))
            raise
        if known is None or secrets is None or not await self._use_code(known.account, secrets, code):
            return None
        return secrets

    async def _opened(self, known: Known | None, password: str) -> Secrets | None:
        credentials = await self._credentials(known)
        if known is None or credentials is None or not known.active:
            await self._work(partial(passwords.waste, password, self._cost))
            return None
        return await self._work(
            partial(passwords.unprotect, known.account, password, credentials.verifier, credentials.locked)
        )

    async def _credentials(self, known: Known | None) -> AccountCredentials | None:
        """What lets this account log in here; None when nothing does."""
        if known is None or known.credentials is not None or known.place is None:
            return None if known is None else known.credentials
        if known.realm != "party" or known.realm not in posts.realms_of_node(self._settings.role):
            return None
        origin, index = known.place
        try:
            data = await self._store.read(lambda conn: self._sealer.open(conn, origin, index, "credentials"))
            found = msgspec.msgpack.decode(data, type=AccountCredentials)
        except (NodeError, msgspec.MsgspecError):
            return None
        return found if register.digest_of(found) == known.stamp else None

    async def _use_code(self, account: str, secrets: Secrets, code: str) -> bool:
        """Whether the one-time code is good, or none is asked for; uses it up."""
        if not secrets.totp:
            return True
        now_ms = self._clock()

        def use(conn: Connection) -> bool:
            last = conn.execute(select(_codes.c.step).where(_codes.c.account == account)).scalar()
            step = codes.matching_step(secrets.totp, code, now_ms, -1 if last is None else last)
            if step is not None:
                insert_or_replace(conn, _codes, [{"account": account, "step": step}])
            return step is not None

        return await self._store.write(use)

    def _begin(
        self,
        conn: Connection,
        known: Known,
        secrets: Secrets,
        address: str,
        agent: str,
        device: bytes,
        reserved: Reserved,
    ) -> LoggedIn:
        now_ms = self._clock()
        tries.succeed(conn, reserved)
        device = sessions.remember_device(conn, known.account, device, now_ms)
        token = sessions.begin(conn, known.account, known.stamp, secrets, self.limits, now_ms, address, agent)
        person = self._person(known, secrets, sessions.digest(token), address)
        # In the same transaction: nobody is logged in without a trace, whatever becomes of this process.
        self._audit.gather(conn, person, "log-in", person.account)
        return LoggedIn(token, device, person)

    async def _confirm(self, person: Person, password: str, code: str) -> tuple[Known, Secrets]:
        """The account of a person who gives the password again. Raises WrongLogin, RateLimited."""
        # Whoever sits at a session left open must not guess either; the session is the device here.
        counted = tries.bounds(person.account, person.address, f"session {person.session.hex()}")
        reserved = await self._reserve(lambda conn: counted)
        known = await self._store.read(partial(register.find, account=person.account, node_of=self._node_of))
        secrets = await self._check(known, password, code, reserved)
        if known is None or secrets is None:
            raise WrongLogin()
        await self._store.write(partial(tries.succeed, reserved=reserved))
        return known, secrets

    async def _reserve(self, counted: Callable[[Connection], Sequence[Bound]]) -> Reserved:
        """Count a try before it is made. Raises RateLimited with the seconds to wait."""

        def look(conn: Connection) -> int:
            return tries.wait_ms(conn, counted(conn), self._clock())

        def work(conn: Connection) -> Reserved | int:
            return tries.reserve(conn, counted(conn), self._clock())

        # Who has to wait is told so without a write: a storm of tries must not keep the writer busy.
        found: Reserved | int = await self._store.read(look)
        found = found or await self._store.write(work)
        if isinstance(found, int):
            raise _too_often(found)
        return found

    async def _set_credentials(
        self, person: Person, known: Known, password: str, secrets: Secrets, *, must_change: bool = False
    ) -> None:
        protect = partial(passwords.protect, known.account, password, secrets, cost=self._cost)
        verifier, locked = await self._work(protect)
        secret_ms = max(self._clock(), known.secret_ms + 1)
        if known.here:

            def change(conn: Connection) -> None:
                made = {"verifier": verifier, "locked": locked, "secret_ms": secret_ms}
                self._set(conn, _row(conn, known.account), must_change=must_change, **made)
                self._count_change(conn, known.account, known.realm)
                sessions.end_all(conn, known.account)

            await self._store.write(change)
            await self.tell()
            return
        await self._store.write(partial(self._count_change, account=known.account, realm=known.realm))
        credentials = AccountCredentials(verifier, locked)
        draft = draft_of_change(known, credentials, secret_ms, self._settings.title, secrets.private)
        (outcome,) = await self._publisher.publish([draft])
        if outcome.error is not None:
            raise outcome.error
        await self._store.write(partial(sessions.end_all, account=known.account))

    def _count_change(self, conn: Connection, account: str, realm: str) -> None:
        """Each change is a record, and everybody may register as a party. Raises DailyLimit."""
        if realm == "party":
            each, all_ = self._settings.max_account_changes_per_day, self._settings.max_party_changes_per_day
            bounds.changed(conn, account, self._clock(), each=each, all_=all_)

    def knows_key(self, conn: Connection, account: str, public: str) -> bool:
        """Whether the account has, or had, this public key (hex)."""
        return register.has_key(conn, account, public, self._node_of)

    def _require(self, password: str, known: Known) -> None:
        about = (known.account.partition("@")[0], known.name, known.org_name)
        rules.require(password, least=self._settings.password_min_chars, about=about)

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


def _too_often(wait_ms: int) -> RateLimited:
    seconds = -(-wait_ms // 1000)
    error = RateLimited(f"too many failed log-ins; try again in {seconds} s", retry_after_s=seconds)
    error.zh = f"登录失败次数过多，请在 {seconds} 秒后重试"
    return error


def _bounds(conn: Connection, account: str, address: str, device: bytes, now_ms: int) -> tuple[tries.Bound, ...]:
    return tries.bounds(account, address, sessions.known_device(conn, account, device, now_ms))


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise Rejected(f"a name has 1 to {MAX_NAME} characters", zh=f"姓名应为 1 至 {MAX_NAME} 个字符", field="name")
    return name


def _row(conn: Connection, account: str) -> Row[Any]:
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
