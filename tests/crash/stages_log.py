"""Workloads on logs: records are published here, heads and entries of others are taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from node.domain.record import Amendment, Outcome
from node.errors import Conflict, NodeError
from node.publishing.batch import Item
from node.store import logs
from node.sync.accept import MirrorConflict
from tests.crash.judge import Verdict, entries_of, judge_notes, judge_payloads, judge_records
from tests.crash.places import Place, member, seeded
from tests.crash.workload import ALL, Told, drafts, renamed, replace_said, stream
from tests.interop.client import Log
from tests.scenarios.net import expert


class Publish:
    """Single records, a batch that fills a bundle, three callers at once, new versions, an amendment, repeats."""

    name = "publish"
    role = "hub"

    def prepare(self, place: Place) -> None:
        pass

    async def build(self, place: Place) -> None:
        size = place.random("before").randrange(225, 254)
        for start in range(0, size, 64):
            await place.node.publisher.publish(drafts("a", size)[start : start + 64])
        await place.node.projector.run()

    async def work(self, place: Place) -> None:
        batch = drafts("c", place.random("batch").randrange(4, 34))
        await self._publish(place, drafts("b", 1))
        await self._publish(place, [expert("e1")])
        await self._publish(place, batch)
        await asyncio.gather(*(self._publish(place, [draft]) for draft in drafts("d", 3)))
        again = [replace_said(batch[0], "changed"), batch[1], *drafts("f", 2)]
        await self._publish(place, again)
        amended = Amendment("code.division", "test/b0000", renamed, {"changed": "2025-11-24"})
        await self._publish(place, [amended])

    async def _publish(self, place: Place, items: Sequence[Item]) -> None:
        outcomes: list[Outcome] = await place.step(lambda: place.node.publisher.publish(items))
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome.state == "rejected":
                place.tell("wrong", f"{item.key} was rejected: {outcome.error}")
            place.tell("ack", item.key, outcome.record_id, outcome.version, outcome.index)
        await place.tell_head(place.node.settings.origin)

    async def restarted(self, place: Place, told: Told, verdict: Verdict) -> None:
        entries = await place.node.store.read(lambda conn: entries_of(conn, place.node.settings.origin))
        judge_records(verdict, told, entries, -1)
        judge_notes(verdict, told, {place.node.settings.origin: entries})

    async def finished(self, place: Place, told: Told, verdict: Verdict, expected: int) -> int:
        origin = place.node.settings.origin
        entries = await place.node.store.read(lambda conn: entries_of(conn, origin))
        judge_records(verdict, told, entries, expected)
        judge_notes(verdict, told, {origin: entries})
        await place.node.store.read(lambda conn: judge_payloads(verdict, conn, origin, ALL))
        return len(entries)


class Accept:
    """Another node's log grows here twice, and one that was not known begins: heads witnessed, entries mirrored."""

    name = "accept"
    role = "hub"

    def prepare(self, place: Place) -> None:
        chance = place.random("sizes")
        self.old = chance.randrange(180, 250)
        self.sizes = [self.old + chance.randrange(20, 60), self.old + 256 + chance.randrange(60)]
        self.log = Log(seeded(f"{member(0)}/1")).grow_to(self.sizes[-1])
        self.young = Log(seeded(f"{member(1)}/1")).grow_to(7)

    async def build(self, place: Place) -> None:
        await self._bring(place, self.log, self.old)

    async def work(self, place: Place) -> None:
        for size in self.sizes:
            await self._bring(place, self.log, size)
        await self._bring(place, self.young, 7)

    async def _bring(self, place: Place, log: Log, size: int) -> None:
        """What a peer does: it goes on from whatever the node says."""
        if not await self._witness(place, log, size):
            return
        start, acceptor = 0, place.node.acceptor
        while True:
            body = log.entries_body(start, size, first=2)
            try:
                outcome = await place.step(lambda body=body: acceptor.add_entries(stream(body)))  # type: ignore[misc]
            except MirrorConflict as conflict:
                start = min(conflict.info.next_entry, size)
                continue
            if outcome.cosignature is not None:
                self._tell(place, "mirror", log, size, outcome.cosignature.line())
                return
            start = outcome.info.next_entry

    async def _witness(self, place: Place, log: Log, size: int) -> bool:
        """Have a head witnessed; False when the node is beyond it, so that the peer goes on with its newest."""
        old, acceptor = 0, place.node.acceptor
        while True:
            body = log.checkpoint_body(old, size)
            try:
                line = await place.step(lambda body=body: acceptor.add_checkpoint(body))  # type: ignore[misc]
            except Conflict as conflict:
                if conflict.size > size:
                    return False
                old = conflict.size
                continue
            self._tell(place, "witness", log, size, line.line())
            return True

    def _tell(self, place: Place, use: str, log: Log, size: int, line: str) -> None:
        text = log.text(size)
        place.tell("note", (text + "\n" + line).encode())
        place.tell("cosigned", use, log.origin, size)

    async def restarted(self, place: Place, told: Told, verdict: Verdict) -> None:
        for word, *rest in told:
            if word == "cosigned":
                use, origin, size = rest
                state = await place.node.store.read(lambda conn, origin=origin: logs.find(conn, origin))  # type: ignore[misc]
                has = 0 if state is None else state.witnessed_size if use == "witness" else state.head_size
                if has < size:
                    verdict.lost.append(f"a {use} cosignature of size {size} left, {has} is held")

    async def finished(self, place: Place, told: Told, verdict: Verdict, expected: int) -> int:
        trees = {}
        for log in (self.log, self.young):
            found = await place.node.store.read(lambda conn, log=log: entries_of(conn, log.origin))  # type: ignore[misc]
            trees[log.origin] = found
            if found != log.entries:
                verdict.lost.append(f"the mirror of {log.origin} is not its log: {len(found)} of {len(log.entries)}")
        judge_notes(verdict, told, trees)
        await self._lie(place, verdict)
        return sum(len(entries) for entries in trees.values())

    async def _lie(self, place: Place, verdict: Verdict) -> None:
        """Whoever shows another history after the restart must be refused."""
        size = len(self.log.entries)
        other = Log(self.log.key, [b"another history", *self.log.entries[1:]])
        try:
            await place.node.acceptor.add_checkpoint(other.checkpoint_body(size, size))
        except NodeError:
            return
        verdict.forked.append("a second history of a witnessed size was cosigned")
