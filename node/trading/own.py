"""The node's own trades, read for one who would act on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from node.errors import NotAllowed
from node.store import loading
from node.store.db import Store
from node.store.loading import Recorded


@dataclass(slots=True)
class OwnTrades:
    """Reads behind `project`, which brings the read tables level with the own log."""

    store: Store
    project: Callable[[], Awaitable[object]]
    node: str

    async def records(self, key: str, *, required: bool = True) -> list[Recorded]:
        """The acts of one of them; none where there is no such trade and it need not be there.

        Raises NotFound, NotAllowed where it is another node's.
        """
        await self.project()

        def read(conn: Connection) -> list[Recorded]:
            found = loading.holders(conn, key)
            if self.node not in found:
                if found and required:
                    raise NotAllowed(
                        f"trade {key} is held at {found[0]}",
                        zh=f"交易 {key} 属于 {found[0]}，本节点不能办理",
                        advice_zh="请到该中心办理。",
                        advice_en="Act at that centre.",
                    )
                if required:
                    raise loading.not_found(key)
                return []
            return loading.recorded(conn, key, self.node)

        return await self.store.read(read)
