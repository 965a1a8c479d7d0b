"""Composition root: settings in, a node out, and the aiohttp application around it. Decides nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from functools import partial

import aiohttp
import structlog
from aiohttp import web

from node import keyring
from node.clock import Clock, utc_ms
from node.errors import NodeError, Unavailable
from node.jobs import Job, Timetable
from node.keyring import Fence, SignedMark
from node.projections.follow import Projector
from node.publishing.audit import audit, tidy
from node.publishing.publish import Publisher
from node.publishing.restart import compare_mark, require_own
from node.settings import Settings
from node.store import cursors, logs, migrate
from node.store.db import Store
from node.sync.accept import Acceptor
from node.sync.custody import Custodian
from node.sync.peer import HttpTransport, Peer, Transport
from node.sync.run import Backoff, PassReport, SyncPass
from node.trusted import Trusted
from node.web import exports, keys, ops, pages, portal, problems, records_api, sync_api
from node.web.signed import Callers

_log = structlog.get_logger(__name__)
GUARD_S = 10
MakeTransport = Callable[[aiohttp.ClientSession], Transport]


class Node:
    """The parts of one node, by name. `open` before use, `close` after; one event loop."""

    def __init__(
        self, settings: Settings, *, clock: Clock = utc_ms, make_transport: MakeTransport | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.news = asyncio.Event()
        self.keys = keyring.load(settings.keys, settings.name, settings.epoch)
        self.store = Store(settings.database)
        self.trusted = Trusted(self.store, settings.name, clock)
        self.mark = SignedMark(settings.keys, settings.epoch)
        self.publisher = Publisher(
            self.store,
            self.keys.log,
            clock,
            guard=self._guard,
            on_signed=self.mark.note,
            on_publish=self.news.set,
        )
        self.acceptor = Acceptor(self.store, self.keys, self.trusted, clock, own_origin=settings.origin)
        self.custodian = Custodian(self.store, self.keys, self.trusted, clock)
        self.projector = Projector(self.store, self.trusted)
        self._make_transport = make_transport or self._http
        self._session: aiohttp.ClientSession | None = None
        self._fence: Fence | None = None
        self.upstream: SyncPass | None = None
        self._seen: object = None

    async def open(self) -> None:
        """Check the schema, hold the keys, read the policy, make our log.

        Raises Unavailable when the database needs `ggzy migrate`, Frozen when other keys' holder is alive, Refused when
        the database is another node's. Then nothing stays open.
        """
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        await self.store.read(migrate.require_current)
        await self.store.read(partial(require_own, name=self.settings.name))
        identity = self.settings.database
        if identity.startswith("sqlite:///"):
            found = os.stat(identity.removeprefix("sqlite:///"))
            identity = f"{found.st_dev}:{found.st_ino}"
        else:
            # Hashed: a database's address may hold a password.
            identity = hashlib.sha256(identity.encode()).hexdigest()
        self._fence = Fence(self.settings.keys, identity)
        self._fence.hold()
        await self.trusted.open()
        await self.publisher.open_log()
        origin, signed = self.settings.origin, self.mark.read()
        if await self.store.write(partial(compare_mark, origin=origin, signed=signed)):
            _log.error("log_frozen", origin=origin, signed=signed)
        self._session = aiohttp.ClientSession(auto_decompress=True)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._fence is not None:
            self._fence.release()
        await asyncio.to_thread(self.store.close)

    def sync_pass(self) -> SyncPass:
        """Passes with the node above. Raises Unavailable when this node has none."""
        if self.upstream is None:
            policy, above = self.trusted.policy, self.trusted.policy.path_up(self.settings.name)
            if not above or not self.settings.upstream_url:
                raise Unavailable(
                    "this node has no upstream in its settings and the trust policy",
                    zh="本节点没有上级节点",
                    advice_zh="请在 config.toml 设置 upstream_url，并由上级把本节点写入信任策略（ggzy policy enrol）。",
                    advice_en="Set upstream_url in config.toml and have the hub enrol this node (ggzy policy enrol).",
                )
            assert self._session is not None
            assert policy.member(above[0]) is not None
            peer = Peer(above[0], self._make_transport(self._session), self.keys.request, self.clock)
            self.upstream = SyncPass(
                self.store,
                peer,
                self.trusted,
                self.acceptor,
                self.custodian,
                self.clock,
                own_origin=self.settings.origin,
                refresh_ms=int(self.settings.checkpoint_refresh_s * 1000),
            )
        return self.upstream

    async def sync_once(self) -> PassReport:
        """One pass with the node above, and the projection of what came."""
        report = await self.sync_pass().run()
        await self.projector.run()
        return report

    async def _guard(self) -> None:
        """Before the first signature of this process: ask the node above whether our database is an old copy.

        When it cannot be asked, local work goes on: the next pass asks again, and a fork would be found then.
        Raises NotFound without a trust policy: nobody could verify what is published.
        """
        _ = self.trusted.policy
        if not self.settings.upstream_url:
            return
        try:
            async with asyncio.timeout(GUARD_S):
                await self.sync_pass().check_own()
        except (NodeError, TimeoutError) as error:
            _log.warning("own_head_not_checked", error=type(error).__name__, detail=str(error))

    async def look_around(self) -> None:
        """Notice what another process of this node (a command line) has published or taken over."""
        await self.trusted.refresh()
        states = await self.store.read(logs.all_logs)
        seen = [(state.id, state.stored_size, state.payload_next) for state in states]
        if seen != self._seen:
            self._seen = seen
            self.news.set()

    async def audit(self) -> None:
        """Check ourselves a little; what is found is logged and shown by /readyz."""
        faults = await self.store.read(partial(audit, pick=secrets.randbelow))
        await self.store.write(tidy)
        await self.store.write(partial(cursors.set_fact, name="audit", value="; ".join(faults)))
        for fault in faults:
            _log.error("audit_fault", fault=fault)

    def _http(self, session: aiohttp.ClientSession) -> Transport:
        return HttpTransport(
            session,
            self.settings.upstream_url,
            total_s=self.settings.request_timeout_s,
            connect_s=self.settings.connect_timeout_s,
        )


def timetable(node: Node, on_fatal: Callable[[], None]) -> Timetable:
    """The node's jobs at the intervals of its settings."""
    settings = node.settings

    async def project() -> None:
        await node.projector.run()

    backoff = Backoff(
        node.clock, first_ms=int(settings.sync_interval_s * 1000), most_ms=int(settings.max_backoff_s * 1000)
    )

    async def sync() -> None:
        if not backoff.due():
            return
        report = await node.sync_pass().run()
        backoff.note(report)
        if report.entries_down or report.payloads_down:
            await node.projector.run()

    jobs = [
        Job("project", settings.project_interval_s, 600, project),
        Job("watch", settings.watch_interval_s, 30, node.look_around),
        Job("audit", settings.audit_interval_s, 600, node.audit),
    ]
    urgent = ["project"]
    if settings.upstream_url:
        jobs.append(Job("sync", settings.sync_interval_s, 900, sync))
        urgent.append("sync")
    return Timetable(jobs, node.news, urgent=tuple(urgent), on_fatal=on_fatal)


