"""Who somebody is: the password, the one-time code, and how often either may be tried.

Argon2id takes a processor and 19 MiB for a moment: it runs on threads, two at a time, so that a storm of log-ins slows
down log-ins alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, select

from node.accounts import codes, passwords, register, rules, sessions, tries
from node.accounts.audit import Audit
from node.accounts.needs import Opens, Publishes
from node.accounts.passwords import Cost, Secrets
from node.accounts.person import Person
from node.accounts.register import Known
from node.accounts.tries import Bound, Reserved
from node.clock import Clock
from node.domain import posts
from node.domain.accounts import AccountCredentials
from node.errors import NodeError, Overloaded, RateLimited, Unauthenticated
from node.settings import Settings
from node.store.db import Store
from node.store.tables import table
from node.store.tables_accounts import AccountCode
from node.store.upsert import insert_or_replace
from node.trusted import Trusted

T = TypeVar("T")
_codes = table(AccountCode)
AT_ONCE, WAITING = 2, 64


class WrongLogin(Unauthenticated):
    """One error, whatever was wrong: who guesses learns nothing."""

    code = "wrong-login"
    title_zh = "账号、密码或动态口令不正确"
    title_en = "Account, password or one-time code is wrong"
    advice_zh = "请核对后重试；忘记密码请联系开户节点的管理员重置。"
    advice_en = "Check them and try again; a forgotten password is reset by the node where the account was made."


class Checking:
    """What the parts of `Accounts` share. `cost` is that of new passwords."""

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

    def _require(self, password: str, known: Known) -> None:
        about = (known.account.partition("@")[0], known.name, known.org_name)
        rules.require(password, least=self._settings.password_min_chars, about=about)

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

    @property
    def _me(self) -> str:
        return self._settings.name

    def _node_of(self, origin: str) -> str | None:
        held = self._trusted.held
        return None if held is None else held.node_of_origin(origin)


def _too_often(wait_ms: int) -> RateLimited:
    seconds = -(-wait_ms // 1000)
    error = RateLimited(f"too many failed log-ins; try again in {seconds} s", retry_after_s=seconds)
    error.zh = f"登录失败次数过多，请在 {seconds} 秒后重试"
    return error
