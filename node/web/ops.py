"""For whoever runs the node: health, readiness, metrics, and the description of the interface."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import Connection, func, select

from node import __version__
from node.store import alarms, cursors, logs, migrate, peers
from node.store.alarms import AlarmState
from node.store.logs import LogState
from node.store.peers import Standing
from node.store.tables import PayloadMissing, Quarantine, table
from node.trusted import newest
from node.web.doors import DOORS, Doors
from node.web.keys import CLOCK, RULES, SETTINGS, STORE, TRUSTED, WORKER
from node.web.openapi import document
from node.wire import paths

routes = web.RouteTableDef()
PERSONAL = ("/console", "/mine")
"""One label for all under each: how often the pages of bids and deposits are sent, or which of a party's pages answered
and how, would tell how many bidders there are."""
UNTIMED = "/mine"
"""Nor how long these took: what takes long there is a bid that comes in."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REGISTRY = web.AppKey("metrics", CollectorRegistry)
_REQUESTS = web.AppKey("requests", Counter)
_SECONDS = web.AppKey("request_seconds", Histogram)
_MINE: web.AppKey[tuple[str, ...]] = web.AppKey("worker_label", tuple)


def setup(app: web.Application) -> None:
    """Make this node's own metrics; several nodes in one process do not share them."""
    registry = CollectorRegistry()
    app[REGISTRY] = registry
    # The route's pattern is the label, never the address itself: an address may be unique to a person's search.
    # Of several workers each counts its own requests, and any of them may answer the next look at the metrics.
    worker = app[WORKER]
    app[_MINE] = (str(worker.number),) if worker.of > 1 else ()
    more = ["worker"] if worker.of > 1 else []
    app[_REQUESTS] = Counter("ggzy_http_requests", "Requests answered", ["route", "status", *more], registry=registry)
    app[_SECONDS] = Histogram("ggzy_http_request_seconds", "Time to answer", ["route", *more], registry=registry)
    jobs = Gauge("ggzy_jobs_here", "1 when this process runs the jobs", more, registry=registry)
    mine = jobs.labels(*app[_MINE]) if more else jobs
    mine.set_function(lambda: worker.jobs() == "here")


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = time.perf_counter()
    status = 500
    try:
        answer = await handler(request)
        status = answer.status
        return answer
    finally:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        for part in PERSONAL:
            if route == part or route.startswith((f"{part}/", f"{part}.")):
                route = part
        told = "any" if route == UNTIMED else str(status)
        request.app[_REQUESTS].labels(route, told, *request.app[_MINE]).inc()
        if route != UNTIMED:
            request.app[_SECONDS].labels(route, *request.app[_MINE]).observe(time.perf_counter() - started)


@routes.get("/healthz")
async def healthz(request: web.Request) -> web.Response:
    """The process answers; says nothing about the store or the federation."""
    return web.json_response({"status": "ok", "version": __version__})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """Whether this node may be sent work: schema current, disk good, log not frozen, last audit clean.

    Alarms about other nodes are warnings beside that.
    """
    store = request.app[STORE]
    problems: list[str] = []
    warnings: list[str] = []
    if store.failed:
        problems.append("storage-failed")
    else:

        def work(conn: Connection) -> None:
            migrate.require_current(conn)
            if newest(conn) is None:
                problems.append("no-trust-policy")
            problems.extend(f"frozen: {state.origin}" for state in logs.all_logs(conn) if state.own and state.frozen)
            if faults := cursors.fact(conn, "audit"):
                problems.append(f"audit: {faults}")
            if request.app[TRUSTED].stale():
                warnings.append("trust-policy-stale")
            if year := request.app[RULES].calendar.wanting(request.app[CLOCK]()):
                warnings.append(f"holidays-missing: {year}")
            # Another node's fault, or a suspicion of one, keeps nobody from using this one.
            warnings.extend(f"alarm: {each.code} {each.origin}" for each in alarms.raised(conn))

        await store.read(work)
    worker = request.app[WORKER]
    status = {
        "status": "ready" if not problems else "not-ready",
        "problems": problems,
        "warnings": warnings,
        "worker": worker.number,
        "workers": worker.of,
        "jobs": worker.jobs(),
    }
    return web.json_response(status, status=200 if not problems else 503)


