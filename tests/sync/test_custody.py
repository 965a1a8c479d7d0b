"""L13, L14: payloads come late, twice, changed or not at all; the custody note says exactly what is held."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack
import pytest
import zstandard

from node.sync import custody
from tests.interop.client import Answer, Custody, Key, Log, Section, frame, header, open_custody, pack, unframe
from tests.interop.world import District, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN = msgpack.packb({"title": "公告"})


@dataclass
class Sender:
    """A district with a mirrored log whose payloads it has yet to bring."""

    world: World
    district: District
    log: Log
    sections: list[list[Section]] = field(default_factory=list)

    @classmethod
    async def make(cls, world: World, sections: Sequence[Sequence[Section]]) -> Sender:
        district = world.district()
        entries = [header(list(each), record=number) for number, each in enumerate(sections)]
        log = Log(district.log, entries)
        await world.mirrored(log, len(entries))
        return cls(world, district, log, [list(each) for each in sections])

    @property
    def size(self) -> int:
        return len(self.log.entries)

    def target(self, start: int, end: int) -> str:
        return f"/api/logs/{self.log.hash}/payloads?start={start}&end={end}"

    def rows(self, start: int, end: int, audience: str = "public") -> list[list[Any]]:
        return [s.row(n) for n in range(start, end) for s in self.sections[n] if s.audience == audience]

    def packs(self, start: int, end: int, *audiences: str) -> list[bytes]:
        made = []
        for low in range(start - start % 256, end, 256):
            a, b = max(start, low), min(end, low + 256)
            for audience in audiences or ("public", "shared", "restricted"):
                if rows := self.rows(a, b, audience):
                    made.append(pack(self.log.origin, a, b, audience, rows))
        return made

    async def put(self, start: int, end: int, packs: Sequence[bytes], *, key: Key | None = None) -> Answer:
        target, body = self.target(start, end), frame(packs)
        headers = self.world.sign(key or self.district.request, "POST", target, body)
        return await self.world.remote.send("POST", target, body, headers)

    async def bring(self, start: int, end: int, *audiences: str) -> tuple[int, list[tuple[int, str]]]:
        return state(await self.put(start, end, self.packs(start, end, *audiences)))

    async def state(self) -> tuple[int, list[tuple[int, str]]]:
        return state(await self.world.remote.get(f"/api/logs/{self.log.hash}/payloads/state"))

    async def custody(self) -> Custody:
        answer = await self.world.remote.get(f"/api/logs/{self.log.hash}/custody")
        assert answer.status == 200 and answer.type == "text/plain; charset=utf-8"
        note = open_custody(answer.body, self.world.vkeys["custody"])
        assert (note.origin, note.time) == (self.log.origin, self.world.now)
        assert note.root == self.log.tree.root(note.size)
        return note

    async def held(self) -> set[tuple[int, str]]:
        """What the hub really hands out, to this district and in all."""
        target = self.target(0, self.size)
        answer = await self.world.remote.get(target, **self.world.sign(self.district.request, "GET", target))
        assert answer.status == 200, answer.body[:300]
        return {(row[0], row[1]) for _, _, _, _, rows in unframe(answer.body) for row in rows}

    async def refused(self, status: int, answer: Answer) -> None:
        before = await self.state()
        assert answer.status == status, (answer.status, answer.body[:300])
        assert (await self.state()) == before


def state(answer: Answer) -> tuple[int, list[tuple[int, str]]]:
    assert answer.status == 200, (answer.status, answer.body[:300])
    plain = json.loads(answer.body)
    return plain["next"], [(index, section) for index, section in plain["missing"]]


def public(number: int) -> list[Section]:
    return [Section("main", "public", msgpack.packb({"n": number}), number.to_bytes(16, "big"))]


async def test_L14_payloads_are_counted_and_the_custody_note_says_so(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(300)])
    note = await sender.custody()
    assert (note.size, note.start, note.end, note.missing) == (300, 0, 0, []), "headers are here, payloads are not"
    assert await sender.bring(0, 100) == (100, [])
    assert (await sender.custody()).end == 100
    assert await sender.bring(100, 300) == (300, [])
    note = await sender.custody()
    assert (note.size, note.start, note.end, note.missing) == (300, 0, 300, [])
    assert await sender.held() == {(n, "main") for n in range(300)}


async def test_L13_a_payload_that_is_not_brought_is_named_and_stops_nothing(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(10)])
    rows = [row for row in sender.rows(0, 10) if row[0] not in (3, 7)]
    answer = await sender.put(0, 10, [pack(sender.log.origin, 0, 10, "public", rows)])
    assert state(answer) == (10, [(3, "main"), (7, "main")])
    note = await sender.custody()
    assert (note.end, note.missing) == (10, [(3, "main"), (7, "main")])
    # Late, one by one; each disappears from the note.
    assert await sender.bring(7, 8) == (10, [(3, "main")])
    assert (await sender.custody()).missing == [(3, "main")]
    assert await sender.bring(0, 10) == (10, [])
    assert (await sender.custody()).missing == []
    assert await world.fsck() == []


async def test_a_call_without_any_pack_says_that_all_of_it_is_missing(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(5)])
    assert state(await sender.put(0, 5, [])) == (5, [(n, "main") for n in range(5)])
    assert (await sender.custody()).missing == [(n, "main") for n in range(5)]
    assert await sender.bring(0, 5) == (5, [])


async def test_what_was_brought_twice_is_held_once_and_never_missing(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(260)])
    for start, end in ((0, 100), (50, 200), (0, 260), (0, 260), (255, 257)):
        assert (await sender.bring(start, end))[1] == []
    twice = sender.packs(0, 260) * 2
    assert state(await sender.put(0, 260, twice)) == (260, [])
    # A repeat that brings nothing does not lose what is held.
    assert state(await sender.put(0, 260, [])) == (260, [])
    assert await sender.held() == {(n, "main") for n in range(260)}
    assert await world.fsck() == []


async def test_packs_of_parts_overlap_and_come_in_any_order(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(256)])
    origin = sender.log.origin
    parts = [(128, 256), (0, 130), (100, 101), (0, 1)]
    answer = await sender.put(0, 256, [pack(origin, a, b, "public", sender.rows(a, b)) for a, b in parts])
    assert state(answer) == (256, [])
    assert await sender.held() == {(n, "main") for n in range(256)}
    assert await world.fsck() == []


async def test_L14_payloads_that_would_leave_a_gap_are_409_with_where_to_begin(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(20)])
    for start, end, expected in ((1, 20, 0), (5, 6, 0), (0, 21, 0), (19, 300, 0)):
        answer = await sender.put(start, end, [])
        assert (answer.status, json.loads(answer.body)) == (409, {"size": expected}), (start, end)
    assert await sender.bring(0, 7) == (7, [])
    answer = await sender.put(8, 20, [])
    assert (answer.status, json.loads(answer.body)) == (409, {"size": 7})
    answer = await sender.put(7, 21, [])
    assert (answer.status, json.loads(answer.body)) == (409, {"size": 7})
    assert await sender.bring(7, 20) == (20, [])


async def test_a_call_that_overtakes_the_one_before_it_waits_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody, "TURN_S", 300)
    sender = await Sender.make(world, [public(n) for n in range(700)])
    second = asyncio.create_task(sender.put(100, 300, sender.packs(100, 300)))
    third = asyncio.create_task(sender.put(300, 700, sender.packs(300, 700)))
    # They are there, and wait: what they bring would leave a gap.
    while len(world.hub.custodian._coming) < 2:
        await sender.state()
    assert (await sender.state())[0] == 0
    first = await sender.bring(0, 100)
    assert first[1] == [] and [state(each) for each in await asyncio.gather(second, third)][-1] == (700, [])
    assert await sender.held() == {(n, "main") for n in range(700)}


async def test_a_call_does_not_count_on_one_that_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custody, "TURN_S", 5)
    sender = await Sender.make(world, [public(n) for n in range(300)])
    second = asyncio.create_task(sender.put(100, 300, sender.packs(100, 300)))
    while not world.hub.custodian._coming:
        await sender.state()
    assert (await sender.put(0, 100, [b"no pack"])).status == 400
    refused = await second
    assert (refused.status, json.loads(refused.body)) == (409, {"size": 0})
    assert await sender.bring(0, 300) == (300, [])


async def test_payloads_before_any_entry_is_here(world: World) -> None:
    district = world.district()
    log = Log(district.log, [header(public(0))])
    sender = Sender(world, district, log, [public(0)])
    answer = await sender.put(0, 1, sender.packs(0, 1))
    assert answer.status == 404
    await world.pending(log, 1)
    answer = await sender.put(0, 1, sender.packs(0, 1))
    assert (answer.status, json.loads(answer.body)) == (409, {"size": 0})


async def test_L14_a_payload_must_be_what_its_header_commits_to(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(4)])
    good = sender.rows(0, 4)
    changes = {
        "changed": [*good[:2], [2, "main", good[2][2], good[2][3] + b"\x00"], good[3]],
        "emptied": [*good[:2], [2, "main", good[2][2], b""], good[3]],
        "another salt": [*good[:2], [2, "main", bytes(15) + b"\x09", good[2][3]], good[3]],
        "a short salt": [*good[:2], [2, "main", b"", good[2][3]], good[3]],
        "salt and payload moved against each other": [[0, "main", good[0][2][:-1], good[0][2][-1:] + good[0][3]]],
        "swapped": [[0, "main", *good[1][2:]], [1, "main", *good[0][2:]], *good[2:]],
        "a section that is not there": [[0, "annex", *good[0][2:]], *good[1:]],
        "its name in capitals": [[0, "MAIN", *good[0][2:]], *good[1:]],
        "no section name": [[0, "", *good[0][2:]], *good[1:]],
    }
    for rows in changes.values():
        await sender.refused(422, await sender.put(0, 4, [pack(sender.log.origin, 0, 4, "public", rows)]))
    # All or nothing: the good pack before the bad one is not kept either.
    bad = pack(sender.log.origin, 2, 4, "public", changes["changed"][2:])
    await sender.refused(422, await sender.put(0, 4, [pack(sender.log.origin, 0, 2, "public", good[:2]), bad]))
    assert await sender.held() == set()


async def test_audiences_must_be_those_of_the_header(world: World) -> None:
    sections = [Section("main", "public", PLAIN), Section("inner", "restricted", PLAIN), Section("own", "local", PLAIN)]
    sender = await Sender.make(world, [sections])
    origin = sender.log.origin
    # A public label on what is restricted would hand it to everybody.
    wrong = pack(origin, 0, 1, "public", [sections[1].row(0), sections[0].row(0)])
    await sender.refused(422, await sender.put(0, 1, [wrong]))
    await sender.refused(422, await sender.put(0, 1, [pack(origin, 0, 1, "shared", [sections[0].row(0)])]))
    # What is local to its origin is not even taken, under whatever label it comes.
    await sender.refused(403, await sender.put(0, 1, [pack(origin, 0, 1, "local", [sections[2].row(0)])]))
    await sender.refused(422, await sender.put(0, 1, [pack(origin, 0, 1, "restricted", [sections[2].row(0)])]))
    for audience in ("", "secret", "Public", "public "):
        await sender.refused(403, await sender.put(0, 1, [pack(origin, 0, 1, audience, [sections[0].row(0)])]))
    assert await sender.bring(0, 1) == (1, []), "and it is never missing"
    assert await sender.held() == {(0, "main"), (0, "inner")}


async def test_packs_must_be_of_this_log_and_this_range(world: World) -> None:
    sender = await Sender.make(world, [public(n) for n in range(300)])
    other = await Sender.make(world, [public(n) for n in range(300)])
    origin, rows = sender.log.origin, sender.rows
    wrong = {
        "another log": pack(other.log.origin, 0, 4, "public", rows(0, 4)),
        "beyond the range": pack(origin, 0, 5, "public", rows(0, 4)),
        "over the edge of a bundle": pack(origin, 250, 260, "public", rows(250, 260)),
        "empty": pack(origin, 2, 2, "public", []),
        "backwards": pack(origin, 3, 1, "public", []),
        "negative": pack(origin, -1, 3, "public", rows(0, 3)),
        "a row outside it": pack(origin, 0, 2, "public", rows(0, 4)),
        "rows out of order": pack(origin, 0, 4, "public", rows(0, 4)[::-1]),
        "a row twice": pack(origin, 0, 4, "public", [rows(0, 1)[0], *rows(0, 4)]),
        "another format": pack(origin, 0, 4, "public", rows(0, 4), fmt=2),
        "rows of another shape": pack(origin, 0, 4, "public", [row[:3] for row in rows(0, 4)]),
        "an index that is text": pack(origin, 0, 1, "public", [["0", *rows(0, 1)[0][1:]]]),
        "a floating index": pack(origin, 0, 1, "public", [[0.0, *rows(0, 1)[0][1:]]]),
        "no zstd": b"x" * 100,
        "nothing": b"",
        "zstd of nothing": zstandard.compress(b""),
        "zstd of something else": zstandard.compress(b"\xc1" * 100),
        "cut": pack(origin, 0, 4, "public", rows(0, 4))[:-3],
        "with something behind": pack(origin, 0, 4, "public", rows(0, 4)) + b"x",
        "two frames in one": pack(origin, 0, 4, "public", rows(0, 4)) * 2,
        "zlib": zlib.compress(PLAIN),
    }
    for how, packed in wrong.items():
        answer = await sender.put(0, 4, [packed])
        assert answer.status == 400, (how, answer.status, answer.body[:200])
    assert await sender.state() == (0, [])
    target, body = sender.target(0, 4), frame(sender.packs(0, 4))
    for cut in (body[:-1], body[:3], body[:4], body + b"\x00", body + b"\x00\x00\x00\x01"):
        headers = world.sign(sender.district.request, "POST", target, cut)
        await sender.refused(400, await world.remote.send("POST", target, cut, headers))
    for start, end in (("0", "0"), ("4", "1"), ("-1", "4"), ("0", "8193"), ("0", "1e3"), ("", "4"), ("0", "")):
        target = f"/api/logs/{sender.log.hash}/payloads?start={start}&end={end}"
        headers = world.sign(sender.district.request, "POST", target)
        await sender.refused(400, await world.remote.send("POST", target, b"", headers))


async def test_L14_zstd_bombs_are_refused_before_they_are_inflated(world: World) -> None:
    sender = await Sender.make(world, [public(0)])
    plain = bytes(1 << 20)
    bomb = zstandard.ZstdCompressor(level=3).compress(bytes(65 << 20))
    await sender.refused(413, await sender.put(0, 1, [bomb]))
    # A frame that does not state its size is not begun.
    stream = zstandard.ZstdCompressor().compressobj()
    unsized = b"".join(stream.compress(plain) for _ in range(80)) + stream.flush()
    await sender.refused(400, await sender.put(0, 1, [unsized]))
    # One that lies about its size is not followed.
    small = zstandard.ZstdCompressor(level=3).compress(bytes(1 << 20))
    size = (1 << 20).to_bytes(4, "little")
    assert small[5:9] == size
    lying = small[:5] + (1000).to_bytes(4, "little") + small[9:]
    await sender.refused(400, await sender.put(0, 1, [lying]))
    await sender.refused(413, await oversize(sender))
    assert await sender.bring(0, 1) == (1, [])


async def oversize(sender: Sender) -> Answer:
    """A pack whose length alone is too large."""
    target, body = sender.target(0, 1), (33 << 20).to_bytes(4, "big") + b"x"
    headers = sender.world.sign(sender.district.request, "POST", target, body)
    return await sender.world.remote.send("POST", target, body, headers)


async def test_entries_that_nobody_can_read_owe_nothing(world: World) -> None:
    """L15: bytes that are no header are mirrored; no payload is due for them, none is taken."""
    district = world.district()
    log = Log(district.log, [b"not msgpack", header(public(1)), b"", bytes(4096), b"\xc0"])
    await world.mirrored(log, 5)
    sender = Sender(world, district, log, [[], public(1), [], [], []])
    row = public(0)[0].row(0)
    await sender.refused(422, await sender.put(0, 5, [pack(log.origin, 0, 1, "public", [row])]))
    assert await sender.bring(0, 5) == (5, [])
    note = await sender.custody()
    assert (note.end, note.missing) == (5, [])


async def test_an_empty_pack_settles_nothing(world: World) -> None:
    """A pack without rows is not kept: later payloads of its audience would be taken for packed."""
    sender = await Sender.make(world, [public(n) for n in range(256)])
    origin = sender.log.origin
    empty = [pack(origin, 0, 256, audience, []) for audience in ("public", "shared", "restricted")]
    position, missing = state(await sender.put(0, 256, empty))
    assert position == 256 and len(missing) == 256
    assert await sender.bring(0, 256) == (256, [])
    assert {audience for _, _, _, audience, _ in unframe((await world.remote.get(sender.target(0, 256))).body)} == {
        "public"
    }

    def count(conn: Any) -> Any:
        return conn.exec_driver_sql(
            "SELECT audience FROM payload_pack JOIN log ON log.id = log_id WHERE origin = ?", (origin,)
        ).all()

    assert [tuple(row) for row in await world.hub.store.read(count)] == [("public",)]


async def test_late_payloads_of_a_folded_bundle(world: World) -> None:
    """The bundle was full when one payload was missing: it is read back with the late one, whoever asks."""
    sender = await Sender.make(world, [public(n) for n in range(512)])
    rows = [row for row in sender.rows(0, 256) if row[0] != 200]
    answer = await sender.put(0, 256, [pack(sender.log.origin, 0, 256, "public", rows)])
    assert state(answer) == (256, [(200, "main")])
    assert len(await sender_part(sender, 0, 256)) == 255
    assert await sender.bring(200, 201) == (256, [])
    assert await sender_part(sender, 0, 256) == {(n, "main") for n in range(256)}
    assert await sender.bring(256, 512) == (512, [])
    assert await world.fsck() == []


async def sender_part(sender: Sender, start: int, end: int) -> set[tuple[int, str]]:
    answer = await sender.world.remote.get(sender.target(start, end))
    assert answer.status == 200
    return {(row[0], row[1]) for _, _, _, _, rows in unframe(answer.body) for row in rows}


async def test_L13_a_custody_note_never_claims_more_than_it_can_list(world: World) -> None:
    """More than 10 000 missing: its range ends where its list ends."""
    size = 10_300
    sender = await Sender.make(world, [public(n) for n in range(size)])
    assert state(await sender.put(0, 8192, []))[0] == 8192
    assert state(await sender.put(8192, size, []))[0] == size
    note = await sender.custody()
    assert note.end == len(note.missing) < 10_001
    assert note.missing == [(n, "main") for n in range(note.end)]
    position, listed = await sender.state()
    assert (position, len(listed)) == (size, 1000)
    # Bringing those makes room for the next.
    assert await sender.bring(0, 2560) == (size, [(n, "main") for n in range(2560, 3560)])
    assert (await sender.custody()).end == size


async def test_several_sections_of_one_record(world: World) -> None:
    sections = [
        Section("main", "shared", PLAIN, bytes(16)),
        Section("annex", "public", PLAIN, b"1" * 16),
        Section("employment", "restricted", PLAIN, b"2" * 16),
    ]
    sender = await Sender.make(world, [sections, sections])
    assert await sender.bring(0, 2, "public") == (
        2,
        [(0, "employment"), (0, "main"), (1, "employment"), (1, "main")],
    )
    note = await sender.custody()
    assert note.missing == [(0, "employment"), (0, "main"), (1, "employment"), (1, "main")]
    assert await sender.bring(0, 1, "shared") == (2, [(0, "employment"), (1, "employment"), (1, "main")])
    assert await sender.bring(0, 2) == (2, [])
