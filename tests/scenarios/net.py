"""Several nodes in one process: each with its own store, keys and server, one hand-moved clock, faults on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from node import keyring, provision
from node.app import Node, build
from node.domain.codes import Division
from node.domain.experts import ExpertEmployment, ExpertProfile
from node.domain.record import Amount, Document, Draft, Outcome, Party, Source
from node.domain.trades import TradeResult
from node.errors import Unavailable
from node.projections import fsck_views
from node.provision import Made
from node.publishing import fsck
from node.store import logs
from node.store.logs import LogState
from node.sync.peer import HttpTransport, Reply, Request
from node.sync.run import PassReport
from node.trusted import audiences_for
from node.wire.trust import Member

FEDERATION = "ggzy.example/test"
START_MS = 1_764_000_000_000
DIVISIONS = {"national": "100000", "hub": "500000", "east": "500103", "west": "500102", "north": "500105"}
ROLES = {"national": "national", "hub": "hub"}


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, *, seconds: float = 0, hours: float = 0) -> None:
        self.now_ms += int((seconds + hours * 3600) * 1000)


class FaultyTransport:
    """A line that can be cut, lose answers, or change bytes on the way; remembers whom it talked to."""

    def __init__(self, below: HttpTransport) -> None:
        self._below = below
        self.down = False
        self.log: list[tuple[str, str, int]] = []
        self._lose_answers = 0
        self._lose_requests = 0
        self._matching = ""
        self._change_request: Callable[[Request], Request] | None = None
        self._change_reply: Callable[[Request, Reply], Reply] | None = None

    def lose_answers(self, count: int, matching: str = "") -> None:
        """The peer gets the request and acts on it, but its answer never arrives."""
        self._lose_answers, self._matching = count, matching

    def lose_requests(self, count: int, matching: str = "") -> None:
        self._lose_requests, self._matching = count, matching

    def change_requests(self, change: Callable[[Request], Request] | None) -> None:
        self._change_request = change

    def change_replies(self, change: Callable[[Request, Reply], Reply] | None) -> None:
        self._change_reply = change

    async def send(self, request: Request) -> Reply:
        if self.down:
            raise Unavailable("the line is down")
        if self._lose_requests and self._matching in request.target:
            self._lose_requests -= 1
            raise Unavailable("the request was lost")
        if self._change_request is not None:
            request = self._change_request(request)
        reply = await self._below.send(request)
        self.log.append((request.method, request.target, reply.status))
        if self._lose_answers and self._matching in request.target:
            self._lose_answers -= 1
            raise Unavailable("the answer was lost")
        return reply if self._change_reply is None else self._change_reply(request, reply)


@dataclass
class Running:
    """One node of the net, with its server and its line upwards."""

    name: str
    node: Node
    server: TestServer
    line: FaultyTransport | None = None
    reports: list[PassReport] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.node.settings.origin

    async def publish(self, *drafts: Draft) -> list[Outcome]:
        return await self.node.publisher.publish(drafts)

    async def log_of(self, other: Running) -> LogState:
        return await self.node.store.read(lambda conn: logs.get(conn, other.origin))

    async def fsck(self) -> list[fsck.Finding]:
        policy = self.node.trusted.policy
        return await self.node.store.read(
            lambda conn: fsck.check(
                conn,
                keys=policy.log_keys,
                cosigners=policy.cosigner_keys(),
                audiences=lambda origin: audiences_for(self.node.trusted, self.node.settings.name, origin),
                views=partial(fsck_views.check, self.node.projector),
            )
        )

    async def get(self, path: str, **options: Any) -> tuple[int, bytes]:
        async with aiohttp.ClientSession() as session, session.get(self.server.make_url(path), **options) as answer:
            return answer.status, await answer.read()

    async def page(self, path: str) -> str:
        status, body = await self.get(path)
        assert status == 200, (status, body[:300])
        return body.decode()


class Net:
    """A federation in one process. `start` gives running nodes; `settle` syncs until nothing moves any more."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = HandClock()
        self.nodes: dict[str, Running] = {}
        self._made: dict[str, Made] = {}
        self._policies: list[bytes] = []
        self._signer = keyring.policy_signer(directory / "policy", FEDERATION, create=True)

    def make(self, name: str) -> Made:
        return provision.make_node(
            self.directory / name,
            role=ROLES.get(name, "district"),
            division=DIVISIONS[name],
            title=f"{name} 公共资源交易中心",
            federation=FEDERATION,
        )

    async def start(self, *names: str) -> list[Running]:
        """Make and start nodes, upper ones first, under policy version 1 of all of them."""
        self._made = {name: self.make(name) for name in names}
        above = {made.settings.name: self._above(name) for name, made in self._made.items()}
        self._policies = [provision.first_policy(FEDERATION, self._signer, list(self._made.values()), above)]
        order = sorted(names, key=lambda name: {"national": 0, "hub": 1}.get(name, 2))
        for name in order:
            await self._run(name)
        return [self.nodes[name] for name in names]

    async def join(self, name: str) -> Running:
        """A node that comes later: the next policy version knows it, and the hub hears of it first."""
        self._made[name] = made = self.make(name)
        hub = self.nodes["hub"].node
        member = Member(made.settings.name, "district", DIVISIONS[name], self._above(name), made.settings.title)
        policy = provision.next_policy(hub.trusted.policy, self._signer, [member], made.keys.grants())
        self._policies.append(policy)
        await hub.trusted.adopt([policy])
        return await self._run(name)

    def _above(self, name: str) -> str:
        upper = {"national": "", "hub": "national"}.get(name, "hub")
        return self._made[upper].settings.name if upper in self._made else ""

    async def _run(self, name: str) -> Running:
        node = self.open_node(name)
        server = TestServer(build(node, jobs=False))
        await server.start_server()
        await node.trusted.adopt(self._policies)
        running = Running(name, node, server)
        self.nodes[name] = running
        self.connect(running)
        return running

    def open_node(self, name: str, directory: Path | None = None) -> Node:
        """A node of the net's settings and clock, with a line that can be made faulty."""
        made = self._made[name]
        settings = made.settings
        if directory is not None:
            settings = settings.model_copy(update={"directory": directory})
        if self._above(name):
            settings = settings.model_copy(update={"upstream_url": "http://upstream.invalid"})
        # A copy of a directory stands for one on another machine, which a lock of this machine would not reach.
        return Node(
            settings,
            clock=self.clock,
            make_transport=lambda session: self._line(name, session),
            machine_lock=directory is None,
        )

    def connect(self, running: Running) -> None:
        if running.node.settings.upstream_url:
            running.node.sync_pass()

    def _line(self, name: str, session: aiohttp.ClientSession) -> FaultyTransport:
        upper = "national" if name == "hub" else "hub"
        url = str(self.nodes[upper].server.make_url("")).rstrip("/")
        line = FaultyTransport(HttpTransport(session, url, total_s=10, connect_s=5))
        self.nodes[name].line = line
        return line

    async def sync(self, name: str) -> PassReport:
        """One pass of one node, and its projections."""
        running = self.nodes[name]
        report = await running.node.sync_once()
        running.reports.append(report)
        return report

    async def settle(self, *, turns: int = 12) -> None:
        """Sync and project everywhere until a whole round moves nothing."""
        for _ in range(turns):
            moved = 0
            for name in sorted(self.nodes, key=lambda name: {"hub": 1, "national": 2}.get(name, 0)):
                running = self.nodes[name]
                if running.node.settings.upstream_url:
                    moved += (await self.sync(name)).moved
                else:
                    moved += await running.node.projector.run()
                    await running.node.carry_files()
            # Touch intervals are by the clock: a minute later even an idle link says what it knows.
            self.clock.forward(seconds=61)
            if not moved:
                return
        raise AssertionError("the net does not settle")

    async def stop(self) -> None:
        for running in reversed(self.nodes.values()):
            await running.server.close()


