"""Log-ins: a session for who knows the password, and who it is that sends its token."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from node.accounts import register, sessions, tries
from node.accounts.checking import Checking, WrongLogin
from node.accounts.passwords import Secrets
from node.accounts.person import Person
from node.accounts.register import Known
from node.accounts.tries import Reserved


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session: its token, what the browser's own cookie is to hold, and who it is."""

    token: bytes = field(repr=False)
    device: bytes = field(repr=False)
    person: Person


class LogIns(Checking):
    """Sessions of this node."""

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


def _bounds(conn: Connection, account: str, address: str, device: bytes, now_ms: int) -> tuple[tries.Bound, ...]:
    return tries.bounds(account, address, sessions.known_device(conn, account, device, now_ms))
