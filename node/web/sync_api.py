"""Node-to-node endpoints: decode, call sync, encode. Status words exactly as c2sp.org says (DESIGN L12)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web
from sqlalchemy import Connection

from node.errors import Conflict, Malformed, NotAllowed, NotFound, Overloaded, TooLarge
from node.store import checkpoints, logs, payloads, wraps
from node.store.logs import LogState
from node.sync.accept import Admit, MirrorConflict
from node.sync.custody import PayloadState
from node.tlog.mirror import INFO_CONTENT_TYPE
from node.tlog.tiles import WIDTH, consistency_proof, parse_tile_path, tile_width
from node.tlog.witness import MAX_REQUEST_BYTES, SIZE_CONTENT_TYPE, encode_size
from node.trusted import audiences_for
from node.trusted import version as policy_note
from node.web.keys import ACCEPTOR, CALLERS, CUSTODIAN, KEYRING, LIMITS, NEWS, SETTINGS, STORE, TRUSTED, UPLOADS
from node.wire import pack, paths

IMMUTABLE = "public, max-age=31536000, immutable"
MUTABLE = "no-cache"
MAX_PAYLOAD_RANGE = 32 * WIDTH
MIN_BYTES_PER_S = 1024
ENCODINGS = {"Accept-Encoding": "gzip"}
"""What an upload may be compressed with, told in answers as c2sp.org/tlog-mirror asks."""
routes = web.RouteTableDef()


# --- submission -----------------------------------------------------------------------------------------------------


@routes.post(paths.ADD_CHECKPOINT)
async def add_checkpoint(request: web.Request) -> web.Response:
    body = await read_body(request, MAX_REQUEST_BYTES)
    try:
        line = await request.app[ACCEPTOR].add_checkpoint(body, admit=_admit(request))
    except Conflict as conflict:
        return web.Response(body=encode_size(conflict.size), status=409, content_type=SIZE_CONTENT_TYPE)
    return _text(line.line())


@routes.post(paths.ADD_ENTRIES)
async def add_entries(request: web.Request) -> web.Response:
    async with _upload(request):
        try:
            outcome = await request.app[ACCEPTOR].add_entries(_chunks(request), admit=_admit(request))
        except MirrorConflict as conflict:
            return _info(conflict.info.encode(), 409)
    request.app[NEWS].set()
    if outcome.cosignature is None:
        return _info(outcome.info.encode(), 202)
    answer = _text(outcome.cosignature.line())
    answer.headers.update(ENCODINGS)
    return answer


def _admit(request: web.Request) -> Admit:
    """Counts a submission of a log against its sender's share (L12); only of logs that we know."""
    return partial(request.app[LIMITS].admit, address=request.remote or "")


def _info(body: bytes, status: int) -> web.Response:
    return web.Response(body=body, status=status, content_type=INFO_CONTENT_TYPE, headers=ENCODINGS)


# --- reading logs and mirrors ---------------------------------------------------------------------------------------


@routes.get(paths.CHECKPOINT)
async def checkpoint(request: web.Request) -> web.Response:
    mirror = request.app[KEYRING].mirror.name

    def work(conn: Connection) -> bytes:
        state = _log(conn, request)
        # A mirror's checkpoint always carries its cosignature; one that is pending, of an empty tree, does not.
        if not state.own and checkpoints.line_of(conn, state.id, state.head_size, mirror) is None:
            raise NotFound("nothing of this log is mirrored here yet")
        return checkpoints.note(conn, state.id, state.head_size, state.origin).encode()

    return _note(await request.app[STORE].read(work))


@routes.get(paths.TILE)
async def tile(request: web.Request) -> web.Response:
    place = parse_tile_path(request.match_info["tile"])

    def work(conn: Connection) -> bytes:
        state = _log(conn, request)
        if place.width > tile_width(place.level or 0, place.n, state.stored_size):
            raise NotFound("no such tile here")
        if place.level is None:
            return logs.read_bundle(conn, state.id, place.n, place.width)
        return logs.read_tile(conn, state.id, place.level, place.n, place.width)

    answer = web.Response(
        body=await request.app[STORE].read(work),
        content_type="application/octet-stream",
        headers={"Cache-Control": IMMUTABLE},
    )
    if place.level is None:
        answer.headers["Vary"] = "Accept-Encoding"
        answer.enable_compression()
    return answer


@routes.get(paths.WITNESS_CHECKPOINT)
async def witness_checkpoint(request: web.Request) -> web.Response:
    def work(conn: Connection) -> bytes:
        state = _log(conn, request)
        if state.own:
            raise NotFound("this node does not witness its own log")
        return checkpoints.note(conn, state.id, state.witnessed_size, state.origin).encode()

    return _note(await request.app[STORE].read(work))


