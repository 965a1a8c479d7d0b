"""What a person does with the own account: password, one-time codes, and for parties its end."""

from __future__ import annotations

import hmac
from functools import partial

from sqlalchemy import Connection

from node.accounts import codes, passwords, sessions
from node.accounts.administration import Administration, row_of
from node.accounts.passwords import Secrets
from node.accounts.person import Person
from node.accounts.records import draft_of_change
from node.accounts.register import Known
from node.domain.accounts import AccountCredentials
from node.errors import Rejected


class OwnAccount(Administration):
    """Changes that need the password once more."""

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

    async def _set_credentials(
        self, person: Person, known: Known, password: str, secrets: Secrets, *, must_change: bool = False
    ) -> None:
        protect = partial(passwords.protect, known.account, password, secrets, cost=self._cost)
        verifier, locked = await self._work(protect)
        secret_ms = max(self._clock(), known.secret_ms + 1)
        if known.here:

            def change(conn: Connection) -> None:
                made = {"verifier": verifier, "locked": locked, "secret_ms": secret_ms}
                self._set(conn, row_of(conn, known.account), must_change=must_change, **made)
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
