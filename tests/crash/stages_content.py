"""Workloads on what lies beside the logs: payloads taken in, read tables, all of it brought down from a hub."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from yarl import URL

from node.errors import DiskFull, NodeError, StorageFailed
from node.store import logs, payloads
from node.sync.peer import Reply, Request
from tests.crash.judge import Verdict, entries_of, judge_notes, judge_payloads
from tests.crash.places import Place, headers_of, hub_keys, member, sections_of, seeded
from tests.crash.workload import HUB_HOLDS, Told, drafts, replace_said, stream
from tests.interop.client import EMPTY, Head, Log, VKey, open_custody, pack
from tests.interop.upstream import Held, Shown, Upstream


class Custody:
    """Payloads of a mirrored log: a bundle's end, a whole bundle as one pack, a tail, one lost and brought later."""

    name = "custody"
    role = "hub"

    def prepare(self, place: Place) -> None:
        chance = place.random("sizes")
        self.size = 512 + chance.randrange(8, 60)
        self.start = chance.randrange(150, 240)
        self.sections = sections_of(place.seed, self.size)
        self.log = Log(seeded(f"{member(0)}/1"), headers_of(self.sections))
        self.lost = (self.size - chance.randrange(3, 6), "main")

    async def build(self, place: Place) -> None:
        await place.node.acceptor.add_checkpoint(self.log.checkpoint_body(0, self.size))
        await place.node.acceptor.add_entries(stream(self.log.entries_body(0, self.size)))
        await place.node.custodian.add_payloads(self.log.origin, 0, self.start, self._packs(0, self.start))

    def _packs(self, start: int, end: int, *, without: Iterable[tuple[int, str]] = ()) -> list[bytes]:
        made = []
        for audience in ("public", "restricted"):
            for low in range(start - start % 256, end, 256):
                a, b = max(start, low), min(end, low + 256)
                rows = [
                    section.row(index)
                    for index in range(a, b)
                    for section in self.sections[index]
                    if section.audience == audience and (index, section.name) not in without
                ]
                if rows:
                    made.append(pack(self.log.origin, a, b, audience, rows))
        return made

    async def work(self, place: Place) -> None:
        custodian, origin = place.node.custodian, self.log.origin
        parts = [(self.start, 256), (256, 512), (512, self.size)]
        for a, b in parts:
            there = await custodian.payload_state(origin)
            if there.next >= b:
                continue
            body = self._packs(a, b, without=[self.lost])
            await place.step(lambda a=a, b=b, body=body: custodian.add_payloads(origin, a, b, body))  # type: ignore[misc]
            await self._tell_custody(place)
        index = self.lost[0]
        body = self._packs(index, index + 1)
        await place.step(lambda: custodian.add_payloads(origin, index, index + 1, body))
        await self._tell_custody(place)

    async def _tell_custody(self, place: Place) -> None:
        note = await place.node.custodian.custody(self.log.origin)
        place.tell("custody", note.encode())

    async def restarted(self, place: Place, told: Told, verdict: Verdict) -> None:
        key = VKey.parse(place.node.keys.custody.verifier.vkey())
        for word, *rest in told:
            if word == "custody":
                note = open_custody(rest[0], key)
                lacking = await place.node.store.read(lambda conn, note=note: self._lacking(conn, note.end))  # type: ignore[misc]
                for index, section in sorted(lacking - set(note.missing)):
                    verdict.lost.append(f"custody of payload {section} of entry {index} was signed, it is gone")

    def _lacking(self, conn: Any, end: int) -> set[tuple[int, str]]:
        held = set(payloads.read_range(conn, logs.get(conn, self.log.origin).id, 0, end))
        due = {(index, section.name) for index in range(end) for section in self.sections[index]}
        return due - held

    async def finished(self, place: Place, told: Told, verdict: Verdict, expected: int) -> int:
        if (await place.node.custodian.payload_state(self.log.origin)).next != self.size:
            verdict.lost.append("payloads are not accounted for to the end")
        for index, section in sorted(await place.node.store.read(lambda conn: self._lacking(conn, self.size))):
            verdict.lost.append(f"payload {section} of entry {index} is not there")
        await place.node.store.read(lambda conn: judge_payloads(verdict, conn, self.log.origin, HUB_HOLDS))
        return self.size