def build(node: Node, *, jobs: bool = True, on_fatal: Callable[[], None] = lambda: None) -> web.Application:
    """The aiohttp application of a node. `jobs=False` leaves the timetable to the caller (tests, demo)."""
    app = web.Application(
        middlewares=[ops.measure, problems.middleware(pages.error_page)], client_max_size=node.settings.max_body_bytes
    )
    app[keys.SETTINGS], app[keys.STORE], app[keys.CLOCK] = node.settings, node.store, node.clock
    app[keys.KEYRING], app[keys.TRUSTED], app[keys.PUBLISHER] = node.keys, node.trusted, node.publisher
    app[keys.ACCEPTOR], app[keys.CUSTODIAN], app[keys.NEWS] = node.acceptor, node.custodian, node.news
    app[keys.CALLERS] = Callers(node.trusted, node.clock, skew_s=node.settings.max_clock_skew_s)
    app[keys.UPLOADS] = asyncio.Semaphore(node.settings.max_concurrent_uploads)
    ops.setup(app)
    for routes in (sync_api.routes, records_api.routes, ops.routes, exports.routes, portal.routes):
        app.add_routes(routes)
    pages.setup(app)

    async def run_node(app: web.Application) -> AsyncIterator[None]:
        await node.open()
        plan = timetable(node, on_fatal)
        if jobs:
            plan.start()
        yield
        await plan.stop()
        await node.close()

    app.cleanup_ctx.append(run_node)
    return app


def tls(settings: Settings) -> ssl.SSLContext | None:
    """The server's TLS context, None where a reverse proxy speaks TLS for us."""
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.directory / settings.tls_cert, settings.directory / settings.tls_key)
    return context
