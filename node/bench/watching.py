"""The hub as anyone outside sees it: what is verified, durable, cosigned and readable there, over its own addresses."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import msgspec

from node.errors import BadProof, Unavailable
from node.sync.peer import Request, Transport
from node.tlog.merkle import leaf_hash
from node.tlog.tiles import WIDTH, decode_bundle, entries_path, tile_path
from node.wire import header as headers
from node.wire import pack as packs
from node.wire import paths
from node.wire import payload as payload_bytes
from node.wire.heads import open_head
from node.wire.trust import TrustPolicy

POLL_S = 0.004
PATIENCE_S = 300.0
PORTAL_PATIENCE_S = 3600.0


class _PayloadsThere(msgspec.Struct):
    next: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a log's newest entry: its record id, and the size of the cosigned tree that holds it."""

    size: int
    record_id: bytes


class Watcher:
    """Looks at one hub. Everything that it reads is checked, so that nothing counts that is only claimed."""

    def __init__(self, way: Transport, policy: TrustPolicy, hub: str) -> None:
        self._way = way
        self._policy = policy
        self._mirrors = [grant.key for grant in policy.grants(node=hub, use="mirror")]

    async def whole(self, origin: str, size: int) -> Seen:
        """Wait until the hub serves `size` entries of a log: cosigned head, last tile, last entry with its payload.

        Raises Unavailable when that does not come, BadProof when what is served does not fit together.
        """
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if await self._payloads_there(origin) >= size and (seen := await self._look(origin, size)) is not None:
                return seen
            await asyncio.sleep(POLL_S)
        raise Unavailable(f"the hub does not serve {size} entries of {origin}")

    async def shown(self, seen: Seen) -> None:
        """Wait until the portal's interface knows the record: until it is projected."""
        target = paths.RECORD.format(record_id=seen.record_id.hex())
        started = time.monotonic()
        while (waited := time.monotonic() - started) < PORTAL_PATIENCE_S:
            if (await self._way.send(Request("GET", target))).status == 200:
                return
            await asyncio.sleep(min(max(waited / 50, 0.05), 1))
        raise Unavailable("the hub's portal does not show the newest record")

    async def _payloads_there(self, origin: str) -> int:
        reply = await self._way.send(Request("GET", paths.payload_state(origin)))
        if reply.status != 200:
            return 0
        return msgspec.json.decode(reply.body, type=_PayloadsThere).next

    async def _look(self, origin: str, size: int) -> Seen | None:
        reply = await self._way.send(Request("GET", paths.tlog(origin, "checkpoint")))
        if reply.status != 200:
            return None
        head = open_head(self._policy, reply.body)
        signed = any(key.made(line) for key in self._mirrors for _, line in head.cosigned)
        if head.checkpoint.size < size or not signed:
            return None
        last = size - 1
        n, width = last // WIDTH, last % WIDTH + 1
        bundle = await self._get(paths.tlog(origin, entries_path(n, width)))
        hashes = await self._get(paths.tlog(origin, tile_path(0, n, width)))
        entry = decode_bundle(bundle)[-1]
        if leaf_hash(entry) != hashes[-32:]:
            raise BadProof("the hub's last tile is not that of its last entry")
        header = headers.parse(entry)
        await self._check_payload(origin, last, header)
        return Seen(head.checkpoint.size, header.record_id)

    async def _check_payload(self, origin: str, index: int, header: headers.Header) -> None:
        """The public payload of one entry, asked for by (origin, index)."""
        body = await self._get(f"{paths.payloads(origin)}?start={index}&end={index + 1}")
        for data in packs.unframe(body):
            for row in packs.parse(data).rows:
                section = header.section(row.section)
                if row.index == index and section is not None:
                    payload_bytes.check(row.salt, row.payload, section.commitment)
                    return
        raise BadProof(f"the hub does not serve the payload of entry {index}")

    async def _get(self, target: str) -> bytes:
        reply = await self._way.send(Request("GET", target, {"Accept-Encoding": "identity"}))
        if reply.status != 200:
            raise Unavailable(f"the hub answered {reply.status} to {target.partition('?')[0]}")
        return reply.body