class Project:
    """Read tables from our own log and another's: news, content that comes late, and all of it made anew."""

    name = "project"
    role = "hub"

    def prepare(self, place: Place) -> None:
        self.count = place.random("sizes").randrange(8, 40)
        self.sections = sections_of(place.seed, self.count)
        self.log = Log(seeded(f"{member(0)}/1"), headers_of(self.sections))

    async def build(self, place: Place) -> None:
        await place.node.publisher.publish(drafts("a", self.count))
        await place.node.publisher.publish([replace_said(draft, "changed") for draft in drafts("a", 9)])
        await place.node.acceptor.add_checkpoint(self.log.checkpoint_body(0, self.count))
        await place.node.acceptor.add_entries(stream(self.log.entries_body(0, self.count)))
        await place.node.custodian.add_payloads(self.log.origin, 0, self.count, [])

    async def work(self, place: Place) -> None:
        await place.step(place.node.projector.run)
        rows = [each.row(index) for index in range(5) for each in self.sections[index] if each.audience == "public"]
        body = [pack(self.log.origin, 0, 5, "public", rows)]
        await place.step(lambda: place.node.custodian.add_payloads(self.log.origin, 0, 5, body))
        await place.step(place.node.projector.run)
        await place.step(place.node.projector.rebuild)

    async def restarted(self, place: Place, told: Told, verdict: Verdict) -> None:
        pass

    async def finished(self, place: Place, told: Told, verdict: Verdict, expected: int) -> int:
        if moved := await place.node.projector.run():
            verdict.twice.append(f"{moved} entries were projected though nothing was new")
        return self.count


class _Played:
    """A transport to a hub that the second implementation plays in the same process."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def send(self, request: Request) -> Reply:
        url = URL(request.target, encoded=True)
        zipped = request.headers.get("Content-Encoding") == "gzip"
        body = gzip.decompress(request.body) if zipped else request.body
        asked: Any = SimpleNamespace(method=request.method, path=url.path, query=url.query)
        told = self._upstream.tell(asked, body)
        return Reply(told.status, told.headers, told.body if isinstance(told.body, bytes) else b"")


class Pull:
    """A district brings another's log down from the hub, with its payloads, in two passes."""

    name = "pull"
    role = "district"

    def prepare(self, place: Place) -> None:
        chance = place.random("sizes")
        self.sizes = [chance.randrange(100, 250), chance.randrange(257, 400)]
        self.sections = sections_of(place.seed, self.sizes[-1])
        self.log = Log(seeded(f"{member(0)}/1"), headers_of(self.sections))
        keys = hub_keys()
        self.upstream = Upstream(keys["log"].name.removesuffix("/1"), keys)
        place.upstream_url = "http://upstream.invalid"
        place.make_transport = lambda session: _Played(self.upstream)

    async def build(self, place: Place) -> None:
        pass

    async def work(self, place: Place) -> None:
        upstream, origin = self.upstream, place.node.settings.origin
        own = VKey.parse(place.node.keys.log.verifier.vkey())
        upstream.held[Log(seeded(origin)).hash] = Held(own, Head(origin, 0, EMPTY))
        for size in self.sizes:
            sections = {index: self.sections[index] for index in range(size)}
            upstream.shown[self.log.hash] = Shown(self.log, size, sections)
            await place.step(lambda: self._pass(place))
            await self._tell(place)

    async def _pass(self, place: Place) -> None:
        report = await place.node.sync_once()
        for failure in report.failures.values():
            code, _, detail = failure.partition(": ")
            known = {"disk-full": DiskFull, "storage-failed": StorageFailed}
            raise known.get(code, NodeError)(detail)

    async def _tell(self, place: Place) -> None:
        """The district serves what it mirrors: whoever reads it holds this note."""
        await place.tell_head(self.log.origin)

    async def restarted(self, place: Place, told: Told, verdict: Verdict) -> None:
        entries = await place.node.store.read(lambda conn: entries_of(conn, self.log.origin))
        judge_notes(verdict, told, {self.log.origin: entries})

    async def finished(self, place: Place, told: Told, verdict: Verdict, expected: int) -> int:
        entries = await place.node.store.read(lambda conn: entries_of(conn, self.log.origin))
        if entries != self.log.entries:
            verdict.lost.append(f"the mirror has {len(entries)} entries of {len(self.log.entries)}")
        judge_notes(verdict, told, {self.log.origin: entries})
        holds = frozenset({"public", "shared"})
        await place.node.store.read(lambda conn: judge_payloads(verdict, conn, self.log.origin, holds))
        state = await place.node.custodian.payload_state(self.log.origin)
        if (state.next, state.missing) != (len(self.log.entries), ()):
            verdict.lost.append(f"payloads up to {state.next}, missing {len(state.missing)}")
        return len(entries)
