"""A node's store with logs that tests fill record by record: real tables, real headers and payloads, no signatures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import SQLModel

from node.domain import KINDS
from node.domain.credit import BlacklistEntry, CreditBehaviour, CreditScore
from node.domain.record import Amount, Document, Flag, Party, Source
from node.domain.trades import TradeResult
from node.projections.run import Item, project_batch
from node.store import checkpoints, logs, payloads
from node.store.db import Store
from node.tlog.checkpoint import Checkpoint
from node.tlog.merkle import leaf_hash
from node.tlog.note import Ed25519Signer, KeyType
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.header import Header, SectionRef
from node.wire.pack import PayloadRow
from tests.store.postgres import SERVER
from tests.store.servers import migrated_url

HUB = "ggzy.example/cq/500000/1"
EAST = "ggzy.example/cq/500103/1"
NOW_MS = 1_764_000_000_000  # 2025-11-25 00:00 in Beijing
SALT = b"s" * 16


@dataclass(frozen=True)
class Put:
    """Where an entry lies, and what is needed to follow it."""

    origin: str
    index: int
    record_id: bytes
    version: int
    leaf: bytes
    item: Item


def result(title: str = "道路改造工程", **more: Any) -> TradeResult:
    values: dict[str, Any] = {
        "category": "工程建设",
        "stage": "中标结果公告",
        "title": title,
        "project_code": "E-2025-001",
        "section_code": "E-2025-001-01",
        "division": "500103",
        "division_name": "渝中区",
        "owner": Party("渝中区建设局"),
        "winners": [Party("示例建设集团有限公司", "91350100M000100Y43", True)],
        "amount": Amount("2079.738158万元", 2_079_738_158),
        "published_on": "2025-11-20",
    }
    return TradeResult(**(values | more))


def score(party: str = "示例建设集团有限公司", points: int = 103_250) -> CreditScore:
    return CreditScore(party=Party(party), qualification="建筑工程_贰级", grade="A级", score=points)


def behaviour(*, good: bool, points: int = 500) -> CreditBehaviour:
    return CreditBehaviour(party=Party("示例建设集团有限公司"), good=good, reason="未按时填报", points=points)


def blacklisted(name: str = "失信有限公司") -> BlacklistEntry:
    return BlacklistEntry(party=Party(name), authority="财政局", reason="虚假材料", decided_on="2025-01-08")


@dataclass
class World:
    store: Store = field(default_factory=lambda: Store("sqlite://"))
    _made: int = 0

    def __post_init__(self) -> None:
        if self.store.url == "sqlite://":
            self.store.write_now(lambda conn: SQLModel.metadata.create_all(conn))
        self.ids = {origin: self._ensure(origin) for origin in (HUB, EAST)}

    def _ensure(self, origin: str) -> int:
        return self.store.write_now(lambda conn: logs.ensure(conn, origin, own=origin == HUB)).id

    def entry(self, origin: str, entry: bytes, payload: bytes | None = None, *, may_have: bool = True) -> Put:
        """Append raw bytes; nothing is projected yet."""
        log_id = self.ids[origin]

        def work(conn: Any) -> int:
            index = logs.by_id(conn, log_id).stored_size
            logs.append(conn, log_id, index, [entry])
            if payload is not None:
                payloads.put_rows(conn, log_id, "public", [PayloadRow(index, "main", SALT, payload)])
            elif may_have:
                payloads.mark_missing(conn, log_id, [(index, "main")])
            return index

        index = self.store.write_now(work)
        return Put(origin, index, b"", 0, leaf_hash(entry), (index, entry, payload, may_have))

    def put(
        self,
        body: Any,
        *,
        kind: str = "trade.result",
        after: Put | None = None,
        origin: str = EAST,
        audience: str = "",
        held: bool = True,
        may_have: bool = True,
        project: bool = True,
        header: dict[str, Any] | None = None,
        **document: Any,
    ) -> Put:
        """Append one version: of a new record, or the one after `after`; `held` says whether its payload is here."""
        self._made += 1
        shown = Document(**({"key": f"k{self._made}", "body": body, "source": Source("来源")} | document))
        payload = payload_bytes.encode(shown)
        audience = audience or (KINDS[kind].sections["main"][1] if kind in KINDS else "public")
        made = Header(
            kind=kind,
            schema=1,
            record_id=after.record_id if after else self._made.to_bytes(16, "big"),
            version=after.version + 1 if after else 1,
            prev_leaf=after.leaf if after else None,
            claimed_ms=NOW_MS + self._made,
            audience=audience,
            sections=(SectionRef("main", audience, payload_bytes.commitment(SALT, payload)),),
        )
        made = Header(**({name: getattr(made, name) for name in Header.__slots__} | (header or {})))
        raw = self.entry(origin, headers.encode(made), payload if held else None, may_have=may_have)
        put = Put(origin, raw.index, made.record_id, made.version, raw.leaf, raw.item)
        if project:
            self.project(put)
        return put

    def project(self, *puts: Put) -> None:
        for origin in dict.fromkeys(put.origin for put in puts):
            items = [put.item for put in puts if put.origin == origin]
            self.store.write_now(lambda conn, items=items, log_id=self.ids[origin]: project_batch(conn, log_id, items))

    def payload_of(self, body: Any, put: Put, **document: Any) -> Put:
        """`put` with its payload, as when it came late."""
        shown = Document(**({"key": "k", "body": body, "source": Source("来源")} | document))
        index, entry, _, may_have = put.item
        return Put(
            put.origin,
            index,
            put.record_id,
            put.version,
            put.leaf,
            (index, entry, payload_bytes.encode(shown), may_have),
        )

    def cosign(self, origin: str, signer: str, seconds: int = NOW_MS // 1000) -> None:
        """A checkpoint over all that is stored, with the log's line and one cosigner's."""
        log_key = Ed25519Signer(origin, KeyType.ED25519, b"\x01" * 32)
        key = Ed25519Signer(signer, KeyType.COSIGNATURE, b"\x02" * 32)

        def work(conn: Any) -> None:
            state = logs.get(conn, origin)
            note = Checkpoint(origin, state.stored_size, logs.stored_root(conn, state.id, state.stored_size)).text()
            lines = [log_key.sign_note(note), key.cosign(note, seconds)]
            checkpoints.put(conn, state.id, state.stored_size, note, lines)

        self.store.write_now(work)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.read_now(lambda conn: [tuple(row) for row in conn.execute(text(sql))])


@contextmanager
def open_world(database: str) -> Iterator[World]:
    """A world in memory, or in a database of its own on the PostgreSQL that GGZY_TEST_POSTGRES names."""
    with ExitStack() as stack:
        if database == "sqlite":
            world = World()
        elif SERVER:
            world = World(Store(stack.enter_context(migrated_url())))
        else:
            pytest.skip("GGZY_TEST_POSTGRES names no PostgreSQL")
        stack.callback(world.store.close)
        yield world


FLAGGED = [Flag("winners", "consortium"), Flag("amount", "amount-percent", "下浮率20%")]
