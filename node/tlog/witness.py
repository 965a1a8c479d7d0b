"""Bodies of the witness protocol (c2sp.org/tlog-witness): `add-checkpoint` and its answers.

    old 20852014
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=

    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE...

An answer of 200 is `parse_signature_lines`'s; an answer of 409 is a size.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.errors import Malformed
from node.tlog._text import check_number, decode_base64, decode_decimal, decode_utf8, encode_base64
from node.tlog.merkle import HASH_SIZE, MAX_PROOF
from node.tlog.note import MAX_NOTE_BYTES

SIZE_CONTENT_TYPE = "text/x.tlog.size"
"""Of the body of a 409: the size of the latest checkpoint that the witness cosigned."""
CHECKPOINT_CONTENT_TYPE = "text/plain; charset=utf-8"
"""Of a checkpoint; the specification names none for `add-checkpoint`, so requests and 200 answers use it too."""

MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 5_000
"""Longest `add-checkpoint` body that can be well formed here: 64 lines of less than 50 bytes and a note."""


@dataclass(frozen=True, slots=True)
class AddCheckpointRequest:
    """`old_size` is the size the sender thinks the witness holds, `proof` leads from it to the checkpoint in `note`.

    `note` are the bytes of a signed checkpoint, neither parsed nor verified here.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The body. Raises Malformed on a size out of range, or a proof that is not of at most 63 hashes."""
        check_number(self.old_size, "the old size")
        return f"old {self.old_size}\n{proof_lines(self.proof)}\n".encode() + self.note

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpointRequest:
        """Reads a body. Raises Malformed, to be answered with 400."""
        if len(body) > MAX_REQUEST_BYTES:
            raise Malformed(f"the request is longer than {MAX_REQUEST_BYTES} bytes")
        head, separator, note = body.partition(b"\n\n")
        if not separator:
            raise Malformed("the request needs an empty line before the checkpoint")
        old, *lines = decode_utf8(head, "the request").split("\n")
        if not old.startswith("old "):
            raise Malformed("the request does not begin with the old size")
        old_size = decode_decimal(old.removeprefix("old "), "the old size")
        return cls(old_size, parse_proof_lines(lines), note)


def encode_size(size: int) -> bytes:
    """Body of a 409: the size in decimal and a newline."""
    check_number(size, "a tree size")
    return f"{size}\n".encode()


def parse_size(body: bytes) -> int:
    """Size in the body of a 409. Raises Malformed."""
    # The longest is of 19 digits.
    if len(body) > 20 or not body.endswith(b"\n"):
        raise Malformed("a size is a decimal number and a newline")
    return decode_decimal(decode_utf8(body[:-1], "the size"), "a tree size")


def proof_lines(proof: tuple[bytes, ...]) -> str:
    """A line for each hash of a proof. Raises Malformed unless it is at most 63 hashes of 32 bytes."""
    if len(proof) > MAX_PROOF or any(len(value) != HASH_SIZE for value in proof):
        raise Malformed(f"a proof is at most {MAX_PROOF} hashes of {HASH_SIZE} bytes")
    return "".join(encode_base64(value) + "\n" for value in proof)


def parse_proof_lines(lines: list[str]) -> tuple[bytes, ...]:
    """Hashes of a proof from lines without newlines. Raises Malformed on more than 63 or on another length."""
    if len(lines) > MAX_PROOF:
        raise Malformed(f"the proof has more than {MAX_PROOF} hashes")
    return tuple(decode_base64(line, "a hash of the proof", HASH_SIZE) for line in lines)
