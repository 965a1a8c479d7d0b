"""Peer: another node as the stages see it, and the transport below it.

`Transport` sends one request and gives the whole answer; the HTTP one has a total timeout on every call (DESIGN L18).
`Peer` knows the protocol: which address, which body, which status means what. Tests put a faulty transport below it.
"""

from __future__ import annotations

import io
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from node.clock import Clock
from node.errors import (
    BadProof,
    BadSignature,
    Conflict,
    Malformed,
    NodeError,
    NotAllowed,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from node.sync.custody import PayloadState
from node.sync.squeeze import Squeezed
from node.tlog.mirror import ENTRIES_CONTENT_TYPE, MirrorInfo
from node.tlog.note import Ed25519Signer, Signature, parse_signature_lines
from node.tlog.witness import CHECKPOINT_CONTENT_TYPE, parse_size
from node.wire import auth, pack, paths

MAX_ANSWER_BYTES = 128 << 20
MAX_NAME = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `target` is path and query."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Carries one request to a node. Raises Unavailable when no answer came in time."""

    async def send(self, request: Request) -> Reply: ...


class HttpTransport:
    """Transport over aiohttp. `base_url` has no trailing slash; timeouts are in seconds."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, total_s: float, connect_s: float) -> None:
        self._session = session
        self._base = base_url
        self._timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s)

    async def send(self, request: Request) -> Reply:
        try:
            async with self._session.request(
                request.method,
                self._base + request.target,
                # As a stream: aiohttp warns of bytes beyond 1 MiB, which it would hand to the socket in one piece.
                data=io.BytesIO(request.body) if request.body else None,
                headers=dict(request.headers),
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                body = bytearray()
                async for chunk in answer.content.iter_chunked(1 << 16):
                    body += chunk
                    # The answer is inflated by now: a peer must not be able to fill our memory.
                    if len(body) > MAX_ANSWER_BYTES:
                        raise Unavailable(f"the answer of {self._base} is larger than {MAX_ANSWER_BYTES} bytes")
                return Reply(answer.status, answer.headers, bytes(body))
        except TimeoutError:
            raise Unavailable(f"{self._base} did not answer in {self._timeout.total:g} s") from None
        except aiohttp.ClientError as error:
            raise Unavailable(f"{self._base} cannot be reached: {type(error).__name__}") from None


MakeTransport = Callable[[aiohttp.ClientSession], Transport]


@asynccontextmanager
async def connection(make: MakeTransport) -> AsyncIterator[Transport]:
    """A transport with a session of its own, for a command that has no node."""
    async with aiohttp.ClientSession() as session:
        yield make(session)


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What a node says it holds of a log: a claim, checked when it is pulled."""

    origin: str
    size: int
    payload_next: int
    wraps: int = 0


class Peer:
    """Calls to one node. `name` is its node name in the policy; `signer` signs the calls that need it."""

    def __init__(self, name: str, transport: Transport, signer: Ed25519Signer, clock: Clock) -> None:
        self.name = name
        self._transport = transport
        self._signer = signer
        self._clock = clock

    # --- writing: tlog-witness and tlog-mirror ----------------------------------------------------------------------

    async def add_checkpoint(self, body: bytes) -> list[Signature]:
        """Submit a head; gives the cosignature lines. Raises Conflict with the size that the witness holds.

        A mirror that is no witness may answer with nothing (c2sp.org/tlog-mirror): then there are no lines.
        """
        reply = await self._send("POST", paths.ADD_CHECKPOINT, body, {"Content-Type": CHECKPOINT_CONTENT_TYPE})
        if reply.status == 409:
            raise Conflict("the witness holds another size", size=parse_size(reply.body))
        self._expect(reply, 200)
        return parse_signature_lines(reply.body) if reply.body else []

    async def add_entries(self, body: Squeezed) -> tuple[list[Signature], MirrorInfo | None]:
        """Upload packages: the mirror's cosignature lines when all are there, else where to go on (202 and 409)."""
        headers = {"Content-Type": ENTRIES_CONTENT_TYPE, **body.headers}
        reply = await self._send("POST", paths.ADD_ENTRIES, body.data, headers)
        if reply.status in (202, 409):
            return [], MirrorInfo.parse(reply.body)
        self._expect(reply, 200)
        return parse_signature_lines(reply.body), None

    async def put_payloads(self, origin: str, start: int, end: int, bodies: Sequence[bytes]) -> PayloadState:
        """Bring payloads of `[start, end)`. Raises Conflict with the index to go on from."""
        target = f"{paths.payloads(origin)}?start={start}&end={end}"
        reply = await self._send("POST", target, pack.frame(bodies), {"Content-Type": pack.CONTENT_TYPE}, signed=True)
        if reply.status == 409:
            raise Conflict("the payloads do not follow what the peer holds", size=_number(_read_json(reply), "size"))
        self._expect(reply, 200)
        return _payload_state(reply)

    async def put_policy(self, notes: Iterable[bytes]) -> None:
        """Hand over versions of the trust policy that the peer lacks; it checks every step by itself."""
        for note in notes:
            self._expect(await self._send("POST", paths.POLICY, note, {"Content-Type": CHECKPOINT_CONTENT_TYPE}), 200)

    async def put_wraps(self, origin: str, notes: Sequence[bytes]) -> bool:
        """Bring lists of key wraps; tells whether one speaks of an entry that the peer does not hold yet."""
        body = json.dumps({"wraps": [note.decode() for note in notes]}, ensure_ascii=False).encode()
        reply = await self._send("POST", paths.wraps(origin), body, {"Content-Type": "application/json"}, signed=True)
        return _read_json(self._expect(reply, 200)).get("early") is True

    async def bring_file(self, sha256: str, node: str, at: int, data: bytes) -> tuple[int, bool]:
        """Bytes of a file that a log of `node` lists; gives how many it keeps, and whether it has all of it now.

        Raises Conflict with the length to go on from.
        """
        target = paths.file_piece(sha256, node, at)
        reply = await self._send("POST", target, data, {"Content-Type": "application/octet-stream"}, signed=True)
        if reply.status == 409:
            raise Conflict("the bytes do not follow what the peer keeps", size=_number(_read_json(reply), "size"))
        plain = _read_json(self._expect(reply, 200))
        return _number(plain, "size"), plain.get("held") is True

    async def hello(self) -> None:
        """Tell the peer that there is news, so that it does not wait for its own interval."""
        self._expect(await self._send("POST", paths.HELLO, b"", signed=True), 200)

    async def news(self, after: int, wait_s: int) -> int:
        """The number of the peer's newest news, once it is another than `after`, or after `wait_s` seconds."""
        target = f"{paths.NEWS}?after={after}&wait={wait_s}"
        return _number(_read_json(self._expect(await self._send("GET", target, signed=True), 200)), "number")

    async def unified_code(self, request: str, cls: str, subject: str) -> str:
        """A unified trade identification code that the peer issues; the same `request` gets the same code."""
        body = json.dumps({"request": request, "class": cls, "subject": subject}).encode()
        reply = await self._send("POST", paths.UNIFIED_CODES, body, {"Content-Type": "application/json"}, signed=True)
        return _text(_read_json(self._expect(reply, 200)), "code")

    # --- reading ----------------------------------------------------------------------------------------------------

    async def checkpoint(self, origin: str) -> bytes:
        return await self._get(paths.tlog(origin, "checkpoint"))

    async def witnessed(self, origin: str) -> bytes:
        """The latest checkpoint that the peer witnessed: what L10 has us look at before anything freezes."""
        return await self._get(paths.witness_checkpoint(origin))

    async def tile(self, origin: str, path: str) -> bytes:
        return await self._get(paths.tlog(origin, path))

    async def cosigned(self, origin: str, cosigner: str) -> bytes:
        return await self._get(paths.cosigned(origin, cosigner))

    async def custody(self, origin: str) -> bytes:
        return await self._get(paths.custody(origin))

    async def logs(self) -> list[LogSummary]:
        rows = _list(_read_json(self._expect(await self._send("GET", paths.LOGS), 200)), "logs")
        return [
            LogSummary(
                _text(row, "origin"),
                _number(row, "size"),
                _number(row, "payload_next"),
                _number(row, "wraps") if "wraps" in row else 0,
            )
            for row in rows
        ]

    async def payload_state(self, origin: str) -> PayloadState:
        return _payload_state(self._expect(await self._send("GET", paths.payload_state(origin), signed=True), 200))

    async def payloads(self, origin: str, start: int, end: int) -> list[bytes]:
        """Packs of `[start, end)` that this node may have."""
        target = f"{paths.payloads(origin)}?start={start}&end={end}"
        return list(pack.unframe(self._expect(await self._send("GET", target, signed=True), 200).body))

    async def files_asked(self) -> list[tuple[str, str, int, int]]:
        """Files that the peer waits for from us: (SHA-256, node whose log lists it, size, bytes that it has)."""
        reply = await self._send("GET", paths.FILES_ASKED, signed=True)
        if reply.status == 404:
            return []  # a release that knows no files yet
        rows = _list(_read_json(self._expect(reply, 200)), "files")
        return [(_text(row, "sha256"), _text(row, "node"), _number(row, "size"), _number(row, "have")) for row in rows]

    async def file_piece(self, sha256: str, node: str, start: int, end: int) -> bytes:
        """Bytes `[start, end)` of a file as a log of `node` lists it. Raises NotFound while it is not there."""
        given = {"Range": f"bytes={start}-{end - 1}"}
        reply = self._expect(await self._send("GET", paths.file_of(sha256, node), b"", given, signed=True), 206)
        if not 0 < len(reply.body) <= end - start:
            raise Malformed("the peer's answer is not the range that was asked for")
        return reply.body

    async def wraps(self, origin: str, after: int) -> tuple[list[bytes], int]:
        """Lists of key wraps that changed after a place of the peer's own count, and the place that they lead up to."""
        target = f"{paths.wraps(origin)}?after={after}"
        plain = _read_json(self._expect(await self._send("GET", target, signed=True), 200))
        notes = [note.encode() for note in _list(plain, "wraps") if isinstance(note, str)]
        return notes, _number(plain, "next")

    async def policy_version(self) -> int:
        return _number(_read_json(self._expect(await self._send("GET", paths.POLICY), 200)), "version")

    async def enrol(self, card: bytes) -> None:
        """Answer an invitation with a card that its code has signed. Raises NotAllowed when it is not valid there."""
        self._expect(await self._send("POST", paths.ENROL, card, {"Content-Type": "text/plain; charset=utf-8"}), 200)

    async def policy(self, version: int) -> bytes:
        return await self._get(f"{paths.POLICY}/{version}")

    # --- below ------------------------------------------------------------------------------------------------------

    async def _get(self, target: str) -> bytes:
        return self._expect(await self._send("GET", target), 200).body

    async def _send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        signed: bool = False,
    ) -> Reply:
        given = {"Accept-Encoding": "gzip", **(headers or {})}
        if not signed:
            return await self._transport.send(Request(method, target, given, body))
        reply = await self._transport.send(Request(method, target, given | self._sign(method, target, body), body))
        # A connection that broke may have made the client send twice what counts once. Our word for it is given anew.
        if reply.status == 401 and _problem(reply).get("field") == "nonce":
            reply = await self._transport.send(Request(method, target, given | self._sign(method, target, body), body))
        return reply

    def _sign(self, method: str, target: str, body: bytes) -> dict[str, str]:
        return auth.sign(
            self._signer,
            method,
            target,
            body,
            to=self.name,
            created_s=self._clock() // 1000,
            nonce=secrets.token_urlsafe(18),
        )

    def _expect(self, reply: Reply, status: int) -> Reply:
        if reply.status == status:
            return reply
        raise _error(self.name, reply)


