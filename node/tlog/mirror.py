"""Bodies of the mirror protocol (c2sp.org/tlog-mirror): `add-entries` and the answers that let a sender go on.

A body is a header and *packages*: the entries of one bundle, as far as they lie in the upload, each after its length
as uint16, then the number of hashes as uint8 and the proof that the bundle's subtree lies in the tree of `upload_end`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.errors import Malformed, TooLarge
from node.tlog._text import MAX_NUMBER, check_number, decode_base64, decode_decimal, decode_utf8, encode_base64
from node.tlog.merkle import HASH_SIZE, MAX_PROOF
from node.tlog.tiles import WIDTH, encode_bundle

INFO_CONTENT_TYPE = "text/x.tlog.mirror-info"
"""Of the body of a 202 or 409."""
ENTRIES_CONTENT_TYPE = "application/octet-stream"
MAX_PACKAGES_PER_REQUEST = 32
"""Most packages a client sends in one request; it then goes on from the answer."""
MAX_TICKET_BYTES = 2**16 - 1
_MAX_INFO_BYTES = 2 * 20 + (MAX_TICKET_BYTES + 2) // 3 * 4 + 1


@dataclass(frozen=True, slots=True)
class AddEntriesHeader:
    """What is uploaded: entries [upload_start, upload_end) of `origin`; `ticket` is the mirror's own, or empty."""

    origin: str
    upload_start: int
    upload_end: int
    ticket: bytes = b""

    def encode(self) -> bytes:
        """The bytes before the packages. Raises Malformed on values that do not fit."""
        origin = self.origin.encode()
        check_number(self.upload_end, "the end of the upload")
        if not 0 <= self.upload_start <= self.upload_end:
            raise Malformed("the upload starts after its end")
        if not 0 < len(origin) < 2**16 or len(self.ticket) > MAX_TICKET_BYTES:
            raise Malformed("the origin or the ticket does not fit into the header")
        return b"".join(
            (
                len(origin).to_bytes(2, "big"),
                origin,
                self.upload_start.to_bytes(8, "big"),
                self.upload_end.to_bytes(8, "big"),
                len(self.ticket).to_bytes(2, "big"),
                self.ticket,
            )
        )


@dataclass(frozen=True, slots=True)
class Package:
    """Entries [start, end) of the log, and the proof of subtree [subtree_start, end) in the tree of `upload_end`."""

    start: int
    end: int
    entries: list[bytes]
    proof: list[bytes]

    @property
    def subtree_start(self) -> int:
        """First entry of the bundle. The mirror holds those from here to `start` already."""
        return self.start - self.start % WIDTH


def canonical_packages(upload_start: int, upload_end: int) -> Iterator[tuple[int, int, int]]:
    """(subtree_start, start, end) of each package of an upload, in order; none when start and end are equal."""
    for rounded in range(upload_start - upload_start % WIDTH, upload_end, WIDTH):
        if (start := max(upload_start, rounded)) < upload_end:
            yield rounded, start, min(upload_end, rounded + WIDTH)


def encode_package(entries: Sequence[bytes], proof: Sequence[bytes]) -> bytes:
    """The bytes of one package. Raises Malformed on too long an entry, or a proof not of at most 63 hashes."""
    return encode_bundle_package(encode_bundle(entries), proof)


def encode_bundle_package(bundle: bytes, proof: Sequence[bytes]) -> bytes:
    """The bytes of one package whose entries are at hand as an entry bundle: they are the same bytes."""
    if len(proof) > MAX_PROOF or any(len(value) != HASH_SIZE for value in proof):
        raise Malformed(f"a proof is at most {MAX_PROOF} hashes of {HASH_SIZE} bytes")
    return b"".join((bundle, bytes((len(proof),)), *proof))


