"""Statements in a bundle: cosigned heads and custody notes, kept once they verify and speak of what is stored here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from node.errors import BadProof, BadSignature, NodeError, Refused
from node.store import checkpoints, logs, peers
from node.store.db import Store
from node.store.logs import LogState
from node.sync.accept import Acceptor
from node.sync.bundle_report import LogTally
from node.tlog.cosignature import cosignature_time
from node.tlog.note import Signature, VerifierKey, parse_note
from node.tlog.witness import AddCheckpointRequest
from node.trusted import Trusted
from node.wire.custody import Custody, open_custody
from node.wire.custody import parse as parse_custody
from node.wire.heads import Head, open_head


class StatementDoor:
    """Checks and keeps statements about logs."""

    def __init__(self, store: Store, trusted: Trusted, acceptor: Acceptor) -> None:
        self._store = store
        self._trusted = trusted
        self._acceptor = acceptor

    async def note(self, data: bytes, tally: LogTally) -> None:
        """Keep the lines of a cosigned head whose tree is stored here.

        Raises what opening it raises; Refused when the entries are not here; BadProof, Conflict when it contradicts
        what is: then both notes are kept as evidence.
        """
        head = open_head(self._trusted.policy, data)
        origin, size = head.checkpoint.origin, head.checkpoint.size
        state = await self._store.read(partial(logs.find, origin=origin))
        if state is None or size > state.stored_size:
            stored = 0 if state is None else state.stored_size
            raise Refused(
                f"a cosigned head of size {size}, but only {stored} entries are here",
                zh=f"有对大小 {size} 的共同签名，但本节点只有 {stored} 条",
                advice_zh="请先导入带有这些条目的分卷或数据包。",
                advice_en="Import the part or bundle with these entries first.",
            )
        if await self._store.read(partial(logs.stored_root, log_id=state.id, size=size)) != head.checkpoint.root:
            if not state.own:
                # The witness's door refuses it too, and keeps both notes.
                await self._acceptor.add_checkpoint(AddCheckpointRequest(size, (), data).encode())
            raise BadProof(f"a cosigned head of size {size} is not that of the entries stored here")
        fresh = await self._store.write(partial(_keep, trusted=self._trusted, state=state, head=head))
        tally.cosignatures += fresh
        tally.held += not fresh

    async def custody(self, data: bytes, tally: LogTally) -> None:
        """Keep a custody note of the node above about a log of ours or from below us.

        Raises Malformed, BadSignature; BadProof when it speaks of another tree.
        """
        policy, me = self._trusted.policy, self._trusted.me
        grants = policy.grants(use="custody")
        custody, _, key = open_custody(data, [grant.key for grant in grants])
        signer = next(grant.node for grant in grants if grant.key == key)
        until_s = policy.retired_at(key)
        if until_s is not None and custody.time_s > until_s:
            raise BadSignature(f"the custody key of {signer} was retired before this note")
        node = policy.node_of_origin(custody.origin)
        if node is None:
            raise BadSignature("the custody note is about a log that the trust policy does not know")
        above = policy.path_up(me)[:1]
        if [signer] != above or node not in (me, *policy.below(me)):
            tally.held += 1
            return
        kept = await self._store.write(partial(_keep_custody, signer=signer, custody=custody, data=data))
        tally.custody += kept
        tally.held += not kept


def _keep(conn: Connection, trusted: Trusted, state: LogState, head: Head) -> int:
    """Keep a head's lines but for those of which the same key's is held and no older; gives how many were new."""
    size, held = head.checkpoint.size, checkpoints.text(conn, state.id, head.checkpoint.size)
    if held not in (None, head.note.text):
        return 0  # the same head with other extension lines: the first text stays
    fresh = [line for key, line in head.cosigned if _is_newer(conn, state.id, size, key, line)]
    if fresh or held is None:
        checkpoints.put(conn, state.id, size, head.note.text, [*head.log_lines, *fresh])
    _note_mirror(conn, trusted, state, head)
    return len(fresh)


def _is_newer(conn: Connection, log_id: int, size: int, key: VerifierKey, line: Signature) -> bool:
    held = checkpoints.line_of(conn, log_id, size, key.name, key.key_id.hex())
    return held is None or cosignature_time(held) < cosignature_time(line)


def _note_mirror(conn: Connection, trusted: Trusted, state: LogState, head: Head) -> None:
    """The line of the mirror above says how far that node holds a log that goes up from here."""
    policy, me = trusted.policy, trusted.me
    if policy.node_of_origin(state.origin) not in (me, *policy.below(me)):
        return
    for name in policy.path_up(me)[:1]:
        mirrors = {grant.key for grant in policy.grants(node=name, use="mirror")}
        if mirrors & {key for key, _ in head.cosigned}:
            held, size = peers.get(conn, name, state.id, "push"), head.checkpoint.size
            witnessed, mirrored = max(held.witnessed_size, size), max(held.mirrored_size, size)
            if (witnessed, mirrored) != (held.witnessed_size, held.mirrored_size):
                peers.put(conn, replace(held, witnessed_size=witnessed, mirrored_size=mirrored))


def _keep_custody(conn: Connection, signer: str, custody: Custody, data: bytes) -> bool:
    """Keep a custody note in the signer's standing, where receipts find it, unless one of later time is there."""
    state = logs.get(conn, custody.origin)
    if custody.size > state.stored_size:
        raise Refused(
            f"a custody note over {custody.size} entries, but only {state.stored_size} are here",
            zh=f"保管声明涉及 {custody.size} 条，而本节点只有 {state.stored_size} 条",
            advice_zh="请用 ggzy status 查看该日志；如已冻结，按 docs/recovery.md 处理。",
            advice_en="Look at the log with ggzy status; if it is frozen, follow docs/recovery.md.",
        )
    if logs.stored_root(conn, state.id, custody.size) != custody.root:
        raise BadProof("the custody note speaks of a tree that is not the one stored here")
    held = peers.get(conn, signer, state.id, "push")
    if _time_of(held.custody) >= custody.time_s:
        return False
    following = max(held.payload_next, custody.end)
    peers.put(conn, replace(held, custody=data.decode(), payload_next=following))
    return True


def _time_of(note: str) -> int:
    try:
        return parse_custody(parse_note(note.encode()).text).time_s if note else -1
    except NodeError:
        return -1
