"""Payloads of a bundle on their way to the custodian: nothing is put down as lost for being left out of a file.

On the line payloads come from the log's origin and nodes above alone, and what such a caller does not bring is lost to
the best of its knowledge. A file may come from anybody. What it brings proves itself by commitment; what it lacks
proves nothing, unless an absence note in it, signed by one of those nodes, says so (docs/decisions/0017).
"""

from __future__ import annotations

import asyncio
from functools import partial

from sqlalchemy import Connection

from node.errors import Malformed, NotFound, Refused, TooLarge
from node.store import logs, payloads
from node.store.db import Store
from node.store.logs import LogState
from node.sync.bundle_report import LogTally
from node.sync.custody import Custodian
from node.tlog.tiles import WIDTH
from node.trusted import Trusted
from node.wire import pack as packs
from node.wire.absence import open_absence
from node.wire.brought import due_sections
from node.wire.bundle import PayloadsFrame
from node.wire.pack import Pack

MAX_ENTRIES = 8192
"""The longest stretch that one frame speaks of, as for a call on the line."""

Place = tuple[int, str]


class PayloadDoor:
    """Hands a frame's packs to the custodian, as far as they leave nothing out."""

    def __init__(self, store: Store, custodian: Custodian, trusted: Trusted) -> None:
        self._store = store
        self._custodian = custodian
        self._trusted = trusted

    async def take(self, frame: PayloadsFrame, tally: LogTally) -> None:
        """Take the payloads of one frame.

        Raises Refused where the frame leaves a gap, to entries or payloads before it or within it; and what the
        custodian raises: BadProof, Malformed, TooLarge.
        """
        state = await self._store.read(partial(logs.find, origin=frame.origin))
        if state is None or state.own:
            raise NotFound("payloads of a log that this node does not mirror", field="origin")
        start, end, place = frame.start, frame.end, state.payload_next
        if not 0 < end - start <= MAX_ENTRIES:
            raise Malformed(f"payloads of {end - start} entries, from 1 to {MAX_ENTRIES} are allowed")
        if end > state.stored_size or start > place:
            raise _gap(start, end, state)
        missing = await self._store.read(partial(payloads.missing, log_id=state.id, start=start, end=end))
        if end <= place and not missing:
            tally.held += 1
            return
        mine = self._custodian.audiences(frame.origin)
        opened = await asyncio.to_thread(_open, frame, mine)
        given = {(row.index, row.section) for pack in opened.values() for row in pack.rows}
        stated = self._stated(frame)
        absent = await self._store.read(
            partial(_absent, state=state, start=max(start, place), end=end, mine=mine, given=given)
        )
        first = min(absent - stated, default=None)
        bodies = list(opened)
        if first is not None:
            end, bodies = first[0], _before(opened, first[0])
        if end > start:
            await self._custodian.add_payloads(frame.origin, start, end, bodies)
        still = await self._store.read(partial(payloads.missing, log_id=state.id, start=start, end=max(start, end)))
        tally.payloads += max(0, end - place) + len(set(missing) - set(still))
        if first is not None:
            raise Refused(
                f"the payload {first[1]} of entry {first[0]} is not in the bundle, and nobody signed that it is lost",
                zh=f"数据包缺少第 {first[0]} 条的内容（{first[1]}），也没有经签名的缺失说明；其后内容未接收",
                advice_zh="请由发出节点按本节点现状（ggzy bundle standing）重新导出。",
                advice_en="Have the sender export again from this node's standing (ggzy bundle standing).",
            )

    def _stated(self, frame: PayloadsFrame) -> frozenset[Place]:
        """What a node from which we would take payloads on the line states not to have. Raises as reading it does."""
        if not frame.absence:
            return frozenset()
        policy = self._trusted.policy
        absence, signer = open_absence(frame.absence, policy)
        node = policy.node_of_origin(frame.origin) or ""
        if absence.origin != frame.origin or signer not in (
            node,
            *policy.path_up(node),
            *policy.path_up(self._trusted.me),
        ):
            return frozenset()
        return frozenset(absence.places)


def _gap(start: int, end: int, state: LogState) -> Refused:
    if end > state.stored_size:
        what = f"payloads up to {end}, but only {state.stored_size} entries are here"
        zh = f"内容到第 {end} 条，而本节点只有 {state.stored_size} 条"
    else:
        what = f"payloads from {start} on, but those from {state.payload_next} on are not here yet"
        zh = f"缺少第 {state.payload_next} 至 {start - 1} 条的内容"
    return Refused(
        what,
        zh=zh,
        advice_zh="请先导入较前的分卷；如已遗失，由发出节点按本节点现状（ggzy bundle standing）重新导出。",
        advice_en="Import the earlier parts first; if they are lost, have the sender export again from this node's "
        "standing (ggzy bundle standing).",
    )


def _open(frame: PayloadsFrame, mine: frozenset[str]) -> dict[bytes, Pack]:
    """The frame's packs of this node's audiences; the bytes of a pack -> what is in it."""
    if sum(packs.stated_size(data) for data in frame.packs) > packs.MAX_PACK_BYTES:
        raise TooLarge(f"the payloads of one frame are more than {packs.MAX_PACK_BYTES} bytes")
    opened = {data: packs.parse(data) for data in frame.packs}
    return {data: pack for data, pack in opened.items() if pack.audience in mine}


def _absent(
    conn: Connection, state: LogState, start: int, end: int, mine: frozenset[str], given: set[Place]
) -> set[Place]:
    """What is due in `[start, end)` and neither given, nor held, nor erased by law."""
    found: set[Place] = set()
    for low in range(start - start % WIDTH, end, WIDTH):
        first, last = max(start, low), min(end, low + WIDTH)
        due = due_sections(logs.entries(conn, state.id, first, last), first, mine)
        lacking = {place for places in due.values() for place in places} - given
        if lacking:
            lacking -= payloads.erased_in(conn, state.id, first, last)
            lacking -= set(payloads.read_range(conn, state.id, first, last))
        found |= lacking
    return found


def _before(opened: dict[bytes, Pack], end: int) -> list[bytes]:
    """Packs with the rows of indexes below `end` alone."""
    made = []
    for data, pack in opened.items():
        if pack.end <= end:
            made.append(data)
        elif pack.start < end:
            rows = tuple(row for row in pack.rows if row.index < end)
            made.append(packs.encode(Pack(pack.origin, pack.start, end, pack.audience, rows)))
    return made
