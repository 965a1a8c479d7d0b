"""What accounts need of other stages, handed over by `app.py`: somebody who publishes, somebody who opens seals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from node.domain.record import Amendment, Draft, Outcome


class Publishes(Protocol):
    """`node.publishing.publish.Publisher`, as far as it is needed here."""

    async def publish(self, items: Sequence[Draft | Amendment], /) -> list[Outcome]: ...


class Opens(Protocol):
    """`node.publishing.sealing.Sealer`, as far as it is needed here."""

    def open(self, conn: Connection, origin: str, index: int, section: str) -> bytes: ...

    def share(self, conn: Connection, origin: str, index: int, section: str, to: str) -> object: ...