def result(number: str, *, title: str = "", fen: int = 12_345_600, **values: Any) -> Draft:
    """A made-up award result."""
    body = TradeResult(
        category="工程建设",
        stage="中标结果公告",
        title=title or f"示例工程 {number}",
        section_code=number,
        division="500103",
        owner=Party("示例建设单位"),
        winners=[Party("示例施工公司")],
        amount=Amount(f"{fen // 100}", fen),
        published_on="2025-11-24",
        **values,
    )
    said = {"number": number, "title": body.title, "fen": str(fen)}
    source = Source("test", f"https://example.com/{number}")
    return Draft("trade.result", f"test/{number}", {"main": Document(f"test/{number}", body, source)}, said)


def expert(number: str) -> Draft:
    """A made-up expert: the profile is shared, the employment restricted to origin and hub."""
    profile = Document(f"test/{number}", ExpertProfile(alias=number, classes=["A08"]), Source("test"), made_up=True)
    employment = ExpertEmployment(employer=f"保密单位-{number}", title="高级工程师")
    return Draft("expert.profile", f"test/{number}", {"main": profile, "employment": employment}, {"number": number})


def division(code: str) -> Draft:
    document = Document(f"test/{code}", Division(code=code, name=f"区划{code}"), Source("test"))
    return Draft("code.division", f"test/{code}", {"main": document}, {"code": code})
