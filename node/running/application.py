"""The aiohttp application of a node: its parts under typed keys, every route, and what runs beside the answering."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from node.errors import NodeError
from node.running.work import Work
from node.store.nonces import SharedNonces
from node.web import (
    accounts,
    approved,
    codes_api,
    doors,
    enrol_api,
    exports,
    feeds,
    fees_page,
    files_api,
    files_sync,
    keys,
    news_api,
    opendata,
    ops,
    pages,
    portal,
    problems,
    proxies,
    records_api,
    routing_pages,
    rules_pages,
    ruling,
    services_page,
    session,
    supervision,
    sync_api,
    uplink_pages,
    wraps_api,
)
from node.web.console import routes as console
from node.web.disclosures import routes as disclosures
from node.web.keys import Worker
from node.web.limits import Limits
from node.web.mine import routes as mine
from node.web.national import endpoint as national
from node.web.quality import pages_board, pages_csv
from node.web.signed import Callers

if TYPE_CHECKING:
    from node.app import Node

_log = structlog.get_logger(__name__)


def build(
    node: Node, *, jobs: bool = True, on_fatal: Callable[[], None] = lambda: None, worker: tuple[int, int] = (1, 1)
) -> web.Application:
    """The aiohttp application of a node. `jobs=False` leaves the timetable to the caller (tests, demo).

    `worker` is this process's number, from 1, and how many processes answer for the node.
    """
    app = web.Application(
        middlewares=[
            proxies.middleware(node.settings.trusted_proxies),
            ops.measure,
            problems.middleware(pages.error_page),
            doors.middleware,
            session.middleware,
        ],
        client_max_size=node.settings.max_body_bytes,
    )
    app[keys.SETTINGS], app[keys.STORE], app[keys.CLOCK] = node.settings, node.store, node.clock
    app[keys.KEYRING], app[keys.TRUSTED], app[keys.PUBLISHER] = node.keys, node.trusted, node.publisher
    app[keys.ACCOUNTS], app[keys.AUDIT], app[keys.ORDERING] = node.accounts, node.audit, node.ordering
    app[keys.BINDINGS] = node.bindings
    app[keys.ATTACHMENTS] = node.attachments
    app[keys.ACCEPTOR], app[keys.CUSTODIAN], app[keys.NEWS] = node.acceptor, node.custodian, node.news
    skew_s = node.settings.max_clock_skew_s
    # Another machine's clock may be off too, so they are kept for longer than this one's window.
    nonces = None if node.beside is None else SharedNonces(node.beside, 3 * skew_s)
    app[keys.CALLERS] = Callers(node.trusted, node.clock, skew_s=skew_s, nonces=nonces)
    app[keys.RULES], app[keys.DESK] = node.rules, node.desk
    app[keys.PLACING] = node.placing
    app[keys.RULE_RECORDS], app[keys.TAKE_OVER_RULES] = node.rule_records, node.take_over_rules
    app[keys.BULLETIN], app[keys.ISSUER] = node.bulletin, node.issuer
    app[keys.LIMITS] = Limits(node.settings.max_log_requests_per_s)
    app[keys.ENROL_LIMITS], app[keys.INVITATIONS] = Limits(enrol_api.PER_S), node.invitations
    app[keys.PRESSURE], app[doors.DOORS] = node.pressure, doors.doors(node.settings)
    app[keys.REGISTER_LIMITS] = Limits(accounts.register.PER_S)
    work = Work(node, on_fatal)
    app[keys.WORKER] = Worker(*worker, jobs=lambda: work.where)
    ops.setup(app)
    nodes = (
        sync_api.routes,
        enrol_api.routes,
        wraps_api.routes,
        news_api.routes,
        codes_api.routes,
        files_sync.routes,
    )
    public = (
        files_api.routes,
        records_api.routes,
        ops.routes,
        exports.routes,
        feeds.routes,
        opendata.routes,
        rules_pages.routes,
        services_page.routes,
        fees_page.routes,
        uplink_pages.routes,
        *disclosures.ROUTES,
        pages_board.routes,
        pages_csv.routes,
        portal.routes,
    )
    persons = [
        *accounts.routes_for(node.settings),
        *mine.routes_for(node.settings),
        *supervision.routes_for(node.settings),
        *ruling.routes_for(node.settings),
    ]
    desk = [console.routes, routing_pages.routes] if node.settings.role in ("district", "hub") else []
    desk += [approved.routes] if node.settings.role in ("district", "hub", "supervision") else []
    for routes in (*nodes, *public, *persons, *desk):
        app.add_routes(routes)
    if node.settings.intake_senders:
        national.setup(app, node.settings)
    pages.setup(app)

    async def let_go(_app: web.Application) -> None:
        node.bulletin.let_go()  # whoever waits for news would keep the server from stopping

    app.on_shutdown.append(let_go)

    async def run_node(app: web.Application) -> AsyncIterator[None]:
        await node.open()
        if jobs:
            await work.start()
        yield
        await work.stop()
        if jobs:
            await _record_gathered(node)
        await node.close()

    app.cleanup_ctx.append(run_node)
    return app


async def _record_gathered(node: Node) -> None:
    """Record what waits for it before the process ends; what cannot be recorded now waits in the database."""
    try:
        await node.audit.flush()
    except NodeError as error:
        _log.warning("acts_not_recorded", code=error.code)
