"""A second implementation, written from the published texts alone: c2sp.org notes, checkpoints, cosignatures, tiles,
witness and mirror submission, proofs and policies; RFC 6962 and RFC 9162 trees; RFC 9421 requests; docs/protocol.md.

It shares no code with `node`, takes the definitions literally and is slow: what both agree on is what the texts say.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgpack
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

EMPTY = hashlib.sha256(b"").digest()
DASH = "— "


class Wrong(Exception):
    """What was read breaks a rule of the texts."""


def need(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError):
        raise Wrong(f"not base64: {text[:40]}") from None
    need(b64(data) == text, "not canonical base64")
    return data


def decimal(text: str) -> int:
    need(re.fullmatch("0|[1-9][0-9]*", text) is not None and len(text) < 20, f"not a decimal: {text[:40]}")
    return int(text)


# --- RFC 6962 §2.1 as it is written ---------------------------------------------------------------------------------


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n: int) -> int:
    """Largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Tree:
    """MTH, PATH, PROOF and SUBTREE_PROOF by their recursive definitions, over leaf hashes that may grow."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.leaves = list(leaves)
        self._known: dict[tuple[int, int], bytes] = {}

    def mth(self, lo: int, hi: int) -> bytes:
        n = hi - lo
        if n == 0:
            return EMPTY
        if n == 1:
            return self.leaves[lo]
        found = self._known.get((lo, hi))
        if found is None:
            k = split(n)
            found = node(self.mth(lo, lo + k), self.mth(lo + k, hi))
            if n & (n - 1) == 0:
                self._known[lo, hi] = found
        return found

    def root(self, size: int) -> bytes:
        return self.mth(0, size)

    def path(self, index: int, size: int) -> list[bytes]:
        def walk(m: int, lo: int, hi: int) -> list[bytes]:
            n = hi - lo
            if n == 1:
                return []
            k = split(n)
            if m < k:
                return [*walk(m, lo, lo + k), self.mth(lo + k, hi)]
            return [*walk(m - k, lo + k, hi), self.mth(lo, lo + k)]

        return walk(index, 0, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        return [] if old in (0, new) else self.subtree(0, old, new)

    def subtree(self, start: int, end: int, size: int) -> list[bytes]:
        """SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs-02 §4.4.1; PROOF of RFC 6962 when start is 0."""

        def walk(start: int, end: int, lo: int, hi: int, known: bool) -> list[bytes]:
            n = hi - lo
            if (start, end) == (0, n):
                return [] if known else [self.mth(lo, hi)]
            k = split(n)
            if end <= k:
                return [*walk(start, end, lo, lo + k, known), self.mth(lo + k, hi)]
            if k <= start:
                return [*walk(start - k, end - k, lo + k, hi, known), self.mth(lo, lo + k)]
            need(start == 0, "no subtree")
            return [*walk(0, end - k, lo + k, hi, False), self.mth(lo, lo + k)]

        return walk(start, end, 0, size, True)


def check_inclusion(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 §2.1.3.2."""
    need(index < size, "the index lies beyond the tree")
    fn, sn, r = index, size - 1, leaf_hash
    for p in path:
        need(sn != 0, "the path is too long")
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and r == root, "the path does not lead to the root")


