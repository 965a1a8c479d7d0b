"""Proofs of logging that verify offline (c2sp.org/tlog-proof): the receipt file, `.tlog-proof`.

c2sp.org/tlog-proof@v1
extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=

example.com/fancylog
109482
...
"""

from __future__ import annotations

from dataclasses import dataclass

from node.errors import Malformed
from node.tlog._text import check_number, decode_base64, decode_decimal, decode_utf8, encode_base64
from node.tlog.checkpoint import Checkpoint, read_checkpoint
from node.tlog.merkle import verify_inclusion
from node.tlog.policy import LogPolicy, PolicyResult
from node.tlog.witness import parse_proof_lines, proof_lines

CONTENT_TYPE = "text/plain; charset=utf-8"
FILE_EXTENSION = ".tlog-proof"
_FIRST_LINE = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class TlogProof:
    """The entry's index, its inclusion proof (leaf's sibling first) and the signed checkpoint it leads to.

    `checkpoint_note` are the checkpoint's bytes, neither parsed nor verified here. `extra` is of the application and
    not authenticated; None means that the line is absent.
    """

    index: int
    proof: tuple[bytes, ...]
    checkpoint_note: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The bytes of the file. Raises Malformed on an index out of range or a proof of more than 63 hashes."""
        check_number(self.index, "the index")
        extra = "" if self.extra is None else f"extra {encode_base64(self.extra)}\n"
        head = f"{_FIRST_LINE}\n{extra}index {self.index}\n{proof_lines(self.proof)}\n"
        return head.encode() + self.checkpoint_note

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Reads a file. Raises Malformed."""
        head, separator, note = data.partition(b"\n\n")
        lines = decode_utf8(head, "the proof").split("\n")
        if not separator or lines.pop(0) != _FIRST_LINE:
            raise Malformed("not a transparency log proof, version 1")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decode_base64(lines.pop(0).removeprefix("extra "), "the extra data")
        if not lines or not lines[0].startswith("index "):
            raise Malformed("the proof does not name the index of its entry")
        index = decode_decimal(lines.pop(0).removeprefix("index "), "the index")
        return cls(index, parse_proof_lines(lines), note, extra)

    def verify(self, leaf_hash: bytes, policy: LogPolicy) -> tuple[Checkpoint, PolicyResult]:
        """Whether the proof shows, under `policy`, that an entry with this leaf hash was logged.

        Raises:
            Malformed: the checkpoint cannot be read.
            BadSignature: the policy does not accept its signatures.
            BadProof: the entry is not in the tree of the checkpoint at this index.
        """
        checkpoint, note = read_checkpoint(self.checkpoint_note)
        result = policy.check(note, checkpoint)
        verify_inclusion(self.index, checkpoint.size, leaf_hash, self.proof, checkpoint.root)
        return checkpoint, result
