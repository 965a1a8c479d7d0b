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
from node.errors import Frozen, NodeError, Refused, Unavailable
from node.jobs import Job, Timetable
from node.keyring import Fence, MachineFence, SignedMark
from node.projections.follow import Projector
from node.publishing.audit import audit, tidy
from node.publishing.observe import Observer
from node.publishing.policy_record import log_versions
from node.publishing.publish import Publisher
from node.publishing.restart import compare_mark, require_own
from node.publishing.sealing import Sealer
from node.settings import Settings
from node.store import cursors, logs, migrate
from node.store.db import Store
from node.sync.accept import Acceptor
from node.sync.bulletin import Bulletin, Follower
from node.sync.custody import Custodian
from node.sync.enrol import Invitations, follow_policy, join
from node.sync.oversight import Oversight
from node.sync.peer import HttpTransport, Peer, Transport
from node.sync.recover import Recovery
from node.sync.run import Backoff, PassReport, SyncPass
from node.sync.second_look import SecondLook
from node.sync.witnesses import Witnesses
from node.tlog.note import Ed25519Signer, Note
from node.trusted import Trusted, choose_signer, is_granted
from node.web import enrol_api, exports, keys, news_api, ops, pages, portal, problems, records_api, sync_api, wraps_api
from node.web.limits import Limits
from node.web.signed import Callers
from node.wire.enrol import Invitation

_log = structlog.get_logger(__name__)
GUARD_S = 10
NEWS_PAUSE_S = 1.0
MakeTransport = Callable[[aiohttp.ClientSession], Transport]


