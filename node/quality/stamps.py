"""When records reached the nodes above, as far as this node knows: by the times in those nodes' cosignatures.

A cosignature says that its signer held the whole log up to a size at a time. So a record was there at the time of the
smallest signed size beyond it, at the latest. Old checkpoints are dropped; what is stamped stays.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from node.quality import lags
from node.quality.items import Row, items
from node.store.tables import LogSignature, table
from node.store.view_record import signed_s

_signatures = table(LogSignature)


@dataclass(frozen=True, slots=True)
class Stamps:
    """Sizes that one signer has signed, rising, and when, in UTC ms."""

    sizes: tuple[int, ...] = ()
    times: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        return self.sizes[-1] if self.sizes else 0

    def lag(self, idx: int, claimed_ms: int) -> int:
        """The class of the time from the claim to the first signature that covers this index."""
        place = bisect_right(self.sizes, idx)
        return lags.UNKNOWN if place == len(self.sizes) else lags.bucket(self.times[place] - claimed_ms)


def stamps(conn: Connection, log_id: int, signer: str) -> Stamps:
    statement = (
        select(_signatures.c.size, _signatures.c.line)
        .where(and_(_signatures.c.log_id == log_id, _signatures.c.signer == signer))
        .order_by(_signatures.c.size)
    )
    dated = {size: seconds * 1000 for size, line in conn.execute(statement) if (seconds := signed_s(line)) is not None}
    return Stamps(tuple(dated), tuple(dated.values()))


def stamp(item: Row, above: tuple[Stamps, Stamps]) -> None:
    """Set the lags of a record that are not known yet; a time once known is not made longer by a later signature."""
    for name, signed in zip(("hub_lag", "top_lag"), above, strict=True):
        if item[name] == lags.UNKNOWN:
            item[name] = signed.lag(item["idx"], item["claimed_ms"])


def unstamped(conn: Connection, log_id: int, name: str, start: int, end: int, limit: int) -> list[Row]:
    """Records of `[start, end)` whose lag `name` is not known, by index."""
    which = and_(items.c.log_id == log_id, items.c.idx >= start, items.c.idx < end, items.c.sort == "record")
    rows = conn.execute(
        select(items).where(and_(which, items.c[name] == lags.UNKNOWN)).order_by(items.c.idx).limit(limit)
    ).mappings()
    return [dict(row) for row in rows]
