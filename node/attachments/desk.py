"""The files of one node, all parts of it together: what the application, the jobs and the commands are given."""

from __future__ import annotations

from node.attachments.carry import Carried, Carrier, Line
from node.attachments.files import Files
from node.attachments.listing import Lister, sweep
from node.attachments.transfer import Transfers
from node.attachments.uploads import Uploads
from node.clock import Clock
from node.settings import Settings
from node.store.db import Store
from node.trusted import Trusted


class Attachments:
    """`run` lists what records list and carries what is missing; `tidy` lets go of what nobody came back for."""

    def __init__(self, settings: Settings, store: Store, trusted: Trusted, clock: Clock) -> None:
        self.files = Files(settings, store, clock)
        self.uploads = Uploads(settings, self.files)
        self.lister = Lister(store, self.files, trusted, clock)
        self.transfers = Transfers(
            self.files,
            trusted,
            retry_ms=int(settings.sync_interval_s * 1000),
            most_ms=int(settings.max_backoff_s * 1000),
        )
        self._carrier = Carrier(
            self.transfers,
            at_once=settings.attachment_transfers,
            bytes_per_s=settings.attachment_bytes_per_s,
            fetch=settings.attachment_fetch == "all",
        )
        self._unlisted_ms = int(settings.attachment_unlisted_s * 1000)

    async def run(self, line: Line | None = None) -> Carried:
        """One pass; without a line upwards there is nothing to carry, and what came whole is kept all the same."""
        await self.lister.run()
        await self.transfers.complete_whole()
        return Carried() if line is None else await self._carrier.run(line)

    async def tidy(self) -> int:
        """Forget uploads that were given up, and files that no record came to list; gives how many."""
        return await self.uploads.tidy() + await sweep(self.files, self._unlisted_ms)