async def chunks(body: bytes, size: int = 1 << 16) -> AsyncIterator[bytes]:
    """A body as a stream, for functions that take one."""
    for at in range(0, len(body), size):
        yield body[at : at + size]


# What a status means to the caller; the body's `detail` is the peer's own words.
_BY_STATUS: dict[int, type[NodeError]] = {
    400: Malformed,
    401: Unauthenticated,
    404: NotFound,
    413: TooLarge,
    422: BadProof,
}


def _error(name: str, reply: Reply) -> NodeError:
    """The error that a peer's answer stands for; the same class as on its side where that matters."""
    detail, code = f"{name} answered {reply.status}", ""
    if problem := _problem(reply):
        code = str(problem.get("code", ""))
        # The peer's words go into our database and onto our pages: no control characters, no half letters.
        said = str(problem.get("detail", ""))[:300]
        detail += ": " + "".join(char if char.isprintable() else "?" for char in said)
    if reply.status == 403:
        return (NotAllowed if code == NotAllowed.code else BadSignature)(detail)
    if reply.status in (429, 503):
        after = reply.headers.get("Retry-After", "")
        return Overloaded(detail, retry_after_s=min(int(after), 300) if re.fullmatch("[0-9]{1,9}", after) else 1)
    return _BY_STATUS.get(reply.status, Unavailable)(detail)


