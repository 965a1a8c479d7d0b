"""Heads and entries of a bundle on their way to the acceptor: each head by a proof from the size held here."""

from __future__ import annotations

import asyncio
from functools import partial

from node.errors import Malformed, NodeError, NotFound, Refused
from node.store import checkpoints, logs
from node.store.db import Store
from node.store.logs import LogState
from node.sync.accept import Acceptor
from node.sync.bundle_report import LogTally
from node.sync.bundle_statements import StatementDoor
from node.sync.peer import chunks
from node.tlog.mirror import AddEntriesReader
from node.tlog.witness import AddCheckpointRequest
from node.wire.bundle import EntriesFrame, HeadFrame, inflate


class EntryDoor:
    """Hands heads and entries of other nodes' logs to the acceptor."""

    def __init__(self, store: Store, acceptor: Acceptor, statements: StatementDoor) -> None:
        self._store = store
        self._acceptor = acceptor
        self._statements = statements

    async def head(self, frame: HeadFrame, origin: str, tally: LogTally) -> None:
        """Witness a head, or keep its cosignatures when its tree is here already.

        Raises what opening it raises; Refused when its growth is not proven from what is held here; BadProof and
        Conflict when it contradicts that: then both notes are kept as evidence.
        """
        head, note, _ = self._acceptor.open_head(frame.note)
        state = await self._store.write(partial(logs.ensure, origin=origin))
        known = await self._store.read(partial(checkpoints.text, log_id=state.id, size=head.size))
        if head.size <= state.stored_size:
            await self._statements.note(frame.note, tally)
        elif not (head.size <= state.witnessed_size and known == note.text):
            await self._acceptor.add_checkpoint(self._request(frame, state, head.size).encode())
            tally.cosignatures += 1

    def _request(self, frame: HeadFrame, state: LogState, size: int) -> AddCheckpointRequest:
        old = state.witnessed_size
        if old in (0, size):
            return AddCheckpointRequest(old, (), frame.note)
        if size < old:
            raise Refused(
                f"a head of size {size}, while {old} was witnessed here and its entries are not all here",
                zh=f"此检查点（{size}）早于本节点已见证的 {old}，而其间条目尚未到齐",
                advice_zh="请导入较新的数据包，或由发出节点按本节点现状（ggzy bundle standing）重新导出。",
                advice_en="Import the newer bundle, or have one exported from the file of ggzy bundle standing.",
            )
        proofs = dict(frame.proofs)
        if old not in proofs:
            raise Refused(
                f"the bundle does not prove that its head of size {size} extends the one of {old} held here",
                zh=f"数据包中没有从本节点已见证的大小 {old} 到 {size} 的证明",
                advice_zh="请用 ggzy bundle standing 写出本节点现状，由发出节点按 --from-standing 重新导出。",
                advice_en="Write this node's standing with ggzy bundle standing and have the sender export with "
                "--from-standing.",
            )
        return AddCheckpointRequest(old, tuple(proofs[old]), frame.note)

    async def entries(self, frame: EntriesFrame, part: int, tally: LogTally) -> None:
        """Mirror the entries of one frame, which stands in part `part`.

        Raises Refused where entries before them, or their head, are not here; and what the acceptor raises.
        """
        state = await self._store.read(partial(logs.find, origin=frame.origin))
        if state is not None and state.own:
            raise NotFound(
                "entries of this node's own log are not taken from a bundle",
                zh="数据包中的本节点日志条目不予接收",
                advice_zh="如本节点是由旧备份恢复的，请按 docs/recovery.md 处理。",
                advice_en="If this node was restored from a backup, follow docs/recovery.md.",
            )
        if state is None or frame.start > state.stored_size:
            raise gap(frame.start, 0 if state is None else state.stored_size, part)
        body = await asyncio.to_thread(inflate, frame.body)
        reader = AddEntriesReader()
        reader.feed(body)
        header = reader.header
        if header is None or (header.origin, header.upload_start) != (frame.origin, frame.start):
            raise Malformed("the entries are not those that their frame names")
        if frame.end <= state.stored_size:
            if header.upload_end <= state.stored_size and state.head_size < header.upload_end:
                await self._acceptor.finish(frame.origin, header.upload_end)
            tally.held += 1
            return
        if await self._store.read(partial(checkpoints.text, log_id=state.id, size=header.upload_end)) is None:
            raise Refused(
                f"the head of size {header.upload_end} that these entries belong to was not taken",
                zh=f"这些条目所属的检查点（大小 {header.upload_end}）未被接收",
                advice_zh="请先处理该检查点未被接收的原因（见同一日志的其他提示）。",
                advice_en="See why that head was not taken, in the other lines of the same log.",
            )
        before = state.stored_size
        await self._acceptor.add_entries(chunks(body))
        after = (await self._store.read(partial(logs.get, origin=frame.origin))).stored_size
        tally.entries += after - before
        tally.held += after == before


def gap(start: int, stored: int, part: int) -> NodeError:
    """The error for entries from `start` on in part `part`, while only `stored` are here: it names what is lacking."""
    parts = f"1-{part - 1}" if part > 2 else "1"
    lacking = (f"，应在第 {parts} 分卷", f", which part {parts} of this export holds") if part > 1 else ("", "")
    return Refused(
        f"entries from {start} on, but those from {stored} on are not here yet{lacking[1]}",
        zh=f"缺少第 {stored} 至 {start - 1} 条{lacking[0]}",
        advice_zh="请先导入较前的分卷；如已遗失，由发出节点按本节点现状（ggzy bundle standing）重新导出。",
        advice_en="Import the earlier parts first; if they are lost, have the sender export again from this node's "
        "standing (ggzy bundle standing).",
    )
