"""Files between this node and the one above: brought up where that one asks for them, fetched where this one waits.

A node below opens every connection, so it asks what the node above lacks of its logs and brings that, and fetches what
its own records list of others. In pieces, each an exchange of its own: a line that breaks loses one piece, and the
length that was kept says where to go on. So many files at once and so many bytes a second as the settings say; records
travel by other calls and never wait for this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog
from sqlalchemy import Connection

from node.attachments import rows
from node.attachments.rows import Wanted
from node.attachments.transfer import Asked, Transfers
from node.errors import Conflict, NodeError, NotFound, Unavailable
from node.trusted import audiences_for

_log = structlog.get_logger(__name__)
MOST_PIECE, LEAST_PIECE = 1 << 20, 64 << 10
PASS_S = 300.0
"""After so long a pass begins nothing new; the next one goes on."""


class Line(Protocol):
    """The node above, as this stage sees it; `node.sync.peer.Peer` is one."""

    @property
    def name(self) -> str: ...

    async def files_asked(self) -> list[tuple[str, str, int, int]]:
        """What it waits for, of our logs and of those below us: the values of `Asked`."""
        ...

    async def bring_file(self, sha256: str, node: str, at: int, data: bytes) -> tuple[int, bool]:
        """See `Transfers.take`."""
        ...

    async def file_piece(self, sha256: str, node: str, start: int, end: int) -> bytes:
        """Bytes `[start, end)` of a file, as a log of `node` lists it. Raises NotFound while it has it not."""
        ...


@dataclass
class Carried:
    """What a pass carried, and what failed: hash -> error text."""

    up: int = 0
    down: int = 0
    bytes: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def moved(self) -> int:
        return self.up + self.down


class Pace:
    """Lets so many bytes a second through in the long run; 0 does not bound them."""

    def __init__(
        self,
        bytes_per_s: int,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_s = bytes_per_s
        self._now = now
        self._sleep = sleep
        self._free_at = 0.0

    async def let(self, size: int) -> None:
        """Wait until so many bytes may go."""
        if not self._per_s:
            return
        now = (self._now or asyncio.get_running_loop().time)()
        begin = max(now, self._free_at)
        self._free_at = begin + size / self._per_s
        if begin > now:
            await self._sleep(begin - now)


class Carrier:
    """Passes with the node above. `fetch` says whether others' files are fetched at all; own ones always are."""

    def __init__(self, transfers: Transfers, *, at_once: int, bytes_per_s: int, fetch: bool = True) -> None:
        self._transfers = transfers
        self._files = transfers.files
        self._trusted = transfers.trusted
        self._gate = asyncio.Semaphore(at_once)
        self._pace = Pace(bytes_per_s)
        self._fetch = fetch
        self._piece = MOST_PIECE

    async def run(self, line: Line, *, for_s: float = PASS_S) -> Carried:
        """One pass. A file that fails is noted and holds up none; when the line is down the pass ends."""
        carried = Carried()
        until = asyncio.get_running_loop().time() + for_s
        works: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        try:
            for values in await line.files_asked():
                asked = Asked(*values)
                works.append((asked.sha256, partial(self._bring, line, asked, until, carried)))
        except NodeError as error:
            carried.failures["asked"] = f"{error.code}: {error.detail}"
            if type(error) is Unavailable:
                return carried
        for wanted in await self._files.store.read(self._to_fetch):
            works.append((wanted.sha256, partial(self._pull, line, wanted, until, carried)))
        down = asyncio.Event()
        await asyncio.gather(*(self._one(name, work, carried, down) for name, work in works))
        return carried

    def _to_fetch(self, conn: Connection) -> list[Wanted]:
        policy, me = self._trusted.policy, self._trusted.me
        below = set(policy.below(me))
        others = {each.name for each in policy.members if each.name not in below and each.name != me}
        return rows.missing(conn, now_ms=self._files.clock(), nodes={me, *others} if self._fetch else {me})

    async def _one(self, name: str, work: Callable[[], Awaitable[None]], carried: Carried, down: asyncio.Event) -> None:
        async with self._gate:
            if down.is_set():
                return
            try:
                await work()
                self._piece = min(MOST_PIECE, self._piece * 2)
            except NodeError as error:
                carried.failures[name] = f"{error.code}: {error.detail}"
                if isinstance(error, Unavailable):
                    # On a slow line a smaller piece comes through where a large one does not.
                    self._piece = max(LEAST_PIECE, self._piece // 2)
                    down.set()
                _log.info("attachment_not_carried", sha256=name, code=error.code, detail=error.detail)

    async def _bring(self, line: Line, asked: Asked, until: float, carried: Carried) -> None:
        """Bring a file up, if it is here and the node above may have it."""
        may = partial(self._may_bring, asked=asked, to=line.name)
        if not await self._files.store.read(may):
            return
        at, whole = asked.have, False
        while not whole and asyncio.get_running_loop().time() < until:
            data = await asyncio.to_thread(self._read, asked.sha256, at)
            await self._pace.let(len(data))
            try:
                at, whole = await line.bring_file(asked.sha256, asked.node, at, data)
                carried.bytes += len(data)
            except Conflict as conflict:
                # Whatever is kept there is where to go on, once: two who disagree for ever would never end.
                if conflict.size == at:
                    raise
                at = conflict.size
        carried.up += int(whole)

    def _may_bring(self, conn: Connection, asked: Asked, to: str) -> bool:
        found = rows.find(conn, asked.sha256)
        if found is None or found.state != rows.HELD or found.size != asked.size:
            return False

        def audiences(origin: str) -> frozenset[str]:
            of_node = self._trusted.policy.node_of_origin(origin) == asked.node
            return audiences_for(self._trusted, to, origin) if of_node else frozenset()

        return rows.readable(conn, asked.sha256, self._trusted.policy.node_of_origin, audiences) is not None

    def _read(self, sha256: str, at: int) -> bytes:
        with self._files.shelf.open(sha256) as file:
            file.seek(at)
            return file.read(self._piece)

    async def _pull(self, line: Line, wanted: Wanted, until: float, carried: Carried) -> None:
        """Fetch a file from the node above; what is here from another node is only asked about."""
        try:
            held = await self._files.store.read(partial(rows.find, sha256=wanted.sha256))
            if held is not None and held.state == rows.HELD and held.size == wanted.size:
                await line.file_piece(wanted.sha256, wanted.node, 0, 1)
                await self._files.store.write(partial(rows.had_by, sha256=wanted.sha256, node=wanted.node))
                carried.down += 1
                return
            at, whole = await self._transfers.have(wanted.sha256, wanted.node), False
            while not whole and asyncio.get_running_loop().time() < until:
                data = b""
                if at < wanted.size:
                    end = min(wanted.size, at + self._piece)
                    await self._pace.let(end - at)
                    data = await line.file_piece(wanted.sha256, wanted.node, at, end)
                at, whole = await self._transfers.add(wanted, at, data)
                carried.bytes += len(data)
            carried.down += int(whole)
        except NotFound as error:
            # It has not come there either, or not yet.
            await self._transfers.failed(wanted, error)
            raise