class Node:
    """The parts of one node, by name. `open` before use, `close` after; one event loop.

    `machine_lock=False` lets a copy of the whole directory open beside it on this machine: what two machines would do.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = utc_ms,
        make_transport: MakeTransport | None = None,
        machine_lock: bool = True,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.news = asyncio.Event()
        self.bulletin = Bulletin(clock())
        if made := keyring.complete(settings.keys):
            _log.warning("keys_made", keys=made, next="ggzy policy card")
        self.store = Store(settings.database)
        if activated := keyring.activate(settings.keys, settings.name, partial(is_granted, self.store)):
            _log.warning("keys_activated", keys=activated)
        self.keys = keyring.load(settings.keys, settings.name, settings.epoch, settings.suite)
        self._policy_logged = 0
        self._log_signers: tuple[object, list[Ed25519Signer]] = (None, [self.keys.log])
        self.trusted = Trusted(self.store, settings.name, clock)
        self.sealer = Sealer(self.keys, self.trusted, clock)
        self.mark = SignedMark(settings.keys, settings.epoch)
        self.publisher = Publisher(
            self.store,
            self.keys.log,
            clock,
            added=self.keys.log_added,
            choose=self._log_signer,
            sealer=self.sealer,
            guard=self._guard,
            on_signed=self.mark.note,
            on_publish=self.news.set,
        )
        self.acceptor = Acceptor(self.store, self.keys, self.trusted, clock, own_origin=settings.origin)
        self.custodian = Custodian(self.store, self.keys, self.trusted, clock)
        self.invitations = Invitations(self.store, self.trusted, clock)
        self.projector = Projector(self.store, self.trusted, clock)
        self._make_transport = make_transport or self._http
        self._session: aiohttp.ClientSession | None = None
        self._machine_lock = machine_lock
        self._fences: list[Fence] = []
        self._above: Peer | None = None
        self.upstream: SyncPass | None = None
        self._witnesses: Witnesses | None = None
        self._oversight: Oversight | None = None
        self.observer = Observer(
            self.store, self.publisher, self.trusted, clock, interval_ms=int(settings.sync_interval_s * 1000)
        )
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
        origin, signed = self.settings.origin, self.mark.read()
        await self.store.read(partial(require_own, name=self.settings.name, origin=origin))
        identity = self.settings.database
        if identity.startswith("sqlite:///"):
            found = os.stat(identity.removeprefix("sqlite:///"))
            identity = f"{found.st_dev}:{found.st_ino}"
        else:
            # Hashed: a database's address may hold a password.
            identity = hashlib.sha256(identity.encode()).hexdigest()
        self._fences.append(Fence(self.settings.keys, identity))
        self._fences[-1].hold()
        if self._machine_lock:
            self._hold_machine(identity)
        await self.trusted.open()
        if await self.store.write(partial(compare_mark, origin=origin, signed=signed)):
            _log.error("log_frozen", origin=origin, signed=signed)
        await self.publisher.open_log()
        await self._renew_head()
        self._session = aiohttp.ClientSession(auto_decompress=True)

    def _log_signer(self, size: int) -> Ed25519Signer:
        """The key that signs our log's head of this size; keys made since are found with each policy version."""
        if self._log_signers[0] != self.trusted.version:
            settings = self.settings
            found = keyring.log_signers(settings.keys, settings.name, settings.epoch)
            self._log_signers = self.trusted.version, found
        return choose_signer(self.trusted.held, self._log_signers[1], size)

    async def log_policy(self, coming: bytes = b"") -> None:
        """Log policy versions in our own log, where that is for us to do; a log that cannot be signed does it later."""
        try:
            await log_versions(self.store, self.trusted, self.publisher, coming)
        except (Frozen, Refused, Unavailable) as error:
            _log.warning("policy_not_logged", error=error.code, detail=error.detail)

    async def _renew_head(self) -> None:
        try:
            await self.publisher.renew_head()
        except Refused as error:
            _log.warning("own_log_cannot_be_signed", detail=error.detail)

    def _hold_machine(self, identity: str) -> None:
        fence = MachineFence(self.keys.log.verifier, identity)
        try:
            fence.hold()
        except Unavailable as error:
            # The other safeguards stand; a machine that gives us no place for a lock must not keep a node from serving.
            _log.warning("no_machine_lock", detail=error.detail)
        else:
            self._fences.append(fence)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        for fence in self._fences:
            fence.release()
        await asyncio.to_thread(self.store.close)

    def sync_pass(self) -> SyncPass:
        """Passes with the node above. Raises Unavailable when this node has none."""
        if self.upstream is None:
            self.upstream = SyncPass(
                self.store,
                self.peer_above(),
                self.trusted,
                self.acceptor,
                self.custodian,
                self.clock,
                own_origin=self.settings.origin,
                refresh_ms=int(self.settings.checkpoint_refresh_s * 1000),
                oversight=self.oversight(),
            )
        return self.upstream

    def oversight(self) -> Oversight:
        """What watches over the node above and over what comes from below (DESIGN L21)."""
        if self._oversight is None:
            assert self._session is not None
            settings, session = self.settings, self._session
            self._oversight = Oversight(
                self.store,
                self.trusted,
                self.clock,
                own_origin=settings.origin,
                interval_ms=int(settings.sync_interval_s * 1000),
                grace_ms=int(settings.alarm_grace_s * 1000),
                refresh_ms=int(settings.checkpoint_refresh_s * 1000),
                second=[
                    SecondLook(self.store, Peer(url, self._http(session, url), self.keys.request, self.clock))
                    for url in settings.second_look_urls
                ],
            )
        return self._oversight

    def peer_above(self) -> Peer:
        """The node above. Raises Unavailable when there is none."""
        above = self.trusted.policy.path_up(self.settings.name)
        if not above or not self.settings.upstream_url:
            raise Unavailable(
                "this node has no upstream in its settings and the trust policy",
                zh="本节点没有上级节点",
                advice_zh="请在 config.toml 设置 upstream_url，并由上级把本节点写入信任策略（ggzy policy enrol）。",
                advice_en="Set upstream_url in config.toml and have the hub enrol this node (ggzy policy enrol).",
            )
        if self._above is None or self._above.name != above[0]:
            assert self._session is not None
            self._above = Peer(above[0], self._make_transport(self._session), self.keys.request, self.clock)
        return self._above

    async def join(self, invitation: Invitation, card: Note) -> str:
        """Answer an invitation; gives the fingerprint of our card. See `node.sync.enrol.join`."""
        return await join(self._stranger(), self.trusted, invitation, card)

    async def await_enrolment(self) -> int:
        """Fetch newer versions of the policy while none of them names us; gives how many."""
        policy = self.trusted.policy
        if not self.settings.upstream_url or policy.member(self.settings.name) is not None:
            return 0
        return await follow_policy(self._stranger(), self.trusted)

    def _stranger(self) -> Peer:
        """The node above as one that does not know us sees it: nothing that is signed can be asked for."""
        assert self._session is not None
        return Peer(self.settings.upstream_url, self._make_transport(self._session), self.keys.request, self.clock)

    def recovery(self, *, origin: str = "", signed: int | None = None) -> Recovery:
        """What brings this node's log back from the node above, or an earlier one of its lineage."""
        return Recovery(
            self.store,
            self.peer_above(),
            self.trusted,
            self.custodian,
            self.clock,
            origin=origin or self.settings.origin,
            signed=self.mark.read() if signed is None else signed,
        )

    async def sync_once(self) -> PassReport:
        """One pass with the node above, and the projection of what came."""
        await self.await_enrolment()
        report = await self.sync_pass().run()
        await self.projector.run()
        return report

    def witnesses(self) -> Witnesses:
        """Passes with the independent witnesses of the settings, if any."""
        if self._witnesses is None:
            assert self._session is not None
            settings, session = self.settings, self._session
            self._witnesses = Witnesses(
                self.store,
                self.keys,
                self.trusted,
                self.clock,
                [(witness, self._http(session, witness.url)) for witness in settings.witnesses],
                origin=settings.origin,
                refresh_ms=int(settings.checkpoint_refresh_s * 1000),
                first_ms=int(settings.sync_interval_s * 1000),
                most_ms=int(settings.max_backoff_s * 1000),
            )
        return self._witnesses

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
        seen = [(state.id, state.stored_size, state.head_size, state.payload_next) for state in states]
        if (self.trusted.version, seen) != self._seen:
            if self._log_signers[0] != self.trusted.version:
                await self._renew_head()
            if self._policy_logged != self.trusted.version:
                await self.log_policy()
                self._policy_logged = self.trusted.version
            self._seen = (self.trusted.version, seen)
            self.news.set()
            self.bulletin.bump()

    def follower(self) -> Follower:
        """Waits at the node above for its news (DESIGN L18)."""
        settings = self.settings
        return Follower(
            lambda: self.sync_pass().peer,
            self.news.set,
            wait_s=max(1, min(25, int(settings.request_timeout_s) - 5)),
            pause_s=NEWS_PAUSE_S,
            retry_s=settings.sync_interval_s,
        )

    async def watch_over(self) -> None:
        """Publish what was observed and what can be proven; at the top also look, as no pass does it there."""
        if not self.trusted.version:
            return
        if self.settings.observe_interval_s:
            await self.observer.observe()
        if not self.settings.upstream_url:
            await self.oversight().after()
        await self.observer.announce()

    async def audit(self) -> None:
        """Check ourselves a little; what is found is logged and shown by /readyz."""
        faults = await self.store.read(partial(audit, pick=secrets.randbelow))
        await self.store.write(tidy)
        await self.store.write(partial(cursors.set_fact, name="audit", value="; ".join(faults)))
        for fault in faults:
            _log.error("audit_fault", fault=fault)

    def _http(self, session: aiohttp.ClientSession, url: str = "") -> Transport:
        return HttpTransport(
            session,
            url or self.settings.upstream_url,
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
        await node.await_enrolment()
        report = await node.sync_pass().run()
        backoff.note(report)
        if report.entries_down or report.payloads_down:
            await node.projector.run()
        if report.moved or report.cosignatures:
            node.bulletin.bump()

    jobs = [
        Job("project", settings.project_interval_s, 600, project),
        Job("watch", settings.watch_interval_s, 30, node.look_around),
        Job("audit", settings.audit_interval_s, 600, node.audit),
        Job("oversight", settings.observe_interval_s or settings.sync_interval_s, 300, node.watch_over),
    ]
    urgent = ["project"]
    if settings.upstream_url:
        jobs.append(Job("sync", settings.sync_interval_s, 900, sync))
        urgent.append("sync")
    if settings.witnesses:
        jobs.append(Job("witness", settings.sync_interval_s, 300, lambda: node.witnesses().run()))
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
    app[keys.BULLETIN] = node.bulletin
    app[keys.LIMITS] = Limits(node.settings.max_log_requests_per_s)
    app[keys.ENROL_LIMITS], app[keys.INVITATIONS] = Limits(enrol_api.PER_S), node.invitations
    app[keys.UPLOADS] = asyncio.Semaphore(node.settings.max_concurrent_uploads)
    ops.setup(app)
    nodes = (sync_api.routes, enrol_api.routes, wraps_api.routes, news_api.routes)
    for routes in (*nodes, records_api.routes, ops.routes, exports.routes, portal.routes):
        app.add_routes(routes)
    pages.setup(app)

    async def let_go(_app: web.Application) -> None:
        node.bulletin.bump()  # whoever waits for news would keep the server from stopping

    app.on_shutdown.append(let_go)

    async def run_node(app: web.Application) -> AsyncIterator[None]:
        await node.open()
        plan = timetable(node, on_fatal)
        following = None
        if jobs:
            plan.start()
            if node.settings.upstream_url:
                following = asyncio.create_task(node.follower().run())
        yield
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
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
