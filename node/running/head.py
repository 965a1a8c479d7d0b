"""The head of our own log: which key signs it, and what a new version of the trust policy makes of it."""

from __future__ import annotations

import structlog

from node import keyring
from node.errors import Frozen, Refused, Unavailable
from node.publishing.policy_record import log_versions
from node.publishing.publish import Publisher
from node.settings import Settings
from node.store.db import Store
from node.tlog.note import Ed25519Signer
from node.trusted import Trusted, choose_signer

_log = structlog.get_logger(__name__)


class LogSigners:
    """The keys of our log. Those made since (`ggzy key rotate log`) are found with each policy version."""

    def __init__(self, settings: Settings, trusted: Trusted, first: Ed25519Signer) -> None:
        self._settings = settings
        self._trusted = trusted
        self._signers = [first]
        self._version: int | None = None

    @property
    def behind(self) -> bool:
        """Whether they were last looked for under another policy version than the one held now."""
        return self._version != self._trusted.version

    def choose(self, size: int) -> Ed25519Signer:
        """The key that signs our log's head of this size. Raises Refused when the policy grants none."""
        if self.behind:
            settings = self._settings
            self._signers = keyring.log_signers(settings.keys, settings.name, settings.epoch)
            self._version = self._trusted.version
        return choose_signer(self._trusted.held, self._signers, size)


class OwnHead:
    """Keeps our log's head and the record of the policy in it level with the policy."""

    def __init__(self, store: Store, trusted: Trusted, publisher: Publisher, signers: LogSigners) -> None:
        self._store = store
        self._trusted = trusted
        self._publisher = publisher
        self._signers = signers
        self._logged = 0

    async def renew(self) -> None:
        """Sign the head again where another key is due; a log that cannot be signed is told of, and reads go on."""
        try:
            await self._publisher.renew_head()
        except Refused as error:
            _log.warning("own_log_cannot_be_signed", detail=error.detail)

    async def log_policy(self, coming: bytes = b"") -> None:
        """Log policy versions in our own log, where that is for us to do; a log that cannot be signed does it later."""
        try:
            await log_versions(self._store, self._trusted, self._publisher, coming)
        except (Frozen, Refused, Unavailable) as error:
            _log.warning("policy_not_logged", error=error.code, detail=error.detail)

    async def follow_policy(self) -> None:
        """What a policy version that is new to this process asks for: another key's signature, its own record."""
        if self._signers.behind:
            await self.renew()
        if self._logged != self._trusted.version:
            await self.log_policy()
            self._logged = self._trusted.version