@routes.get(paths.COSIGNED)
async def cosigned(request: web.Request) -> web.Response:
    cosigner = request.match_info["cosigner"]

    def work(conn: Connection) -> bytes:
        state = _log(conn, request)
        size = checkpoints.newest_signed_by(conn, state.id, cosigner)
        if size is None:
            raise NotFound("no checkpoint with a line of that cosigner here")
        return checkpoints.note(conn, state.id, size, state.origin).encode()

    return _note(await request.app[STORE].read(work))


@routes.get(paths.LOGS)
async def list_logs(request: web.Request) -> web.Response:
    def row(state: LogState, changes: int) -> dict[str, object]:
        return {
            "origin": state.origin,
            "origin_hash": state.origin_hash,
            "own": state.own,
            "size": state.head_size,
            "witnessed": state.witnessed_size,
            "stored": state.stored_size,
            "payload_next": state.payload_next,
            "wraps": changes,
            "frozen": bool(state.frozen),
        }

    def work(conn: Connection) -> list[dict[str, object]]:
        return [row(state, wraps.newest_seq(conn, state.id)) for state in logs.all_logs(conn)]

    rows = await request.app[STORE].read(work)
    return web.json_response({"logs": rows}, headers={"Cache-Control": MUTABLE})


# --- payloads -------------------------------------------------------------------------------------------------------


