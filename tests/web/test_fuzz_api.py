"""Every documented operation under what schemathesis does not send (`test_schemathesis`); from a seed that is shown.

Content-Encodings, true and false ones and bombs; signatures that are bent, late, or another node's; queries that are no
queries; values known to break programs; conditional requests. Then single stories of the interface. Whatever comes in,
the answer is one that the description names: status, media type and shape. GGZY_FUZZ_SEED and GGZY_FUZZ_ROUNDS repeat a
run or make it longer.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jsonschema import Draft202012Validator
from yarl import URL

from node.domain import KINDS
from node.store import checkpoints, logs
from node.tlog.mirror import AddEntriesHeader, encode_package
from node.web import openapi
from node.web.openapi_parts import SIGNATURE
from node.web.problems import PROBLEM_TYPE
from node.wire import pack, paths
from tests.web.api_node import EAST, HUB, NOW_MS, UNREADABLE, Served, policy_note, served

SEED = int(os.environ.get("GGZY_FUZZ_SEED", "20261128"))
ROUNDS = int(os.environ.get("GGZY_FUZZ_ROUNDS", "20"))
PATIENCE = 100
"""How often what is known is asked again before it counts as refused for ever."""
DOCUMENT = openapi.document("")
ORIGIN = f"{EAST}/1"

HOSTILE = (
    *("", " ", "0", "-1", "-0", "+1", "01", "1.5", "1e9", "0x10", "９", "٣", "½", "NaN", "null", "true", "[]", "{}"),
    *("9" * digits for digits in (15, 17, 18, 19, 20, 400)),
    *(str(2**bits + more) for bits in (31, 32, 53, 55, 63, 64) for more in (-1, 0, 1)),
    *("..", ".", "../../etc/passwd", "..\\..\\win.ini", "//evil/", "a/b", "%2e%2e%2f", "%", "%zz"),
    *("?", "#", "&", "=", "*", "\x00", "\r\nX-Evil: 1", "\u202e", "\ufffe", "\ufeff", "e\u0301", "😀"),
    *("重庆" * 50, "a" * 4000, "x" * 64, "0" * 64, "2025-02-30"),
    *("' OR 1=1 --", '"; DROP TABLE log; --', "%_%", "{{7*7}}", "${jndi:ldap://x}", "<script>alert(1)</script>"),
    *("0.0", "1.0", "999999999.999999999999999999", "1000000000.0", "0.9999999999999999999", "1.-1"),
    *("tile/0/000", "tile/0/000.p/0", "tile/0/000.p/257", "tile/64/000", "tile/entries/x001", "tile/0/1000"),
    *(f"tile/{level}/x036/x028/x797/x018/x963/967" for level in ("0", "1", "63", "entries")),
)
RAW_QUERIES = ("%ED%A0%80", "%FF%FE", "%", "%%%", "a" * 3000, "&&&===", "limit", "kind&kind=&kind=x", "a;b", "[]=1")
NO_BODIES = tuple(each.encode("utf-8", "replace") for each in HOSTILE)
ENCODINGS = ("gzip", "deflate", "identity", "br", "zstd", "gzip, gzip", "compress", "x" * 200)
TYPES = ("application/json", "text/html; charset=utf-16", "multipart/form-data; boundary=x", "x/y/z", "\u00e9")
GOOD_QUERY: dict[str, tuple[str, ...]] = {
    "limit": ("1", "2", "500"),
    "kind": (*KINDS, ""),
    "state": ("current", "superseded", "withdrawn"),
    "cursor": ("", "00000000.1"),
    "origin": (ORIGIN, f"{HUB}/1", ""),
    "version": ("1", "2", "7"),
    "start": ("0", "0", "1"),
    "end": ("16", "16", "16", "17", "256", "8193"),
    "words": ("道路", "", "工程 重庆", "%"),
    "category": ("工程建设", ""),
    "division": ("5001", "渝中区", ""),
    "from": ("2025-03-01", ""),
    "to": ("2025-03-20", "2025-02-30", ""),
    "getConsistency.from": ("1", "3", "14"),
    "getConsistency.to": ("14", "16"),
    "measure": ("any", "coverage", ""),
    "step": ("notice", ""),
    "node": ("",),
    "all": ("1", ""),
    "rulesDiff.from": ("construction@1", "mining@1"),
    "rulesDiff.to": ("construction@1", "land@1"),
    "min": ("50万", "1", ""),
    "max": ("1.2亿", "1", ""),
    "order": ("date", "amount", ""),
    "sort": ("score", "behaviour", "blacklist", ""),
    "grade": ("A", "良好", ""),
    "table": ("code.division", "expert.class", ""),
    "page": ("1", "2", "5000", ""),
    "lang": ("zh", "en"),
}


@dataclass(frozen=True, slots=True)
class Described:
    """One operation of the document, and how its addresses look on the wire."""

    method: str
    path: str
    plain: dict[str, Any]
    pattern: re.Pattern[str]

    def parameters(self, place: str) -> list[dict[str, Any]]:
        return [each for each in self.plain.get("parameters", ()) if each.get("in") == place]


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.target[:300]} {self.headers} {self.body[:80]!r} ({len(self.body)} bytes)"


def _described() -> Iterator[Described]:
    for path, item in DOCUMENT["paths"].items():
        pattern = re.escape(path).replace(r"\{tile\}", "tile/.+").replace(r"\{cosigner\}", ".+")
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        for method, plain in item.items():
            yield Described(method.upper(), path, plain, re.compile(pattern))


# Addresses without parameters win over those with, as they do in the server.
OPERATIONS = sorted(_described(), key=lambda each: (each.path.count("{"), each.path, each.method))
BODIES = {each.plain["operationId"] for each in OPERATIONS if "requestBody" in each.plain}


class Fuzz:
    """Draws requests; what is good in them comes from the node under test."""

    def __init__(self, chance: random.Random, node: Served, good: dict[str, tuple[str, ...]]) -> None:
        self.chance = chance
        self.node = node
        self.good = good
        self.bodies: dict[str, tuple[bytes, ...]] = {}
        self._careful = False

    def knows(self, operation: Described) -> bool:
        """Whether it can fill in all that the operation needs."""
        name = operation.plain["operationId"]
        places = {each["name"] for each in operation.parameters("path")}
        return places <= set(self.good) and (name not in BODIES or name in self.bodies)

    def request(self, operation: Described, *, careful: bool) -> Request:
        """`careful` ones have only good parts, though perhaps not such as go together."""
        self._careful = careful
        made = Request(operation.method, self._target(operation))
        if operation.plain["operationId"] in BODIES:
            self._fill(made, self.bodies.get(operation.plain["operationId"], (b"", b"{}", *NO_BODIES)))
        if any(SIGNATURE in each for each in operation.plain.get("security", ())) and self.chance.random() < 0.8:
            self._sign(made)
        if self.chance.random() < 0.2:
            made.headers["Accept"] = self.chance.choice(("text/html", "application/json", "*/*", "", ",;q=x"))
        if self.chance.random() < 0.1:
            made.headers["If-None-Match"] = self.chance.choice(("*", '"x"', "\u00ff"))
        return made

    def _spoil(self, chance: float) -> bool:
        return not self._careful and self.chance.random() < chance

    def _target(self, operation: Described) -> str:
        path = operation.path
        for each in operation.parameters("path"):
            name = each["name"]
            good = not self._spoil(0.3)
            value = self.chance.choice(self.good.get(name, ("1", "x")) if good else HOSTILE)
            slashes = name in ("tile", "cosigner") and (good or self.chance.random() < 0.8)
            path = path.replace(f"{{{name}}}", quote(value, safe="/" if slashes else ""))
        pairs = []
        for each in operation.parameters("query"):
            if each["required"] or self.chance.random() < 0.5:
                good = not self._spoil(0.3)
                name = each["name"]
                known = GOOD_QUERY.get(f"{operation.plain['operationId']}.{name}", GOOD_QUERY.get(name, ("x",)))
                value = self.chance.choice(known if good else HOSTILE)
                pairs.append(f"{each['name']}={quote(value, safe='')}")
        if self._spoil(0.1):
            name = self.chance.choice([each["name"] for each in operation.parameters("query")] or ["x"])
            pairs.append(f"{name}={self.chance.choice(RAW_QUERIES)}")
        self.chance.shuffle(pairs)
        return path + ("?" + "&".join(pairs) if pairs else "")

    def _fill(self, made: Request, good: tuple[bytes, ...]) -> None:
        made.body = self.chance.choice(good)
        if self._spoil(0.6):
            made.body = self._damage(made.body)
        if self._careful:
            return
        made.headers["Content-Type"] = self.chance.choice(TYPES)
        kind = self.chance.random()
        if kind < 0.15:
            made.headers["Content-Encoding"] = "gzip"
            made.body = gzip.compress(made.body, mtime=0)
        elif kind < 0.2:
            made.headers["Content-Encoding"] = "deflate"
            made.body = zlib.compress(made.body)
        elif kind < 0.3:
            made.headers["Content-Encoding"] = "gzip"
            made.body = self._damage(gzip.compress(made.body, mtime=0))
        elif kind < 0.35:
            made.headers["Content-Encoding"] = "gzip"
            made.body = gzip.compress(made.body + bytes(4 << 20), mtime=0)
        elif kind < 0.45:
            made.headers["Content-Encoding"] = self.chance.choice(ENCODINGS)

    def _damage(self, data: bytes) -> bytes:
        at = self.chance.randrange(len(data) + 1)
        how = self.chance.randrange(7)
        if how == 0:
            return data[:at]
        if how == 1 and data:
            at = min(at, len(data) - 1)
            return data[:at] + bytes([data[at] ^ (1 << self.chance.randrange(8))]) + data[at + 1 :]
        if how == 2:
            return data[:at] + self.chance.randbytes(self.chance.randrange(40)) + data[at:]
        if how == 3:
            return data + data
        if how == 4:
            return self.chance.randbytes(self.chance.randrange(300))
        if how == 5:
            return re.sub(rb"[0-9]+", self.chance.choice((b"-1", b"01", b"9" * 18, b"9" * 30, b"")), data, count=1)
        return b""

    def _sign(self, made: Request) -> None:
        # What is signed is the body after decoding; a body in an encoding is signed as it travels: then it is refused.
        sent, now = made.body, NOW_MS // 1000
        plain = gzip.decompress(sent) if made.headers.get("Content-Encoding") == "gzip" and _is_gzip(sent) else sent
        if not self._spoil(0.4):
            made.headers |= self.node.signed(made.method, made.target, plain)
            return
        headers = self.node.signed(
            self.chance.choice((made.method, made.method, "PUT")),
            made.target,
            plain,
            to=self.chance.choice((HUB, HUB, EAST)),
            created_s=self.chance.choice((now, now - 299, now + 301, 0, 10**12 - 1)),
        )
        if self.chance.random() < 0.5:
            name = self.chance.choice(sorted(headers))
            good = headers[name]
            headers[name] = self.chance.choice(
                ("", "\u00ff", "ggzy=:x:", "ggzy=()", good + " ", good * 2, good[:-9] + '00000000"')
            )
        elif self.chance.random() < 0.1:
            del headers[self.chance.choice(sorted(headers))]
        made.headers |= {name: value.strip("\r\n") for name, value in headers.items()}


def _is_gzip(data: bytes) -> bool:
    try:
        gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return False
    return True


# --- what an answer must be -----------------------------------------------------------------------------------------


async def _judge(node: Served, made: Request) -> int:
    """Send it; whatever comes back must be described. Gives the status."""
    url = URL(str(node.client.make_url("")).rstrip("/") + made.target, encoded=True)
    # A connection each: the server ends one whose body it could not read to its end.
    headers = made.headers | {"Connection": "close"}
    quiet = ["Content-Type", "User-Agent"]
    async with node.client.session.request(
        made.method,
        url,
        data=io.BytesIO(made.body) if made.body else None,
        headers=headers,
        allow_redirects=False,
        skip_auto_headers=quiet,
    ) as answer:
        body = await answer.read()
        try:
            _check(made.method, url.raw_path, answer.status, answer.headers, body)
        except AssertionError as error:
            raise AssertionError(f"{made}\n-> {answer.status} {answer.content_type} {body[:600]!r}\n{error}") from None
        return answer.status


def _check(method: str, path: str, status: int, headers: Any, body: bytes) -> None:
    media = headers.get("Content-Type", "").partition(";")[0]
    for operation in OPERATIONS:
        if operation.method == method and operation.pattern.fullmatch(path):
            answers = operation.plain["responses"]
            break
    else:
        assert status == 404, "nothing of this address is described"
        assert media == PROBLEM_TYPE or media == "text/html"
        return
    assert str(status) in answers, f"{operation.plain['operationId']} does not describe {status}"
    assert "X-Evil" not in headers
    content = answers[str(status)].get("content", {})
    if status == 304 or method == "HEAD":
        assert body == b""
        return
    assert media in content, f"{operation.plain['operationId']} does not describe {media} for {status}"
    schema = content[media].get("schema")
    if media.endswith("json"):
        plain = json.loads(body, parse_constant=_no_constant)
        _validator(schema).validate(plain)
        if media == PROBLEM_TYPE:
            assert plain["status"] == status
    elif schema is not None and media.startswith("text/"):
        _validator(schema).validate(body.decode())


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        {"components": DOCUMENT["components"], **schema}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


# --- the tests ------------------------------------------------------------------------------------------------------


async def _fuzz(node: Served) -> Fuzz:
    """A fuzz that knows what is good at this node."""
    log = paths.origin_hash(ORIGIN)
    answer = await node.client.get(paths.RECORDS)
    records = [row["record_id"] for row in (await answer.json())["records"]]
    good = {
        "origin_hash": (log, log, log, paths.origin_hash(f"{HUB}/1"), "0" * 64, log.upper()),
        "tile": ("tile/0/000.p/3", "tile/entries/000.p/14", "tile/1/000", "tile/0/000.p/255"),
        "cosigner": (f"{HUB}/mirror", f"{HUB}/witness", ORIGIN, "nobody"),
        "record_id": (*records, *(record.replace("-", "") for record in records), "0" * 32),
        "section": ("main", "employment", "none"),
        "version": ("1", "2", "0"),
        "name": ("mark.svg",),
        "rule": ("construction@1", "none@1"),
    }

    def read(conn: Any) -> tuple[int, bytes, list[bytes]]:
        state = logs.get(conn, ORIGIN)
        note = checkpoints.note(conn, state.id, state.head_size, ORIGIN).encode()
        return state.head_size, note, logs.entries(conn, state.id, 0, state.head_size)

    size, note, entries = await node.hub.store.read(read)
    target = f"{paths.payloads(ORIGIN)}?start=0&end={size}"
    packs = await (await node.client.get(target, headers=node.signed("GET", target))).read()
    made = Fuzz(random.Random(SEED), node, good)
    made.bodies = {
        "addCheckpoint": (
            f"old {size}\n\n".encode() + note,
            b"old 0\n\n" + note,
            b"old 1\n" + b"A" * 43 + b"=\n\n" + note,
        ),
        "addEntries": (
            AddEntriesHeader(ORIGIN, 0, size).encode() + encode_package(entries, []),
            AddEntriesHeader(ORIGIN, size, size).encode(),
            AddEntriesHeader(ORIGIN, 3, size, b"ticket").encode() + encode_package(entries[3:], []),
            AddEntriesHeader(ORIGIN, 0, 2**63 - 1).encode() + encode_package([b""] * 256, []) * 3,
            AddEntriesHeader("nobody/1", 0, 1).encode(),
        ),
        "putPayloads": (packs, pack.frame([]), packs[: len(packs) // 2]),
        "putPolicy": (policy_note(node.policy, node.signer), b"x" * 1_100_000),
        "putWraps": (b'{"wraps": []}', b'{"wraps": ["x"]}', b"[" * 100_000),
        "hello": (b"", b"x" * 1024, b"x" * 1025),
    }
    assert set(made.bodies) <= BODIES
    return made


async def test_whatever_comes_in_the_answer_is_described(tmp_path: Path) -> None:
    print(f"GGZY_FUZZ_SEED={SEED}")
    seen: dict[str, set[int]] = {}
    async with served(tmp_path) as node:
        fuzz = await _fuzz(node)
        for operation in OPERATIONS:
            name = operation.plain["operationId"]
            for number in range(ROUNDS * (3 if name in BODIES or "security" in operation.plain else 1)):
                made = fuzz.request(operation, careful=number % 3 == 0)
                seen.setdefault(name, set()).add(await _judge(node, made))
            # A fuzz that is always refused at the door tests nothing: what it knows is asked until it is let in.
            for _ in range(PATIENCE if fuzz.knows(operation) else 0):
                if 200 in seen[name]:
                    break
                seen[name].add(await _judge(node, fuzz.request(operation, careful=True)))
        # The node is none the worse for it.
        assert (await node.client.get("/readyz")).status == 200
        assert not node.hub.store.failed
        never = [each for each in OPERATIONS if fuzz.knows(each) and 200 not in seen[each.plain["operationId"]]]
        assert never == [], seen


async def test_a_record_that_cannot_be_read_is_told_all_the_same(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        for number, (name, payload) in enumerate(UNREADABLE.items()):
            record_id = (bytes([number]) * 16).hex()
            for address in ("/api/records/{}", "/api/records/{}/receipt", "/api/records/{}/entry", "/records/{}"):
                assert await _judge(node, Request("GET", address.format(record_id))) == 200, name
            answer = await node.client.get(f"/api/records/{record_id}/payload/main")
            assert await answer.read() == payload


async def test_every_page_of_the_feed_leads_on_until_there_is_nothing_new(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        whole = await (await node.client.get(paths.RECORDS, params={"limit": "500"})).json()
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = await (await node.client.get(paths.RECORDS, params={"limit": "3", "cursor": cursor})).json()
            found += page["records"]
            if not page["records"]:
                assert page["cursor"] == cursor
                break
            cursor = page["cursor"]
    assert found == whole["records"] and len(found) > 20


async def test_what_depends_on_the_caller_is_kept_by_no_cache(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        rows = (await (await node.client.get(paths.RECORDS, params={"origin": ORIGIN})).json())["records"]
        expert = next(row["record_id"] for row in rows if row["kind"] == "expert.profile")
        target = f"/api/records/{expert}"
        for headers, state in ((None, "withheld"), (node.signed("GET", target), "held")):
            answer = await node.client.get(target, headers=headers)
            sections = (await answer.json())["versions"][0]["sections"]
            assert {name: section["state"] for name, section in sections.items()} == dict.fromkeys(sections, state)
            assert answer.headers["Cache-Control"] == "private, no-store"
        part = f"{target}/payload/employment"
        assert (await node.client.get(part)).status == 403
        answer = await node.client.get(part, headers=node.signed("GET", part))
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-store")


async def test_a_signed_request_counts_once_and_only_as_it_was_signed(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        headers = node.signed("POST", paths.HELLO, b"hi")
        assert await _judge(node, Request("POST", paths.HELLO, dict(headers), b"hi")) == 200
        assert await _judge(node, Request("POST", paths.HELLO, dict(headers), b"hi")) == 401
        for changed in (
            Request("POST", paths.HELLO, node.signed("POST", paths.HELLO, b"hi"), b"ho"),
            Request("POST", f"{paths.HELLO}?x", node.signed("POST", paths.HELLO, b"hi"), b"hi"),
            Request("POST", paths.HELLO, node.signed("GET", paths.HELLO, b"hi"), b"hi"),
            Request("POST", paths.HELLO, node.signed("POST", paths.HELLO, b"hi", to=EAST), b"hi"),
            Request("POST", paths.HELLO, node.signed("POST", paths.HELLO, b"hi", created_s=0), b"hi"),
            Request("POST", paths.HELLO, {}, b"hi"),
        ):
            assert await _judge(node, changed) == 401, changed


async def test_no_first_policy_comes_from_the_network(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        node.hub.trusted._policy = None
        note = policy_note(node.policy, node.signer)
        assert await _judge(node, Request("POST", paths.POLICY, {}, note)) == 404


async def test_a_busy_node_says_when_to_come_back(tmp_path: Path) -> None:
    async with served(tmp_path, max_concurrent_uploads=1, upload_wait_s=0.1) as node:
        _, writer = await _open(node)
        # Whoever has not even said which log it is holds no place: so this one says an origin, and then nothing more.
        writer.write(f"POST {paths.ADD_ENTRIES} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n\0\x01a".encode())
        await writer.drain()
        ask = Request("POST", paths.ADD_ENTRIES, {}, b"x")
        await _until(node, ask, 503)
        async with node.client.post(paths.ADD_ENTRIES, data=b"x") as answer:
            assert int(answer.headers["Retry-After"]) >= 1
        writer.close()
        await writer.wait_closed()
        # A sender that is gone gives its place back.
        await _until(node, ask, 400)


async def test_a_sender_that_falls_silent_is_told_so(tmp_path: Path) -> None:
    async with served(tmp_path, request_timeout_s=0.2) as node:
        for path in (paths.ADD_CHECKPOINT, paths.ADD_ENTRIES, paths.POLICY, paths.HELLO):
            reader, writer = await _open(node)
            writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab".encode())
            async with asyncio.timeout(20):
                assert (await reader.readline()).startswith(b"HTTP/1.1 400 "), path
            writer.close()
            await writer.wait_closed()


NO_HTTP = (
    b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    b"GET /api/records?origin=\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 5000 + b"\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    b"GET /healthz HTTP/1.1\nHost: x\n\n",
    b"POST /api/policy HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/policy HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST /api/policy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    b"POST /api/policy HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc",
)


async def test_what_is_no_http_is_refused_also_behind_a_good_request(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        for sent in NO_HTTP:
            for before in (b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"):
                reader, writer = await _open(node)
                writer.write(before + sent)
                async with asyncio.timeout(20):
                    answers = await reader.read()
                statuses = re.findall(rb"^HTTP/1\.[01] ([0-9]{3})", answers, re.MULTILINE)
                assert statuses and statuses[-1] == b"400" and set(statuses[:-1]) <= {b"200"}, (sent, answers)
                writer.close()
                await writer.wait_closed()
        assert (await node.client.get("/readyz")).status == 200


async def _until(node: Served, made: Request, status: int) -> None:
    async with asyncio.timeout(20):
        found = 0
        while found != status:
            await asyncio.sleep(0.01)
            found = await _judge(node, made)


async def _open(node: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(node.client.host, node.client.port)


async def test_head_has_no_body_wherever_get_has_one(tmp_path: Path) -> None:
    async with served(tmp_path) as node:
        fuzz = await _fuzz(node)
        good = fuzz.good
        for operation in OPERATIONS:
            if operation.method != "GET" or not fuzz.knows(operation):
                continue
            target = operation.path
            for each in operation.parameters("path"):
                target = target.replace(f"{{{each['name']}}}", good[each["name"]][0])
            reader, writer = await _open(node)
            second = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            writer.write(f"HEAD {target}?start=0&end=3&from=1&to=3 HTTP/1.1\r\nHost: x\r\n\r\n".encode() + second)
            async with asyncio.timeout(20):
                answers = await reader.read()
            assert answers.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 200 OK"), (target, answers)
            writer.close()
            await writer.wait_closed()
