"""Take bundles in through the doors of the network: nothing in them counts but what proves itself (DESIGN L12, L17).

Policy versions are judged by `Trusted`, heads and entries by `Acceptor`, payloads by `Custodian`, notes and statements
by the keys of the trust policy. Who carried the stick is no matter; what is old, doubled or out of order does no harm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from sqlalchemy import Connection

from node.clock import Clock
from node.errors import DiskFull, Frozen, NodeError, NotFound, Refused, StorageFailed
from node.store import logs
from node.store.db import Store
from node.sync import bundle_standing
from node.sync.accept import Acceptor
from node.sync.bundle_entries import EntryDoor, gap
from node.sync.bundle_files import FoundFile, reading
from node.sync.bundle_payloads import PayloadDoor
from node.sync.bundle_report import FileTally, ImportReport, Reason, SetTally
from node.sync.bundle_statements import StatementDoor
from node.sync.custody import Custodian
from node.sync.push import judge_own
from node.sync.wraps import take as take_wraps
from node.tlog.checkpoint import read_checkpoint
from node.tlog.note import parse_note
from node.trusted import Trusted, version
from node.wire.bundle import (
    BundleReader,
    CustodyFrame,
    EntriesFrame,
    Fault,
    Frame,
    HeadFrame,
    NoteFrame,
    PartFrame,
    PayloadsFrame,
    PolicyFrame,
    StandingFrame,
    Unknown,
    WrapsFrame,
)
from node.wire.custody import parse as parse_custody
from node.wire.heads import open_own
from node.wire.trust import version_of

Progress = Callable[[int], None]


class Importer:
    """Takes bundles into one node. One for an import: it remembers what it has seen of the files at hand."""

    def __init__(
        self,
        store: Store,
        trusted: Trusted,
        acceptor: Acceptor,
        custodian: Custodian,
        clock: Clock,
        *,
        own_origin: str,
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._clock = clock
        self._own = own_origin
        self._report = ImportReport()
        self._statements = StatementDoor(store, trusted, acceptor)
        self._entries = EntryDoor(store, acceptor, self._statements)
        self._payloads = PayloadDoor(store, custodian, trusted)
        self._part: PartFrame | None = None
        self._done: set[bytes] = set()

    async def take(self, files: Sequence[FoundFile], *, progress: Progress = lambda count: None) -> ImportReport:
        """Take in files in the order given. What is refused is in the report; nothing is raised for it.

        Raises DiskFull, StorageFailed, OSError: then the same import again goes on from there.
        """
        await self._trusted.refresh()
        for found in files:
            tally = FileTally(found.path.name, found.part)
            self._report.files.append(tally)
            try:
                if found.fault is not None:
                    raise found.fault
                with reading(found.path, progress) as reader:
                    self._part = reader.part
                    self._check_part(reader.part)
                    await self._file(reader, tally)
            except (StorageFailed, DiskFull):
                raise
            except NodeError as error:
                tally.refused = Reason.of(error)
        return self._report

    def _check_part(self, part: PartFrame) -> None:
        """Raise Refused for a bundle that was made for somebody else: then a person has taken the wrong file."""
        policy, me = self._trusted.policy, self._trusted.me
        if part.federation != policy.federation:
            raise Refused(
                f"the bundle is of the federation {part.federation}, this node belongs to {policy.federation}",
                zh=f"该数据包属于另一联邦 {part.federation}",
                advice_zh="请核对文件来源；本节点未作改动。",
                advice_en="Check where the file comes from; nothing was changed here.",
            )
        if part.addressee != me:
            raise Refused(
                f"the bundle is for {part.addressee}, this node is {me}",
                zh=f"该数据包的收件节点是 {part.addressee}，不是本节点",
                advice_zh="请把它交给收件节点，或由发出节点另行导出（ggzy bundle export --to）。",
                advice_en="Take it to its addressee, or have one exported for this node (ggzy bundle export --to).",
            )

    @property
    def _number(self) -> int:
        return self._part.number if self._part is not None else 1

    async def _file(self, reader: BundleReader, tally: FileTally) -> None:
        part = reader.part
        of_set = self._report.sets.setdefault(part.set_id, SetTally(part.sender, part.made_ms))
        of_set.seen.add(part.number)
        for item in reader.frames():
            if isinstance(item, Fault):
                tally.note_fault(item.offset, item.text)
            elif isinstance(item, Unknown):
                tally.note_unknown(item.type)
            else:
                await self._frame(item)
        tally.whole = reader.whole
        of_set.count = max(of_set.count, reader.count or 0)

    async def _frame(self, frame: Frame) -> None:
        origin = ""
        note: bytes | None = getattr(frame, "note", None)
        if note in self._done:
            return  # what is to be read first stands in each part of a set
        try:
            named = _origin_of(frame)
            if named and self._trusted.policy.node_of_origin(named) is None:
                raise NotFound("the trust policy knows no log of the origin that a frame names", field="origin")
            origin = named
            await self._door(frame, origin)
        except (StorageFailed, DiskFull):
            raise
        except NodeError as error:
            self._report.refuse(origin, error)
        else:
            if note is not None:
                self._done.add(note)

    def _door(self, frame: Frame, origin: str) -> Awaitable[None]:
        match frame:
            case PolicyFrame():
                return self._policy(frame.note)
            case StandingFrame():
                return self._standing(frame.note)
            case HeadFrame():
                return self._head(frame, origin)
            case EntriesFrame():
                return self._entries.entries(frame, self._number, self._report.of(origin))
            case PayloadsFrame():
                return self._payloads.take(frame, self._report.of(origin))
            case NoteFrame():
                return self._note(frame.note, origin)
            case CustodyFrame():
                return self._statements.custody(frame.note, self._report.of(origin))
            case WrapsFrame():
                return self._wraps(frame)

    # --- trust policy, standing -------------------------------------------------------------------------------------

    async def _policy(self, data: bytes) -> None:
        note, held = parse_note(data), self._trusted.policy
        number = version_of(note)
        if number > held.version:
            self._report.policies += await self._trusted.adopt([data])
            return
        mine = await self._store.read(partial(version, number=number))
        if parse_note(mine).text != note.text:
            raise Refused(
                f"another trust policy of version {number} is held here",
                zh=f"本节点持有的第 {number} 版信任策略与此不同",
                advice_zh="如本节点尚未加入该联邦，请先用 ggzy policy adopt --fingerprint 加入；否则请核对文件来源。",
                advice_en="If this node has not joined that federation yet, join it with ggzy policy adopt "
                "--fingerprint; else check where the file comes from.",
            )
        self._report.general.held += 1

    async def _standing(self, data: bytes) -> None:
        policy = self._trusted.policy
        if await self._store.write(partial(bundle_standing.remember, policy=policy, data=data)):
            self._report.standings += 1
        else:
            self._report.general.held += 1

    # --- heads, cosigned or new; key wraps --------------------------------------------------------------------------

    async def _head(self, frame: HeadFrame, origin: str) -> None:
        if origin == self._own:
            await self._note(frame.note, origin)
        else:
            await self._entries.head(frame, origin, self._report.of(origin))

    async def _note(self, data: bytes, origin: str) -> None:
        if origin == self._own:
            await self._judge(data)
        await self._statements.note(data, self._report.of(origin))

    async def _judge(self, data: bytes) -> None:
        """A note under our own key beyond our head, or of another root, freezes our log, as it does on the line."""
        head, note = open_own(self._trusted.policy, self._own, data)
        holder = self._part.sender if self._part else "a bundle"

        def work(conn: Connection) -> str:
            state = logs.get(conn, self._own)
            if not state.frozen:
                judge_own(conn, state, head, note, seen_ms=self._clock(), holder=f"a bundle of {holder}")
            return logs.get(conn, self._own).frozen

        if frozen := await self._store.write(work):
            raise Frozen(frozen)

    async def _wraps(self, frame: WrapsFrame) -> None:
        take = partial(take_wraps, trusted=self._trusted, origin=frame.origin, notes=frame.notes)
        took, tally = await self._store.write(take), self._report.of(frame.origin)
        tally.wraps += took.taken
        tally.held += not took.taken
        if took.early:
            state = await self._store.read(partial(logs.find, origin=frame.origin))
            stored = 0 if state is None else state.stored_size
            raise gap(stored + 1, stored, self._number)


def _origin_of(frame: Frame) -> str:
    """The log that a frame is about, empty for none. Raises Malformed."""
    match frame:
        case HeadFrame() | NoteFrame():
            return read_checkpoint(frame.note)[0].origin
        case CustodyFrame():
            return parse_custody(parse_note(frame.note).text).origin
        case EntriesFrame() | PayloadsFrame() | WrapsFrame():
            return frame.origin
        case _:
            return ""
