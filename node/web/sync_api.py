"""Node-to-node endpoints: decode, call sync, encode. Status words exactly as c2sp.org says (DESIGN L12)."""

from __future__ import annotations

import base64
from functools import partial
from hashlib import sha256

from aiohttp import web
from sqlalchemy import Connection

from node.errors import Conflict, Malformed, NodeError, NotAllowed, NotFound, TooLarge
from node.store import checkpoints, logs, payloads, wraps
from node.store.logs import LogState
from node.sync.accept import Admit, MirrorConflict
from node.sync.custody import PayloadState
from node.tlog.mirror import INFO_CONTENT_TYPE
from node.tlog.tiles import WIDTH, consistency_proof, parse_tile_path, tile_width
from node.tlog.witness import MAX_REQUEST_BYTES, SIZE_CONTENT_TYPE, encode_size
from node.trusted import audiences_for
from node.trusted import version as policy_note
from node.web.bodies import chunks, desk, hand_over, peek, read_body, upload
from node.web.doors import DOORS
from node.web.keys import ACCEPTOR, CALLERS, CUSTODIAN, KEYRING, LIMITS, NEWS, SETTINGS, STORE, TRUSTED
from node.wire import pack, paths

IMMUTABLE = "public, max-age=31536000, immutable"
MUTABLE = "no-cache"
MAX_PAYLOAD_RANGE = 32 * WIDTH
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
    # Before the gate: whoever has not even said which log it is holds no place there.
    origin, body = await peek(chunks(request))
    async with upload(request, sha256(origin).hexdigest() if _is_known(request, origin) else ""):
        try:
            outcome = await request.app[ACCEPTOR].add_entries(body, admit=_admit(request))
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


def _is_known(request: web.Request, origin: bytes) -> bool:
    """Whether the origin is one of the trust policy's: strangers' names must not count as so many senders."""
    try:
        return request.app[TRUSTED].policy.node_of_origin(origin.decode()) is not None
    except (NodeError, UnicodeDecodeError):
        return False


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
async def get_payloads(request: web.Request) -> web.StreamResponse:
    caller = await request.app[CALLERS].identify(request)
    trusted = request.app[TRUSTED]
    start, end = _range(request)

    def work(conn: Connection) -> list[bytes]:
        state = _log(conn, request)
        if end > state.stored_size:
            raise NotFound(f"this node stores {state.stored_size} entries of that log")
        audiences = frozenset({"public"}) if caller is None else audiences_for(trusted, caller, state.origin)
        made, reached = payloads.packed(conn, state.id, state.origin, start, end, audiences)
        if reached < end:
            raise TooLarge("so many payloads are too much for one answer; ask for a smaller range", field="end")
        return made

    gate = request.app[DOORS].public if caller is None else request.app[DOORS].packs
    async with gate.enter(caller or request.remote):
        return await hand_over(request, pack.frame(await request.app[STORE].read(work)), pack.CONTENT_TYPE)


@routes.post(paths.PAYLOADS)
async def put_payloads(request: web.Request) -> web.Response:
    # Whoever claims no known key is turned away before his body is read.
    request.app[CALLERS].expect(request)
    async with upload(request, request.match_info["origin_hash"]):
        body = await read_body(request, request.app[SETTINGS].max_body_bytes)
        caller = await request.app[CALLERS].require(request, body)
        start, end = _range(request)
        state = await request.app[STORE].read(partial(_log, request=request))
        policy = request.app[TRUSTED].policy
        node = policy.node_of_origin(state.origin)
        # Who could mark another's payloads as missing could also hide them.
        if node is None or state.own or caller not in (node, *policy.path_up(node)):
            raise NotAllowed("payloads of this log are taken only from its origin and the nodes above it")
        bodies = list(pack.unframe(body))
        try:
            async with desk(request, sum(map(pack.stated_size, bodies))):
                now = await request.app[CUSTODIAN].add_payloads(state.origin, start, end, bodies)
        except Conflict as conflict:
            return web.json_response({"size": conflict.size}, status=409)
    request.app[NEWS].set()
    return _payload_state(now)


@routes.get(paths.PAYLOAD_STATE)
async def payload_state(request: web.Request) -> web.Response:
    await request.app[CALLERS].identify(request)
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
    node = await request.app[CALLERS].require(request, await read_body(request, 1024))
    request.app[NEWS].set()
    return web.json_response({"node": request.app[TRUSTED].me, "caller": node})


# --- below ----------------------------------------------------------------------------------------------------------


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
