"""Files that other nodes bring, and what is fetched from the node above: pieces that grow, judged when they are whole.

A piece's name holds the hash of its file and the node whose log lists it: nobody can spoil what another one brings, and
a node that lists a file shows with its own bytes that it has it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from hashlib import sha256 as _sha256

from sqlalchemy import Connection

from node.attachments import rows
from node.attachments.files import Coming, Files
from node.attachments.rows import Wanted
from node.domain import filetypes
from node.domain.acts import Attached
from node.errors import BadProof, Conflict, NodeError, NotFound, TooLarge
from node.trusted import Trusted

AT_MOST = 256
"""Files that one answer names."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that a node asks for: listed by a log of `node`, of which it has the first `have` bytes."""

    sha256: str
    node: str
    size: int
    have: int


def piece_name(sha256: str, node: str) -> str:
    return f"{sha256}-{_sha256(node.encode()).hexdigest()[:16]}"


class Transfers:
    """Takes files in piece by piece, from whichever side they come."""

    def __init__(self, files: Files, trusted: Trusted, *, retry_ms: int, most_ms: int) -> None:
        self.files = files
        self.trusted = trusted
        self._retry_ms = retry_ms
        self._most_ms = most_ms

    async def asked_of(self, caller: str) -> list[Asked]:
        """What this node waits for of the logs of `caller` and of the nodes below it, that none other brings."""
        nodes = self._brings(caller)
        found = await self.files.store.read(partial(rows.missing, nodes=nodes, limit=AT_MOST))
        due = [each for each in found if not each.error.startswith(rows.QUARANTINED)]
        return [Asked(each.sha256, each.node, each.size, await self.have(each.sha256, each.node)) for each in due]

    async def take(self, caller: str, sha256: str, node: str, at: int, data: bytes) -> tuple[int, bool]:
        """Bytes that a node below brings; gives how many are kept, and whether the file is whole and held.

        Raises NotFound when no record that is here lists it so, or the caller does not bring files of that node;
        Conflict with what is kept; BadProof when the whole is not what the hash says; Refused into quarantine.
        """
        if node not in self._brings(caller):
            raise NotFound("files of that node are not taken from this one")
        wanted = await self.files.store.read(partial(rows.waited_for, sha256=sha256, node=node))
        if wanted is None:
            if await self.files.store.read(partial(rows.was_had_by, sha256=sha256, node=node)):
                return at + len(data), True
            raise NotFound("no record that this node holds lists that file", zh="没有记录列出该文件")
        return await self.add(wanted, at, data)

    async def add(self, wanted: Wanted, at: int, data: bytes) -> tuple[int, bool]:
        """Append to the piece of a file that is waited for, and keep it when it is whole; see `take`."""
        if at + len(data) > wanted.size:
            raise TooLarge("more bytes than the record says", field="at")
        piece = piece_name(wanted.sha256, wanted.node)
        offset = (
            await asyncio.to_thread(self.files.shelf.append, piece, at, data) if data else await self._length(piece)
        )
        if offset < wanted.size:
            return offset, False
        await self.complete(wanted)
        return offset, True

    async def have(self, sha256: str, node: str) -> int:
        return await self._length(piece_name(sha256, node))

    async def complete(self, wanted: Wanted) -> None:
        """Judge and keep a piece that is whole; what fails is noted, and raised."""
        sha256, node = wanted.sha256, wanted.node
        each = await self.files.store.read(partial(_as_listed, self.trusted, sha256=sha256, node=node))
        if each is None:
            raise NotFound("no record lists that file any more")
        coming = Coming(each.name, each.media_type or filetypes.OCTETS, wanted.size, node, sha256=sha256)
        try:
            await self.files.finish(piece_name(sha256, node), coming)
        except NodeError as error:
            if not isinstance(error, Conflict):
                await self.failed(wanted, error)
            raise

    async def complete_whole(self) -> int:
        """Keep pieces that came whole and could not be judged then, and content that no row knows of."""
        done = 0
        for each in await self.files.store.read(partial(rows.missing, now_ms=self.files.clock())):
            listed = await self.files.store.read(partial(_as_listed, self.trusted, sha256=each.sha256, node=each.node))
            if listed is None:
                await self.files.store.write(partial(rows.give_up, sha256=each.sha256, node=each.node))
            elif each.size and await self.have(each.sha256, each.node) == each.size:
                try:
                    await self.complete(each)
                    done += 1
                except NodeError:
                    continue  # noted with the file; the next pass looks again
            elif await self.files.store.read(partial(self._is_its_own, each=each)):
                done += await self.files.adopt(listed, each.node)
        return done

    def _is_its_own(self, conn: Connection, each: Wanted) -> bool:
        """Whether content without a row (a new database, a crash) can only be that node's: none other lists it."""
        of_node = self.trusted.policy.node_of_origin
        listers = {of_node(listed.origin) for listed in rows.listed(conn, each.sha256)}
        return rows.find(conn, each.sha256) is None and listers == {each.node}

    async def failed(self, wanted: Wanted, error: NodeError) -> None:
        """Note why a file did not come; it is left alone for longer with each time."""
        wait_ms = min(self._most_ms, self._retry_ms << min(wanted.tries, 16))
        # What was not what its hash says was cut away whole; another try may bring it right.
        next_ms = self.files.clock() + (wait_ms if not isinstance(error, BadProof) else self._most_ms)
        said = f"{error.code}: {error.detail}"
        await self.files.store.write(
            partial(_note, sha256=wanted.sha256, node=wanted.node, next_ms=next_ms, error=said)
        )

    def _brings(self, caller: str) -> frozenset[str]:
        """Whose files a caller brings: its own and those of the nodes below it, if it is itself below this node."""
        policy = self.trusted.policy
        return frozenset({caller, *policy.below(caller)}) if self.trusted.me in policy.path_up(caller) else frozenset()

    async def _length(self, piece: str) -> int:
        return await asyncio.to_thread(self.files.shelf.length, piece)


def _note(conn: Connection, sha256: str, node: str, next_ms: int, error: str) -> None:
    held = rows.find(conn, sha256)
    if held is None or held.state != rows.QUARANTINED:
        rows.note_try(conn, sha256, node, next_ms, error)


def _as_listed(trusted: Trusted, conn: Connection, sha256: str, node: str) -> Attached | None:
    """The first listing of a file by a log of that node."""
    of_node = trusted.policy.node_of_origin
    return next((each.attached for each in rows.listed(conn, sha256) if of_node(each.origin) == node), None)
