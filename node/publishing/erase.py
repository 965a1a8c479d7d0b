"""Make an order to erase and sign it: two people at two nodes, each with the erasure key of theirs (DESIGN L23)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from node.domain.erasure import REASONS, Erasure
from node.domain.record import Document, Draft, Source
from node.errors import Malformed, NotFound, Refused
from node.keyring import Keyring
from node.store import logs
from node.store.tables import RecordView, table
from node.tlog.note import Ed25519Signer, Note, parse_note
from node.wire import erasure
from node.wire import header as headers
from node.wire.erasure import ErasureOrder

KIND = "record.erasure"
_records = table(RecordView)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants erased: sections and versions, all sealed sections of all versions when none are named."""

    record_id: bytes
    origin: str
    reason: str
    sections: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()


def propose(conn: Connection, wish: Wish, *, now_s: int, random: Callable[[int], bytes]) -> ErasureOrder:
    """The order that fulfils a wish, unsigned. Raises Malformed, NotFound, and Refused when nothing would be erased."""
    if wish.reason not in REASONS:
        raise Malformed(
            f"the reason must be one of {', '.join(REASONS)}",
            zh=f"理由代码应为 {'、'.join(REASONS)} 之一",
            field="--reason",
            advice_zh="各代码的含义见 docs/operating.md。",
            advice_en="docs/operating.md says what each stands for.",
        )
    places = sorted(_places(conn, logs.get(conn, wish.origin).id, wish))
    if not places:
        raise Refused(
            "the record has no such section in these versions",
            zh="该记录的这些版本没有所选部分",
            field="--section",
            advice_zh="未选择时删除全部密封部分；其他部分请用 --section 指明。",
            advice_en="Without a choice all sealed sections are erased; name others with --section.",
        )
    basis = REASONS[wish.reason].basis
    return ErasureOrder(random(16), wish.origin, wish.record_id, tuple(places), wish.reason, basis, now_s)


def _places(conn: Connection, log_id: int, wish: Wish) -> Iterable[tuple[int, str]]:
    rows = conn.execute(
        select(_records.c.idx, _records.c.version).where(
            _records.c.log_id == log_id, _records.c.record_id == wish.record_id
        )
    ).all()
    if not rows:
        raise NotFound("no such record in this log", zh="该日志中没有这条记录")
    unknown = set(wish.versions) - {version for _, version in rows}
    if unknown:
        raise NotFound(
            f"the record has no version {min(unknown)} here", zh=f"没有第 {min(unknown)} 版", field="--version"
        )
    for index, version in rows:
        if not wish.versions or version in wish.versions:
            for ref in headers.parse(logs.entry(conn, log_id, index)).sections:
                if ref.name in wish.sections or (not wish.sections and ref.size_class):
                    yield index, ref.name


def sign(text: str, keys: Keyring) -> bytes:
    """An order as its first signer hands it on."""
    return Note(text, (_key(keys).sign_note(text),)).encode()


def approve(data: bytes, keys: Keyring) -> bytes:
    """The same order with this node's signature added. Raises Malformed, NotFound; Refused when it is there already."""
    note, key = parse_note(data), _key(keys)
    erasure.parse(note)
    if any(key.verifier.made(line) for line in note.signatures):
        raise Refused(
            "this node has signed the order already",
            zh="本节点已签名，须由另一节点批准",
            advice_zh="请把文件交给另一个节点。",
            advice_en="Hand the file to another node: two different ones must sign.",
        )
    return note.with_signatures(key.sign_note(note.text)).encode()


def draft(data: bytes, publisher: str) -> Draft:
    """The record that carries an order; `publisher` is the title of the node that logs it."""
    order = erasure.parse(parse_note(data))
    text = data.decode()
    key = order.order_id.hex()
    document = Document(key, Erasure(order=text), Source(publisher, id=key))
    return Draft(KIND, key, {"main": document}, {"order": text})


def _key(keys: Keyring) -> Ed25519Signer:
    if keys.erasure is None:
        raise NotFound(
            "this node has no erasure key",
            zh="本节点没有删除密钥",
            advice_zh="请重启服务，或重新运行 ggzy init，会自动生成；再把名片（ggzy policy card）交上级登记。",
            advice_en="Restart the service or run ggzy init again, then have the new card (ggzy policy card) enrolled.",
        )
    return keys.erasure
