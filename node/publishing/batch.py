"""Items on their way into the log: each is judged against what was issued before, sealed, and given its index.

Nothing here signs or stores: the sequencer in `publish.py` does, in the transaction that it runs a batch in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_

from node.domain import KINDS
from node.domain.audience import holding
from node.domain.powers import refusal
from node.domain.record import Amendment, Document, Draft, Outcome
from node.errors import Malformed, NodeError, Rejected, StorageFailed
from node.publishing.recall import Place, Recall
from node.publishing.sealing import ListOfWraps, Sealer, StoredList, require_not_erased
from node.store import issued as index_rows
from node.store import payloads
from node.store.logs import LogState
from node.store.tables import Issued, table
from node.tlog.merkle import leaf_hash
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.header import Header, SectionRef
from node.wire.ids import uuid7
from node.wire.pack import PayloadRow
from node.wire.sealed import SealedPlace

issued = table(Issued)

Item = Draft | Amendment
RandomBytes = Callable[[int], bytes]


@dataclass
class _Known:
    """The newest version of a record, and every `said` hash it ever had with the place it went to.

    The log may be one of an earlier epoch. `places` are those of all versions; `unsaid` are versions that came back
    from a mirror, of which nobody knows what their source said.
    """

    record_id: bytes
    version: int
    leaf: bytes
    log_id: int
    index: int
    said: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    document: Document[Any] | None = None
    places: dict[int, Place] = field(default_factory=dict)
    unsaid: set[int] = field(default_factory=set)


class Batch:
    """Items on their way into one transaction: each is judged against the database and the items before it."""

    def __init__(
        self,
        conn: Connection,
        state: LogState,
        now_ms: int,
        random: RandomBytes,
        sealer: Sealer | None,
        role: str = "",
    ) -> None:
        self.conn = conn
        self.state = state
        self.now_ms = now_ms
        self.random = random
        self.entries: list[bytes] = []
        self.payloads: dict[str, list[PayloadRow]] = {}
        self.wraps: list[StoredList] = []
        self.issued: list[dict[str, Any]] = []
        self._sealer = sealer
        self._role = role
        self._known: dict[bytes, _Known] = {}
        self._recall = Recall(conn)

    def look_up(self, items: Sequence[Item]) -> None:
        """Load what is known of all keys at once. Raises StorageFailed when it is not what was written (L8)."""
        for row in index_rows.of_keys(self.conn, list({_key_hash(item) for item in items})):
            if not index_rows.is_whole(row):
                raise _index_damaged(row)
            known = self._known.get(row.key_hash)
            if known is None:
                known = self._known[row.key_hash] = _Known(row.record_id, 0, b"", 0, 0)
            known.version, known.leaf, known.log_id, known.index = row.version, row.leaf, row.log_id, row.idx
            known.places[row.version] = row.log_id, row.idx
            if row.said_hash:
                known.said.setdefault(row.said_hash, (row.version, row.idx))
            else:
                known.unsaid.add(row.version)

    def take(self, item: Item) -> Outcome:
        """Append the item, or say why not. A rejected item leaves no trace in the batch."""
        try:
            key_hash, said = _key_hash(item), said_hash(item)
            known = self._known.get(key_hash)
            if known is not None and known.unsaid and said not in known.said:
                self._recall_said(item, key_hash, said, known)
            if known is not None and said in known.said:
                version, index = known.said[said]
                return Outcome("unchanged", known.record_id, version, index)
            sections = self._sections(item, known)
            header, rows, lists = self._seal(item.kind, sections, known)
            entry = headers.encode(header)
        except Rejected as error:
            return Outcome("rejected", error=error)
        except (Malformed, msgspec.ValidationError) as error:
            detail = error.detail if isinstance(error, NodeError) else str(error)
            where = error.field if isinstance(error, NodeError) else None
            return Outcome("rejected", error=Rejected(detail, field=where))
        index = self.state.stored_size + len(self.entries)
        leaf = leaf_hash(entry)
        self.entries.append(entry)
        self.wraps += [listed(index, commitment) for listed, commitment in lists]
        for audience, row in rows:
            self.payloads.setdefault(audience, []).append(PayloadRow(index, row.section, row.salt, row.payload))
        now = known or _Known(header.record_id, 0, b"", 0, 0)
        now.version, now.leaf, now.log_id, now.index = header.version, leaf, self.state.id, index
        now.said[said] = (header.version, index)
        now.places[header.version] = self.state.id, index
        now.document = sections["main"]
        self._known[key_hash] = now
        self.issued.append(
            {
                "key_hash": key_hash,
                "version": header.version,
                "said_hash": said,
                "record_id": header.record_id,
                "leaf": leaf,
                "log_id": self.state.id,
                "idx": index,
            }
        )
        return Outcome("published", header.record_id, header.version, index)

    def _recall_said(self, item: Item, key_hash: bytes, said: bytes, known: _Known) -> None:
        """Find the version that this very item made before the index was lost, and remember what was said."""
        for version in sorted(known.unsaid):
            place = known.places[version]
            if self._recall.same(item, place, known.places.get(version - 1)):
                which = and_(issued.c.key_hash == key_hash, issued.c.version == version)
                index_rows.set_said(self.conn, which, said)
                known.unsaid.discard(version)
                known.said[said] = (version, place[1])
                return

    def _sections(self, item: Item, known: _Known | None) -> dict[str, Any]:
        kind = KINDS.get(item.kind)
        if kind is None:
            raise Rejected(f"record kind {item.kind} is not known to this version", field="kind")
        if isinstance(item, Amendment):
            sections = {**item.sections, "main": item.apply(self._current(item, known))}
        else:
            sections = dict(item.sections)
        unknown = set(sections) - set(kind.sections)
        if unknown or "main" not in sections:
            raise Rejected(f"a {item.kind} has the sections {', '.join(kind.sections)}", field="sections")
        node = self.state.origin.rpartition("/")[0]
        if (why := refusal(self._role, item.kind, getattr(sections["main"], "body", None), node)) is not None:
            raise _not_entitled(*why)
        if known is not None and kind.sealed & set(sections):
            require_not_erased(self.conn, known.record_id, kind.sealed & set(sections))
        return sections

    def _current(self, item: Amendment, known: _Known | None) -> Document[Any] | None:
        if known is None:
            return None
        if known.document is None:
            held = payloads.get(self.conn, known.log_id, known.index, "main")
            if held is None:
                raise Rejected("the version that this changes is no longer held here", field="key")
            known.document = msgspec.msgpack.decode(held[1], type=KINDS[item.kind].sections["main"][0])
        return known.document

    def _seal(
        self, kind_name: str, sections: dict[str, Any], known: _Known | None
    ) -> tuple[Header, list[tuple[str, PayloadRow]], list[tuple[ListOfWraps, bytes]]]:
        kind = KINDS[kind_name]
        refs: list[SectionRef] = []
        rows: list[tuple[str, PayloadRow]] = []
        lists: list[tuple[ListOfWraps, bytes]] = []
        record_id = uuid7(self.now_ms, self.random) if known is None else known.record_id
        version = 1 if known is None else known.version + 1
        for name in sorted(sections, key=lambda section: (section != "main", section)):
            audience, size_class = kind.sections[name][1], 0
            data = payload_bytes.encode(sections[name])
            listed: ListOfWraps | None = None
            if name in kind.sealed:
                if self._sealer is None:
                    raise Rejected(f"the section {name} can be published sealed only", field=name)
                place = SealedPlace(self.state.origin, record_id, version, name)
                data, size_class, listed = self._sealer.seal(data, place, audience, self.random)
            salt = self.random(payload_bytes.SALT_BYTES)
            commitment = payload_bytes.commitment(salt, data)
            refs.append(SectionRef(name, audience, commitment, size_class))
            rows.append((holding(audience, size_class), PayloadRow(0, name, salt, data)))
            if listed is not None:
                lists.append((listed, commitment))
        header = Header(
            kind=kind_name,
            schema=kind.schema,
            record_id=record_id,
            version=version,
            prev_leaf=None if known is None else known.leaf,
            claimed_ms=self.now_ms,
            audience="public",
            sections=tuple(refs),
        )
        return header, rows, lists


def _index_damaged(row: Row[Any]) -> StorageFailed:
    return StorageFailed(
        f"the index of issued records is damaged at version {row.version} of entry {row.idx}; nothing was signed",
        zh="发布索引损坏，未签名",
        advice_zh="请停止服务，检查磁盘，运行 ggzy fsck；再用 ggzy recover --fresh 重建，见 docs/recovery.md。",
        advice_en="Stop the service, check the disk, run ggzy fsck; ggzy recover --fresh makes the index anew, "
        "see docs/recovery.md.",
    )


def _not_entitled(zh: str, en: str) -> Rejected:
    return Rejected(
        en,
        zh=zh,
        field="kind",
        advice_zh="管办分离：请由有此职权的节点发布，见 docs/accounts.md。",
        advice_en="Service and supervision are kept apart: have a node publish it whose power it is, docs/accounts.md.",
    )


def _key_hash(item: Item) -> bytes:
    # A key with half a surrogate pair is looked up like any other; sealing its document rejects it.
    return hashlib.sha256(f"{item.kind}\n{item.key}".encode("utf-8", "surrogatepass")).digest()


def said_hash(item: Item) -> bytes:
    """SHA-256 of what the source said, in canonical bytes: equal for a repeat. Raises Rejected."""
    try:
        data = msgspec.msgpack.encode(dict(item.said), order="sorted")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Rejected(f"what the source said is not plain data: {error}", field="said") from None
    return hashlib.sha256(data).digest()