@routes.get(paths.PAYLOADS)
async def get_payloads(request: web.Request) -> web.Response:
    caller = request.app[CALLERS].identify(request)
    trusted = request.app[TRUSTED]
    start, end = _range(request)

    def work(conn: Connection) -> list[bytes]:
        state = _log(conn, request)
        if end > state.stored_size:
            raise NotFound(f"this node stores {state.stored_size} entries of that log")
        audiences = frozenset({"public"}) if caller is None else audiences_for(trusted, caller, state.origin)
        if payloads.fitting_end(conn, state.id, start, end, audiences) < end:
            raise TooLarge("so many payloads are too much for one answer; ask for a smaller range", field="end")
        made: list[bytes] = []
        for n in range(start // WIDTH, (end - 1) // WIDTH + 1):
            low, high = max(start, n * WIDTH), min(end, (n + 1) * WIDTH)
            made += payloads.packed(conn, state.id, state.origin, low, high, audiences)
        return made

    body = pack.frame(await request.app[STORE].read(work))
    return web.Response(body=body, content_type=pack.CONTENT_TYPE, headers={"Cache-Control": "private, no-store"})


@routes.post(paths.PAYLOADS)
async def put_payloads(request: web.Request) -> web.Response:
    async with _upload(request):
        # Whoever claims no known key is turned away before his body is read.
        request.app[CALLERS].expect(request)
        body = await read_body(request, request.app[SETTINGS].max_body_bytes)
        caller = request.app[CALLERS].require(request, body)
        start, end = _range(request)
        state = await request.app[STORE].read(partial(_log, request=request))
        policy = request.app[TRUSTED].policy
        node = policy.node_of_origin(state.origin)
        # Who could mark another's payloads as missing could also hide them.
        if node is None or state.own or caller not in (node, *policy.path_up(node)):
            raise NotAllowed("payloads of this log are taken only from its origin and the nodes above it")
        try:
            now = await request.app[CUSTODIAN].add_payloads(state.origin, start, end, list(pack.unframe(body)))
        except Conflict as conflict:
            return web.json_response({"size": conflict.size}, status=409)
    request.app[NEWS].set()
    return _payload_state(now)


@routes.get(paths.PAYLOAD_STATE)
async def payload_state(request: web.Request) -> web.Response:
    request.app[CALLERS].identify(request)
    state = await request.app[STORE].read(partial(_log, request=request))
    return _payload_state(await request.app[CUSTODIAN].payload_state(state.origin))


@routes.get(paths.CUSTODY)
async def custody(request: web.Request) -> web.Response:
    state = await request.app[STORE].read(partial(_log, request=request))
    return _note((await request.app[CUSTODIAN].custody(state.origin)).encode())


def _payload_state(state: PayloadState) -> web.Response:
    plain = {"next": state.next, "missing": [list(place) for place in state.missing]}
    return web.json_response(plain, headers={"Cache-Control": MUTABLE})


@routes.get(paths.CONSISTENCY)
async def consistency(request: web.Request) -> web.Response:
    """The proof that one tree of a log lies at the beginning of a larger one, a hash a line (DESIGN L19)."""
    old, new = (_number(request.query.get(name, ""), name) for name in ("from", "to"))
    if old > new:
        raise Malformed("from is larger than to", field="from")

    def work(conn: Connection) -> list[bytes]:
        state = _log(conn, request)
        if new > state.stored_size:
            raise NotFound("this node holds no tree of that size")
        return consistency_proof(logs.tile_reader(conn, state.id), old, new)

    proof = await request.app[STORE].read(work)
    answer = _text("".join(base64.b64encode(value).decode("ascii") + "\n" for value in proof))
    answer.headers["Cache-Control"] = IMMUTABLE
    return answer


# --- policy and news ------------------------------------------------------------------------------------------------


@routes.get(paths.POLICY)
async def policy(request: web.Request) -> web.Response:
    held = request.app[TRUSTED].policy
    plain = {"federation": held.federation, "version": held.version, "hash": held.hash()}
    return web.json_response(plain, headers={"Cache-Control": MUTABLE})


@routes.get(paths.POLICY_VERSION)
async def policy_version(request: web.Request) -> web.Response:
    number = _number(request.match_info["version"], "version")
    answer = _note(await request.app[STORE].read(partial(policy_note, number=number)))
    answer.headers["Content-Disposition"] = f'attachment; filename="trust-policy-{number}.note"'
    return answer


@routes.post(paths.POLICY)
async def put_policy(request: web.Request) -> web.Response:
    # Open to anyone: a policy counts by the signatures on it, not by who carries it. The first has nothing to be held
    # against but the fingerprint that a person compares, so it never comes this way (NotFound before that, L20).
    trusted = request.app[TRUSTED]
    _ = trusted.policy
    taken = await trusted.adopt([await read_body(request, MAX_REQUEST_BYTES)])
    return web.json_response({"version": trusted.policy.version, "taken": taken})


@routes.post(paths.HELLO)
async def hello(request: web.Request) -> web.Response:
    node = request.app[CALLERS].require(request, await read_body(request, 1024))
    request.app[NEWS].set()
    return web.json_response({"node": request.app[TRUSTED].me, "caller": node})


# --- below ----------------------------------------------------------------------------------------------------------


async def read_body(request: web.Request, limit: int) -> bytes:
    """A whole body of at most `limit` inflated bytes, each part of it within the node's request timeout."""
    body = bytearray()
    async for chunk in _chunks(request):
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"a body of more than {limit} bytes")
    return bytes(body)


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises Malformed when it cannot be read, or its sender falls silent or drips."""
    idle_s = request.app[SETTINGS].request_timeout_s
    loop = asyncio.get_running_loop()
    started, received = loop.time(), 0
    while True:
        # Beyond the idle time a body must have come at this rate on average, or it would hold its place for ever.
        if loop.time() - started > idle_s + received / MIN_BYTES_PER_S:
            raise Malformed(f"the body comes more slowly than {MIN_BYTES_PER_S} bytes a second")
        try:
            async with asyncio.timeout(idle_s):
                chunk = await request.content.readany()
        except TimeoutError:
            raise Malformed("the body stopped arriving") from None
        except web.HTTPException:
            raise
        except (ValueError, web.RequestPayloadError) as error:
            # Nothing after this can be read either. Without this aiohttp tries to, to drain the body, and logs a stack
            # trace for each such request: anyone could fill our disk with them.
            request.content.feed_eof()
            if request.protocol is not None:
                request.protocol.close()
            raise Malformed(f"the body cannot be read: {type(error).__name__}") from None
        if not chunk:
            return
        received += len(chunk)
        yield chunk


@asynccontextmanager
async def _upload(request: web.Request) -> AsyncIterator[None]:
    """Back-pressure: beyond so many uploads at once the rest is told to come back, instead of all becoming slow."""
    gate = request.app[UPLOADS]
    if gate.locked():
        raise Overloaded("too many uploads at once", retry_after_s=2)
    async with gate:
        yield


def _log(conn: Connection, request: web.Request) -> LogState:
    return logs.by_hash(conn, request.match_info["origin_hash"])


def _range(request: web.Request) -> tuple[int, int]:
    start, end = (_number(request.query.get(name, ""), name) for name in ("start", "end"))
    if not start < end or end - start > MAX_PAYLOAD_RANGE:
        raise Malformed(f"start must be below end, by at most {MAX_PAYLOAD_RANGE}", field="end")
    return start, end


def _number(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Malformed(f"{field} must be a decimal number", field=field)
    return int(text)


def _text(line: str) -> web.Response:
    return web.Response(text=line, content_type="text/plain", charset="utf-8")


def _note(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="text/plain", charset="utf-8", headers={"Cache-Control": MUTABLE})
