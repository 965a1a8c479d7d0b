"""Bring a closed log of our own back from the node above: the trust policy names its last head (DESIGN L9, L10).

The same proofs as in a recovery, but up to just that head: what was signed beyond it, by whomever, does not count.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from node.errors import NodeError, Unavailable
from node.store import checkpoints, logs, peers
from node.store.peers import Standing
from node.sync.recover import Progress, Recovery, Returned, Shown
from node.wire.custody import open_custody
from node.wire.trust import Closure


class ClosedLog(Recovery):
    """Brings back one log that was closed. Nothing is signed, and nothing freezes: nobody signs a closed log."""

    async def bring_closed(self, closure: Closure, progress: Progress = lambda done, total: None) -> Returned:
        """Fetch, prove and store all of it. Raises Unavailable when the node above shows another head than the closed
        one; else as `Recovery.bring_back`."""
        state = await self._store.write(partial(logs.ensure, origin=self._origin))
        before = state.stored_size
        if not closure.size:
            return Returned(state, None, 0, 0, 0, ())
        shown = self._open(await self._peer.checkpoint(self._origin))
        if (shown.head.size, shown.head.root) != (closure.size, closure.root):
            raise Unavailable(
                f"{self._peer.name} shows a head of {self._origin} of size {shown.head.size}, "
                f"the trust policy closes the log at {closure.size} with a root of its own",
                zh=f"上级所存日志（大小 {shown.head.size}）与信任策略关闭的日志头（大小 {closure.size}）不符",
                advice_zh="请停止仍持有旧密钥的进程；由策略签署方核对上级所存的日志头，必要时签署更正的策略。",
                advice_en="Stop every process that still has the old key; whoever signs the policy compares it with "
                "the head that the node above holds, and signs a corrected version if need be.",
            )
        tiles = await self._prove(state, shown)
        await self._bring_entries(state, shown, tiles, progress)
        await self._bring_payloads(shown.head.size)
        await self._store.write(partial(_end, origin=self._origin, shown=shown))
        await self._keep_custody(shown)
        lacking = await self.lacking()
        state = await self._store.read(partial(logs.get, origin=self._origin))
        return Returned(state, shown, before, shown.head.size, shown.head.size, tuple(lacking))

    async def _keep_custody(self, shown: Shown) -> None:
        """The custody note of the node above goes into receipts of the closed log for ever."""
        keys = [grant.key for grant in self._trusted.policy.grants(node=self._peer.name, use="custody")]
        try:
            note = await self._peer.custody(self._origin)
            custody, _, _ = open_custody(note, keys)
        except NodeError:
            return  # receipts then come without it, as before the first custody note
        if custody.origin == self._origin:
            await self._store.write(partial(_keep, peer=self._peer.name, shown=shown, note=note.decode()))


def _end(conn: Connection, origin: str, shown: Shown) -> None:
    """The head that the log ends with: all entries up to it are stored and have its root."""
    state = logs.get(conn, origin)
    head = shown.head
    logs.check_root(conn, state.id, head.size, head.root)
    checkpoints.put(conn, state.id, head.size, shown.note.text, shown.lines)
    if state.witnessed_size < head.size:
        logs.move_witnessed(conn, state, head.size, head.root)
    logs.move_head(conn, logs.get(conn, origin), head.size, head.root)


def _keep(conn: Connection, peer: str, shown: Shown, note: str) -> None:
    state = logs.get(conn, shown.head.origin)
    held = peers.get(conn, peer, state.id, "push")
    size = shown.head.size
    kept: Standing = replace(held, witnessed_size=size, mirrored_size=size, payload_next=size, custody=note)
    peers.put(conn, kept)
