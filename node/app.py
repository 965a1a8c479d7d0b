"""Composition root: settings in, a node out. Decides nothing; the application around it is in `running.application`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import aiohttp
import structlog
from aiohttp import web

from node import keyring
from node.accounts.audit import Audit
from node.accounts.bindings import Bindings
from node.accounts.desk import Accounts
from node.accounts.gathered import Limits
from node.accounts.orders import Ordering
from node.accounts.passwords import Cost
from node.attachments.carry import Carried
from node.attachments.desk import Attachments
from node.clock import Clock, utc_ms
from node.errors import NodeError, Unavailable
from node.keyring import Fence, SignedMark
from node.projections.follow import Projector
from node.publishing.observe import Observer
from node.publishing.publish import Publisher
from node.publishing.restart import compare_mark, require_own
from node.publishing.sealing import Sealer
from node.quality import yardstick
from node.quality.run import Quality
from node.routing.issuing import Issuer, Wanted
from node.routing.numbering import Numbering
from node.routing.placing import Placing
from node.routing.watch import Watch
from node.rule_records import RuleRecords
from node.rules import Rules
from node.running.fences import hold_fences
from node.running.head import LogSigners, OwnHead
from node.running.lookout import Lookout
from node.running.news import News, SharedBulletin
from node.running.reporting import fills, uplink
from node.settings import Settings
from node.store import migrate
from node.store.beside import Beside
from node.store.db import Store
from node.sync.accept import Acceptor
from node.sync.bulletin import Bulletin, Follower
from node.sync.custody import Custodian
from node.sync.enrol import Invitations, follow_policy, join
from node.sync.oversight import Oversight
from node.sync.peer import HttpTransport, Peer, Transport
from node.sync.pressure import Pressure
from node.sync.recover import Recovery
from node.sync.run import PassReport, SyncPass
from node.sync.second_look import SecondLook
from node.sync.verifying import Verifier, worth_it
from node.sync.witnesses import Witnesses
from node.tlog.note import Note
from node.trading.desk import Desk
from node.trading.legacy import Migration
from node.trading.refresh import Refresher
from node.trusted import Trusted, is_granted
from node.uplink import held
from node.uplink.lint import warnings_for
from node.uplink.receiver import HttpReceiver
from node.uplink.run import Uplink
from node.wire.enrol import Invitation

__all__ = ["MakeTransport", "Node", "build"]

_log = structlog.get_logger(__name__)
GUARD_S = 10
NEWS_PAUSE_S = 1.0
MakeTransport = Callable[[aiohttp.ClientSession], Transport]


class Node:
    """The parts of one node, by name. `open` before use, `close` after; one event loop.

    `machine_lock=False` lets a copy of the whole directory open beside it on this machine: what two machines would do.
    `password_cost` is for tests, which make many passwords.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = utc_ms,
        make_transport: MakeTransport | None = None,
        machine_lock: bool = True,
        password_cost: Cost | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.news = News()
        self.above, self.elsewhere = asyncio.Event(), asyncio.Event()
        """Set when there is news at the node above, and when another process of this node has published."""
        if made := keyring.complete(settings.keys):
            _log.warning("keys_made", keys=made, next="ggzy policy card")
        self.store = Store(settings.database)
        # Beside these, other processes may answer for this node, from the same database.
        self.beside = None if settings.database.startswith("sqlite") else Beside(settings.database)
        self.bulletin = Bulletin(clock()) if self.beside is None else SharedBulletin()
        if activated := keyring.activate(settings.keys, settings.name, partial(is_granted, self.store)):
            _log.warning("keys_activated", keys=activated)
        self.keys = keyring.load(settings.keys, settings.name, settings.epoch, settings.suite)
        self.trusted = Trusted(self.store, settings.name, clock)
        self.sealer = Sealer(self.keys, self.trusted, clock)
        self.mark = SignedMark(settings.keys, settings.epoch)
        signers = LogSigners(settings, self.trusted, self.keys.log)
        self.publisher = Publisher(
            self.store,
            self.keys.log,
            clock,
            added=self.keys.log_added,
            choose=signers.choose,
            sealer=self.sealer,
            role=settings.role,
            guard=self._guard,
            on_signed=self.mark.note,
            on_publish=self.news.set,
        )
        self.audit = Audit(
            self.store,
            self.publisher,
            clock,
            node=settings.name,
            title=settings.title,
            limits=Limits(settings.max_acts_per_hour, settings.max_party_acts_per_hour),
        )
        self.ordering = Ordering(self.publisher, self.audit, clock, node=settings.name, department=settings.department)
        self.accounts = Accounts(
            settings, self.store, self.publisher, self.sealer, self.trusted, self.audit, clock, cost=password_cost
        )
        self.head = OwnHead(self.store, self.trusted, self.publisher, signers)
        self._lookout = Lookout(self.store, self.trusted, self.head, self.news, self.bulletin)
        self.acceptor = Acceptor(self.store, self.keys, self.trusted, clock, own_origin=settings.origin)
        self.verifier = Verifier(aside=worth_it(settings.role, settings.workers))
        self.custodian = Custodian(self.store, self.keys, self.trusted, clock, self.verifier)
        self.invitations = Invitations(self.store, self.trusted, clock)
        self.pressure = Pressure()
        self.projector = Projector(self.store, self.trusted, clock, calm=self.pressure.calm)
        self.attachments = Attachments(settings, self.store, self.trusted, clock)
        self.rules = Rules.packaged()
        self.rule_records = RuleRecords(self.store, self.trusted, self.rules, clock)
        self.trades = Refresher(self.store, self.rules, clock, settings.name)
        self.placing = Placing(self.store, self.trusted, settings, self.rules)
        self.quality = Quality(self.store, self.rules, self.trusted, yardstick.load(), clock, calm=self.pressure.calm)
        self.issuer = Issuer(
            self.store,
            settings,
            lambda day: self.rules.by_day.numbers(day),
            clock,
            ask_hub=self._ask_hub if settings.unified_code_issuer == "hub" and settings.upstream_url else None,
        )
        self.fills = fills(settings)
        self.desk = Desk(
            self.store,
            self.publisher,
            self.rules,
            clock,
            self.projector.run,
            node=settings.name,
            source=settings.title,
            place=self.placing,
            number=Numbering(self.issuer, unified=bool(settings.platform_uscc)),
            after=self.trades.run,
            warn=warnings_for(
                settings.title,
                settings.division,
                settings.url,
                lambda: held.with_published(held.packaged(), self.rule_records.tables("codes")),
                self.fills,
            ),
            check_files=self.attachments.files.require,
            four_eyes=settings.four_eyes,
            knows_key=self.accounts.knows_key,
        )
        self.bindings = Bindings(
            self.store,
            self.publisher,
            self.audit,
            clock,
            self.projector.run,
            node=settings.name,
            title=settings.title,
            trusted=self.trusted,
        )
        self.migration = Migration(
            self.store, self.publisher, self.rules, clock, self.projector.run, node=settings.name
        )
        self.routing_watch = Watch(self.store, self.trusted, settings, self.rules, clock)
        self._make_transport = make_transport or self._http
        self._session: aiohttp.ClientSession | None = None
        self._machine_lock = machine_lock
        self._fences: list[Fence] = []
        self._above: Peer | None = None
        self.upstream: SyncPass | None = None
        self._witnesses: Witnesses | None = None
        self._uplink: Uplink | None = None
        self._oversight: Oversight | None = None
        self.observer = Observer(
            self.store, self.publisher, self.trusted, clock, interval_ms=int(settings.sync_interval_s * 1000)
        )

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
        self._fences = hold_fences(self.settings, self.keys.log.verifier, machine=self._machine_lock)
        await self.trusted.open()
        if await self.store.write(partial(compare_mark, origin=origin, signed=signed)):
            _log.error("log_frozen", origin=origin, signed=signed)
        await self.publisher.open_log()
        await self.head.renew()
        await self.rule_records.refresh()
        self._session = aiohttp.ClientSession(auto_decompress=True)

    async def log_policy(self, coming: bytes = b"") -> None:
        """Log policy versions in our own log, see `OwnHead.log_policy`."""
        await self.head.log_policy(coming)

    async def close(self) -> None:
        if self.upstream is not None:
            await self.upstream.close()
        if self._session is not None:
            await self._session.close()
        for fence in self._fences:
            fence.release()
        if self.beside is not None:
            await asyncio.to_thread(self.beside.close)
        await asyncio.to_thread(self.verifier.close)
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
                on_brought=self.bulletin.bump,
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
        await self.rule_records.refresh()
        report.files = (await self.carry_files()).moved
        return report

    async def keep_trades(self) -> int:
        """Take over rules that have come, or whose day has, and bring what was made of trades up to date."""
        await self.rule_records.refresh()
        return await self.trades.run()

    async def take_over_rules(self) -> int:
        """Project what was published here, and take its rules over at once."""
        await self.projector.run()
        return await self.keep_trades()

    async def carry_files(self, *, reach: bool = True) -> Carried:
        """List the files that records list, and carry what is missing from and to the node above, if there is one.

        `reach=False` leaves that node alone.
        """
        policy = self.trusted.held
        above = reach and self.settings.upstream_url and policy is not None and policy.path_up(self.settings.name)
        return await self.attachments.run(self.sync_pass().peer if above else None)

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

    async def _ask_hub(self, wanted: Wanted) -> str:
        """A unified code of the node above. Raises Unavailable when it does not answer."""
        return await self.peer_above().unified_code(wanted.request, wanted.cls, wanted.subject)

    def uplink(self) -> Uplink:
        """What reports to the receiver above. Raises Refused when the settings name none."""
        if self._uplink is None:
            assert self._session is not None
            self._uplink = uplink(self, partial(HttpReceiver, self._session))
        return self._uplink

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
        await self._lookout.look()

    def follower(self) -> Follower:
        """Waits at the node above for its news (DESIGN L18)."""
        settings = self.settings
        return Follower(
            lambda: self.sync_pass().peer,
            self.above.set,
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

    def _http(self, session: aiohttp.ClientSession, url: str = "") -> Transport:
        return HttpTransport(
            session,
            url or self.settings.upstream_url,
            total_s=self.settings.request_timeout_s,
            connect_s=self.settings.connect_timeout_s,
        )


def build(
    node: Node, *, jobs: bool = True, on_fatal: Callable[[], None] = lambda: None, worker: tuple[int, int] = (1, 1)
) -> web.Application:
    """What `running.application.build` makes. Loaded by those who serve alone: its pages are a third of all there is
    to load, and most commands show none."""
    from node.running import application

    return application.build(node, jobs=jobs, on_fatal=on_fatal, worker=worker)
