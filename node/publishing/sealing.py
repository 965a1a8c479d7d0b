"""Seal what is personal, say who may open it, and open it for those entitled (DESIGN L23).

The content key of a section exists in memory alone: it is drawn, used, wrapped to each reader's seal key, our own among
them, and forgotten. So neither the database nor a copy of it opens anything without `keys/seal.key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from node.clock import Clock
from node.domain.audience import holding, may_read
from node.errors import NotAllowed, NotFound, Refused, Rejected
from node.keyring import Keyring
from node.store import erased, logs, payloads, wraps
from node.store.tables import Issued, table
from node.tlog.note import Note, VerifierKey
from node.trusted import Trusted, audiences_for
from node.wire import header as headers
from node.wire import sealed
from node.wire.header import SectionRef
from node.wire.sealed import SealedPlace, SealKey, Wrap, WrapList

_issued = table(Issued)
StoredList = tuple[int, str, str, int, str]
"""(index, section, holding, time in seconds, note): a signed list of wraps as `store.wraps.put` takes it."""
ListOfWraps = Callable[[int, bytes], StoredList]
"""Makes the list of a section once the entry's index and the section's commitment are known."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A node with a seal key, to which a content key can be wrapped."""

    node: str
    key: VerifierKey


class Sealer:
    """Seals and opens for one node."""

    def __init__(self, keys: Keyring, trusted: Trusted, clock: Clock) -> None:
        self._keys = keys
        self._trusted = trusted
        self._clock = clock

    def readers(self, origin: str, audience: str) -> list[Reader]:
        """Who gets the key of a section unasked: this node, and the audience's nodes that have a seal key by now."""
        policy, mine = self._trusted.policy, self._own_key().verifier
        found = [Reader(self._keys.node, mine)]
        node = policy.node_of_origin(origin)
        for grant in policy.grants(use="seal"):
            member = policy.member(grant.node)
            above = node is not None and grant.node in policy.path_up(node)
            reads = member is not None and may_read(
                audience, member.role, is_origin=grant.node == node, is_above_origin=above
            )
            if reads and grant.key != mine and policy.retired_at(grant.key) is None:
                found.append(Reader(grant.node, grant.key))
        return found

    def seal(
        self, payload: bytes, place: SealedPlace, audience: str, random: Callable[[int], bytes]
    ) -> tuple[bytes, int, ListOfWraps]:
        """(ciphertext, size class, what makes its list of wraps)."""
        key = random(sealed.KEY_BYTES)
        ciphertext, size_class = sealed.seal(payload, key, place)

        def listed(index: int, commitment: bytes) -> StoredList:
            made = [
                sealed.wrap(key, reader.key, reader.node, place, commitment)
                for reader in self.readers(place.origin, audience)
            ]
            found = WrapList(place, index, commitment, self._clock() // 1000, _sorted(made))
            return self._stored(found, holding(audience, size_class))

        return ciphertext, size_class, listed

    def open(self, conn: Connection, origin: str, index: int, section: str) -> bytes:
        """The canonical payload of a sealed section that is held here.

        Raises NotFound when it is not held (withheld, missing or erased), NotAllowed when nothing was wrapped for this
        node, BadProof when what is held does not open.
        """
        found, ref, ciphertext = _held(conn, origin, index, section)
        return sealed.unseal(ciphertext, self._content_key(found, ref), found.place)

    def share(self, conn: Connection, origin: str, index: int, section: str, to: str) -> WrapList:
        """Let one more node read a section of our own log: a new signed list, kept in place of the one before.

        Raises NotFound, NotAllowed, BadProof as `open`; Refused for a node that may not hold the section or can
        read it already.
        """
        found, ref, _ = _held(conn, origin, index, section)
        if not logs.get(conn, origin).own:
            raise Refused(
                "only the node that published a section shares it",
                zh="只有发布该记录的节点可以增加阅读者",
                advice_zh="请在来源节点上运行此命令。",
                advice_en="Run this command at the record's origin.",
            )
        reader = self._reader(origin, ref, to)
        if found.for_key(reader.key) is not None:
            raise Refused(
                f"{to} can read this section already",
                zh=f"{to} 已可阅读该部分",
                field="--to",
                advice_zh="无需重复授予。",
                advice_en="Nothing needs to be done.",
            )
        key = self._content_key(found, ref)
        made = sealed.wrap(key, reader.key, to, found.place, ref.commitment)
        # Later than the list before, whatever this machine's clock says: the later list is the one that counts.
        time_s = max(self._clock() // 1000, found.time_s + 1)
        longer = replace(found, time_s=time_s, wraps=_sorted([*found.wraps, made]))
        wraps.put(conn, logs.get(conn, origin).id, [self._stored(longer, holding(ref.audience, ref.size_class))])
        return longer

    def _reader(self, origin: str, ref: SectionRef, to: str) -> Reader:
        policy = self._trusted.policy
        if holding(ref.audience, ref.size_class) not in audiences_for(self._trusted, to, origin):
            raise Refused(
                f"{to} may not hold this section, so a key would open nothing there",
                zh=f"{to} 不得持有该部分的密文",
                field="--to",
                advice_zh="只能授予来源节点的上级；仅限本节点的内容不外传。",
                advice_en="Only nodes above the origin can be let in; what is local never leaves.",
            )
        keys = [g.key for g in policy.grants(node=to, use="seal") if policy.retired_at(g.key) is None]
        if not keys:
            raise NotFound(
                f"the trust policy has no seal key of {to}",
                zh=f"信任策略中没有 {to} 的密封公钥",
                field="--to",
                advice_zh="请该节点升级并出具名片（ggzy policy card），登记后再试。",
                advice_en="Have that node upgraded and enrol its card (ggzy policy card), then try again.",
            )
        return Reader(to, keys[-1])

    def _content_key(self, found: WrapList, ref: SectionRef) -> bytes:
        mine = self._own_key()
        wrapped = found.for_key(mine.verifier)
        if wrapped is None:
            raise NotAllowed(
                "this section was not sealed for this node",
                zh="该部分未授权本节点阅读",
                advice_zh="如依法需要，请由来源节点运行 ggzy seal share。",
                advice_en="If the law gives you the right, have its origin run ggzy seal share.",
            )
        return sealed.unwrap(wrapped, mine, found.place, ref.commitment)

    def _own_key(self) -> SealKey:
        if self._keys.seal is None:
            raise NotFound(
                "this node has no seal key",
                zh="本节点没有密封密钥",
                advice_zh="请重启服务，或重新运行 ggzy init，会自动生成。",
                advice_en="Restart the service or run ggzy init again: it is made then.",
            )
        return self._keys.seal

    def _stored(self, found: WrapList, held_as: str) -> StoredList:
        text = found.text()
        note = Note(text, (self._keys.custody.sign_note(text),)).encode().decode()
        return found.index, found.place.section, held_as, found.time_s, note


def require_not_erased(conn: Connection, record_id: bytes, sections: Iterable[str]) -> None:
    """Raise Rejected when the newest of a record's versions that had one of these sections had it erased by law.

    Else the next import of an old file would bring back what was erased.
    """
    gone = erased.of_record(conn, record_id)
    if not gone:
        return
    issued = select(_issued.c.log_id, _issued.c.idx).where(_issued.c.record_id == record_id)
    places = conn.execute(issued.order_by(_issued.c.version.desc())).all()
    had = [(log_id, index, headers.parse(logs.entry(conn, log_id, index))) for log_id, index in places]
    for section in sorted(sections):
        newest = next(((log_id, index) for log_id, index, header in had if header.section(section)), None)
        if newest is not None and (*newest, section) in gone:
            raise Rejected(
                f"the section {section} of this record was erased by law and does not come back with an import",
                zh="该记录的这部分内容已依法删除，不能再次导入",
                field=section,
                advice_zh="请从文件中去掉此人的这些列；确有新的合法依据时，请以新的记录登记。",
                advice_en="Take these columns of this person out of the file; a new legal basis takes a new record.",
            )


def _held(conn: Connection, origin: str, index: int, section: str) -> tuple[WrapList, SectionRef, bytes]:
    state = logs.get(conn, origin)
    ref = headers.parse(logs.entry(conn, state.id, index)).section(section)
    if ref is None or not ref.size_class:
        raise NotFound(
            f"the record has no sealed section {section}", zh=f"该记录没有密封部分 {section}", field="section"
        )
    held, listed = payloads.get(conn, state.id, index, section), wraps.get(conn, state.id, index, section)
    if held is None or listed is None:
        raise NotFound(
            "this node does not hold that section and its keys",
            zh="本节点未存该部分或其密钥封装",
            field="section",
            advice_zh="内容可能已依法删除、尚未送达或不对本节点开放，见记录页面。",
            advice_en="It may be erased, not here yet, or not meant for this node; see the record's page.",
        )
    return sealed.parse_list(listed.note.rpartition("\n\n")[0] + "\n"), ref, held[1]


def _sorted(made: Iterable[Wrap]) -> tuple[Wrap, ...]:
    return tuple(sorted(made, key=lambda each: (each.node, each.key_id)))