def _problem(reply: Reply) -> dict[str, Any]:
    """The problem document of an answer (RFC 9457); empty when there is none."""
    is_one = reply.headers.get("Content-Type", "").startswith("application/problem+json")
    return _read_json(reply) if is_one else {}


def _read_json(reply: Reply) -> dict[str, Any]:
    try:
        plain = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise Malformed("the peer's answer is not JSON") from None
    if not isinstance(plain, dict):
        raise Malformed("the peer's answer is not a JSON object")
    return plain


def _payload_state(reply: Reply) -> PayloadState:
    plain = _read_json(reply)
    places = [dict(zip(("index", "section"), _pair(row), strict=True)) for row in _list(plain, "missing")]
    missing = tuple((_number(place, "index"), _text(place, "section")) for place in places)
    return PayloadState(_number(plain, "next"), missing)


# What a peer says ends in our database, so it must be what it should be: whole numbers that fit, names that print.


def _number(plain: Any, name: str) -> int:
    value = plain.get(name) if isinstance(plain, dict) else None
    if type(value) is not int or not 0 <= value < 2**63:
        raise Malformed(f"the peer's answer has no number {name}")
    return value


def _text(plain: Any, name: str) -> str:
    value = plain.get(name) if isinstance(plain, dict) else None
    if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_NAME:
        raise Malformed(f"the peer's answer has no text {name}")
    return value


def _list(plain: dict[str, Any], name: str) -> list[Any]:
    value = plain.get(name)
    if not isinstance(value, list):
        raise Malformed(f"the peer's answer has no list {name}")
    return value


def _pair(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise Malformed("the peer's answer has a place that is no pair")
    return value
