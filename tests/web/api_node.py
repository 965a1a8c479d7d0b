"""A hub and a district for the tests of the interface: real stores, real HTTP, records of every awkward sort."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Connection

from node import keyring
from node import settings as configuration
from node.app import Node, build
from node.clock import Clock
from node.domain.credit import CreditScore
from node.domain.experts import ExpertEmployment, ExpertProfile
from node.domain.record import Amount, Document, Draft, Party, Source
from node.domain.trades import TradeResult
from node.store import checkpoints, logs, migrate, payloads
from node.tlog.checkpoint import Checkpoint
from node.tlog.note import Ed25519Signer, Note
from node.wire import auth
from node.wire import header as headers
from node.wire import payload as payload_bytes
from node.wire.header import Header, SectionRef
from node.wire.pack import PayloadRow
from node.wire.trust import Member, TrustPolicy

NOW_MS = 1_763_913_600_000
FEDERATION = "ggzy.example/cq"
HUB, EAST = f"{FEDERATION}/500000", f"{FEDERATION}/500103"
UNREADABLE = {
    "no msgpack": b"\xc1\xff",
    "bytes": msgspec.msgpack.encode({"key": "k", "raw": b"\x00\xff", "n": 2**63}),
    "not a number": msgspec.msgpack.encode([float("nan"), float("inf")]),
    "odd keys": msgspec.msgpack.encode({1: "one", None: "none"}),
    "half a pair": b"\xa3\xed\xa0\x80",
    "deep": b"\x91" * 500 + b"\xc0",
    "very deep": b"\x91" * 100_000 + b"\xc0",
    "an extension": msgspec.msgpack.encode(msgspec.msgpack.Ext(7, b"ext")),
}


@dataclass
class Served:
    """The hub under test, behind a client, and what is needed to speak to it as the district."""

    client: TestClient[Any, Any]
    hub: Node
    east: Node
    signer: Ed25519Signer
    policy: TrustPolicy

    def __post_init__(self) -> None:
        self._nonces = itertools.count()

    def signed(self, method: str, target: str, body: bytes = b"", **changes: Any) -> dict[str, str]:
        """Headers of the district's signature; `changes` go to `auth.sign`."""
        values: dict[str, Any] = {"to": HUB, "created_s": self.hub.clock() // 1000, "nonce": ""}
        values["nonce"] = f"nonce-{next(self._nonces):020d}"
        return auth.sign(self.east.keys.request, method, target, body, **(values | changes))


def policy_note(policy: TrustPolicy, signer: Ed25519Signer) -> bytes:
    return Note(policy.text(), (signer.sign_note(policy.text()),)).encode()


@asynccontextmanager
async def served(directory: Path, *, clock: Clock = lambda: NOW_MS, **settings: Any) -> AsyncIterator[Served]:
    """A hub with records of its own and of a district that has just brought its log. `settings` are the hub's."""
    signer = keyring.policy_signer(directory / "policy", FEDERATION, create=True)
    hub = _node(
        directory / "hub",
        clock,
        HUB,
        "hub",
        "500000",
        title="重庆市公共资源交易中心",
        max_body_bytes=2 << 20,
        **settings,
    )
    members = (
        Member(HUB, "hub", "500000", "", "重庆市公共资源交易中心"),
        Member(EAST, "district", "500103", HUB, "渝中区公共资源交易中心"),
    )
    client = TestClient(TestServer(build(hub, jobs=False)))
    try:
        await client.start_server()
        url = str(client.make_url("")).rstrip("/")
        east = _node(
            directory / "east", clock, EAST, "district", "500103", title="渝中区公共资源交易中心", upstream_url=url
        )
        policy = TrustPolicy(FEDERATION, 1, "none", 1, (signer.verifier,), members, hub_and(hub, east))
        for node in (hub, east):
            await node.trusted.adopt([policy_note(policy, signer)])
        await east.open()
        try:
            await hub.publisher.publish(_drafts("H"))
            await east.publisher.publish(_drafts("E"))
            for number, payload in enumerate(UNREADABLE.values()):
                await east.store.write(lambda conn, n=number, data=payload: _publish_raw(conn, east, n, data))
            await east.sync_once()
            await hub.projector.run()
            yield Served(client, hub, east, signer, policy)
        finally:
            await east.close()
    finally:
        await client.close()


def hub_and(*nodes: Node) -> tuple[Any, ...]:
    return tuple(grant for node in nodes for grant in node.keys.grants())


def _node(directory: Path, clock: Clock, name: str, role: str, division: str, **more: Any) -> Node:
    directory.mkdir()
    made = configuration.build(directory, {"name": name, "role": role, "division": division, **more})
    keyring.make(made.keys, name, made.epoch)
    migrate.upgrade(made.database)
    return Node(made, clock=clock)


def _drafts(prefix: str) -> list[Draft]:
    source = Source("重庆市公共资源交易网", "https://example.cn/1")
    drafts = [_draft("trade.result", f"{prefix}-{n}", _result(f"{prefix}-{n}", n), source) for n in range(5)]
    drafts.append(_draft("trade.result", f"{prefix}-0", _result(f"{prefix}-0", 100), source))  # a second version
    score = CreditScore(party=Party("重庆某某建设有限公司"), qualification="总承包", score=95_500, grade="A")
    drafts.append(_draft("credit.score", f"{prefix}-c", score, source))
    profile = Document(f"{prefix}-x", ExpertProfile(alias="0001", classes=["A01"]), source, made_up=True)
    employment = ExpertEmployment(employer="某某设计院")
    sections = {"main": profile, "employment": employment}
    drafts.append(Draft("expert.profile", f"{prefix}-x", sections, {"alias": "0001"}))
    return drafts


def _draft(kind: str, key: str, shape: Any, source: Source) -> Draft:
    said = {"body": msgspec.to_builtins(shape)}
    return Draft(kind, key, {"main": Document(key, shape, source)}, said)


def _result(code: str, number: int) -> TradeResult:
    return TradeResult(
        category="工程建设",
        stage="中标结果",
        title=f"=道路工程 {code} 第{number}标段 <b>&\"'",
        project_code=code,
        division="500103",
        division_name="渝中区",
        published_on=f"2025-03-{number % 28 + 1:02d}",
        winners=[Party("重庆某某建设有限公司")],
        amount=Amount("50万元", 5_000_000_00),
    )


def _publish_raw(conn: Connection, node: Node, number: int, data: bytes) -> None:
    """Put a payload of any bytes into a node's own log, as a faulty or newer program could."""
    state = logs.get(conn, node.settings.origin)
    salt = bytes(16)
    ref = SectionRef("main", "public", payload_bytes.commitment(salt, data))
    entry = headers.encode(Header("trade.notice", 1, bytes([number]) * 16, 1, None, NOW_MS, "public", (ref,)))
    size = logs.append(conn, state.id, state.stored_size, [entry])
    payloads.put_rows(conn, state.id, "public", [PayloadRow(size - 1, "main", salt, data)])
    logs.move_payload_next(conn, state.id, size)
    text = Checkpoint(state.origin, size, logs.stored_root(conn, state.id, size)).text()
    checkpoints.put(conn, state.id, size, text, [node.keys.log.sign_note(text)])
    logs.move_head(conn, logs.get(conn, state.origin), size, logs.stored_root(conn, state.id, size))