@routes.get(paths.ALARMS)
async def list_alarms(request: web.Request) -> web.Response:
    """Alarms that are on, the gravest first."""
    found = await request.app[STORE].read(alarms.raised)
    rows = [
        {
            "id": each.id,
            "code": each.code,
            "origin": each.origin,
            "severity": each.severity,
            "detail": each.detail,
            "since_ms": each.since_ms,
            "raised_ms": each.raised_ms,
            "evidence": each.evidence_id,
        }
        for each in found
    ]
    return web.json_response({"alarms": rows}, headers={"Cache-Control": "no-cache"})


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Prometheus text: sizes, lag, faults and request counts. No personal data, no search words."""

    def work(conn: Connection) -> tuple[list[LogState], list[Standing], int, int, list[AlarmState]]:
        missing = conn.execute(select(func.count()).select_from(table(PayloadMissing))).scalar_one()
        quarantined = conn.execute(select(func.count()).select_from(table(Quarantine))).scalar_one()
        return logs.all_logs(conn), peers.all_standings(conn), int(missing), int(quarantined), alarms.raised(conn)

    states, standings, missing, quarantined, on = await request.app[STORE].read(work)
    registry = CollectorRegistry()
    sizes = Gauge("ggzy_log_entries", "Entries of a log", ["origin", "kind"], registry=registry)
    names = {}
    for state in states:
        names[state.id] = state.origin
        for kind in ("stored_size", "head_size", "witnessed_size", "payload_next"):
            sizes.labels(state.origin, kind).set(getattr(state, kind))
    frozen = Gauge("ggzy_log_frozen", "1 when the log must not be signed", ["origin"], registry=registry)
    for state in states:
        frozen.labels(state.origin).set(1 if state.frozen else 0)
    lag = Gauge(
        "ggzy_peer_lag_entries", "Entries that a peer does not mirror yet", ["peer", "origin"], registry=registry
    )
    age = Gauge("ggzy_peer_last_ok_seconds", "Since the last good exchange", ["peer", "origin"], registry=registry)
    now = request.app[CLOCK]()
    heads = {state.id: state.head_size for state in states}
    for standing in standings:
        lag.labels(standing.peer, names[standing.log_id]).set(
            max(0, heads[standing.log_id] - standing.mirrored_size) if standing.direction == "push" else 0
        )
        if standing.last_ok_ms:
            age.labels(standing.peer, names[standing.log_id]).set((now - standing.last_ok_ms) / 1000)
    Gauge("ggzy_payloads_missing", "Payloads that should be here and are not", registry=registry).set(missing)
    Gauge("ggzy_quarantined", "Entries that could not be read", registry=registry).set(quarantined)
    alarm = Gauge("ggzy_alarms", "Alarms about logs that are on", ["code", "severity"], registry=registry)
    for code in alarms.TITLES:
        for severity in alarms.SEVERITIES:
            alarm.labels(code, severity).set(sum((each.code, each.severity) == (code, severity) for each in on))
    _add_gates(registry, request.app[DOORS])
    body = generate_latest(registry) + generate_latest(request.app[REGISTRY])
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def _add_gates(registry: CollectorRegistry, doors: Doors) -> None:
    """How full the gates of this process are, and how many they have sent back since it started."""
    inside = Gauge("ggzy_gate_inside", "Requests inside a gate", ["gate"], registry=registry)
    waiting = Gauge("ggzy_gate_waiting", "Requests that wait before a gate", ["gate"], registry=registry)
    refused = Gauge("ggzy_gate_refused", "Requests told to come back since the start", ["gate"], registry=registry)
    for name, gate in doors.gates().items():
        inside.labels(name).set(gate.inside)
        waiting.labels(name).set(gate.waiting)
        refused.labels(name).set(gate.refused)


@routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.Response:
    return web.json_response(document(request.app[SETTINGS].url))