class AddEntriesReader:
    """Takes a body in chunks of any size and gives its packages as soon as they are complete.

    After each `feed`, drain `packages()`: then little more than one package and one chunk are held. What is left when
    the body ends before `done` is a package cut off; the mirror drops it and answers with what it has.

    Args:
        max_package_bytes: limit on the entries of one package, their lengths included; TooLarge is raised beyond it.
    """

    def __init__(self, *, max_package_bytes: int | None = None) -> None:
        self.header: AddEntriesHeader | None = None
        self._limit = max_package_bytes
        self._ranges: Iterator[tuple[int, int, int]] = iter(())
        self._range: tuple[int, int, int] | None = None
        self._entries: list[bytes] = []
        self._package_bytes = 0
        # Bytes at hand from position `_at`, chunks that came after them, and how many bytes those two are. Chunks are
        # joined only when something can be read for it: `_needed` bytes. Otherwise a sender of single bytes would
        # have all that is at hand copied for each of them.
        self._data = b""
        self._at = 0
        self._chunks: list[bytes] = []
        self._held = 0
        self._needed = 2

    @property
    def done(self) -> bool:
        """Whether the whole upload has been read."""
        return self.header is not None and self._range is None

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the body. Raises Malformed on a bad header, and on bytes after the last package."""
        if data:
            self._chunks.append(data)
            self._held += len(data)
        while self.header is None and self._held >= self._needed:
            self._join()
            self._read_header()
        self._check_end()

    def packages(self) -> Iterator[Package]:
        """Packages that are complete by now, read as they are asked for.

        Raises:
            Malformed: a package has more than 63 hashes, or bytes follow the last package.
            TooLarge: the entries of a package are longer than the limit.
        """
        while self._range is not None and self._held >= self._needed:
            self._join()
            _, start, end = self._range
            self._read_entries(end - start)
            proof = self._read_proof() if len(self._entries) == end - start else None
            if proof is not None:
                package = Package(start, end, self._entries, proof)
                self._entries, self._package_bytes = [], 0
                self._range = next(self._ranges, None)
                yield package
        self._check_end()

    def _check_end(self) -> None:
        if self.done and self._held:
            raise Malformed("bytes follow the last package of the upload")

    def _join(self) -> None:
        if self._chunks:
            self._data = b"".join((self._data[self._at :], *self._chunks))
            self._at, self._chunks = 0, []

    def _move_to(self, at: int, needed: int) -> None:
        self._held -= at - self._at
        self._at, self._needed = at, needed

    def _read_header(self) -> None:
        """Reads the header if it is complete; otherwise raises `_needed` to what its next part takes."""
        data = self._data
        at = 2 + int.from_bytes(data[:2], "big")
        end = at + 18
        if self._held >= end:
            end += int.from_bytes(data[at + 16 : end], "big")
        if self._held < end:
            self._needed = end
            return
        origin = decode_utf8(data[2:at], "the origin")
        start, stop = (int.from_bytes(data[i : i + 8], "big") for i in (at, at + 8))
        if not origin or not start <= stop <= MAX_NUMBER:
            raise Malformed("the header of the upload names no origin or no range of entries")
        self.header = AddEntriesHeader(origin, start, stop, data[at + 18 : end])
        self._ranges = canonical_packages(start, stop)
        self._range = next(self._ranges, None)
        self._move_to(end, 1)

    def _read_entries(self, count: int) -> None:
        """Takes whole entries until the package has `count`."""
        entries, data, total, before = self._entries, self._data, len(self._data), self._at
        at, needed = before, 1
        while len(entries) < count:
            begin = at + 2
            end = begin + int.from_bytes(data[at:begin], "big")
            if end > total:
                needed = 2 if begin > total else end - at
                break
            entries.append(data[begin:end])
            at = end
        self._move_to(at, needed)
        self._package_bytes += at - before
        if self._limit is not None and self._package_bytes > self._limit:
            raise TooLarge(f"the entries of a package are longer than {self._limit} bytes")

    def _read_proof(self) -> list[bytes] | None:
        """The proof that ends the package, or None while it is incomplete."""
        if not self._held:
            return None
        data, at = self._data, self._at
        if data[at] > MAX_PROOF:
            raise Malformed(f"the proof of a package has more than {MAX_PROOF} hashes")
        length = 1 + data[at] * HASH_SIZE
        if self._held < length:
            self._needed = length
            return None
        self._move_to(at + length, 1)
        return [data[i : i + HASH_SIZE] for i in range(at + 1, at + length, HASH_SIZE)]


@dataclass(frozen=True, slots=True)
class MirrorInfo:
    """Where a sender goes on: size of a pending checkpoint, next entry the mirror lacks, and its opaque ticket."""

    size: int
    next_entry: int
    ticket: bytes = b""

    def encode(self) -> bytes:
        """Body of a 202 or 409. Raises Malformed on numbers out of range or a ticket beyond 65535 bytes."""
        check_number(self.size, "a tree size")
        check_number(self.next_entry, "the next entry")
        if len(self.ticket) > MAX_TICKET_BYTES:
            raise Malformed("the ticket does not fit into a request")
        return f"{self.size}\n{self.next_entry}\n{encode_base64(self.ticket)}\n".encode()

    @classmethod
    def parse(cls, body: bytes) -> MirrorInfo:
        """Reads the body of a 202 or 409. Raises Malformed."""
        if len(body) > _MAX_INFO_BYTES:
            raise Malformed("the mirror's answer is too long")
        lines = decode_utf8(body, "the mirror's answer").split("\n")
        if len(lines) != 4 or lines.pop() != "":
            raise Malformed("the mirror's answer is not three lines")
        size, next_entry, ticket = lines
        return cls(
            decode_decimal(size, "a tree size"),
            decode_decimal(next_entry, "the next entry"),
            decode_base64(ticket, "the ticket"),
        )