def check_consistency(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> None:
    """RFC 9162 §2.1.4.2."""
    if first in (0, second):
        need(not path and (first == 0 or first_root == second_root), "trees of one size differ")
        return
    proof = list(path) if first & (first - 1) else [first_root, *path]
    need(bool(proof), "the proof is empty")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        need(sn != 0, "the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    need(fr == first_root and sr == second_root and sn == 0, "the proof does not join the roots")


# --- keys and notes -------------------------------------------------------------------------------------------------


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@dataclass(frozen=True)
class VKey:
    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.kind, self.public)

    @classmethod
    def parse(cls, text: str) -> VKey:
        name, hex_id, rest = text.split("+", 2)
        data = unb64(rest)
        key = cls(name, data[0], data[1:])
        need(key.id.hex() == hex_id, "the id of a vkey is not that of its key")
        return key

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    def check(self, text: str, signature: bytes) -> int | None:
        """Gives the time of a cosignature, None for a plain signature."""
        message, time = text.encode(), None
        if self.kind == 4:
            need(len(signature) == 72, "a cosignature has 8 + 64 bytes")
            time = int.from_bytes(signature[:8], "big")
            message, signature = f"cosignature/v1\ntime {time}\n".encode() + message, signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise Wrong(f"the signature of {self.name} does not verify") from None
        return time


class Key:
    """A private key under a name."""

    def __init__(self, name: str, kind: int = 1, seed: bytes | None = None) -> None:
        self.private = Ed25519PrivateKey.generate() if seed is None else Ed25519PrivateKey.from_private_bytes(seed)
        self.vkey = VKey(name, kind, self.private.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        return self.vkey.name

    def line(self, text: str, *, time: int = 0, name: str | None = None, spoil: bool = False) -> str:
        message, head = text.encode(), b""
        if self.vkey.kind == 4:
            head = time.to_bytes(8, "big")
            message = f"cosignature/v1\ntime {time}\n".encode() + message
        signature = bytearray(head + self.private.sign(message))
        if spoil:
            signature[-1] ^= 1
        return f"{DASH}{name or self.name} {b64(self.vkey.id + signature)}\n"


@dataclass(frozen=True)
class Line:
    name: str
    id: bytes
    signature: bytes


def read_lines(text: str) -> list[Line]:
    need(text.endswith("\n"), "a signature line ends in a newline")
    lines = []
    for line in text[:-1].split("\n"):
        need(line.startswith(DASH), "a signature line starts with an em dash")
        name, _, rest = line.removeprefix(DASH).partition(" ")
        data = unb64(rest)
        need(bool(name) and len(data) > 4, "a signature line has a name, an id and a signature")
        lines.append(Line(name, data[:4], data[4:]))
    return lines


@dataclass(frozen=True)
class Note:
    text: str
    lines: list[Line]

    @classmethod
    def parse(cls, data: bytes) -> Note:
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise Wrong("a note is UTF-8") from None
        need(not any(char < " " and char != "\n" for char in whole), "a note holds no control characters")
        text, blank, lines = whole.rpartition("\n\n")
        need(bool(blank), "a note has a blank line before its signatures")
        return cls(text + "\n", read_lines(lines))

    def verified(self, keys: Iterable[VKey]) -> dict[VKey, int | None]:
        """Key -> time of each known key that signed. A line of a known key that does not verify spoils the note."""
        known = {(key.name, key.id): key for key in keys}
        found: dict[VKey, int | None] = {}
        for line in self.lines:
            key = known.get((line.name, line.id))
            if key is not None:
                found[key] = key.check(self.text, line.signature)
        need(bool(found), "no known key signed")
        return found


@dataclass(frozen=True)
class Head:
    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Head:
        lines = text.split("\n")
        need(len(lines) >= 4 and lines.pop() == "" and all(lines), "a checkpoint has three lines or more")
        root = unb64(lines[2])
        need(len(root) == 32, "a root has 32 bytes")
        return cls(lines[0], decimal(lines[1]), root)


def head_text(origin: str, size: int, root: bytes, *more: str) -> str:
    return "".join(f"{line}\n" for line in (origin, str(size), b64(root), *more))


def open_head(data: bytes, log_keys: Iterable[VKey], cosigners: Iterable[VKey] = ()) -> tuple[Head, dict[VKey, Any]]:
    """A checkpoint that its log signed, and everybody known who signed it."""
    note, log_keys = Note.parse(data), list(log_keys)
    verified = note.verified([*log_keys, *cosigners])
    head = Head.parse(note.text)
    need(any(key in log_keys and key.name == head.origin for key in verified), "the log did not sign")
    return head, verified


# --- a log of our own, to be witnessed and mirrored -----------------------------------------------------------------


class Log:
    """A log with its key. Entries may be any bytes."""

    def __init__(self, key: Key, entries: Iterable[bytes] = ()) -> None:
        self.key = key
        self.entries: list[bytes] = []
        self.tree = Tree()
        self.grow(entries)

    @property
    def origin(self) -> str:
        return self.key.name

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.origin.encode()).hexdigest()

    def grow(self, entries: Iterable[bytes]) -> Log:
        for entry in entries:
            self.entries.append(entry)
            self.tree.leaves.append(leaf(entry))
        return self

    def grow_to(self, size: int, mark: str = "") -> Log:
        return self.grow(f"{mark}{index}".encode() for index in range(len(self.entries), size))

    def text(self, size: int, *more: str) -> str:
        return head_text(self.origin, size, self.tree.root(size), *more)

    def note(self, size: int, *lines: str) -> bytes:
        text = self.text(size)
        return (text + "\n" + self.key.line(text) + "".join(lines)).encode()

    def checkpoint_body(self, old: int, new: int, *, note: bytes | None = None) -> bytes:
        return checkpoint_body(old, self.tree.consistency(old, new), self.note(new) if note is None else note)

    def package(self, start: int, end: int, upload_end: int) -> bytes:
        proof = self.tree.subtree(start - start % 256, end, upload_end)
        return package(self.entries[start:end], proof)

    def packages(self, start: int, upload_end: int) -> list[bytes]:
        return [self.package(a, b, upload_end) for a, b in canonical(start, upload_end)]

    def entries_body(self, start: int, upload_end: int, *, first: int | None = None, ticket: bytes = b"") -> bytes:
        """The whole canonical sequence, or its `first` packages."""
        parts = self.packages(start, upload_end)[:first]
        return entries_header(self.origin, start, upload_end, ticket) + b"".join(parts)


def checkpoint_body(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    return f"old {old}\n".encode() + b"".join(f"{b64(each)}\n".encode() for each in proof) + b"\n" + note


def canonical(start: int, upload_end: int) -> list[tuple[int, int]]:
    if start == upload_end:
        return []
    rounded, end = start - start % 256, -(-upload_end // 256) * 256
    count = (end - rounded) // 256
    return [(max(start, rounded + i * 256), min(upload_end, rounded + (i + 1) * 256)) for i in range(count)]


def entries_header(origin: str | bytes, start: int, end: int, ticket: bytes = b"") -> bytes:
    name = origin.encode() if isinstance(origin, str) else origin
    return struct.pack(">H", len(name)) + name + struct.pack(">QQH", start, end, len(ticket)) + ticket


def package(entries: Sequence[bytes], proof: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(e)) + e for e in entries) + bytes([len(proof)]) + b"".join(proof)


# --- HTTP -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def type(self) -> str:
        return str(self.headers.get("Content-Type", ""))

    def size(self) -> int:
        """A 409 of add-checkpoint."""
        need((self.status, self.type) == (409, "text/x.tlog.size"), f"{self.status} {self.type} {self.body[:200]!r}")
        need(self.body.endswith(b"\n") and self.body.count(b"\n") == 1, "a size is one line")
        return decimal(self.body[:-1].decode())

    def info(self, status: int) -> tuple[int, int, bytes]:
        """A 202 or 409 of add-entries: size, next entry, ticket."""
        right = (status, "text/x.tlog.mirror-info")
        need((self.status, self.type) == right, f"{self.status} {self.type} {self.body[:200]!r}")
        lines = self.body.decode().split("\n")
        need(len(lines) == 4 and lines[3] == "", "mirror info is exactly three lines")
        return decimal(lines[0]), decimal(lines[1]), unb64(lines[2])

    def cosignature(self, key: VKey, text: str) -> int:
        """A 200 of either call: the time of the one cosignature line, which must verify."""
        need(self.status == 200, f"{self.status} {self.body[:300]!r}")
        lines = read_lines(self.body.decode())
        mine = [line for line in lines if (line.name, line.id) == (key.name, key.id)]
        need(len(mine) == 1, "the answer holds one line of the cosigner")
        time = key.check(text, mine[0].signature)
        need(bool(time), "a cosignature has a time")
        return time or 0


class Remote:
    """A node's addresses. Redirects are not followed, bodies are inflated unless `raw`."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base.rstrip("/")

    async def send(self, method: str, target: str, data: Any = None, headers: Any = None) -> Answer:
        # A stream: aiohttp warns of large bodies given as bytes.
        body = io.BytesIO(data) if isinstance(data, bytes) and data else data
        options: dict[str, Any] = {"allow_redirects": False, "headers": headers, "data": body}
        async with self.session.request(method, self.base + target, **options) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.send("GET", target, headers={key.replace("_", "-"): value for key, value in headers.items()})

    async def add_checkpoint(self, body: bytes) -> Answer:
        return await self.send("POST", "/tlog/add-checkpoint", body)

    async def add_entries(self, body: bytes | AsyncIterator[bytes], **headers: str) -> Answer:
        given = {"Content-Type": "application/octet-stream"}
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        return await self.send("POST", "/tlog/add-entries", body, given)


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Waits for something that the node does in its own time; gives up after half a minute."""
    for _ in range(3000):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise Wrong(f"it never came: {what}")


# --- tiles ----------------------------------------------------------------------------------------------------------


def tile_path(level: int | str, n: int, width: int = 256) -> str:
    digits = f"{n:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


def tiles_of(size: int) -> list[tuple[int, int, int]]:
    """(level, n, width) of every tile of a tree of `size`."""
    found, level = [], 0
    while size >> (8 * level):
        count = size >> (8 * level)
        found += [(level, n, min(256, count - n * 256)) for n in range(-(-count // 256))]
        level += 1
    return found


def hashes(data: bytes) -> list[bytes]:
    need(len(data) % 32 == 0, "a tile is whole hashes")
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def bundle(data: bytes) -> list[bytes]:
    entries, at = [], 0
    while at < len(data):
        need(at + 2 <= len(data), "a length is cut short")
        (length,) = struct.unpack_from(">H", data, at)
        need(at + 2 + length <= len(data), "an entry is cut short")
        entries.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


async def read_tiles(remote: Remote, prefix: str, size: int) -> Tree:
    """The tree of `size` from level-0 tiles; each tile above must hold the roots of those below it."""
    tree = Tree()
    above: dict[tuple[int, int], bytes] = {}
    for level, n, width in tiles_of(size):
        answer = await remote.get(f"{prefix}/{tile_path(level, n, width)}")
        need(answer.status == 200, f"{level}/{n} {width}: {answer.status}")
        row = hashes(answer.body)
        need(len(row) == width, f"tile {level}/{n} has {len(row)} hashes")
        if level == 0:
            tree.leaves += row
        else:
            need(row == [above[level, n * 256 + at] for at in range(width)], f"tile {level}/{n} is of another tree")
        if width == 256:
            above[level + 1, n] = Tree(row).root(256)
    return tree


async def read_entries(remote: Remote, prefix: str, first: int, size: int) -> list[bytes]:
    """Entries from bundle `first` to the end of the tree of `size`."""
    entries = []
    for n in range(first, -(-size // 256)):
        width = min(256, size - n * 256)
        answer = await remote.get(f"{prefix}/{tile_path('entries', n, width)}")
        need(answer.status == 200, f"bundle {n}: {answer.status}")
        part = bundle(answer.body)
        need(len(part) == width, f"bundle {n} has {len(part)} entries")
        entries += part
    return entries


async def audit(remote: Remote, prefix: str, log_keys: Iterable[VKey], cosigners: Iterable[VKey] = ()) -> Audit:
    """Reads a whole log as a monitor does and checks everything that can be checked."""
    answer = await remote.get(f"{prefix}/checkpoint")
    need(answer.status == 200, f"checkpoint: {answer.status}")
    head, signers = open_head(answer.body, log_keys, cosigners)
    tree = await read_tiles(remote, prefix, head.size)
    need(tree.root(head.size) == head.root, "the tiles do not give the root")
    entries = await read_entries(remote, prefix, 0, head.size)
    need([leaf(entry) for entry in entries] == tree.leaves, "an entry does not hash to its tile")
    return Audit(head, entries, tree, {key.name for key in signers})


@dataclass(frozen=True)
class Audit:
    head: Head
    entries: list[bytes]
    tree: Tree
    signers: set[str]


# --- tlog-policy and tlog-proof -------------------------------------------------------------------------------------


@dataclass
class Policy:
    """A c2sp.org/tlog-policy file."""

    logs: list[VKey] = field(default_factory=list)
    witnesses: dict[str, VKey] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        policy = cls()
        for raw in data.split(b"\n"):
            words = [word.decode() for word in re.split(rb"[ \t]+", raw.strip(b" \t")) if word]
            match words:
                case []:
                    continue
                case [word, *_] if word.startswith("#"):
                    continue
                case ["log", vkey, *url] if len(url) < 2:
                    policy.logs.append(VKey.parse(vkey))
                case ["witness", name, vkey, *url] if len(url) < 2:
                    need(name not in policy.witnesses and name not in policy.groups, "a name is defined twice")
                    policy.witnesses[name] = VKey.parse(vkey)
                case ["group", name, k, *members] if members:
                    known = {*policy.witnesses, *policy.groups}
                    need(set(members) <= known and name not in known, "a group names what is not defined before it")
                    least = {"all": len(members), "any": 1}.get(k) or decimal(k)
                    need(1 <= least <= len(members), "a threshold is out of range")
                    policy.groups[name] = (least, members)
                case ["quorum", name]:
                    need(not policy.quorum, "a second quorum")
                    need(name in {"none", *policy.witnesses, *policy.groups}, "the quorum is not defined")
                    policy.quorum = name
                case _:
                    raise Wrong(f"not a line of a policy: {raw!r}")
        need(bool(policy.quorum), "no quorum line")
        return policy

    def check(self, note: bytes) -> Head:
        head, verified = open_head(note, self.logs, self.witnesses.values())

        def holds(name: str) -> bool:
            if name == "none":
                return True
            if name in self.witnesses:
                return self.witnesses[name] in verified
            least, members = self.groups[name]
            return sum(holds(member) for member in members) >= least

        need(holds(self.quorum), "the quorum is not reached")
        return head


@dataclass(frozen=True)
class Receipt:
    """An opened receipt: what its proof shows, and the extra line that explains it."""

    index: int
    head: Head
    entry: bytes
    salts: dict[str, bytes]
    custody: bytes


def open_receipt(data: bytes, policy: Policy) -> Receipt:
    """A `.tlog-proof` of ours, as docs/protocol.md and c2sp.org/tlog-proof describe it."""
    top, blank, note = data.partition(b"\n\n")
    need(bool(blank), "a proof has an empty line before the checkpoint")
    try:
        lines = top.decode().split("\n")
    except UnicodeDecodeError:
        raise Wrong("a proof is text") from None
    need(lines.pop(0) == "c2sp.org/tlog-proof@v1", "not a tlog-proof")
    need(bool(lines) and lines[0].startswith("extra "), "no extra line")
    extra = unb64(lines.pop(0).removeprefix("extra "))
    need(bool(lines) and lines[0].startswith("index "), "no index line")
    index = decimal(lines.pop(0).removeprefix("index "))
    path = [unb64(line) for line in lines]
    need(all(len(each) == 32 for each in path), "a hash has 32 bytes")
    try:
        fmt, entry, salts, custody = msgpack.unpackb(extra)
        need(fmt == 1 and isinstance(entry, bytes), "not an extra line of ours")
        pairs = {str(section): bytes(salt) for section, salt in salts}
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        raise Wrong("the extra line cannot be read") from None
    head = policy.check(note)
    check_inclusion(index, head.size, leaf(entry), path, head.root)
    return Receipt(index, head, entry, pairs, custody)


# --- our own bytes, from docs/protocol.md ---------------------------------------------------------------------------


def commitment(salt: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(b"ggzy/commit/v1" + b"\x00" + salt + payload).digest()


@dataclass(frozen=True)
class Section:
    name: str
    audience: str
    payload: bytes
    salt: bytes = bytes(16)

    def row(self, index: int) -> list[Any]:
        return [index, self.name, self.salt, self.payload]


def header(sections: Sequence[Section], *, record: int = 0, kind: str = "trade.notice", **other: Any) -> bytes:
    refs = [[s.name, s.audience, commitment(s.salt, s.payload), 0] for s in sections]
    plain = [
        1,
        kind,
        1,
        other.get("record_id", record.to_bytes(16, "big")),
        1,
        None,
        other.get("claimed_ms", 1_764_000_000_000),
        "public",
        refs,
    ]
    return bytes(msgpack.packb(plain, use_bin_type=True))


def pack(origin: str, start: int, end: int, audience: str, rows: Sequence[Sequence[Any]], *, fmt: int = 1) -> bytes:
    plain = [fmt, origin, start, end, audience, [list(row) for row in rows]]
    return zstandard.ZstdCompressor(level=1).compress(msgpack.packb(plain, use_bin_type=True))


def frame(packs: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(each)) + each for each in packs)


def unframe(data: bytes) -> list[tuple[str, int, int, str, list[Any]]]:
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        raw = zstandard.ZstdDecompressor().decompress(data[at + 4 : at + 4 + length], max_output_size=1 << 26)
        _, origin, start, end, audience, rows = msgpack.unpackb(raw)
        found.append((origin, start, end, audience, rows))
        at += 4 + length
    return found


@dataclass(frozen=True)
class Custody:
    origin: str
    size: int
    root: bytes
    time: int
    start: int
    end: int
    missing: list[tuple[int, str]]


def open_custody(data: bytes, key: VKey) -> Custody:
    note = Note.parse(data)
    note.verified([key])
    first, origin, size, root, time, span, *missing = note.text.removesuffix("\n").split("\n")
    need(first == "ggzy-node/custody/v1", "not a custody note")
    need(time.startswith("time ") and span.startswith("range "), "not a custody note")
    low, high = span.removeprefix("range ").split(" ")
    places = []
    for line in missing:
        word, index, section = line.split(" ")
        need(word == "missing", "not a custody note")
        places.append((decimal(index), section))
    stated = decimal(size), unb64(root), decimal(time.removeprefix("time ")), decimal(low), decimal(high)
    return Custody(origin, *stated, places)


# --- signed requests (RFC 9421) -------------------------------------------------------------------------------------

COVERED = ("@method", "@path", "@query", "content-digest", "ggzy-to")


def digest(body: bytes) -> str:
    return f"sha-256=:{b64(hashlib.sha256(body).digest())}:"


def signed(
    key: Key,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    to: str,
    created: int,
    nonce: str,
    covered: Sequence[str] = COVERED,
    more: str = "",
    change: Callable[[dict[str, str]], None] | None = None,
) -> dict[str, str]:
    """Headers of a signed request; `change` may spoil what is signed before it is signed."""
    path, _, query = target.partition("?")
    values = {
        "@method": method,
        "@path": path,
        "@query": "?" + query,
        "content-digest": digest(body),
        "ggzy-to": to,
    }
    if change is not None:
        change(values)
    inner = "(" + " ".join(f'"{name}"' for name in covered) + ")"
    keyid = f"{key.name}+{key.vkey.id.hex()}"
    parameters = f'{inner};created={created};nonce="{nonce}";keyid="{keyid}"{more}'
    base = "".join(f'"{name}": {values[name]}\n' for name in covered) + f'"@signature-params": {parameters}'
    return {
        "Ggzy-To": to,
        "Content-Digest": digest(body),
        "Signature-Input": f"ggzy={parameters}",
        "Signature": f"ggzy=:{b64(key.private.sign(base.encode()))}:",
    }
