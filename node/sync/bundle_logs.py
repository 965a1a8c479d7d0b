"""Write one log into a bundle: head, entries, payloads, key wraps, and what others have signed about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from node.clock import Clock
from node.keyring import Keyring
from node.store import checkpoints, logs, payloads, wraps
from node.store.db import Store
from node.store.logs import LogState
from node.sync.bundle_files import BundleWriter
from node.sync.custody import Custodian
from node.sync.push import packs_of_stretch, upload_body
from node.tlog.note import Note
from node.tlog.tiles import WIDTH, consistency_proof
from node.trusted import Trusted, audiences_for
from node.wire.absence import Absence
from node.wire.bundle import (
    CustodyFrame,
    EntriesFrame,
    HeadFrame,
    NoteFrame,
    PayloadsFrame,
    WrapsFrame,
    squeeze,
)
from node.wire.standing import LogStanding

CHUNK_BYTES = 4 << 20
PAYLOAD_BUNDLES = 16
WRAPS_A_FRAME = 100
MAX_ABSENT = 10_000
OLD_SIZES = 32
"""Older heads that each new one is proven to extend, beside those that the addressee has cosigned."""


@dataclass
class LogExport:
    """What was put in of one log: entries, stretch of payloads, key wraps, cosigned heads; or why nothing was."""

    entries: int = 0
    payloads: int = 0
    wraps: int = 0
    notes: int = 0
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The parts of a node that a bundle is made of."""

    store: Store
    keys: Keyring
    trusted: Trusted
    custodian: Custodian
    clock: Clock


class LogWriter:
    """Writes logs for the node `to`; `advance` is told how many entries were written."""

    def __init__(self, source: Source, writer: BundleWriter, to: str, advance: Callable[[int], None]) -> None:
        self._store = source.store
        self._keys = source.keys
        self._trusted = source.trusted
        self._custodian = source.custodian
        self._clock = source.clock
        self._writer = writer
        self._to = to
        self._advance = advance

    async def content(self, state: LogState, place: LogStanding) -> LogExport:
        """All of a log that the addressee, who stands at `place`, lacks."""
        tally = LogExport()
        if state.frozen:
            tally.skipped = f"frozen: {state.frozen}"
        elif await self._head(state, place):
            await self._entries(state, place.stored, tally)
            await self._payloads(state, place, tally)
            await self._wraps(state, tally)
            tally.notes = await self._notes(state, None)
        self._writer.repeat("head", None)
        return tally

    async def statements(self, state: LogState) -> LogExport:
        """What was signed here and above about a log of the addressee's side."""
        notes = await self._notes(state, state.witnessed_size)
        self._writer.write(CustodyFrame((await self._custodian.custody(state.origin)).encode()))
        return LogExport(notes=notes)

    async def _head(self, state: LogState, place: LogStanding) -> bool:
        """The head, with a proof from each size that the addressee may hold; False when the log has none yet."""
        policy, to = self._trusted.policy, self._to
        key_names = {g.key.name for use in ("witness", "mirror") for g in policy.grants(node=to, use=use)}

        def work(conn: Connection) -> HeadFrame | None:
            if checkpoints.text(conn, state.id, state.head_size) is None:
                return None
            note = checkpoints.note(conn, state.id, state.head_size, state.origin)
            signed = checkpoints.signers(conn, state.id)
            olds = {place.witnessed, *sorted(signed)[-OLD_SIZES:]}
            olds |= {size for size, names in signed.items() if names & key_names}
            wanted = sorted(size for size in olds if 0 < size < state.head_size)
            tiles = logs.tile_reader(conn, state.id)
            return HeadFrame(note.encode(), [(old, consistency_proof(tiles, old, state.head_size)) for old in wanted])

        frame = await self._store.read(work)
        if frame is None:
            return False
        self._writer.write(frame)
        self._writer.repeat("head", frame)
        return True

    @property
    def _chunk(self) -> int:
        room = self._writer.room
        return min(CHUNK_BYTES, room - room // 64 - 4096)

    async def _entries(self, state: LogState, start: int, tally: LogExport) -> None:
        while start < state.head_size:
            work = partial(upload_body, state=state, start=start, end=state.head_size, max_bytes=self._chunk)
            body, count = await self._store.read(work)
            self._writer.write(EntriesFrame(state.origin, start, start + count, squeeze(body)))
            start += count
            tally.entries += count
            self._advance(count)

    async def _payloads(self, state: LogState, place: LogStanding, tally: LogExport) -> None:
        theirs, ours = (
            audiences_for(self._trusted, self._to, state.origin),
            min(state.payload_next, state.head_size),
        )
        for index in sorted({index for index, _ in place.missing if index < min(place.payload_next, ours)}):
            await self._stretch(state, index, index + 1, theirs)
        start = place.payload_next
        while start < ours:
            stop = min(ours, (start // WIDTH + PAYLOAD_BUNDLES) * WIDTH)
            stop = await self._stretch(state, start, stop, theirs)
            tally.payloads += stop - start
            start = stop

    async def _stretch(self, state: LogState, start: int, stop: int, theirs: frozenset[str]) -> int:
        """Write payloads from `start` on, as much as one frame may hold; gives the end of what it covers."""
        while True:
            made, stop = await self._store.read(
                partial(packs_of_stretch, place=(start, stop), state=state, audiences=theirs)
            )
            if stop - start == 1 or sum(map(len, made)) <= self._chunk:
                absence = await self._store.read(partial(self._absence, state=state, start=start, end=stop))
                self._writer.write(PayloadsFrame(state.origin, start, stop, made, absence))
                return stop
            half = start + (stop - start) // 2
            stop = half - half % WIDTH if half - half % WIDTH > start else half

    def _absence(self, conn: Connection, state: LogState, start: int, end: int) -> bytes:
        """A note of what is not had of a stretch, empty when nothing is: no reader may count it as lost unsigned."""
        places = set(payloads.missing(conn, state.id, start, end, MAX_ABSENT))
        places |= payloads.erased_in(conn, state.id, start, end)
        if not places:
            return b""
        text = Absence(state.origin, self._clock() // 1000, start, end, tuple(sorted(places))).text()
        return Note(text, (self._keys.custody.sign_note(text),)).encode()

    async def _wraps(self, state: LogState, tally: LogExport) -> None:
        theirs, place = audiences_for(self._trusted, self._to, state.origin), 0
        while True:
            rows, end = await self._store.read(
                partial(wraps.after, log_id=state.id, seq=place, holdings=theirs, limit=WRAPS_A_FRAME)
            )
            if rows:
                self._writer.write(WrapsFrame(state.origin, [row.note.encode() for row in rows]))
                tally.wraps += len(rows)
            if len(rows) < WRAPS_A_FRAME:
                return
            place = end

    async def _notes(self, state: LogState, witnessed: int | None) -> int:
        """The newest head that each cosigner signed; of the addressee's own logs also the newest witnessed here."""
        known = {key.name for key in self._trusted.policy.cosigner_keys()}

        def work(conn: Connection) -> list[bytes]:
            newest: dict[str, int] = {}
            for size, names in checkpoints.signers(conn, state.id).items():
                if state.origin in names:
                    newest |= {name: max(size, newest.get(name, 0)) for name in names & known}
            sizes = set(newest.values())
            if witnessed is not None and checkpoints.text(conn, state.id, witnessed) is not None:
                sizes.add(witnessed)
            return [checkpoints.note(conn, state.id, size, state.origin).encode() for size in sorted(sizes)]

        found = await self._store.read(work)
        for note in found:
            self._writer.write(NoteFrame(note))
        return len(found)
